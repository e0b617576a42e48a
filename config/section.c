/* section.c - what a file says beside its tree: its version, and `daemon`. */
#include "config/section.h"

#include <pwd.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/table.h"

/* More than any machine has, and far from any overflow. */
#define SECTION_MEMORY ((int64_t)1 << 40)
#define SECTION_WORKERS 256
#define SECTION_DAY (24 * (int64_t)3600 * 1000000000)

const char *const tt_section_log_levels[] = {
	"error", "warning", "notice", "info", "debug", NULL
};

/* The section as the file has it. */
struct section {
	const char *name;
	int64_t workers;		/* 0: auto */
	const char *state_dir;
	int64_t memory;
	int64_t stop_timeout;
	int log;
};

static const struct tt_option section_options[] = {
	{ .name = "name", .type = TT_OPT_STRING,
	  .offset = offsetof(struct section, name), .example = "site7",
	  .help = "this gateway's name in what it sends; else the host name" },
	{ .name = "workers", .type = TT_OPT_INT, .automatic = true, .min = 1,
	  .max = SECTION_WORKERS, .standard = "auto",
	  .offset = offsetof(struct section, workers),
	  .help = "OS threads for devices; auto is one for each processor" },
	{ .name = "state_dir", .type = TT_OPT_STRING,
	  .offset = offsetof(struct section, state_dir),
	  .example = "/var/lib/taskthread",
	  .help = "where relative paths of the file are" },
	{ .name = "memory", .type = TT_OPT_SIZE, .min = 1, .max = SECTION_MEMORY,
	  .offset = offsetof(struct section, memory), .standard = "64MiB",
	  .help = "bound of all payload in the daemon" },
	{ .name = "stop_timeout", .type = TT_OPT_DURATION, .min = 1000000,
	  .max = 7 * SECTION_DAY, .standard = "30s",
	  .offset = offsetof(struct section, stop_timeout),
	  .help = "how long a stop may take" },
	{ .name = "log", .type = TT_OPT_ENUM, .choices = tt_section_log_levels,
	  .offset = offsetof(struct section, log), .standard = "info", .live = true,
	  .help = "the least of what is logged" },
	TT_OPTIONS_END
};

static const char *
section_host_name(struct tt_load *l)
{
	char name[256] = "";

	if (gethostname(name, sizeof(name) - 1) != 0 || *name == '\0')
		return "localhost";
	return tt_arena_text(l->arena, name, strlen(name));
}

/* As the XDG Base Directory Specification has it, where it is not root's. */
static const char *
section_state_dir(struct tt_load *l)
{
	const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	const struct passwd *user;

	if (geteuid() == 0)
		return "/var/lib/taskthread";
	if (base != NULL && *base == '/')
		return tt_arena_format(l->arena, "%s/taskthread", base);
	if (home == NULL || *home != '/') {
		user = getpwuid(geteuid());
		home = user == NULL || *user->pw_dir != '/' ? "/" : user->pw_dir;
	}
	return tt_arena_format(l->arena, "%s/.local/state/taskthread",
	    strcmp(home, "/") == 0 ? "" : home);
}

/* The processors that this process may use, as far as workers are of use. */
static int64_t
section_processors(void)
{
	cpu_set_t set;
	int n = 0;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	return n < 1 ? 1 : n < SECTION_WORKERS ? n : SECTION_WORKERS;
}

/* What no table can say. */
static void
section_check(struct tt_load *l, const struct section *s, const struct tt_value *says)
{
	const struct tt_value *name = tt_value_key(says, "name");
	const struct tt_value *dir = tt_value_key(says, "state_dir");

	if (name != NULL && s->name != NULL
	    && (*s->name == '\0' || strlen(s->name) > 255))
		tt_errors_add(l->errs, name->value->mark, "daemon",
		    "leave the line out for the host's name",
		    "name has %zu bytes, not 1..255", strlen(s->name));
	if (dir != NULL && s->state_dir != NULL && *s->state_dir != '/')
		tt_errors_add(l->errs, dir->value->mark, "daemon",
		    "as in /var/lib/taskthread",
		    "state_dir %s is no absolute path",
		    tt_value_shown(l->arena, dir->value));
}

static void
section_daemon(struct tt_load *l, const struct tt_value *key)
{
	struct tt_table_owner owner = { .load = l, .path = "daemon",
		.name = "daemon" };
	const struct tt_value *says = NULL, *at;
	struct section s = { .name = NULL };
	struct tt_daemon_config *d = &l->doc->daemon;

	if (key != NULL && !key->value->bad && !tt_value_is_empty(key->value)) {
		if (key->value->type == TT_VALUE_MAPPING)
			says = key->value;
		else
			tt_errors_add(l->errs, key->value->mark, "daemon",
			    "its options stand below it, indented",
			    "daemon cannot be %s", tt_value_what(key->value));
	}
	d->given = says != NULL;
	for (at = says == NULL ? NULL : says->first; at != NULL; at = at->next)
		if (!at->bad && tt_table_find(section_options, at->text) == NULL)
			tt_table_unknown(&owner, at, section_options, NULL);
	tt_table_fill(&owner, section_options, &s, says);
	section_check(l, &s, says);
	at = tt_value_key(says, "memory");
	l->memory = at == NULL ? NULL : at->value;
	d->name = s.name != NULL ? s.name : section_host_name(l);
	d->workers = s.workers > 0 ? s.workers : section_processors();
	d->state_dir = s.state_dir != NULL && *s.state_dir == '/' ? s.state_dir
	    : section_state_dir(l);
	d->memory = s.memory;
	d->stop_timeout = s.stop_timeout;
	d->log = s.log;
}

void
tt_section_version(struct tt_load *l, const struct tt_value *root, bool is_required)
{
	const struct tt_value *key = tt_value_key(root, "taskthread");

	if (key == NULL && !is_required)
		return;
	if (key == NULL)
		tt_errors_add(l->errs, (struct tt_mark){ .file = l->doc->file,
		    .line = 1, .column = 1 }, NULL,
		    "a hierarchy file begins with \"taskthread: 1\"",
		    "the file does not say \"taskthread: 1\"");
	else if (!key->value->bad && !tt_value_is(key->value, "1"))
		tt_errors_add(l->errs, tt_value_is_empty(key->value) ? key->mark
		    : key->value->mark, NULL, "write \"taskthread: 1\"",
		    "version %s of hierarchy files is not known",
		    key->value->type != TT_VALUE_SCALAR
		    ? tt_value_what(key->value)
		    : tt_value_shown(l->arena, key->value));
}

void
tt_section_load(struct tt_load *l, const struct tt_value *root)
{
	tt_section_version(l, root, !l->cut);
	section_daemon(l, tt_value_key(root, "daemon"));
}

bool
tt_section_is_key(const struct tt_value *key)
{
	return tt_value_is(key, "taskthread") || tt_value_is(key, "daemon")
	    || tt_value_is(key, "include")
	    || strncmp(key->text, "x-", 2) == 0;
}

const struct tt_option *
tt_section_options(void)
{
	return section_options;
}

const struct tt_schema tt_section_schema = {
	.name = "daemon",
	.help = "what holds for the whole gateway",
	.options = section_options,
	.config_size = sizeof(struct section),
};
