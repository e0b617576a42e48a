/* check_manual.c - holds config/taskthread.yaml.5 against the tables of options.
 *
 * A kind has a section of its name, which begins with a line on its place in the
 * tree.  An option is an item `.It Cm NAME` of its kind's section, and of the list
 * within its group's item where it is a group's; the line behind it gives type,
 * range, default and grade.  Both lines are written here as the page has to have
 * them, so that a failed test says what to paste. */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/build.h"
#include "config/option.h"
#include "config/section.h"
#include "plugins/kinds.h"

Suite *check_manual_suite(void);

#define MANUAL_PAGE "config/taskthread.yaml.5"
#define MANUAL_LINES 4000
#define MANUAL_ITEMS 64		/* of one section */
#define MANUAL_DEPTH 8

/* The lines of the page. */
static char *manual_lines[MANUAL_LINES + 1];
static size_t manual_n;

/* The lines FROM up to, not with, TO, and whose they are. */
struct manual_part {
	char name[128];			/* "framing.size" for an option */
	size_t from, to;
};

struct manual_section {
	struct manual_part part;
	struct manual_part items[MANUAL_ITEMS];
	size_t n;
};

static void
manual_read(void)
{
	const char *top = getenv("srcdir");
	char path[4096], *line = NULL;
	size_t room = 0;
	ssize_t length;
	FILE *in;

	snprintf(path, sizeof path, "%s/%s", top == NULL ? "." : top, MANUAL_PAGE);
	in = fopen(path, "r");
	ck_assert_msg(in != NULL, "%s cannot be read", path);
	manual_n = 0;
	while ((length = getline(&line, &room, in)) > 0) {
		ck_assert_uint_lt(manual_n, MANUAL_LINES);
		if (line[length - 1] == '\n')
			line[length - 1] = '\0';
		manual_lines[manual_n++] = strdup(line);
	}
	free(line);
	fclose(in);
}

static void
manual_free(void)
{
	while (manual_n > 0)
		free(manual_lines[--manual_n]);
}

static bool
manual_begins(size_t line, const char *with)
{
	return strncmp(manual_lines[line], with, strlen(with)) == 0;
}

static bool
manual_has(const struct manual_part *part, const char *text)
{
	size_t i;

	for (i = part->from; i < part->to; i++)
		if (strstr(manual_lines[i], text) != NULL)
			return true;
	return false;
}

/* Adds the option NAMES[1..DEPTH], whose text begins at the line FROM. */
static void
manual_add(struct manual_section *s, char names[][64], size_t depth, size_t from)
{
	struct manual_part *item = &s->items[s->n++];
	size_t i;

	ck_assert_uint_lt(s->n, MANUAL_ITEMS);
	item->name[0] = '\0';
	for (i = 1; i <= depth; i++)
		if (names[i][0] != '\0')
			snprintf(item->name + strlen(item->name),
			    sizeof item->name - strlen(item->name), "%s%s",
			    item->name[0] == '\0' ? "" : ".", names[i]);
	item->from = from;
}

/* The text of an item ends where another one begins, or its list ends: what stands
 * behind a list within it is not looked at. */
static void
manual_find_items(struct manual_section *s)
{
	char names[MANUAL_DEPTH][64] = { "" };
	size_t depth = 0, i;
	bool open = false;

	for (i = s->part.from; i < s->part.to; i++) {
		bool option = manual_begins(i, ".It Cm ");
		bool end = manual_begins(i, ".El");

		if (open && (option || (end && names[depth][0] != '\0'))) {
			s->items[s->n - 1].to = i;
			open = false;
		}
		if (manual_begins(i, ".Bl ")) {
			ck_assert_uint_lt(++depth, MANUAL_DEPTH);
			names[depth][0] = '\0';
		} else if (end) {
			ck_assert_uint_gt(depth--, 0);
		} else if (option) {
			snprintf(names[depth], sizeof names[0], "%s",
			    manual_lines[i] + strlen(".It Cm "));
			manual_add(s, names, depth, i + 1);
			open = true;
		}
	}
}

/* The section `.Sh NAME`, which must be there. */
static struct manual_section
manual_section(const char *name)
{
	struct manual_section s = { .n = 0 };
	size_t i;

	snprintf(s.part.name, sizeof s.part.name, "%s", name);
	for (i = 0; i < manual_n; i++)
		if (manual_begins(i, ".Sh ") && strcmp(manual_lines[i] + 4, name) == 0)
			break;
	ck_assert_msg(i < manual_n, "%s has no \".Sh %s\"", MANUAL_PAGE, name);
	s.part.from = s.part.to = i + 1;
	while (s.part.to < manual_n && !manual_begins(s.part.to, ".Sh "))
		s.part.to++;
	manual_find_items(&s);
	return s;
}

/* --- the lines that are expected ----------------------------------------------- */

/* A line under construction; what is a hyphen is written as roff wants a minus. */
struct manual_line {
	char text[1024];
	const char *before;		/* of the next part */
};

static void manual_put(struct manual_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
manual_put(struct manual_line *line, const char *format, ...)
{
	size_t at = strlen(line->text), i;
	char part[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(part, sizeof part, format, ap);
	va_end(ap);
	at += (size_t)snprintf(line->text + at, sizeof line->text - at, "%s",
	    line->before);
	for (i = 0; part[i] != '\0' && at + 3 < sizeof line->text; i++) {
		if (part[i] == '-')
			line->text[at++] = '\\';
		line->text[at++] = part[i];
	}
	line->text[at] = '\0';
	line->before = "; ";
}

static const char *
manual_type(const struct tt_option *o)
{
	switch (o->type) {
	case TT_OPT_BOOL:
		return "true or false";
	case TT_OPT_INT:
		return "number";
	case TT_OPT_SIZE:
		return "size";
	case TT_OPT_DURATION:
		return "duration";
	case TT_OPT_DURATION_RANGE:
		return "two durations";
	case TT_OPT_ENUM:
		return "";		/* its range says it all */
	case TT_OPT_STRING:
		return "text";
	case TT_OPT_PATH:
		return "path";
	case TT_OPT_BYTES:
		return "bytes";
	case TT_OPT_ADDRESSES:
		return "addresses";
	case TT_OPT_URL:
		return "URL";
	case TT_OPT_STRINGS:
		return "mapping of texts";
	case TT_OPT_TEXTS:
		return "texts";
	case TT_OPT_GROUP:
		break;
	}
	return "mapping";
}

/* "[duration, 1ms or more, or off; default 30s; live]" */
static struct manual_line
manual_option_line(const struct tt_option *o)
{
	struct manual_line line = { .text = "[", .before = "" };
	const char *type = manual_type(o);
	char range[256];

	tt_option_range(o, range, sizeof range);
	manual_put(&line, "%s%s%s", type, *type != '\0' && *range != '\0' ? ", " : "",
	    range);
	line.before = ", ";
	if (o->shorthand != NULL)
		manual_put(&line, "or its %s alone", o->shorthand);
	line.before = "; ";
	if (o->required)
		manual_put(&line, "required");
	/* A group that is there by default has the defaults of its members. */
	if (o->standard != NULL && strcmp(o->standard, "{}") != 0)
		manual_put(&line, "default %s", o->standard);
	if (o->live)
		manual_put(&line, "live");
	strcat(line.text, "]");
	return line;
}

/* "[under TCPConnectionThread; IN packets; UP data; no children]" */
static struct manual_line
manual_place_line(const struct tt_schema *s)
{
	struct manual_line line = { .text = "[", .before = "" };
	const char *list = (s->flags & TT_ANY) != 0 ? ", or a list" : "";
	size_t i;

	if ((s->flags & TT_ROOT) != 0)
		manual_put(&line, "at the top level");
	else if (s->under[0] == NULL)
		manual_put(&line, "under any thread that may have children");
	for (i = 0; i < 4 && s->under[i] != NULL; i++) {
		line.before = i == 0 ? "" : " or ";
		manual_put(&line, "%s%s", i == 0 ? "under " : "", s->under[i]);
	}
	line.before = ", ";
	if ((s->flags & (TT_ONCE | TT_ROOT)) != 0)
		manual_put(&line, "once");
	line.before = "; ";
	if (s->makes != NULL)
		manual_put(&line, "makes %s", s->makes);
	if (s->in != NULL)
		manual_put(&line, "IN %s%s", s->in, list);
	if (s->up != NULL)
		manual_put(&line, "UP %s%s", s->up, list);
	if (s->leaf)
		manual_put(&line, "no children");
	if (s->closed != NULL)
		manual_put(&line, "children %s", s->closed);
	if (s->under[0] == NULL && (s->flags & (TT_BLOCKING | TT_MAIN)) != 0)
		manual_put(&line, "not under a TCPConnectionThread");
	strcat(line.text, "]");
	return line;
}

/* --- the tests ------------------------------------------------------------------ */

static void
manual_check_option(const struct manual_section *s, const char *name,
    const struct tt_option *o)
{
	struct manual_line line = manual_option_line(o);
	const struct manual_part *item = NULL;
	char key[80];
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (strcmp(s->items[i].name, name) == 0) {
			ck_assert_msg(item == NULL, "%s, %s: %s stands twice",
			    MANUAL_PAGE, s->part.name, name);
			item = &s->items[i];
		}
	}
	ck_assert_msg(item != NULL, "%s, %s: no \".It Cm\" for %s; below it:\n%s\n.br",
	    MANUAL_PAGE, s->part.name, name, line.text);
	ck_assert_msg(item->to - item->from > 2
	    && strcmp(manual_lines[item->from], line.text) == 0
	    && strcmp(manual_lines[item->from + 1], ".br") == 0,
	    "%s:%zu: %s of %s is to begin with\n%s\n.br\nand not\n%s", MANUAL_PAGE,
	    item->from + 1, name, s->part.name, line.text,
	    manual_lines[item->from]);
	/* What holds where it is not said. */
	if (!o->required && o->standard == NULL && o->type != TT_OPT_GROUP)
		ck_assert_msg(manual_has(item, "ithout it"),
		    "%s:%zu: %s of %s has no default: say what holds \"Without it\"",
		    MANUAL_PAGE, item->from, name, s->part.name);
	snprintf(key, sizeof key, "%s: ", o->name);
	for (i = item->from; i < item->to; i++)
		if (manual_begins(i, ".Dl ") && strstr(manual_lines[i], key) != NULL)
			break;
	ck_assert_msg(i < item->to, "%s:%zu: %s of %s has no example \".Dl %s...\"",
	    MANUAL_PAGE, item->from, name, s->part.name, key);
}

/* The options of TABLE, which are those of the group PREFIX, or of the kind. */
static void
manual_check_table(const struct manual_section *s, const char *prefix,
    const struct tt_option *table)
{
	const struct tt_option *o;
	char name[128];

	for (o = table; o != NULL && o->name != NULL; o++) {
		snprintf(name, sizeof name, "%s%s%s", prefix, *prefix == '\0' ? "" : ".",
		    o->name);
		manual_check_option(s, name, o);
		if (o->type == TT_OPT_GROUP)
			manual_check_table(s, name, o->group);
	}
}

/* True if TABLE has NAME, "tls.ca". */
static bool
manual_exists(const struct tt_option *table, const char *name)
{
	size_t n = strcspn(name, ".");
	const struct tt_option *o;

	for (o = table; o != NULL && o->name != NULL; o++)
		if (strlen(o->name) == n && strncmp(o->name, name, n) == 0)
			return name[n] == '\0' || manual_exists(o->group, name + n + 1);
	return false;
}

static void
manual_check_items(const struct manual_section *s, const struct tt_option *table)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		ck_assert_msg(manual_exists(table, s->items[i].name),
		    "%s:%zu: %s has no option %s", MANUAL_PAGE, s->items[i].from,
		    s->part.name, s->items[i].name);
}

START_TEST(every_kind_has_a_section_that_says_where_it_stands)
{
	const struct tt_schema *schema = tt_schemas[_i];
	struct manual_section s = manual_section(schema->name);
	struct manual_line line = manual_place_line(schema);

	ck_assert_msg(s.part.to - s.part.from > 2
	    && strcmp(manual_lines[s.part.from], line.text) == 0,
	    "%s:%zu: %s is to begin with\n%s\nand not\n%s", MANUAL_PAGE,
	    s.part.from + 1, schema->name, line.text, manual_lines[s.part.from]);
}
END_TEST

START_TEST(every_option_of_a_kind_is_explained_and_no_other)
{
	const struct tt_schema *schema = tt_schemas[_i];
	struct manual_section s = manual_section(schema->name);

	manual_check_table(&s, "", schema->options);
	manual_check_items(&s, schema->options);
}
END_TEST

START_TEST(every_option_of_the_daemon_is_explained_and_no_other)
{
	struct manual_section s = manual_section("THE DAEMON");

	manual_check_table(&s, "", tt_section_options());
	manual_check_items(&s, tt_section_options());
}
END_TEST

START_TEST(every_option_of_all_threads_is_explained_and_no_other)
{
	struct manual_section s = manual_section("EVERY THREAD");
	const struct tt_option *most = NULL, *table;
	size_t i, n, longest = 0;

	for (i = 0; tt_schemas[i] != NULL; i++) {
		table = tt_build_common(tt_schemas[i]);
		manual_check_table(&s, "", table);
		for (n = 0; table[n].name != NULL; n++)
			continue;
		if (n > longest)
			most = table;
		longest = n > longest ? n : longest;
		if ((tt_schemas[i]->flags & TT_KEEPS) != 0)
			ck_assert_msg(manual_has(&s.part, tt_schemas[i]->name),
			    "%s, %s: %s keeps frames, and is not named there",
			    MANUAL_PAGE, s.part.name, tt_schemas[i]->name);
	}
	manual_check_items(&s, most);
}
END_TEST

Suite *
check_manual_suite(void)
{
	Suite *s = suite_create("manual");
	TCase *tc = tcase_create("manual");
	int kinds = 0;

	while (tt_schemas[kinds] != NULL)
		kinds++;
	tcase_add_checked_fixture(tc, manual_read, manual_free);
	tcase_add_loop_test(tc, every_kind_has_a_section_that_says_where_it_stands, 0,
	    kinds);
	tcase_add_loop_test(tc, every_option_of_a_kind_is_explained_and_no_other, 0,
	    kinds);
	tcase_add_test(tc, every_option_of_the_daemon_is_explained_and_no_other);
	tcase_add_test(tc, every_option_of_all_threads_is_explained_and_no_other);
	suite_add_tcase(s, tc);
	return s;
}
