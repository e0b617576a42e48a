/* option.c - one scalar of the file, read by its option's type. */
#include "config/option.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/address.h"
#include "config/meant.h"
#include "config/nearest.h"
#include "config/utf8.h"
#include "config/value.h"

struct option_unit {
	const char *name;
	int64_t factor;
};

/* The first of equal factors is the one that is printed. */
static const struct option_unit option_sizes[] = {
	{ "TiB", (int64_t)1 << 40 }, { "GiB", 1 << 30 }, { "MiB", 1 << 20 },
	{ "KiB", 1 << 10 }, { "TB", 1000000000000 }, { "GB", 1000000000 },
	{ "MB", 1000000 }, { "kB", 1000 }, { "KB", 1000 }, { "", 1 }, { "B", 1 },
	{ NULL, 0 }
};

static const struct option_unit option_durations[] = {
	{ "d", 86400000000000 }, { "h", 3600000000000 }, { "m", 60000000000 },
	{ "s", 1000000000 }, { "ms", 1000000 }, { NULL, 0 }
};

/* Says what is wrong and what would be right.  Returns false. */
static bool
option_fail(struct tt_option_reader *r, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool
option_fail(struct tt_option_reader *r, const char *remedy, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(r->what, sizeof(r->what), format, ap);
	va_end(ap);
	snprintf(r->remedy, sizeof(r->remedy), "%s", remedy == NULL ? "" : remedy);
	return false;
}

/* The text as a message may show it. */
static const char *
option_quote(struct tt_option_reader *r, const char *text, size_t size)
{
	if (r->written != NULL)
		return tt_value_quote(r->arena, r->written, strlen(r->written));
	return r->option->secret || r->is_secret ? "(not shown)"
	    : tt_value_quote(r->arena, text, size);
}

/* True if nothing of the text may be shown. */
static bool
option_is_hidden(const struct tt_option_reader *r)
{
	return r->written != NULL || r->option->secret || r->is_secret;
}

/* What would be right instead of an address or a URL. */
static const char *
option_remedy(const struct tt_option_reader *r, const struct tt_address_fault *fault)
{
	return fault->remedy != NULL && !(fault->is_shown && option_is_hidden(r))
	    ? fault->remedy : tt_option_form(r->option->type);
}

static int64_t
option_max(const struct tt_option *option)
{
	return option->max == 0 ? INT64_MAX : option->max;
}

static void
option_print(int64_t value, const struct option_unit *units, char *buf, size_t room)
{
	const struct option_unit *u;

	for (u = units; u->name != NULL; u++)
		if (value != 0 && value % u->factor == 0)
			break;
	if (u->name != NULL)
		snprintf(buf, room, "%" PRId64 "%s", value / u->factor, u->name);
	else
		snprintf(buf, room, "%" PRId64, value);
}

void
tt_option_print_size(int64_t bytes, char *buf, size_t room)
{
	option_print(bytes, option_sizes, buf, room);
}

void
tt_option_print_duration(int64_t ns, char *buf, size_t room)
{
	if (ns == 0)
		snprintf(buf, room, "0s");
	else if (ns % 1000000 != 0)
		snprintf(buf, room, "%" PRId64 "ns", ns);
	else
		option_print(ns, option_durations, buf, room);
}

static void
option_print_number(const struct tt_option *option, int64_t value, char *buf,
    size_t room)
{
	if (option->type == TT_OPT_SIZE)
		tt_option_print_size(value, buf, room);
	else if (option->type == TT_OPT_DURATION
	    || option->type == TT_OPT_DURATION_RANGE)
		tt_option_print_duration(value, buf, room);
	else
		snprintf(buf, room, "%" PRId64, value);
}

static void
option_range_choices(const struct tt_option *option, char *buf, size_t room)
{
	const char *const *choice;
	size_t used = (size_t)snprintf(buf, room, "one of ");

	for (choice = option->choices; *choice != NULL && used < room; choice++)
		used += (size_t)snprintf(buf + used, room - used, "%s%s",
		    choice == option->choices ? "" : ", ", *choice);
}

const char *
tt_option_word(const struct tt_option *option)
{
	return option->off ? "off" : option->automatic ? "auto" : NULL;
}

void
tt_option_range(const struct tt_option *option, char *buf, size_t room)
{
	char min[32], max[32], word[16] = "";

	*buf = '\0';
	switch (option->type) {
	case TT_OPT_ENUM:
		option_range_choices(option, buf, room);
		return;
	case TT_OPT_INT:
	case TT_OPT_SIZE:
	case TT_OPT_DURATION:
	case TT_OPT_DURATION_RANGE:
		break;
	default:
		snprintf(buf, room, "%s", option->off ? "or off" : "");
		return;
	}
	option_print_number(option, option->min, min, sizeof(min));
	option_print_number(option, option_max(option), max, sizeof(max));
	if (tt_option_word(option) != NULL)
		snprintf(word, sizeof(word), ", or %s", tt_option_word(option));
	if (option_max(option) == INT64_MAX)
		snprintf(buf, room, "%s or more%s", min, word);
	else
		snprintf(buf, room, "%s..%s%s", min, max, word);
}

const char *
tt_option_form(enum tt_option_type type)
{
	switch (type) {
	case TT_OPT_BOOL:
		return "true or false, yes or no, on or off";
	case TT_OPT_INT:
		return "a whole number, as 100";
	case TT_OPT_SIZE:
		return "a size is bytes, or a whole number with a unit: 4096 64KiB "
		    "10MB 1GiB";
	case TT_OPT_DURATION:
		return "a duration is a whole number with a unit: 500ms 10s 5m 1h 7d";
	case TT_OPT_DURATION_RANGE:
		return "a range is two durations: 500ms..60s";
	case TT_OPT_ENUM:
		return "one word";
	case TT_OPT_STRING:
		return "a text";
	case TT_OPT_PATH:
		return "a path, as gateway.db; a relative one is below daemon.state_dir";
	case TT_OPT_BYTES:
		return "a text, or bytes as {hex: \"0d 0a\"}";
	case TT_OPT_ADDRESSES:
		return "an address is host:port, \"[::1]:port\" or unix:/path, as "
		    "0.0.0.0:5002";
	case TT_OPT_URL:
		return "a URL is ws://host[:port][/path] or wss://..., as "
		    "wss://cloud.example.com/ingest";
	case TT_OPT_STRINGS:
		return "a mapping of texts: {Name: value}";
	case TT_OPT_TEXTS:
		return "a text, or a list of them: [one, another]";
	case TT_OPT_GROUP:
		break;
	}
	return "a mapping of its options";
}

const char *
tt_option_example(enum tt_option_type type)
{
	static const char *const examples[] = {
		[TT_OPT_BOOL] = "true", [TT_OPT_INT] = "1", [TT_OPT_SIZE] = "64KiB",
		[TT_OPT_DURATION] = "10s", [TT_OPT_DURATION_RANGE] = "500ms..60s",
		[TT_OPT_ENUM] = "", [TT_OPT_STRING] = "text",
		[TT_OPT_PATH] = "example", [TT_OPT_BYTES] = "{hex: \"0d 0a\"}",
		[TT_OPT_ADDRESSES] = "127.0.0.1:5002",
		[TT_OPT_URL] = "ws://127.0.0.1:8080/", [TT_OPT_STRINGS] = "{Name: value}",
		[TT_OPT_TEXTS] = "text", [TT_OPT_GROUP] = "{}",
	};

	return examples[type];
}

size_t
tt_option_size(const struct tt_option *option)
{
	switch (option->type) {
	case TT_OPT_BOOL:
		return sizeof(bool);
	case TT_OPT_ENUM:
		return sizeof(int);
	case TT_OPT_DURATION_RANGE:
		return sizeof(struct tt_duration_range);
	case TT_OPT_BYTES:
		return sizeof(struct tt_bytes);
	case TT_OPT_ADDRESSES:
		return sizeof(struct tt_addresses);
	case TT_OPT_URL:
		return sizeof(struct tt_url);
	case TT_OPT_STRINGS:
		return sizeof(struct tt_pairs);
	case TT_OPT_TEXTS:
		return sizeof(struct tt_texts);
	case TT_OPT_STRING:
	case TT_OPT_PATH:
		return sizeof(const char *);
	default:
		return sizeof(int64_t);
	}
}

/* Says that TEXT is no WHAT, what it may have been meant for, and what is legal. */
static bool
option_no_number(struct tt_option_reader *r, const char *text, size_t size,
    const char *what)
{
	const char *form = tt_option_form(r->option->type), *quoted;
	char meant[TT_MEANT_TEXT], range[128], remedy[sizeof(r->remedy)];
	bool is_meant = !option_is_hidden(r) && strlen(text) == size
	    && tt_meant_number(r->option, text, meant);

	tt_option_range(r->option, range, sizeof(range));
	snprintf(remedy, sizeof(remedy), is_meant ? "%s (%s; here %s)" : "%s%s; here %s",
	    is_meant ? meant : "", form, range);
	quoted = option_quote(r, text, size);
	return option_fail(r, remedy, "%s %s is no %s", r->label, quoted, what);
}

/* Digits at *AT into *VALUE, as much as INT64_MAX if they are more.  Returns
 * false if there are none. */
static bool
option_digits(const char **at, int64_t *value)
{
	const char *p = *at;

	*value = 0;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(*value, 10, value)
		    || __builtin_add_overflow(*value, *p - '0', value)) {
			*value = INT64_MAX;
			p += strspn(p, "0123456789");
			break;
		}
	if (p == *at)
		return false;
	*at = p;
	return true;
}

/* A number with one of UNITS: SIZE bytes of TEXT, all of them. */
static bool
option_number(const char *text, size_t size, const struct option_unit *units,
    int64_t *value)
{
	const struct option_unit *u;
	const char *p = text;

	if (!option_digits(&p, value))
		return false;
	size -= (size_t)(p - text);
	for (u = units; u->name != NULL; u++)
		if (strlen(u->name) == size && memcmp(u->name, p, size) == 0) {
			if (__builtin_mul_overflow(*value, u->factor, value))
				*value = INT64_MAX;
			return true;
		}
	return false;
}

static bool
option_in_range(struct tt_option_reader *r, int64_t value, const char *text,
    size_t size)
{
	const struct tt_option *o = r->option;
	int shown = o->secret ? 0 : size > 40 ? 40 : (int)size;
	char min[32], max[32], range[100], remedy[160];

	if (r->written != NULL) {
		text = r->written;
		shown = (int)tt_utf8_cut(text, strlen(text), 40);
	}
	if (o->late)
		return true;
	/* INT64_MAX stands for all that is too large to be stored. */
	if (value >= o->min && value <= option_max(o) && value != INT64_MAX)
		return true;
	option_print_number(o, o->min, min, sizeof(min));
	option_print_number(o, option_max(o), max, sizeof(max));
	tt_option_range(o, range, sizeof(range));
	if (tt_option_word(o) != NULL && value <= 0)
		snprintf(remedy, sizeof(remedy), "did you mean %s? It may be %s",
		    tt_option_word(o), range);
	else
		snprintf(remedy, sizeof(remedy), "it may be %s", range);
	if (option_max(o) == INT64_MAX && value < o->min)
		return option_fail(r, remedy, "%s %.*s is less than %s", r->label,
		    shown, text, min);
	if (option_max(o) == INT64_MAX)
		return option_fail(r, remedy, "%s %.*s is too large", r->label,
		    shown, text);
	return option_fail(r, remedy, "%s %.*s is not in %s..%s", r->label, shown,
	    text, min, max);
}

static bool
option_int(struct tt_option_reader *r, const char *text, size_t size, int64_t *slot)
{
	const char *p = text + (*text == '-');
	int64_t value;

	if (!option_digits(&p, &value) || p != text + size)
		return option_no_number(r, text, size, "whole number");
	if (*text == '-' && value != INT64_MAX)
		value = -value;
	if (!option_in_range(r, value, text, size))
		return false;
	*slot = value;
	return true;
}

static bool
option_with_unit(struct tt_option_reader *r, const char *text, size_t size,
    const struct option_unit *units, const char *what, int64_t *slot)
{
	int64_t value;

	if (!option_number(text, size, units, &value))
		return option_no_number(r, text, size, what);
	if (!option_in_range(r, value, text, size))
		return false;
	*slot = value;
	return true;
}

static bool
option_duration_range(struct tt_option_reader *r, const char *text, size_t size,
    struct tt_duration_range *slot)
{
	const char *dots = strstr(text, "..");
	struct tt_duration_range range;

	if (dots == NULL
	    || !option_number(text, (size_t)(dots - text), option_durations,
	    &range.from)
	    || !option_number(dots + 2, size - (size_t)(dots + 2 - text),
	    option_durations, &range.to))
		return option_no_number(r, text, size, "range of durations");
	if (!option_in_range(r, range.from, text, size)
	    || !option_in_range(r, range.to, text, size))
		return false;
	if (range.from > range.to)
		return option_fail(r, "the shorter one comes first: 500ms..60s",
		    "%s %s ends before it begins", r->label,
		    option_quote(r, text, size));
	*slot = range;
	return true;
}

static bool
option_bool(struct tt_option_reader *r, const char *text, size_t size, bool *slot)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };
	const char *meant;
	size_t i;

	for (i = 0; i < 6; i++)
		if (strlen(words[i]) == size && memcmp(words[i], text, size) == 0) {
			*slot = i % 2 == 1;
			return true;
		}
	meant = option_is_hidden(r) || strlen(text) != size ? NULL : tt_meant_bool(text);
	return option_fail(r, meant == NULL ? tt_option_form(TT_OPT_BOOL)
	    : tt_arena_format(r->arena, "did you mean %s? (%s)", meant,
	    tt_option_form(TT_OPT_BOOL)), "%s %s is neither true nor false", r->label,
	    option_quote(r, text, size));
}

static bool
option_enum(struct tt_option_reader *r, const char *text, size_t size, int *slot)
{
	struct tt_nearest nearest = tt_nearest_begin(text);
	char remedy[300], range[200];
	int i;

	for (i = 0; r->option->choices[i] != NULL; i++) {
		if (strlen(r->option->choices[i]) == size
		    && memcmp(r->option->choices[i], text, size) == 0) {
			*slot = i;
			return true;
		}
		tt_nearest_offer(&nearest, r->option->choices[i]);
		if (strcmp(r->option->choices[i], "none") == 0 && tt_meant_off(text))
			nearest.best = "none";
	}
	tt_option_range(r->option, range, sizeof(range));
	if (nearest.best != NULL && !option_is_hidden(r))
		snprintf(remedy, sizeof(remedy), "did you mean \"%s\"? It may be %s",
		    nearest.best, range);
	else
		snprintf(remedy, sizeof(remedy), "it may be %s", range);
	return option_fail(r, remedy, "%s has no choice %s", r->label,
	    option_quote(r, text, size));
}

static bool
option_string(struct tt_option_reader *r, const char *text, size_t size,
    const char **slot)
{
	if (memchr(text, '\0', size) != NULL)
		return option_fail(r, NULL, "%s holds a NUL character", r->label);
	*slot = tt_arena_text(r->arena, text, size);
	return true;
}

/* Takes "//" and "/./" out: two ways to write one file read the same.  ".." stays:
 * what is above a link, only the system knows. */
static void
option_tidy_path(char *path)
{
	char *to = path;
	const char *from = path;

	while (*from != '\0') {
		if (from[0] == '/' && from[1] == '/')
			from++;
		else if (from[0] == '/' && from[1] == '.'
		    && (from[2] == '/' || from[2] == '\0'))
			from += 2;
		else
			*to++ = *from++;
	}
	*to = '\0';
}

static bool
option_path(struct tt_option_reader *r, const char *text, size_t size,
    const char **slot)
{
	char *path;

	if (size == 0)
		return option_fail(r, tt_option_form(TT_OPT_PATH), "%s is empty",
		    r->label);
	if (memchr(text, '\0', size) != NULL)
		return option_fail(r, NULL, "%s holds a NUL character", r->label);
	if (text[0] == '~' && (size == 1 || text[1] == '/'))
		return option_fail(r, "write the directory out; a relative path is below "
		    "daemon.state_dir", "%s: ~ is the shell's", r->label);
	if (size >= 4096)
		return option_fail(r, NULL, "%s is longer than a path can be", r->label);
	path = text[0] == '/' ? tt_arena_text(r->arena, text, size)
	    : tt_arena_format(r->arena, "%s/%s", r->state_dir, text);
	option_tidy_path(path);
	*slot = path;
	return true;
}

static bool
option_bytes_fit(struct tt_option_reader *r, size_t size)
{
	char remedy[100];
	int64_t max = option_max(r->option);

	if ((int64_t)size >= r->option->min && (int64_t)size <= max)
		return true;
	if (max == INT64_MAX)
		snprintf(remedy, sizeof(remedy), "it takes %" PRId64 " or more",
		    r->option->min);
	else
		snprintf(remedy, sizeof(remedy), "it takes %" PRId64 "..%" PRId64,
		    r->option->min, max);
	return option_fail(r, remedy, "%s of %zu bytes", r->label, size);
}

static bool
option_bytes(struct tt_option_reader *r, const char *text, size_t size,
    struct tt_bytes *slot)
{
	if (!option_bytes_fit(r, size))
		return false;
	slot->data = (const uint8_t *)tt_arena_text(r->arena, text, size);
	slot->size = size;
	return true;
}

static int
option_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
tt_option_read_hex(struct tt_option_reader *r, const char *text, size_t size,
    struct tt_bytes *bytes)
{
	uint8_t *data = tt_arena_alloc(r->arena, size / 2 + 1);
	size_t at = 0, n = 0;
	int high, low;

	while (at < size) {
		if (text[at] == ' ') {
			at++;
			continue;
		}
		high = option_hex_digit(text[at]);
		low = at + 1 < size ? option_hex_digit(text[at + 1]) : -1;
		if (high < 0 || low < 0)
			return option_fail(r, strchr(text, 'x') == NULL
			    ? "two hexadecimal digits for each byte: {hex: \"ff fe\"}"
			    : "two hexadecimal digits for each byte, without 0x or \\x: "
			    "{hex: \"ff fe\"}", "%s %s is not hexadecimal", r->label,
			    option_quote(r, text, size));
		data[n++] = (uint8_t)(high << 4 | low);
		at += 2;
	}
	if (!option_bytes_fit(r, n))
		return false;
	bytes->data = data;
	bytes->size = n;
	return true;
}

bool
tt_option_read_address(struct tt_option_reader *r, const char *text, size_t size,
    struct tt_address *address)
{
	struct tt_address_fault fault;

	if (tt_address_read(r->arena, text, size, address, &fault))
		return true;
	return option_fail(r, option_remedy(r, &fault), "%s %s %s", r->label,
	    option_quote(r, text, size), fault.what);
}

static bool
option_addresses(struct tt_option_reader *r, const char *text, size_t size,
    struct tt_addresses *slot)
{
	struct tt_address address, *list;

	if (!tt_option_read_address(r, text, size, &address))
		return false;
	list = tt_arena_alloc(r->arena, sizeof(*list));
	*list = address;
	*slot = (struct tt_addresses){ 1, list };
	return true;
}

static bool
option_texts(struct tt_option_reader *r, const char *text, size_t size,
    struct tt_texts *slot)
{
	const char **list = tt_arena_alloc(r->arena, sizeof(*list));

	*slot = (struct tt_texts){ 1, list };
	return option_string(r, text, size, list);
}

static bool
option_url(struct tt_option_reader *r, const char *text, size_t size,
    struct tt_url *slot)
{
	const char *query = memchr(text, '?', size), *remedy, *cut;
	struct tt_address_fault fault;

	if (tt_url_read(r->arena, text, size, slot, &fault))
		return true;
	r->is_secret = memchr(text, '@', size) != NULL;
	remedy = option_remedy(r, &fault);
	/* A query may hold a token: what is shown ends before it. */
	cut = remedy == NULL || query == NULL ? NULL : strchr(remedy, '?');
	if (cut != NULL && cut[1] != '\0')
		remedy = tt_arena_format(r->arena, "%.*s?***?",
		    (int)(cut - remedy), remedy);
	if (query != NULL)
		text = tt_arena_format(r->arena, "%.*s?***", (int)(query - text), text);
	return option_fail(r, remedy, "%s %s %s", r->label, option_quote(r, text,
	    query != NULL ? strlen(text) : size), fault.what);
}

bool
tt_option_read(struct tt_option_reader *r, const char *text, size_t size, void *slot)
{
	const char *word = tt_option_word(r->option);

	r->what[0] = r->remedy[0] = '\0';
	r->is_secret = false;
	if (word != NULL && size == strlen(word) && memcmp(text, word, size) == 0
	    && (r->option->type == TT_OPT_INT || r->option->type == TT_OPT_SIZE
	    || r->option->type == TT_OPT_DURATION)) {
		*(int64_t *)slot = 0;
		return true;
	}
	switch (r->option->type) {
	case TT_OPT_BOOL:
		return option_bool(r, text, size, slot);
	case TT_OPT_INT:
		return option_int(r, text, size, slot);
	case TT_OPT_SIZE:
		return option_with_unit(r, text, size, option_sizes, "size", slot);
	case TT_OPT_DURATION:
		return option_with_unit(r, text, size, option_durations, "duration",
		    slot);
	case TT_OPT_DURATION_RANGE:
		return option_duration_range(r, text, size, slot);
	case TT_OPT_ENUM:
		return option_enum(r, text, size, slot);
	case TT_OPT_STRING:
		return option_string(r, text, size, slot);
	case TT_OPT_PATH:
		return option_path(r, text, size, slot);
	case TT_OPT_BYTES:
		return option_bytes(r, text, size, slot);
	case TT_OPT_ADDRESSES:
		return option_addresses(r, text, size, slot);
	case TT_OPT_URL:
		return option_url(r, text, size, slot);
	case TT_OPT_TEXTS:
		return option_texts(r, text, size, slot);
	case TT_OPT_STRINGS:
	case TT_OPT_GROUP:
		break;
	}
	return option_fail(r, tt_option_form(r->option->type), "%s is no mapping",
	    r->label);
}
