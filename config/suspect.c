/* suspect.c - a text that is legal, and hardly what was meant. */
#include "config/suspect.h"

#include <string.h>

#define SUSPECT_NAME "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789"
#define SUSPECT_LONG 60		/* bytes of a text that a remedy writes otherwise */

/* The bytes of the name behind TEXT's $, if it is all of a word that BEFORE comes
 * before; 0: it is none. */
static size_t
suspect_name(const char *text, char before)
{
	size_t n = strspn(text + 1, SUSPECT_NAME);

	if (n == 0 || (text[1] >= '0' && text[1] <= '9')
	    || (before != '\0' && strchr(" /:=@?&", before) == NULL))
		return 0;
	return text[1 + n] == '\0' || strchr(" /:.@?&", text[1 + n]) != NULL ? n : 0;
}

/* "did you mean ...?" for the variable of N bytes behind AT's $. */
static const char *
suspect_meant(struct tt_arena *arena, const char *at, size_t n)
{
	return tt_arena_format(arena, "did you mean \"${env:%.*s}\"?",
	    (int)(n > SUSPECT_LONG ? SUSPECT_LONG : n), at + 1);
}

/* The first $NAME or $(command) in TEXT, for which a shell would put something else;
 * *N becomes the bytes of the name, or 0.  NULL: there is none. */
static const char *
suspect_shell(const char *text, size_t *n)
{
	const char *at = text;

	for (; (at = strchr(at, '$')) != NULL; at++) {
		*n = suspect_name(at, at == text ? '\0' : at[-1]);
		if (*n > 0 || at[1] == '(')
			return at;
	}
	return NULL;
}

const char *
tt_suspect_variable(struct tt_arena *arena, const struct tt_value *value)
{
	const char *at;
	size_t n;

	if (value->type != TT_VALUE_SCALAR || value->written != NULL)
		return NULL;
	at = suspect_shell(value->text, &n);
	return at == NULL || n == 0 ? NULL : suspect_meant(arena, at, n);
}

static void
suspect_check_shell(struct tt_load *l, const struct tt_option *o,
    const struct tt_value *value, const char *path, const char *label)
{
	const char *at, *remedy;
	size_t n;

	at = suspect_shell(value->text, &n);
	/* In what is written for people there may be anything. */
	if (at == NULL || (o->type == TT_OPT_STRING && !o->secret
	    && (at != value->text || value->text[1 + n] != '\0')))
		return;
	remedy = n > 0 && !o->secret ? suspect_meant(l->arena, at, n)
	    : "values come from \"${env:NAME}\", \"${file:/path}\" and "
	    "\"${credential:NAME}\"";
	tt_errors_warn(l->errs, value->mark, path, remedy, n == 0
	    ? "%s holds $(...): here that is text, no command of a shell"
	    : "%s holds what looks like a variable of the shell: here it is text", label);
}

static int
suspect_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f'
	    ? (c | 0x20) - 'a' + 10 : -1;
}

/* Pairs of hexadecimal digits that stand for something that nobody can type. */
static void
suspect_hex(struct tt_load *l, const struct tt_value *value, const char *path,
    const char *label)
{
	char pairs[SUSPECT_LONG * 2] = "";
	bool has_digit = false, is_control = false;
	size_t at, used = 0;
	int byte;

	if (value->size < 2 || value->size > SUSPECT_LONG)
		return;
	for (at = 0; at < value->size; at += 2) {
		while (value->text[at] == ' ')
			at++;
		if (suspect_digit(value->text[at]) < 0
		    || suspect_digit(value->text[at + 1]) < 0)
			return;
		byte = suspect_digit(value->text[at]) << 4
		    | suspect_digit(value->text[at + 1]);
		is_control |= byte < 0x20 || byte > 0x7E;
		has_digit |= value->text[at] <= '9' || value->text[at + 1] <= '9';
		if (used > 0)
			pairs[used++] = ' ';
		memcpy(pairs + used, value->text + at, 2);
		used += 2;
	}
	if (!has_digit || !is_control)
		return;
	pairs[used] = '\0';
	tt_errors_warn(l->errs, value->mark, path, tt_arena_format(l->arena,
	    "for bytes write {hex: \"%s\"}", pairs), "%s %s is taken as %zu bytes of text",
	    label, tt_value_shown(l->arena, value), value->size);
}

void
tt_suspect_check(struct tt_load *l, const struct tt_option *o,
    const struct tt_value *value, const char *path, const char *label)
{
	const struct tt_value *key;

	if (value->type == TT_VALUE_MAPPING && o->type == TT_OPT_STRINGS)
		for (key = value->first; key != NULL; key = key->next)
			if (!key->bad)
				tt_suspect_check(l, o, key->value, path,
				    tt_arena_format(l->arena, "%s: %s", label,
				    key->text));
	if (value->type != TT_VALUE_SCALAR || value->written != NULL)
		return;
	if (o->type == TT_OPT_BYTES)
		suspect_hex(l, value, path, label);
	else if (o->type == TT_OPT_STRING || o->type == TT_OPT_STRINGS
	    || o->type == TT_OPT_PATH || o->type == TT_OPT_URL)
		suspect_check_shell(l, o, value, path, label);
}
