/* meant.c - what a wrong number, switch or range was most likely meant to say. */
#include "config/meant.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/option.h"

#define MEANT_LONGEST 40	/* bytes of a text that is worth a guess */
#define MEANT_DIGITS 15		/* as many as a double holds */

struct meant_unit {
	const char *names;	/* between blanks, in lower case */
	double factor, other;	/* other: what it is for some people, or 0 */
};

static const struct meant_unit meant_durations[] = {
	{ " ms msec msecs millis millisecond milliseconds ", 1e6, 0 },
	{ " s sec secs second seconds ", 1e9, 0 },
	{ " m min mins minute minutes ", 60e9, 0 },
	{ " h hr hrs hour hours ", 3600e9, 0 },
	{ " d day days ", 86400e9, 0 },
	{ " w week weeks ", 7 * 86400e9, 0 },
	{ " us usec microseconds ", 1e3, 0 }, { " ns nsec nanoseconds ", 1, 0 },
	{ NULL, 0, 0 }
};

static const struct meant_unit meant_sizes[] = {
	{ " b byte bytes ", 1, 0 },
	{ " kib ki ", 1024, 0 }, { " k kb kbyte kbytes ", 1024, 1e3 },
	{ " mib mi ", 1048576, 0 }, { " m mb mbyte mbytes meg megs ", 1048576, 1e6 },
	{ " gib gi ", 1073741824, 0 }, { " g gb gbyte gbytes ", 1073741824, 1e9 },
	{ " tib ti ", 1099511627776, 0 }, { " t tb ", 1099511627776, 1e12 },
	{ NULL, 0, 0 }
};

static const struct meant_unit meant_counts[] = {
	{ " k thousand ", 1e3, 0 }, { " m million mio ", 1e6, 0 }, { NULL, 0, 0 }
};

static bool
meant_is_among(const char *text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcasecmp(text, *words) == 0)
			return true;
	return false;
}

bool
tt_meant_off(const char *text)
{
	static const char *const words[] = { "off", "no", "none", "null", "nil", "~",
		"false", "never", "disable", "disabled", "unlimited", "infinite",
		"infinity", "inf", "0", "-1", NULL };

	return meant_is_among(text, words);
}

const char *
tt_meant_bool(const char *text)
{
	static const char *const yes[] = { "true", "yes", "on", "y", "t", "1",
		"enable", "enabled", NULL };
	static const char *const no[] = { "n", "f", NULL };

	if (meant_is_among(text, yes))
		return "true";
	return meant_is_among(text, no) || tt_meant_off(text) ? "false" : NULL;
}

/* The unit at *AT, a word, behind which *AT stands then; NULL: there is none of
 * UNITS. */
static const struct meant_unit *
meant_unit(const char **at, const struct meant_unit *units)
{
	const char *p = *at;
	char word[MEANT_LONGEST + 3] = " ";
	size_t n = 1;

	while ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z' && n < sizeof(word) - 2)
		word[n++] = (char)(*p++ | 0x20);
	word[n++] = ' ';
	word[n] = '\0';
	for (; n > 2 && units->names != NULL; units++)
		if (strstr(units->names, word) != NULL) {
			*at = p;
			return units;
		}
	return NULL;
}

/* True if a group of digits goes on behind P: _0, ,000 */
static bool
meant_is_group(const char *p)
{
	if (*p == '_' || *p == '\'')
		return p[1] >= '0' && p[1] <= '9';
	return *p == ',' && strspn(p + 1, "0123456789") == 3;
}

/* Digits at *AT, in groups as 1_000 or 10,000, with a fraction. */
static bool
meant_decimal(const char **at, double *value)
{
	const char *p = *at;
	unsigned digits = 0;
	double scale = 1;

	*value = 0;
	for (; (*p >= '0' && *p <= '9') || (digits > 0 && meant_is_group(p)); p++)
		if (*p >= '0' && *p <= '9') {
			*value = *value * 10 + (*p - '0');
			digits++;
		}
	if ((*p == '.' || *p == ',') && p[1] >= '0' && p[1] <= '9')
		for (p++; *p >= '0' && *p <= '9'; p++, digits++) {
			scale *= 10;
			*value += (*p - '0') / scale;
		}
	if (digits == 0 || digits > MEANT_DIGITS)
		return false;
	*at = p;
	return true;
}

/* 0x10, 1e6: whole numbers of another notation. */
static bool
meant_notation(const char *text, double *value)
{
	unsigned long hex;
	char end;
	int exponent;

	if (text[0] == '0' && (text[1] | 0x20) == 'x' && strlen(text) <= 10
	    && sscanf(text + 2, "%lx%c", &hex, &end) == 1) {
		*value = (double)hex;
		return true;
	}
	if (!meant_decimal(&text, value) || (*text | 0x20) != 'e'
	    || sscanf(text + 1, "%2d%c", &exponent, &end) != 1 || exponent < 0
	    || exponent > MEANT_DIGITS)
		return false;
	while (exponent-- > 0)
		*value *= 10;
	return true;
}

static const char *
meant_skip(const char *text)
{
	return text + strspn(text, " ");
}

/* Writes VALUE as O would have it; false where it is not whole or not in range. */
static bool
meant_print(const struct tt_option *o, double value, char *buf, size_t room)
{
	int64_t max = o->max == 0 ? INT64_MAX : o->max, whole;

	if (!(value >= -9e15 && value <= 9e18))
		return false;
	whole = (int64_t)(value < 0 ? value - 0.5 : value + 0.5);
	if (whole < o->min || whole > max || value - (double)whole > 1e-3
	    || (double)whole - value > 1e-3)
		return false;
	if (o->type == TT_OPT_INT)
		snprintf(buf, room, "%" PRId64, whole);
	else if (o->type == TT_OPT_SIZE)
		tt_option_print_size(whole, buf, room);
	else if (whole % 1000000 == 0)
		tt_option_print_duration(whole, buf, room);
	else
		return false;
	return true;
}

/* The sum of TEXT's parts, each a number with one of UNITS: 1h30m.  *OTHER is what
 * it is for those to whom the unit is another, else 0. */
static bool
meant_sum(const char *text, const struct meant_unit *units, double *sum, double *other)
{
	const struct meant_unit *unit;
	unsigned parts = 0;
	double value;

	*sum = *other = 0;
	for (text = meant_skip(text); *text != '\0'; text = meant_skip(text), parts++) {
		if (!meant_decimal(&text, &value))
			return false;
		text = meant_skip(text);
		unit = meant_unit(&text, units);
		if (unit == NULL)
			return false;
		*sum += value * unit->factor;
		*other += value * unit->other;
	}
	return parts > 0 && (parts == 1 || units == meant_durations);
}

static bool
meant_value(const struct tt_option *o, const char *text, char buf[TT_MEANT_TEXT])
{
	const struct meant_unit *units = o->type == TT_OPT_INT ? meant_counts
	    : o->type == TT_OPT_SIZE ? meant_sizes : meant_durations;
	char first[32], second[32];
	const char *at = meant_skip(text);
	double value, other = 0;
	bool one, two;

	if (meant_sum(text, units, &value, &other)) {
		one = meant_print(o, value, first, sizeof(first));
		two = other > 0 && meant_print(o, other, second, sizeof(second));
		if (one && two)
			snprintf(buf, TT_MEANT_TEXT,
			    "did you mean %s (of 1024) or %s (of 1000)?", first, second);
		else if (one || two)
			snprintf(buf, TT_MEANT_TEXT, "did you mean %s?",
			    one ? first : second);
		return one || two;
	}
	if (meant_notation(at, &value) || (meant_decimal(&at, &value)
	    && *meant_skip(at) == '\0')) {
		if (units != meant_durations) {
			if (!meant_print(o, value, first, sizeof(first)))
				return false;
			snprintf(buf, TT_MEANT_TEXT, "did you mean %s?", first);
			return true;
		}
		if (!meant_print(o, value * 1e9, first, sizeof(first)))
			return false;
		snprintf(buf, TT_MEANT_TEXT, value < 1000 ? "did you mean %s?"
		    : "did you mean %s, or %.0fms?", first, value);
		return true;
	}
	return false;
}

/* Two durations with something else between them than "..". */
static bool
meant_range(const struct tt_option *o, const char *text, char buf[TT_MEANT_TEXT])
{
	static const char *const between[] = { "...", "..", "-", " to ", ",", ":", "/",
		" ", NULL };
	char head[MEANT_LONGEST + 1], from[32], to[32];
	double a, b, other;
	const char *at;
	size_t i;

	for (i = 0; between[i] != NULL; i++) {
		at = strstr(text, between[i]);
		if (at == NULL)
			continue;
		memcpy(head, text, (size_t)(at - text));
		head[at - text] = '\0';
		if (meant_sum(head, meant_durations, &a, &other)
		    && meant_sum(at + strlen(between[i]), meant_durations, &b, &other)
		    && a <= b && meant_print(o, a, from, sizeof(from))
		    && meant_print(o, b, to, sizeof(to))) {
			snprintf(buf, TT_MEANT_TEXT, "did you mean %s..%s?", from, to);
			return true;
		}
	}
	return false;
}

bool
tt_meant_number(const struct tt_option *o, const char *text, char buf[TT_MEANT_TEXT])
{
	if (strlen(text) > MEANT_LONGEST)
		return false;
	if (o->off && tt_meant_off(text)) {
		strcpy(buf, "did you mean off?");
		return true;
	}
	if (o->type == TT_OPT_DURATION_RANGE)
		return meant_range(o, text, buf);
	if (meant_value(o, text, buf))
		return true;
	if (!tt_meant_off(text))
		return false;
	if (o->min == 0 && o->type != TT_OPT_INT)
		snprintf(buf, TT_MEANT_TEXT, "did you mean %s?",
		    o->type == TT_OPT_SIZE ? "0" : "0s");
	else if (o->standard != NULL)
		snprintf(buf, TT_MEANT_TEXT, "it cannot be turned off; leave the line "
		    "out for %.40s", o->standard);
	else
		snprintf(buf, TT_MEANT_TEXT, "leave the line out for none");
	return !o->required;
}
