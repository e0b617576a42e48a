/* arena.h - memory that is given back all at once.
 *
 * A document lives in one arena, so that no failure path has to know what it had
 * come to.  The file is bounded before anything is allocated for it: memory that
 * is out ends the program. */
#ifndef TT_CONFIG_ARENA_H
#define TT_CONFIG_ARENA_H

#include <stddef.h>

struct tt_arena;

struct tt_arena *tt_arena_create(void);
void tt_arena_destroy(struct tt_arena *arena);

/* SIZE bytes, all 0, aligned for anything. */
void *tt_arena_alloc(struct tt_arena *arena, size_t size);

/* A copy of SIZE bytes of TEXT, with a NUL behind them. */
char *tt_arena_text(struct tt_arena *arena, const char *text, size_t size);

char *tt_arena_format(struct tt_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* P, or the end of the program where P is NULL: memory is out. */
void *tt_arena_must(void *p);

#endif
