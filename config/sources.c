/* sources.c - values that the file takes from elsewhere. */
#include "config/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/nearest.h"
#include "config/utf8.h"

#define SOURCES_NAME "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789"

/* One scalar while it is put together. */
struct sources {
	struct tt_load *l;
	const struct tt_value *scalar;
	const char *path;		/* of its node */
	const char *shown;		/* the ${...} under way */
	const char *fault, *remedy;	/* why it cannot be had */
	bool wrong;			/* it is no ${...} that anybody could have */
	size_t used;
	char text[TT_VALUE_TEXT + 3];	/* a line end behind it, and what is too much */
};

static bool
sources_wrong(struct sources *s, const char *remedy, const char *fault)
{
	s->wrong = true;
	s->fault = fault;
	s->remedy = remedy;
	return false;
}

static bool
sources_missing(struct sources *s, const char *remedy, const char *fault)
{
	s->fault = fault;
	s->remedy = remedy;
	return false;
}

/* The document's share of what is put in: the same file in every scalar grows, too. */
static bool
sources_fits(struct sources *s)
{
	if (s->used > TT_VALUE_TEXT)
		return sources_missing(s, NULL, tt_arena_format(s->l->arena,
		    "the value is longer than %d KiB", TT_VALUE_TEXT >> 10));
	if (s->l->n_put + s->used > TT_VALUE_FILE)
		return sources_missing(s, NULL, tt_arena_format(s->l->arena,
		    "all such values are longer than %d MiB", TT_VALUE_FILE >> 20));
	return true;
}

static bool
sources_append(struct sources *s, const char *text, size_t size)
{
	size_t room = sizeof(s->text) - s->used;

	if (size > room)
		size = room;
	memcpy(s->text + s->used, text, size);
	s->used += size;
	return sources_fits(s);
}

static void
sources_note_env(struct tt_load *l, const char *name)
{
	struct tt_document *doc = l->doc;
	const char **more;

	if ((doc->n_env & (doc->n_env - 1)) == 0) {
		more = tt_arena_alloc(l->arena, (doc->n_env * 2 + 1) * sizeof(*more));
		if (doc->n_env > 0)
			memcpy(more, doc->env, doc->n_env * sizeof(*more));
		doc->env = more;
	}
	doc->env[doc->n_env++] = name;
}

/* BODY is NAME or NAME:-default. */
static bool
sources_env(struct sources *s, const char *body)
{
	size_t n = strspn(body, SOURCES_NAME);
	const char *name = tt_arena_text(s->l->arena, body, n), *value;

	if (n == 0 || (*body >= '0' && *body <= '9')
	    || (body[n] != '\0' && strncmp(body + n, ":-", 2) != 0))
		return sources_wrong(s, "as in \"${env:NAME}\" or "
		    "\"${env:NAME:-default}\"", "that is no name of an environment "
		    "variable");
	sources_note_env(s->l, name);
	value = getenv(name);
	if (body[n] != '\0' && (value == NULL || *value == '\0'))
		return sources_append(s, body + n + 2, strlen(body + n + 2));
	if (value == NULL)
		return sources_missing(s, tt_arena_format(s->l->arena,
		    "set it, or give a default: ${env:%s:-default}", name),
		    tt_arena_format(s->l->arena,
		    "the environment has no %s", name));
	if (!tt_utf8_is_text(value, strlen(value)))
		return sources_missing(s, NULL, "its value is not UTF-8");
	return sources_append(s, value, strlen(value));
}

/* The whole of FILE, but for one line end at its end. */
static bool
sources_read(struct sources *s, const char *file)
{
	size_t begin = s->used, room = sizeof(s->text) - begin;
	struct stat st;
	ssize_t n = 1;
	int fd;

	if (!sources_fits(s))
		return false;
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return sources_missing(s, NULL, strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return sources_missing(s, NULL, "it is no file of text");
	}
	while (n > 0 && room > 0) {
		n = read(fd, s->text + s->used, room);
		if (n > 0) {
			s->used += (size_t)n;
			room -= (size_t)n;
		} else if (n < 0 && errno == EINTR) {
			n = 1;
		}
	}
	close(fd);
	if (n < 0)
		return sources_missing(s, NULL, strerror(errno));
	if (s->used > begin && s->text[s->used - 1] == '\n') {
		s->used--;
		if (s->used > begin && s->text[s->used - 1] == '\r')
			s->used--;
	}
	if (!sources_fits(s))
		return false;
	if (!tt_utf8_is_text(s->text + begin, s->used - begin))
		return sources_missing(s, NULL, "it is not UTF-8, or has a NUL byte");
	return true;
}

static bool
sources_file(struct sources *s, const char *body)
{
	if (*body != '/')
		return sources_wrong(s, "as in \"${file:/run/secrets/token}\"",
		    "the path of the file does not begin with /");
	return sources_read(s, body);
}

static bool
sources_credential(struct sources *s, const char *body)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");

	if (*body == '\0' || strchr(body, '/') != NULL || strcmp(body, ".") == 0
	    || strcmp(body, "..") == 0)
		return sources_wrong(s, "as in \"${credential:token}\"",
		    "that is no name of a credential");
	if (directory == NULL || *directory != '/')
		return sources_missing(s, tt_arena_format(s->l->arena, "systemd sets it "
		    "for a unit with LoadCredential=%s:/path", body),
		    "CREDENTIALS_DIRECTORY is not set");
	return sources_read(s, tt_arena_format(s->l->arena, "%s/%s", directory, body));
}

static const struct {
	const char *name;
	bool (*put)(struct sources *s, const char *body);
} sources_kinds[] = {
	{ "env", sources_env }, { "file", sources_file },
	{ "credential", sources_credential },
};

/* INSIDE is what stands between ${ and }. */
static bool
sources_one(struct sources *s, const char *inside)
{
	const char *colon = strchr(inside, ':'), *word;
	struct tt_nearest nearest;
	size_t i;

	if (colon == NULL && *inside != '\0' && strspn(inside, SOURCES_NAME)
	    == strlen(inside))
		return sources_wrong(s, tt_arena_format(s->l->arena,
		    "did you mean \"${env:%s}\"? \"$${\" stands for ${ itself", inside),
		    "it does not say where the value comes from");
	word = colon == NULL ? inside : tt_arena_text(s->l->arena, inside,
	    (size_t)(colon - inside));
	nearest = tt_nearest_begin(word);
	for (i = 0; i < sizeof(sources_kinds) / sizeof(*sources_kinds); i++) {
		if (colon != NULL && strcmp(word, sources_kinds[i].name) == 0)
			return sources_kinds[i].put(s, colon + 1);
		tt_nearest_offer(&nearest, sources_kinds[i].name);
	}
	return sources_wrong(s, nearest.best != NULL ? tt_arena_format(s->l->arena,
	    "did you mean \"${%s:...}\"?", nearest.best) : "values come from "
	    "${env:NAME}, ${file:/path} and ${credential:NAME}; \"$${\" stands for ${ "
	    "itself", "there is no such source of values");
}

/* Reports what is wrong with the ${...} under way. */
static void
sources_report(struct sources *s, struct tt_value *scalar)
{
	const char *shown = tt_value_quote(s->l->arena, s->shown, strlen(s->shown));

	if (s->wrong || s->l->mode == TT_LOAD_START) {
		tt_errors_add(s->l->errs, scalar->mark, s->path, s->remedy,
		    s->wrong ? "%s: %s" : "%s cannot be had: %s", shown, s->fault);
		scalar->bad = true;
	} else {
		tt_errors_warn(s->l->errs, scalar->mark, s->path, s->remedy,
		    "%s cannot be had: %s", shown, s->fault);
		scalar->unknown = true;
	}
}

/* Puts S's text together.  *TAKES: something in it comes from elsewhere. */
static bool
sources_fill(struct sources *s, bool *takes)
{
	const char *at = s->scalar->text, *end = at + s->scalar->size, *close;

	while (at < end) {
		if (strncmp(at, "$${", 3) == 0) {
			if (!sources_append(s, "${", 2))
				return false;
			at += 3;
			continue;
		}
		if (strncmp(at, "${", 2) != 0) {
			if (!sources_append(s, at++, 1))
				return false;
			continue;
		}
		*takes = true;
		close = memchr(at, '}', (size_t)(end - at));
		s->shown = tt_arena_text(s->l->arena, at, close == NULL ? 2
		    : (size_t)(close + 1 - at));
		if (close == NULL)
			return sources_wrong(s, "as in \"${env:NAME}\"; \"$${\" stands "
			    "for ${ itself", "it is not closed by }");
		if (!sources_one(s, tt_arena_text(s->l->arena, at + 2,
		    (size_t)(close - at - 2))))
			return false;
		at = close + 1;
	}
	return true;
}

void
tt_sources_put(void *load, struct tt_value *scalar, const char *path)
{
	struct tt_load *l = load;
	struct sources *s;
	bool takes = false;

	if (memmem(scalar->text, scalar->size, "${", 2) == NULL)
		return;
	s = tt_arena_must(malloc(sizeof(*s)));
	s->l = l;
	s->scalar = scalar;
	s->path = path;
	s->shown = "${";
	s->wrong = false;
	s->used = 0;
	if (sources_fill(s, &takes)) {
		scalar->written = takes ? scalar->text : NULL;
		scalar->text = tt_arena_text(l->arena, s->text, s->used);
		scalar->size = s->used;
		scalar->plain = false;
	} else {
		scalar->written = scalar->text;
		sources_report(s, scalar);
	}
	l->n_put += s->used;
	explicit_bzero(s->text, s->used);
	free(s);
}

void
tt_sources_forget(const struct tt_document *doc)
{
	size_t name, whole;
	unsigned i;
	char *value;

	for (i = 0; i < doc->n_env; i++) {
		value = getenv(doc->env[i]);
		if (value == NULL)
			continue;
		/* It stands as NAME=value where the kernel put it. */
		name = strlen(doc->env[i]) + 1;
		whole = name + strlen(value);
		unsetenv(doc->env[i]);
		explicit_bzero(value - name, whole);
	}
}
