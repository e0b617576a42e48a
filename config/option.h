/* option.h - one scalar of the file, read by its option's type. */
#ifndef TT_CONFIG_OPTION_H
#define TT_CONFIG_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/arena.h"
#include "config/schema.h"

/* What one reading needs, and what it says where it fails. */
struct tt_option_reader {
	struct tt_arena *arena;		/* what the option points to lives there */
	const char *state_dir;		/* relative paths are below it */
	const struct tt_option *option;
	const char *label;		/* its name in messages: "framing.size" */
	const char *written;		/* what messages show instead of the text: it */
					/* came from elsewhere; or NULL */
	char what[320];			/* what is wrong */
	char remedy[320];		/* what would be right, or "" */
	bool is_secret;			/* the text may hold one: it is not to be shown */
};

/* Reads SIZE bytes of TEXT, with a NUL behind them, as R's option and stores the
 * value in SLOT.  Returns false, with `what` and `remedy` set and SLOT as it was,
 * where it is no legal value.  Not for options that take a mapping only. */
bool tt_option_read(struct tt_option_reader *r, const char *text, size_t size,
    void *slot);

/* The same for one address of a list, and for the digits of {hex: "ff fe"}. */
bool tt_option_read_address(struct tt_option_reader *r, const char *text,
    size_t size, struct tt_address *address);
bool tt_option_read_hex(struct tt_option_reader *r, const char *text, size_t size,
    struct tt_bytes *bytes);

/* The bytes that an option of that type takes at its place. */
size_t tt_option_size(const struct tt_option *option);

/* What the type's values look like, with an example. */
const char *tt_option_form(enum tt_option_type type);

/* A value's text that is legal for any option of that type, for --describe. */
const char *tt_option_example(enum tt_option_type type);

/* The word that OPTION, a number or a duration, takes in place of 0: "off", "auto", or
 * NULL. */
const char *tt_option_word(const struct tt_option *option);

/* "1..8", "4KiB..1GiB", "1s or more", "one of none, count64, line", or "" where
 * everything of the type is legal. */
void tt_option_range(const struct tt_option *option, char *buf, size_t room);

/* "64KiB", "30s": the shortest way in which the file may write it. */
void tt_option_print_size(int64_t bytes, char *buf, size_t room);
void tt_option_print_duration(int64_t ns, char *buf, size_t room);

#endif
