/* address.c - addresses and URLs, taken apart. */
#include "config/address.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#define ADDRESS_HOST 253	/* bytes of a name in the DNS */
#define ADDRESS_MEANT 100	/* bytes of a text that is worth a guess */

static bool
address_fail(struct tt_address_fault *fault, const char *what, const char *remedy)
{
	fault->what = what;
	fault->remedy = remedy;
	fault->is_shown = false;
	return false;
}

/* The same with a remedy that holds a part of the text. */
static bool
address_show(struct tt_address_fault *fault, const char *what, const char *remedy)
{
	fault->what = what;
	fault->remedy = remedy;
	fault->is_shown = true;
	return false;
}

/* Decimal digits only, up to 65535. */
static bool
address_port(const char *text, size_t size, uint16_t *port)
{
	unsigned value = 0;
	size_t i;

	if (size == 0 || size > 5)
		return false;
	for (i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (unsigned)(text[i] - '0');
	}
	*port = (uint16_t)value;
	return value <= 65535;
}

/* Without brackets; a scope (%eth0) may follow. */
static bool
address_is_ipv6(const char *text, size_t size)
{
	char host[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	const char *scope = memchr(text, '%', size);
	size_t n = scope == NULL ? size : (size_t)(scope - text), i;

	if (n >= sizeof(host) || (scope != NULL && size - n - 1 == 0))
		return false;
	for (i = n; i < size; i++)
		if (text[i] <= ' ' || text[i] == '/' || text[i] == 0x7F)
			return false;
	memcpy(host, text, n);
	host[n] = '\0';
	return inet_pton(AF_INET6, host, &addr) == 1;
}

/* A name, or an address of IPv4: if it looks like one it must be one. */
static bool
address_is_host(const char *text, size_t size)
{
	char host[ADDRESS_HOST + 1];
	struct in_addr addr;
	bool digits = true;
	size_t i;

	if (size == 0 || size > ADDRESS_HOST || text[0] == '-' || text[0] == '.')
		return false;
	for (i = 0; i < size; i++) {
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "0123456789.-_", text[i]) == NULL || text[i] == '\0')
			return false;
		digits = digits && ((text[i] >= '0' && text[i] <= '9')
		    || text[i] == '.');
	}
	memcpy(host, text, size);
	host[size] = '\0';
	return !digits || inet_pton(AF_INET, host, &addr) == 1;
}

/* Host and port in SIZE bytes of TEXT; *PORT_GIVEN false leaves *PORT as it is. */
static bool
address_split(const char *text, size_t size, const char **host, size_t *host_size,
    uint16_t *port, bool *port_given, struct tt_address_fault *fault)
{
	const char *end = text + size, *close, *colon;

	if (size > 0 && *text == '[') {
		close = memchr(text, ']', size);
		if (close == NULL || !address_is_ipv6(text + 1,
		    (size_t)(close - text - 1)))
			return address_fail(fault, "has no IPv6 address in [ ]", NULL);
		*host = text + 1;
		*host_size = (size_t)(close - text - 1);
		colon = close + 1;
		if (colon != end && *colon != ':')
			return address_fail(fault, "has no port behind [ ]", NULL);
	} else {
		colon = memchr(text, ':', size);
		if (colon == NULL)
			colon = end;
		else if (memchr(colon + 1, ':', (size_t)(end - colon - 1)) != NULL)
			return address_fail(fault, "has more than one colon",
			    "an IPv6 address stands in [ ] and in quotes: "
			    "\"[::1]:5002\"");
		*host = text;
		*host_size = (size_t)(colon - text);
		if (!address_is_host(*host, *host_size))
			return address_fail(fault, *host_size == 0 ? "has no host"
			    : "has a host that is neither a name nor an address",
			    *host_size == 0 ? "for all addresses write 0.0.0.0:port, or "
			    "\"[::]:port\"" : NULL);
	}
	*port_given = colon != end;
	if (*port_given && !address_port(colon + 1, (size_t)(end - colon - 1), port))
		return address_fail(fault, "has no port in 0..65535", NULL);
	return true;
}

/* unix:/path, and nothing else. */
static bool
address_read_path(struct tt_arena *arena, const char *text, size_t size,
    struct tt_address *address, struct tt_address_fault *fault)
{
	struct sockaddr_un un;

	if (size == 5 || text[5] != '/')
		return address_fail(fault, "has no absolute path",
		    "as in unix:/run/taskthread/devices.sock");
	if (size - 5 >= sizeof(un.sun_path))
		return address_fail(fault, "has too long a path",
		    "the system takes 107 bytes");
	text = tt_arena_text(arena, text, size);
	*address = (struct tt_address){ .text = text, .path = text + 5 };
	return true;
}

static bool
address_read(struct tt_arena *arena, const char *text, size_t size,
    struct tt_address *address, struct tt_address_fault *fault)
{
	const char *host;
	size_t host_size;
	uint16_t port = 0;
	bool port_given;

	if (memchr(text, '\0', size) != NULL)
		return address_fail(fault, "holds a NUL character", NULL);
	if (size >= 5 && memcmp(text, "unix:", 5) == 0)
		return address_read_path(arena, text, size, address, fault);
	if (address_port(text, size, &port))
		return address_show(fault, "is only a port",
		    tt_arena_format(arena, "for all addresses write 0.0.0.0:%u, for this "
		    "machine's own 127.0.0.1:%u", port, port));
	if (!address_split(text, size, &host, &host_size, &port, &port_given, fault))
		return false;
	if (!port_given)
		return address_show(fault, "has no port", tt_arena_format(arena,
		    "put the port behind it, as in %s%.*s%s:5002%s",
		    *text == '[' ? "\"[" : "", (int)host_size, host,
		    *text == '[' ? "]" : "", *text == '[' ? "\"" : ""));
	*address = (struct tt_address){
		.text = tt_arena_text(arena, text, size),
		.host = tt_arena_text(arena, host, host_size),
		.port = port,
	};
	return true;
}

/* The address that TEXT, which is none, was written for; or NULL. */
static const char *
address_meant(struct tt_arena *arena, const char *text)
{
	const char *scheme = strstr(text, "://"), *colon, *meant[8];
	struct tt_address address;
	struct tt_address_fault fault;
	size_t n = 0, i, host;

	if (scheme != NULL)
		text = scheme + 3;
	colon = strrchr(text, ':');
	host = strcspn(text, "/?# ,");
	meant[n++] = tt_arena_text(arena, text, host);
	if (colon != NULL) {
		meant[n++] = tt_arena_format(arena, "[%.*s]%s", (int)(colon - text),
		    text, colon);
		if (colon == text || (colon == text + 1 && *text == '*'))
			meant[n++] = tt_arena_format(arena, "0.0.0.0%s", colon);
		if (*text == '[' && colon > text + 2 && colon[-1] == ']')
			meant[n++] = tt_arena_format(arena, "%.*s%s",
			    (int)(colon - text - 2), text + 1, colon);
	}
	if (*text == '[' && strchr(text, ']') != NULL)
		meant[n++] = tt_arena_format(arena, "%.*s:%s",
		    (int)(strchr(text, ']') + 1 - text), text, strchr(text, ']') + 1);
	if (strchr(" ,", text[host]) != NULL)
		meant[n++] = tt_arena_format(arena, "%.*s:%s", (int)host, text,
		    text + host + strspn(text + host, " ,"));
	if (*text == '/' && scheme == NULL)
		meant[n++] = tt_arena_format(arena, "unix:%s", text);
	for (i = 0; i < n; i++)
		if (address_read(arena, meant[i], strlen(meant[i]), &address, &fault))
			return address.text;
	return NULL;
}

/* N bytes of TEXT, addresses with commas between them, as a list of the file; NULL: one
 * of them is none. */
static const char *
address_list(struct tt_arena *arena, const char *text, size_t n)
{
	const char *list = "", *end = text + n, *next, *quote;
	struct tt_address_fault fault;
	struct tt_address address;
	size_t size;

	for (; text < end; text = next + 1) {
		while (text < end && strchr(" \"'", *text) != NULL)
			text++;
		next = memchr(text, ',', (size_t)(end - text));
		next = next == NULL ? end : next;
		for (size = (size_t)(next - text); size > 0
		    && strchr(" \"'", text[size - 1]) != NULL; size--)
			;
		if (!address_read(arena, text, size, &address, &fault))
			return NULL;
		quote = *text == '[' ? "\"" : "";
		list = tt_arena_format(arena, "%s%s%s%.*s%s", list,
		    *list == '\0' ? "" : ", ", quote, (int)size, text, quote);
	}
	return list;
}

/* The list that TEXT, which is no address, was written for; or NULL. */
static const char *
address_list_meant(struct tt_arena *arena, const char *text, size_t size)
{
	const char *list = NULL;

	if (size > 2 && *text == '[' && text[size - 1] == ']')
		list = address_list(arena, text + 1, size - 2);
	if (list == NULL && strchr(text, ',') != NULL)
		list = address_list(arena, text, size);
	return list == NULL ? NULL : tt_arena_format(arena, "several stand in a list, which "
	    "has no quotes around it: [%s]", list);
}

bool
tt_address_read(struct tt_arena *arena, const char *text, size_t size,
    struct tt_address *address, struct tt_address_fault *fault)
{
	const char *meant = NULL;

	if (address_read(arena, text, size, address, fault))
		return true;
	if (size <= ADDRESS_MEANT && strlen(text) == size)
		meant = address_list_meant(arena, text, size);
	if (meant != NULL)
		return address_show(fault, "is no single address", meant);
	if (size <= ADDRESS_MEANT && strlen(text) == size)
		meant = address_meant(arena, text);
	if (meant != NULL && strcmp(meant, text) != 0)
		return address_show(fault, fault->what, tt_arena_format(arena,
		    strchr(meant, '[') == NULL ? "did you mean %s?"
		    : "did you mean \"%s\", in quotes?", meant));
	return false;
}

/* The same for one host: its canonical text, and its width. */
static const char *
address_same_host(struct tt_arena *arena, const char *host,
    enum tt_address_width *width)
{
	char text[INET6_ADDRSTRLEN], *lower;
	struct in6_addr ipv6;
	struct in_addr ipv4;
	size_t n = strcspn(host, "%"), i;

	if (inet_pton(AF_INET, host, &ipv4) == 1) {
		*width = ipv4.s_addr == htonl(INADDR_ANY) ? TT_ADDRESS_ANY4
		    : ipv4.s_addr == htonl(INADDR_LOOPBACK) ? TT_ADDRESS_LOOP4
		    : TT_ADDRESS_IPV4;
		return host;
	}
	if (inet_pton(AF_INET6, tt_arena_text(arena, host, n), &ipv6) == 1
	    && inet_ntop(AF_INET6, &ipv6, text, sizeof(text)) != NULL) {
		*width = IN6_IS_ADDR_UNSPECIFIED(&ipv6) ? TT_ADDRESS_ANY6
		    : IN6_IS_ADDR_LOOPBACK(&ipv6) ? TT_ADDRESS_LOOP6 : TT_ADDRESS_IPV6;
		return tt_arena_format(arena, "[%s%s]", text, host + n);
	}
	lower = tt_arena_text(arena, host, strlen(host));
	for (i = 0; lower[i] != '\0'; i++)
		if (lower[i] >= 'A' && lower[i] <= 'Z')
			lower[i] = (char)(lower[i] - 'A' + 'a');
	if (strcmp(lower, "localhost") == 0)
		*width = TT_ADDRESS_LOCALHOST;
	return lower;
}

const char *
tt_address_same(struct tt_arena *arena, const char *text, enum tt_address_width *width,
    unsigned *port)
{
	struct tt_address address;
	struct tt_address_fault fault;
	char *path, *to;
	const char *from;

	*width = TT_ADDRESS_NAME;
	*port = 0;
	if (!address_read(arena, text, strlen(text), &address, &fault))
		return text;
	if (address.path == NULL) {
		*port = address.port;
		return tt_arena_format(arena, "%s:%u", address_same_host(arena,
		    address.host, width), *port);
	}
	/* unix:///run/x is unix:/run/x. */
	path = tt_arena_text(arena, text, strlen(text));
	for (from = to = path; *from != '\0'; from++)
		if (from[0] != '/' || from[1] != '/')
			*to++ = *from;
	*to = '\0';
	return path;
}

/* What TEXT, which is no URL of a websocket, was written for: ws:// or wss:// and what
 * is behind another scheme, or behind one that is not written well. */
static const char *
address_url_meant(struct tt_arena *arena, const char *text)
{
	const char *scheme = strstr(text, "://"), *rest = text;
	bool tls = true;

	if (scheme != NULL) {
		rest = scheme + 3;
		tls = scheme > text && (scheme[-1] | 0x20) == 's'
		    && strncasecmp(text, "ws://", 5) != 0;
	} else if (strncasecmp(text, "ws", 2) == 0 || strncasecmp(text, "http", 4) == 0) {
		rest = text + strcspn(text, ":/");
		tls = rest > text && (rest[-1] | 0x20) == 's' && rest - text != 2;
		rest += strspn(rest, ":/");
	} else {
		tls = strchr(text, ':') == NULL;
	}
	if (*rest == '\0' || strchr("/:?#", *rest) != NULL
	    || (scheme == NULL && rest == text && strpbrk(text, ".:") == NULL))
		return NULL;
	return tt_arena_format(arena, "did you mean %s://%s?", tls ? "wss" : "ws", rest);
}

/* ws://host or wss://host: the bytes of the scheme with ://, or 0. */
static size_t
address_scheme(struct tt_arena *arena, const char *text, size_t size, bool *tls,
    struct tt_address_fault *fault)
{
	bool http = strncasecmp(text, "http:", 5) == 0
	    || strncasecmp(text, "https:", 6) == 0;

	*tls = size >= 6 && strncasecmp(text, "wss://", 6) == 0;
	if (*tls)
		return 6;
	if (size >= 5 && strncasecmp(text, "ws://", 5) == 0)
		return 5;
	address_show(fault, http ? "is not a websocket's"
	    : "does not begin with ws:// or wss://", size > ADDRESS_MEANT ? NULL
	    : address_url_meant(arena, text));
	return 0;
}

bool
tt_url_read(struct tt_arena *arena, const char *text, size_t size,
    struct tt_url *url, struct tt_address_fault *fault)
{
	const char *at, *end = text + size, *host, *p;
	size_t n, host_size = 1;
	uint16_t port;
	bool tls, port_given;

	for (p = text; p != end; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7F)
			return address_fail(fault, "holds a character that no URL has",
			    "write it as %NN, a blank as %20");
	n = address_scheme(arena, text, size, &tls, fault);
	if (n == 0)
		return false;
	if (memchr(text, '#', size) != NULL)
		return address_fail(fault, "has a fragment",
		    "leave out # and what follows it");
	at = text + n;
	for (p = at; p != end && *p != '/' && *p != '?'; p++)
		;
	if (memchr(at, '@', (size_t)(p - at)) != NULL)
		return address_fail(fault, "has a user in it",
		    "leave out what stands before @; credentials go into headers");
	port = tls ? 443 : 80;
	if (!address_split(at, (size_t)(p - at), &host, &host_size, &port, &port_given,
	    fault)) {
		if (host_size == 0)
			fault->remedy = NULL;	/* that is for listeners */
		return false;
	}
	if (port == 0)
		return address_fail(fault, "has no port in 1..65535", NULL);
	*url = (struct tt_url){
		.text = tt_arena_text(arena, text, size),
		.tls = tls,
		.host = tt_arena_text(arena, host, host_size),
		.port = port,
		.path = *(p == end ? "/" : p) == '/' ? tt_arena_text(arena,
		    p == end ? "/" : p, p == end ? 1 : (size_t)(end - p))
		    : tt_arena_format(arena, "/%.*s", (int)(end - p), p),
	};
	return true;
}
