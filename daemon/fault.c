/* fault.c - places where a test may make something go wrong. */
#include "config.h"

#include "daemon/fault.h"

#ifdef TT_FAULT_POINTS
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULT_PLACES 16

struct fault_place {
	char name[32], what[8];
	_Atomic int left;		/* times until it happens */
};

static struct fault_place fault_places[FAULT_PLACES];
static int fault_n;

__attribute__((constructor)) static void
fault_read(void)
{
	const char *text = getenv("TT_FAULT_POINTS");
	struct fault_place *p;
	int n, left;

	while (text != NULL && fault_n < FAULT_PLACES) {
		p = &fault_places[fault_n];
		if (sscanf(text, " %31[^: ]:%7[a-z]:%d%n", p->name, p->what, &left,
		    &n) != 3)
			break;
		p->left = left;
		text += n;
		fault_n++;
	}
}

bool
tt_fault(const char *name)
{
	for (int i = 0; i < fault_n; i++) {
		struct fault_place *p = &fault_places[i];

		if (strcmp(p->name, name) != 0 || atomic_fetch_sub(&p->left, 1) != 1)
			continue;
		if (strcmp(p->what, "kill") == 0)
			raise(SIGKILL);
		return true;
	}
	return false;
}
#else
typedef int fault_nothing;		/* a file may not be empty */
#endif
