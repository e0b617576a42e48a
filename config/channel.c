/* channel.c - how a channel is shown to people. */
#include "config/channel.h"

#include <string.h>

/* A name that stands otherwise in the file. */
struct tt_channel_alias {
	const struct tt_channel_alias *next;
	bool up;
	const char *name, *shown;
};

const char *
tt_channel_shown(const struct tt_building *b, bool up, const char *name)
{
	const struct tt_channel_alias *a;

	for (a = b->aliases; a != NULL; a = a->next)
		if (a->up == up && strcmp(a->name, name) == 0)
			return a->shown;
	return name;
}

void
tt_channel_show(struct tt_load *l, struct tt_building *b, bool up, const char *name,
    const char *shown)
{
	struct tt_channel_alias *a = tt_arena_alloc(l->arena, sizeof(*a));

	*a = (struct tt_channel_alias){ b->aliases, up, name, shown };
	b->aliases = a;
}
