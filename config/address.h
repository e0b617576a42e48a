/* address.h - addresses and URLs, taken apart. */
#ifndef TT_CONFIG_ADDRESS_H
#define TT_CONFIG_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/arena.h"
#include "config/schema.h"

/* What is wrong with a text ("has no port"), and a remedy of its own or NULL.
 * Both are constant. */
struct tt_address_fault {
	const char *what, *remedy;
};

/* Takes SIZE bytes of TEXT apart.  Return false with *FAULT set, and nothing
 * stored, where it is no legal address, or URL. */
bool tt_address_read(struct tt_arena *arena, const char *text, size_t size,
    struct tt_address *address, struct tt_address_fault *fault);
bool tt_url_read(struct tt_arena *arena, const char *text, size_t size,
    struct tt_url *url, struct tt_address_fault *fault);

#endif
