/* include.c - the files that a document is made of. */
#include "config/include.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/loader.h"
#include "config/section.h"
#include "config/sources.h"

static void include_all(struct tt_load *l, struct tt_load_file *f,
    struct tt_value *root);

/* --- one file ------------------------------------------------------------ */

static struct tt_load_file *
include_begin(struct tt_load *l, const char *name, struct tt_mark mark)
{
	struct tt_load_file *f = tt_arena_alloc(l->arena, sizeof(*f));

	f->name = tt_arena_text(l->arena, name, strlen(name));
	f->mark = mark;
	f->is_open = true;
	f->next = l->files;
	l->files = f;
	l->n_files++;
	return f;
}

/* Up to one byte more than a document may have, to be freed.  NULL, errno set, if
 * it cannot be read. */
static char *
include_slurp(int fd, size_t *size)
{
	size_t room = 64 << 10, used = 0;
	char *text = NULL;
	ssize_t n = 1;
	int error;

	while (n > 0 && used <= TT_VALUE_FILE) {
		if (text == NULL || used == room) {
			room *= text == NULL ? 1 : 2;
			text = tt_arena_must(realloc(text, room));
		}
		n = read(fd, text + used, room - used);
		if (n > 0)
			used += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	*size = used;
	if (n >= 0)
		return text;
	error = errno;
	free(text);
	errno = error;
	return NULL;
}

/* The last key of MAPPING, or NULL; *AT is where it hangs. */
static struct tt_value *
include_last(struct tt_value *mapping, struct tt_value ***at)
{
	*at = &mapping->first;
	while (**at != NULL && (**at)->next != NULL)
		*at = &(**at)->next;
	return **at;
}

/* Takes the node in which ROOT ends out of it: what is no YAML may belong to it, or may
 * have to. */
static void
include_drop_last(struct tt_value *root)
{
	struct tt_value *mapping = root, *inner, *key, **at, **next;

	for (key = include_last(root, &at); key != NULL; key = inner, at = next) {
		if (key->type != TT_VALUE_SCALAR || !tt_value_is_kind(key->text)
		    || key->value->type != TT_VALUE_MAPPING)
			break;
		inner = include_last(key->value, &next);
		if (inner == NULL || inner->type != TT_VALUE_SCALAR
		    || !tt_value_is_kind(inner->text))
			break;
		mapping = key->value;
	}
	if (key == NULL)
		return;
	*at = NULL;
	mapping->n--;
}

/* What the first LINES lines of F say, if they are YAML: their mistakes are told beside
 * the one behind them.  Nothing that they lack is one. */
static struct tt_value *
include_values_before(struct tt_load *l, struct tt_load_file *f, const char *text,
    size_t size, unsigned lines)
{
	struct tt_errors *quiet = tt_errors_create();
	const char *end = text, *next;
	struct tt_value *root;
	unsigned count = 0;

	for (; lines > 0; lines--, end = next + 1) {
		next = memchr(end, '\n', size - (size_t)(end - text));
		if (next == NULL)
			break;
	}
	root = tt_value_parse(l->arena, f->name, text, (size_t)(end - text), &count,
	    quiet, NULL);
	if (tt_errors_count(quiet) > 0 || (root != NULL
	    && root->type != TT_VALUE_MAPPING))
		root = NULL;
	tt_errors_destroy(quiet);
	if (root == NULL)
		return NULL;
	include_drop_last(root);
	l->cut = true;
	return root;
}

/* The values of F and of what it includes. */
static struct tt_value *
include_values(struct tt_load *l, struct tt_load_file *f, const char *text, size_t size)
{
	struct tt_value *root;
	unsigned read;

	if (size > TT_VALUE_FILE - l->n_bytes) {
		tt_errors_add(l->errs, f->mark.file != NULL ? f->mark
		    : (struct tt_mark){ .file = f->name }, NULL, NULL,
		    f->mark.file == NULL ? "larger than %d MiB: no hierarchy file"
		    : "all files of the tree are larger than %d MiB",
		    TT_VALUE_FILE >> 20);
		return NULL;
	}
	l->n_bytes += size;
	tt_errors_source(l->errs, f->name, text, size);
	root = tt_value_parse(l->arena, f->name, text, size, &l->n_values, l->errs, &read);
	if (root == NULL && read > 0)
		root = include_values_before(l, f, text, size, read);
	if (root == NULL || root->bad) {
		l->cut = true;
		return NULL;
	}
	tt_value_check(l->arena, root, l->errs, tt_sources_put, l);
	if (root->type == TT_VALUE_MAPPING) {
		include_all(l, f, root);
		return root;
	}
	if (!root->bad)
		tt_errors_add(l->errs, root->mark, NULL,
		    "it begins with \"taskthread: 1\" and has one MasterThread",
		    "the file holds %s, no keys", tt_value_what(root));
	return NULL;
}

/* The values of F, which is open as FD and closed here. */
static struct tt_value *
include_open(struct tt_load *l, struct tt_load_file *f, int fd, const struct stat *st)
{
	struct tt_value *root = NULL;
	size_t size;
	char *text;

	f->device = st->st_dev;
	f->inode = st->st_ino;
	f->is_public = S_ISREG(st->st_mode) && (st->st_mode & S_IROTH) != 0;
	text = include_slurp(fd, &size);
	if (text != NULL)
		root = include_values(l, f, text, size);
	else
		tt_errors_add(l->errs, f->mark.file != NULL ? f->mark
		    : (struct tt_mark){ .file = f->name }, NULL, NULL,
		    "cannot be read: %s", strerror(errno));
	close(fd);
	free(text);
	f->is_open = false;
	return root;
}

/* --- merging ------------------------------------------------------------- */

static int
include_compare(const void *a, const void *b)
{
	return strcmp((*(struct tt_value *const *)a)->text,
	    (*(struct tt_value *const *)b)->text);
}

static int
include_compare_name(const void *name, const void *key)
{
	return strcmp(name, (*(struct tt_value *const *)key)->text);
}

/* The keys of MAPPING that are not bad, sorted, to be freed; *TAIL is its end. */
static struct tt_value **
include_keys(struct tt_value *mapping, size_t *n, struct tt_value ***tail)
{
	struct tt_value **keys, **at;

	keys = tt_arena_must(malloc((mapping->n + 1) * sizeof(*keys)));
	*n = 0;
	for (at = &mapping->first; *at != NULL; at = &(*at)->next)
		if (!(*at)->bad)
			keys[(*n)++] = *at;
	*tail = at;
	qsort(keys, *n, sizeof(*keys), include_compare);
	return keys;
}

/* Keys that each file says for itself. */
static bool
include_is_own(const struct tt_value *key)
{
	return tt_value_is(key, "taskthread") || tt_value_is(key, "include")
	    || strncmp(key->text, "x-", 2) == 0;
}

static void include_merge(struct tt_load *l, struct tt_value *into,
    struct tt_value *from, const char *path, bool is_root);

/* KEY stands in both; MINE is the one that was there. */
static void
include_merge_key(struct tt_load *l, struct tt_value *mine, struct tt_value *key,
    const char *path, bool is_root)
{
	bool is_node = tt_value_is_kind(key->text)
	    || (is_root && tt_value_is(key, "daemon"));

	if (mine->value->type == TT_VALUE_MAPPING
	    && key->value->type == TT_VALUE_MAPPING)
		include_merge(l, mine->value, key->value, !is_node ? path
		    : *path == '\0' ? key->text : tt_arena_format(l->arena, "%s/%s",
		    path, key->text), false);
	else if (tt_value_is_empty(mine->value))
		mine->value = key->value;
	else if (!tt_value_is_empty(key->value) && !mine->value->bad
	    && !key->value->bad)
		tt_errors_add(l->errs, key->mark, path, "keep one of them",
		    "%s is set already in %s",
		    tt_value_quote(l->arena, key->text, key->size),
		    tt_value_place(l->arena, mine->mark, key->mark));
}

/* Puts what FROM says in the node PATH into INTO. */
static void
include_merge(struct tt_load *l, struct tt_value *into, struct tt_value *from,
    const char *path, bool is_root)
{
	struct tt_value **keys, **tail, **mine, *key, *next;
	size_t n;

	keys = include_keys(into, &n, &tail);
	for (key = from->first; key != NULL; key = next) {
		next = key->next;
		if (key->bad || (is_root && include_is_own(key)))
			continue;
		mine = bsearch(key->text, keys, n, sizeof(*keys),
		    include_compare_name);
		if (mine != NULL) {
			include_merge_key(l, *mine, key, path, is_root);
			continue;
		}
		key->next = NULL;
		*tail = key;
		tail = &key->next;
		into->n++;
	}
	free(keys);
}

/* --- what a file includes ------------------------------------------------ */

/* One include under way: ITEM of FILE, into ROOT. */
struct include {
	struct tt_load *l;
	struct tt_load_file *file;
	struct tt_value *root;
	const struct tt_value *item;
};

static void
include_fail(const struct include *i, const char *remedy, const char *what)
{
	tt_errors_add(i->l->errs, i->item->mark, NULL, remedy, "%s", what);
}

/* True if the file of ST may be read now: it was not yet. */
static bool
include_is_new(const struct include *i, const char *name, const struct stat *st)
{
	const struct tt_load_file *f;

	for (f = i->l->files; f != NULL; f = f->next) {
		if (f->inode != st->st_ino || f->device != st->st_dev)
			continue;
		if (f->is_open)
			include_fail(i, "an included file never leads back to the one "
			    "that includes it", tt_arena_format(i->l->arena,
			    f == i->file ? "%s includes itself"
			    : "%s is being read already: the includes run in a circle",
			    name));
		else
			include_fail(i, "once is enough", tt_arena_format(i->l->arena,
			    "%s is included already in %s", name,
			    tt_value_place(i->l->arena, f->mark, i->item->mark)));
		return false;
	}
	if (i->l->n_files <= TT_INCLUDE_FILES)
		return true;
	include_fail(i, NULL, tt_arena_format(i->l->arena,
	    "the tree has more than %d files", TT_INCLUDE_FILES));
	return false;
}

/* NAME may be anything that a glob found: then only files count. */
static void
include_file(const struct include *i, const char *name, bool found)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *shown = found ? name : i->item->text;
	struct tt_value *values;
	struct stat st;
	int error;

	if (fd < 0 || fstat(fd, &st) != 0) {
		error = errno;
		include_fail(i, tt_arena_format(i->l->arena, "a path is relative to the "
		    "file that includes it: here it is %s", name),
		    tt_arena_format(i->l->arena, "%s cannot be read: %s", shown,
		    strerror(error)));
	} else if (!S_ISREG(st.st_mode)) {
		if (!found)
			include_fail(i, S_ISDIR(st.st_mode) ? tt_arena_format(
			    i->l->arena, "as in \"%s/*.yaml\"", i->item->text)
			    : NULL, tt_arena_format(i->l->arena, "%s is no file%s",
			    shown, S_ISDIR(st.st_mode) ? ", but a directory" : ""));
	} else if (include_is_new(i, shown, &st)) {
		values = include_open(i->l, include_begin(i->l, name, i->item->mark),
		    fd, &st);
		if (values != NULL) {
			tt_section_version(i->l, values, false);
			include_merge(i->l, i->root, values, "", true);
		}
		return;
	}
	if (fd >= 0)
		close(fd);
}

/* Directory entries that glob(3) may still look at: it has no limit of its own, and
 * hands its functions nothing to keep one in. */
static unsigned include_looked;

static struct dirent *
include_readdir(void *dir)
{
	return include_looked == 0 ? NULL : (include_looked--, readdir(dir));
}

static void
include_closedir(void *dir)
{
	closedir(dir);
}

static void *
include_opendir(const char *name)
{
	return opendir(name);
}

/* A drop-in directory may be empty, so this is for those who look at the tree. */
static void
include_warn_empty(const struct include *i, const char *pattern)
{
	const char *shown = tt_value_shown(i->l->arena, i->item);

	if (i->l->mode == TT_LOAD_CHECK)
		tt_errors_warn(i->l->errs, i->item->mark, NULL, i->item->written != NULL
		    || strcmp(pattern, i->item->text) == 0 ? NULL
		    : tt_arena_format(i->l->arena, "a path is relative to the file that "
		    "includes it: here it is %s", pattern),
		    "nothing is included: no file matches %s", shown);
}

static void
include_glob(const struct include *i, const char *pattern)
{
	size_t errors = tt_errors_count(i->l->errs);
	unsigned before = i->l->n_files;
	glob_t found = { .gl_readdir = include_readdir,
		.gl_closedir = include_closedir, .gl_opendir = include_opendir,
		.gl_lstat = lstat, .gl_stat = stat };
	int status;
	size_t k;

	include_looked = TT_INCLUDE_LOOKED - i->l->n_looked;
	status = glob(pattern, GLOB_ALTDIRFUNC, NULL, &found);
	i->l->n_looked = TT_INCLUDE_LOOKED - include_looked;
	tt_arena_must(status == GLOB_NOSPACE ? NULL : i->l);
	if (include_looked == 0)
		include_fail(i, "name a directory", tt_arena_format(i->l->arena,
		    "the patterns of all includes look through more than %d files",
		    TT_INCLUDE_LOOKED));
	else if (status == 0)
		for (k = 0; k < found.gl_pathc; k++)
			include_file(i, found.gl_pathv[k], true);
	if (i->l->n_files == before && tt_errors_count(i->l->errs) == errors)
		include_warn_empty(i, pattern);
	globfree(&found);
}

static void
include_item(const struct include *i)
{
	const struct tt_value *item = i->item;
	const char *slash, *path = item->text;

	if (item->bad)
		return;
	if (item->type != TT_VALUE_SCALAR || item->size == 0 || item->unknown
	    || memchr(item->text, '\0', item->size) != NULL) {
		include_fail(i, "a path, or a glob: include: conf.d/*.yaml; or a list",
		    item->type == TT_VALUE_SCALAR ? "include names no file"
		    : tt_arena_format(i->l->arena, "include cannot be %s",
		    tt_value_what(item)));
		return;
	}
	slash = strrchr(i->file->name, '/');
	if (*path != '/' && slash != NULL)
		path = tt_arena_format(i->l->arena, "%.*s%s",
		    (int)(slash + 1 - i->file->name), i->file->name, path);
	if (strpbrk(item->text, "*?[") != NULL)
		include_glob(i, path);
	else
		include_file(i, path, false);
}

static void
include_all(struct tt_load *l, struct tt_load_file *f, struct tt_value *root)
{
	const struct tt_value *key = tt_value_key(root, "include"), *v;
	struct include i = { .l = l, .file = f, .root = root };

	if (key == NULL || key->value->bad)
		return;
	i.item = key->value;
	if (key->value->type != TT_VALUE_LIST) {
		include_item(&i);
		return;
	}
	for (v = key->value->first; v != NULL; v = v->next) {
		i.item = v;
		include_item(&i);
	}
}

/* --- the first file ------------------------------------------------------ */

struct tt_value *
tt_include_read(struct tt_load *l, const char *file)
{
	struct tt_load_file *f = include_begin(l, file,
	    (struct tt_mark){ .file = NULL });
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0)
		return include_open(l, f, fd, &st);
	tt_errors_add(l->errs, (struct tt_mark){ .file = file }, NULL, NULL,
	    "cannot be read: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return NULL;
}

struct tt_value *
tt_include_parse(struct tt_load *l, const char *file, const char *text, size_t size)
{
	struct tt_load_file *f = include_begin(l, file,
	    (struct tt_mark){ .file = NULL });

	return include_values(l, f, text, size);
}

bool
tt_include_is_public(const struct tt_load *l, struct tt_mark mark)
{
	const struct tt_load_file *f;

	for (f = l->files; f != NULL; f = f->next)
		if (mark.file == f->name)
			return f->is_public;
	return false;
}
