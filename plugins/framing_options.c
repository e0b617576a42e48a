/* framing_options.c - what the file may say about framing. */
#include "plugins/framing.h"

#include <inttypes.h>
#include <string.h>

static const char *const framing_types[] = {
	"newline", "length", "delimiter", "fixed", "raw", NULL
};
static const char *const framing_orders[] = { "big", "little", NULL };
static const char *const framing_headers[] = { "strip", "keep", NULL };

#define FRAMING_LENGTH_BYTES 8
#define FRAMING_FIXED_MAX (INT64_C(64) << 20)

const struct tt_option tt_framing_options[] = {
	{ .name = "type", .type = TT_OPT_ENUM, .required = true,
	  .choices = framing_types,
	  .offset = offsetof(struct tt_framing, type),
	  .help = "how the end of a frame is found" },
	{ .name = "size", .type = TT_OPT_SIZE, .min = 1, .max = FRAMING_FIXED_MAX,
	  .late = true,
	  .offset = offsetof(struct tt_framing, size),
	  .help = "length: bytes of the length, 1 to 8; fixed: bytes of a frame" },
	{ .name = "order", .type = TT_OPT_ENUM, .choices = framing_orders,
	  .standard = "big",
	  .offset = offsetof(struct tt_framing, order),
	  .help = "length: which byte of the length comes first" },
	{ .name = "offset", .type = TT_OPT_INT, .min = 0, .max = 4096,
	  .standard = "0",
	  .offset = offsetof(struct tt_framing, offset),
	  .help = "length: bytes of the header before the length" },
	{ .name = "adjust", .type = TT_OPT_INT, .min = -65536, .max = 65536,
	  .standard = "0",
	  .offset = offsetof(struct tt_framing, adjust),
	  .help = "length: added to the length it says, -4 where 4 bytes count "
	      "themselves" },
	{ .name = "header", .type = TT_OPT_ENUM, .choices = framing_headers,
	  .offset = offsetof(struct tt_framing, header),
	  .help = "length: whether the frame keeps its header; strip, or keep "
	      "where offset is over 0" },
	{ .name = "max", .type = TT_OPT_SIZE, .min = 1, .max = INT64_C(1) << 30,
	  .standard = "1MiB",
	  .offset = offsetof(struct tt_framing, max),
	  .help = "newline, length, delimiter: bytes of the largest frame, as it "
	      "is sent UP" },
	{ .name = "bytes", .type = TT_OPT_BYTES,
	  .offset = offsetof(struct tt_framing, bytes),
	  .help = "delimiter: what ends a frame, and is not part of it" },
	TT_OPTIONS_END
};

#define FRAMING_OF(type) (1u << TT_FRAMING_ ## type)

/* Which options go with which types, and those that some type cannot do without. */
static const struct {
	const char *name;
	unsigned types, required;
} framing_rules[] = {
	{ "size", FRAMING_OF(LENGTH) | FRAMING_OF(FIXED),
	  FRAMING_OF(LENGTH) | FRAMING_OF(FIXED) },
	{ "order", FRAMING_OF(LENGTH), 0 },
	{ "offset", FRAMING_OF(LENGTH), 0 },
	{ "adjust", FRAMING_OF(LENGTH), 0 },
	{ "header", FRAMING_OF(LENGTH), 0 },
	{ "max", FRAMING_OF(NEWLINE) | FRAMING_OF(LENGTH) | FRAMING_OF(DELIMITER), 0 },
	{ "bytes", FRAMING_OF(DELIMITER), FRAMING_OF(DELIMITER) },
};

static const char *const framing_forms[] = {
	"newline, or {type: newline, max: 1MiB}",
	("{type: length, size: 1..8, order: big|little, offset: 0..4096, "
	    "adjust: 0, header: strip|keep, max: 1MiB}"),
	"{type: delimiter, bytes: \"...\", max: 1MiB}",
	"{type: fixed, size: 1..64MiB}",
	"{type: raw}",
};

static void
framing_check_length(struct tt_check *check, const struct tt_framing *c)
{
	uint64_t largest;

	if (c->size < 1 || c->size > FRAMING_LENGTH_BYTES) {
		tt_check_error(check, "size", "it may be 1..8: the bytes of the length "
		    "itself, not of the frame",
		    "a length has 1 to 8 bytes, not %" PRId64, c->size);
		return;
	}
	if (c->header == TT_FRAMING_KEEP && c->offset + c->size > c->max)
		tt_check_error(check, "max", "at least the header, or header: strip",
		    "a frame keeps its header of %" PRId64 " bytes, more than max",
		    c->offset + c->size);
	largest = UINT64_MAX >> (64 - 8 * c->size);
	if (c->adjust < 0 && (uint64_t)-c->adjust > largest)
		tt_check_error(check, "adjust", NULL, "%" PRId64 " leaves no length "
		    "of %" PRId64 " byte%s that is 0 or more", c->adjust, c->size,
		    c->size == 1 ? "" : "s");
}

/* What YAML has taken for text, where an escape or hexadecimal was meant: only
 * "double quotes" know escapes. */
static bool
framing_is_literal(const struct tt_bytes *bytes)
{
	const uint8_t *p = bytes->data;
	size_t i;

	for (i = 0; i + 1 < bytes->size; i++)
		if ((p[i] == '\\' && memchr("rntx0", p[i + 1], 5) != NULL)
		    || (i == 0 && p[0] == '0' && p[1] == 'x'))
			return true;
	return false;
}

static void
framing_check_delimiter(struct tt_check *check, const struct tt_framing *c)
{
	if (c->bytes.size < 1 || c->bytes.size > 4096)
		tt_check_error(check, "bytes", "1..4096 bytes, as text or {hex: \"ff fe\"}",
		    "a delimiter of %zu bytes", c->bytes.size);
	else if (framing_is_literal(&c->bytes))
		tt_check_warn(check, "bytes", "write \"\\r\\n\" in double quotes, or "
		    "{hex: \"0d 0a\"}, for such bytes", "a delimiter of the %zu "
		    "characters as they stand here", c->bytes.size);
}

void
tt_framing_check(struct tt_check *check, void *value)
{
	struct tt_framing *c = value;
	const char *form = framing_forms[c->type];
	bool complete = true;
	size_t i;

	for (i = 0; i < sizeof framing_rules / sizeof framing_rules[0]; i++) {
		const char *name = framing_rules[i].name;

		if (tt_check_given(check, name)) {
			if (!(framing_rules[i].types & 1u << c->type))
				tt_check_error(check, name, form,
				    "\"%s\" does not go with type %s", name,
				    framing_types[c->type]);
		} else if (framing_rules[i].required & 1u << c->type) {
			tt_check_error(check, "type", form, "type %s needs \"%s\"",
			    framing_types[c->type], name);
			complete = false;
		}
	}
	if (!complete)
		return;

	switch (c->type) {
	case TT_FRAMING_LENGTH:
		if (!tt_check_given(check, "header"))
			c->header = c->offset > 0 ? TT_FRAMING_KEEP : TT_FRAMING_STRIP;
		framing_check_length(check, c);
		break;
	case TT_FRAMING_DELIMITER:
		framing_check_delimiter(check, c);
		break;
	case TT_FRAMING_FIXED:
		if (c->size < 1 || c->size > FRAMING_FIXED_MAX)
			tt_check_error(check, "size", "it may be 1..64MiB",
			    "a fixed frame has 1 byte to 64MiB, not %" PRId64 " bytes",
			    c->size);
		c->max = c->size;
		break;
	case TT_FRAMING_RAW:
		c->max = TT_READ_SIZE;
		break;
	}
}

int64_t
tt_framing_carry(const struct tt_framing *framing)
{
	switch (framing->type) {
	case TT_FRAMING_NEWLINE:
		return framing->max + 1;	/* a CR, whose LF is to come */
	case TT_FRAMING_LENGTH:
		return framing->max + framing->offset + framing->size;
	case TT_FRAMING_DELIMITER:
		return framing->max + (int64_t)framing->bytes.size;
	case TT_FRAMING_FIXED:
		return framing->size;
	default:
		return 0;
	}
}
