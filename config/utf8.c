/* utf8.c - characters of text that may be anything. */
#include "config/utf8.h"

#include <stdio.h>
#include <string.h>

size_t
tt_utf8_decode(const char *text, size_t size, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *s = (const unsigned char *)text;
	uint32_t c;
	size_t n, i;

	if (size == 0)
		return 0;
	if (s[0] < 0x80) {
		*code = s[0];
		return 1;
	}
	n = s[0] >= 0xF0 && s[0] <= 0xF4 ? 4 : s[0] >= 0xE0 && s[0] < 0xF0 ? 3
	    : s[0] >= 0xC2 && s[0] < 0xE0 ? 2 : 0;
	if (n == 0 || n > size)
		return 0;
	c = s[0] & (0x7F >> n);
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xC0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3F);
	}
	if (c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		return 0;
	*code = c;
	return n;
}

size_t
tt_utf8_line_end(const char *text, size_t size)
{
	uint32_t code;
	size_t n = tt_utf8_decode(text, size, &code);

	if (n == 0)
		return 0;
	if (code == '\r')
		return size > 1 && text[1] == '\n' ? 2 : 1;
	if (code == '\n' || code == 0x85 || code == 0x2028 || code == 0x2029)
		return n;
	return 0;
}

bool
tt_utf8_is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7F && code < 0xA0)
	    || (code >= 0x200E && code <= 0x200F)
	    || (code >= 0x2028 && code <= 0x202E)
	    || (code >= 0x2066 && code <= 0x2069)
	    || code == 0xFEFF || code == 0xFFFE || code == 0xFFFF;
}

size_t
tt_utf8_show(char shown[TT_UTF8_SHOWN], const char *text, size_t size, size_t *width)
{
	uint32_t code;
	size_t n = tt_utf8_decode(text, size, &code);

	if (n > 0 && !tt_utf8_is_control(code)) {
		memcpy(shown, text, n);
		shown[n] = '\0';
		*width = 1;
		return n;
	}
	if (n == 1 && (code == '\t' || code == '\n' || code == '\r'))
		*width = (size_t)snprintf(shown, TT_UTF8_SHOWN, "\\%c",
		    code == '\t' ? 't' : code == '\n' ? 'n' : 'r');
	else if (n > 1)
		*width = (size_t)snprintf(shown, TT_UTF8_SHOWN, "\\u%04X",
		    (unsigned)code & 0xFFFF);
	else
		*width = (size_t)snprintf(shown, TT_UTF8_SHOWN, "\\x%02X",
		    (unsigned char)text[0]);
	return n > 0 ? n : 1;
}

size_t
tt_utf8_cut(const char *text, size_t size, size_t max)
{
	if (size <= max)
		return size;
	/* A byte 10xxxxxx behind the cut belongs to the character before it. */
	while (max > 0 && ((unsigned char)text[max] & 0xC0) == 0x80)
		max--;
	return max;
}

bool
tt_utf8_is_text(const char *text, size_t size)
{
	uint32_t code;
	size_t at, n;

	for (at = 0; at < size; at += n) {
		n = tt_utf8_decode(text + at, size - at, &code);
		if (n == 0 || code == 0)
			return false;
	}
	return true;
}
