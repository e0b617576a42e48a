/* include.h - the files that a document is made of.
 *
 * `include:` at a file's top level takes a path, a glob or a list of them, relative
 * to the file that says it.  What an included file says is merged by node path,
 * mappings key by key: what stands in one of them only is in the document, anything
 * but a mapping that stands in two is an error.  Anchors and x- keys stay in their
 * file. */
#ifndef TT_CONFIG_INCLUDE_H
#define TT_CONFIG_INCLUDE_H

#include "config/load.h"

#define TT_INCLUDE_FILES 256	/* of one document */
#define TT_INCLUDE_LOOKED 10000	/* directory entries that its globs may look at */

/* What FILE, and all that it includes, say together: one mapping.  Whatever is
 * wrong was reported; NULL where nothing can be made of FILE. */
struct tt_value *tt_include_read(struct tt_load *l, const char *file);

/* The same for SIZE bytes of TEXT under the name FILE. */
struct tt_value *tt_include_parse(struct tt_load *l, const char *file,
    const char *text, size_t size);

/* True if what stands at MARK may be read by every user of the machine. */
bool tt_include_is_public(const struct tt_load *l, struct tt_mark mark);

#endif
