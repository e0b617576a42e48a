/* spoolsalvage.h - what can be read of a damaged spool, into another file. */
#ifndef TT_PLUGINS_SPOOLSALVAGE_H
#define TT_PLUGINS_SPOOLSALVAGE_H

#include <stdint.h>

#include "config/error.h"

struct tt_spoolsalvage {
	uint64_t before;	/* rows from this position on are left out, if not 0 */
	uint64_t next;		/* where the log ended, as far as it is known */
	uint64_t frames;	/* that could be read */
};

/* A damaged file PATH, closed, gives its place to a new one that has all that can be
 * read of it, and becomes ASIDE.  At every moment either of the two stands at PATH,
 * or tt_spoolsalvage_finish() puts the new one there.  Returns an enum tt_sql_result
 * with ERR set; what had been read then stands at PATH, or will. */
int tt_spoolsalvage(const char *path, char *aside, struct tt_spoolsalvage *s,
    struct tt_error *err);

/* Ends what a crash may have left half done.  Returns 1 if a new file has taken the
 * place of a damaged one, which is ASIDE; 0 if there was none; or -1 with ERR set. */
int tt_spoolsalvage_finish(const char *path, char *aside, struct tt_error *err);

#endif
