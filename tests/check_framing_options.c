/* check_framing_options.c - tests of plugins/framing_options.c: what the file may
 * say about framing, and what it is told otherwise. */
#include "plugins/framing.h"

#include <check.h>
#include <string.h>

#include "config/document.h"

Suite *check_framing_options_suite(void);

#define MIB (1 << 20)
#define KEEP .header = TT_FRAMING_KEEP
#define NEWLINE(m) { .type = TT_FRAMING_NEWLINE, .max = m }
#define FIXED(n) { .type = TT_FRAMING_FIXED, .size = n, .max = n }
#define DELIMITER(text, m) \
	{ .type = TT_FRAMING_DELIMITER, .max = m, .bytes = { \
	    .data = (const uint8_t *)(text), .size = sizeof(text) - 1 } }

struct framing_options_config {
	struct tt_framing framing;
};

static const struct tt_option framing_options_options[] = {
	{ .name = "framing", .type = TT_OPT_GROUP, .required = true,
	  .group = tt_framing_options, .shorthand = "type",
	  .check = tt_framing_check,
	  .offset = offsetof(struct framing_options_config, framing) },
	TT_OPTIONS_END
};

static const struct tt_schema framing_root = {
	.name = "MasterThread", .flags = TT_ROOT | TT_ANY
};
static const struct tt_schema framing_leaf = {
	.name = "FrameThread", .leaf = true, .options = framing_options_options,
	.config_size = sizeof(struct framing_options_config),
};
static const struct tt_schema *const framing_schemas[] = {
	&framing_root, &framing_leaf, NULL
};

/* Loads a file whose framing is TEXT.  The errors go to SAID. */
static struct tt_document *
framing_load(const char *text, char *said, size_t room)
{
	struct tt_errors *errs = tt_errors_create();
	struct tt_document *doc;
	char file[512];
	FILE *out;

	snprintf(file, sizeof file, "taskthread: 1\nMasterThread:\n  FrameThread:\n"
	    "    framing: %s\n", text);
	doc = tt_document_parse("f.yaml", file, strlen(file), framing_schemas,
	    TT_LOAD_START, errs);
	memset(said, 0, room);
	out = fmemopen(said, room - 1, "w");
	tt_errors_print(errs, out);
	fclose(out);
	tt_errors_destroy(errs);
	return doc;
}

static const struct {
	const char *text;
	struct tt_framing framing;
	int64_t carry;
} legal[] = {
	{ "newline", NEWLINE(MIB), MIB + 1 },
	{ "{type: newline, max: 64KiB}", NEWLINE(65536), 65537 },
	{ "{type: length, size: 4}", { .type = TT_FRAMING_LENGTH, .size = 4,
	  .max = MIB }, MIB + 4 },
	{ "{type: length, size: 2, order: little, offset: 3, adjust: -5, max: 1GiB}",
	  { .type = TT_FRAMING_LENGTH, .size = 2, .order = TT_FRAMING_LITTLE,
	    .offset = 3, .adjust = -5, KEEP, .max = 1024 * MIB }, 1024 * MIB + 5 },
	{ "{type: length, size: 2, offset: 3, header: strip}",
	  { .type = TT_FRAMING_LENGTH, .size = 2, .offset = 3, .max = MIB }, MIB + 5 },
	{ "{type: length, size: 2, header: keep}",
	  { .type = TT_FRAMING_LENGTH, .size = 2, KEEP, .max = MIB }, MIB + 2 },
	{ "{type: delimiter, bytes: \"\\r\\n\"}", DELIMITER("\r\n", MIB), MIB + 2 },
	{ "{type: delimiter, bytes: {hex: \"ff 00\"}, max: 7}",
	  DELIMITER("\377\0", 7), 9 },
	{ "{type: fixed, size: 64MiB}", FIXED(64 * MIB), 64 * MIB },
	{ "raw", { .type = TT_FRAMING_RAW, .max = TT_READ_SIZE }, 0 },
	{ "{type: raw}", { .type = TT_FRAMING_RAW, .max = TT_READ_SIZE }, 0 },
};

START_TEST(a_legal_framing_is_read_with_its_defaults)
{
	const struct tt_framing *want = &legal[_i].framing, *got;
	struct tt_document *doc;
	char said[4096];

	doc = framing_load(legal[_i].text, said, sizeof said);
	ck_assert_msg(doc != NULL, "%s", said);
	got = doc->root->children[0]->config;
	ck_assert_int_eq(got->type, want->type);
	ck_assert_int_eq(got->size, want->size);
	ck_assert_int_eq(got->order, want->order);
	ck_assert_int_eq(got->offset, want->offset);
	ck_assert_int_eq(got->adjust, want->adjust);
	ck_assert_int_eq(got->header, want->header);
	ck_assert_int_eq(got->max, want->max);
	ck_assert_uint_eq(got->bytes.size, want->bytes.size);
	if (want->bytes.size > 0)
		ck_assert_mem_eq(got->bytes.data, want->bytes.data,
		    want->bytes.size);
	ck_assert_int_eq(tt_framing_carry(got), legal[_i].carry);
	tt_document_destroy(doc);
}
END_TEST

static const struct {
	const char *text, *error;
} illegal[] = {
	{ "length", "type length needs \"size\"" },
	{ "delimiter", "type delimiter needs \"bytes\"" },
	{ "fixed", "type fixed needs \"size\"" },
	{ "lines", "lines" },
	{ "{max: 1MiB}", "type" },
	{ "{type: newline, size: 4}", "\"size\" does not go with type newline" },
	{ "{type: newline, bytes: x}", "\"bytes\" does not go with type newline" },
	{ "{type: fixed, size: 4, max: 4}", "\"max\" does not go with type fixed" },
	{ "{type: raw, max: 4}", "\"max\" does not go with type raw" },
	{ "{type: delimiter, bytes: x, order: big}",
	  "\"order\" does not go with type delimiter" },
	{ "{type: newline, offset: 0}", "\"offset\" does not go with" },
	{ "{type: newline, adjust: 0}", "\"adjust\" does not go with" },
	{ "{type: newline, header: keep}", "\"header\" does not go with" },
	{ "{type: length, size: 9}", "a length has 1 to 8 bytes, not 9" },
	{ "{type: length, size: 0}", "size" },
	{ "{type: length, size: 4, offset: 4097}", "offset" },
	{ "{type: length, size: 4, offset: -1}", "offset" },
	{ "{type: length, size: 4, max: 0}", "max" },
	{ "{type: length, size: 4, max: 1025MiB}", "max" },
	{ "{type: length, size: 4, header: keep, max: 3}",
	  "a frame keeps its header of 4 bytes, more than max" },
	{ "{type: length, size: 1, adjust: -256}", "leaves no length" },
	{ "{type: fixed, size: 65MiB}", "size" },
	{ "{type: delimiter, bytes: \"\"}", "bytes" },
};

START_TEST(an_illegal_framing_is_an_error_of_the_file)
{
	char said[4096];

	ck_assert_ptr_null(framing_load(illegal[_i].text, said, sizeof said));
	ck_assert_msg(strstr(said, illegal[_i].error) != NULL, "%s", said);
	ck_assert_msg(strncmp(said, "f.yaml:4:", 9) == 0, "%s", said);
}
END_TEST

#define COUNT(cases) (int)(sizeof(cases) / sizeof(cases)[0])

Suite *
check_framing_options_suite(void)
{
	Suite *s = suite_create("framing options");
	TCase *tc = tcase_create("framing options");

	tcase_add_loop_test(tc, a_legal_framing_is_read_with_its_defaults, 0,
	    COUNT(legal));
	tcase_add_loop_test(tc, an_illegal_framing_is_an_error_of_the_file, 0,
	    COUNT(illegal));
	suite_add_tcase(s, tc);
	return s;
}
