/* address.h - addresses and URLs, taken apart. */
#ifndef TT_CONFIG_ADDRESS_H
#define TT_CONFIG_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/arena.h"
#include "config/schema.h"

/* What is wrong with a text ("has no port"), and a remedy of its own or NULL.  WHAT
 * is constant; the remedy may hold the text, and lives as long as the arena. */
struct tt_address_fault {
	const char *what, *remedy;
	bool is_shown;			/* the remedy holds a part of the text */
};

/* How much an address covers. */
enum tt_address_width {
	TT_ADDRESS_NAME,		/* a name, or a file: only the system knows */
	TT_ADDRESS_IPV4, TT_ADDRESS_LOOP4, TT_ADDRESS_ANY4,
	TT_ADDRESS_IPV6, TT_ADDRESS_LOOP6, TT_ADDRESS_ANY6,
	TT_ADDRESS_LOCALHOST,		/* 127.0.0.1 and ::1 */
};

/* Takes SIZE bytes of TEXT apart.  Return false with *FAULT set, and nothing
 * stored, where it is no legal address, or URL. */
bool tt_address_read(struct tt_arena *arena, const char *text, size_t size,
    struct tt_address *address, struct tt_address_fault *fault);
bool tt_url_read(struct tt_arena *arena, const char *text, size_t size,
    struct tt_url *url, struct tt_address_fault *fault);

/* A text that is equal for all ways to write the address TEXT, with its width and its
 * port; TEXT itself, and port 0, where it is no address. */
const char *tt_address_same(struct tt_arena *arena, const char *text,
    enum tt_address_width *width, unsigned *port);

#endif
