/* utf8.h - characters of text that may be anything. */
#ifndef TT_CONFIG_UTF8_H
#define TT_CONFIG_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bytes of the character that begins TEXT, 1 to 4, and the character in
 * *CODE; 0 where SIZE bytes of TEXT do not begin with UTF-8 (RFC 3629: no
 * surrogates, nothing longer than it must be). */
size_t tt_utf8_decode(const char *text, size_t size, uint32_t *code);

/* The bytes of the line end that begins TEXT: LF, CR, CRLF, or one of those that
 * YAML 1.1 has besides (U+0085, U+2028, U+2029); 0 if it is none. */
size_t tt_utf8_line_end(const char *text, size_t size);

/* True if a terminal is not to see CODE: controls, and marks that turn the order
 * of the text around. */
bool tt_utf8_is_control(uint32_t code);

/* Room for one character, escaped or not, and a NUL. */
#define TT_UTF8_SHOWN 12

/* Writes the character that begins TEXT (SIZE at least 1) as people may see it:
 * itself, or \x01 \u202E.  Returns its bytes in TEXT and its columns in *WIDTH. */
size_t tt_utf8_show(char shown[TT_UTF8_SHOWN], const char *text, size_t size,
    size_t *width);

/* True if TEXT is UTF-8 without a NUL. */
bool tt_utf8_is_text(const char *text, size_t size);

/* The bytes of TEXT's longest head of whole characters that is at most MAX bytes. */
size_t tt_utf8_cut(const char *text, size_t size, size_t max);

#endif
