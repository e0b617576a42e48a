/* wshandshake.c - may this subscriber come in: the judge of an opening handshake.
 *
 * RFC 6455, 4.2.1 and 4.2.2, over the grammar of RFC 9112.  A header that stands
 * twice where it may once, a fold, a lone CR or LF: nobody who means well sends
 * those, and what two readers may take differently is refused. */
#include "plugins/wshandshake.h"

#include <openssl/crypto.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define WSHANDSHAKE_DIGITS "0123456789" \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* A piece of the request. */
struct wshandshake_text {
	const char *at;			/* NULL: it is not there */
	size_t size;
};

/* What the judge needs to know of it. */
struct wshandshake_request {
	struct wshandshake_text method, target, version;
	struct wshandshake_text host, origin, key, number, authorization, length;
	bool upgrades, connects;	/* Upgrade: websocket, Connection: upgrade */
	bool has_body;
	bool subprotocol;		/* taskthread is among those asked for */
	struct wshandshake_text bearer;	/* and this, behind bearer. */
	bool malformed;
	bool twice;			/* what may stand once */
};

/* --- pieces -------------------------------------------------------------- */

static bool
wshandshake_is(struct wshandshake_text text, const char *word)
{
	return text.size == strlen(word) && strncasecmp(text.at, word, text.size) == 0;
}

/* RFC 9110, 5.6.2. */
static bool
wshandshake_is_token(struct wshandshake_text text)
{
	static const char legal[] = WSHANDSHAKE_DIGITS "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < text.size; i++)
		if (memchr(legal, text.at[i], sizeof legal - 1) == NULL)
			return false;
	return text.size > 0;
}

static struct wshandshake_text
wshandshake_trim(struct wshandshake_text text)
{
	while (text.size > 0 && (*text.at == ' ' || *text.at == '\t')) {
		text.at++;
		text.size--;
	}
	while (text.size > 0 && (text.at[text.size - 1] == ' ' ||
	    text.at[text.size - 1] == '\t'))
		text.size--;
	return text;
}

/* Takes what stands before C, or all, off *REST, which is where it ends. */
static struct wshandshake_text
wshandshake_take(struct wshandshake_text *rest, char c)
{
	const char *end = rest->size == 0 ? NULL : memchr(rest->at, c, rest->size);
	struct wshandshake_text part = *rest;

	if (end == NULL) {
		rest->at += rest->size;
		rest->size = 0;
		return part;
	}
	part.size = (size_t)(end - part.at);
	rest->at = end + 1;
	rest->size -= part.size + 1;
	return part;
}

/* Compares a secret: how long that takes tells no more than its size. */
static bool
wshandshake_is_secret(struct wshandshake_text offered, const char *secret)
{
	size_t size = strlen(secret);

	return offered.size == size && CRYPTO_memcmp(offered.at, secret, size) == 0;
}

/* --- headers ------------------------------------------------------------- */

/* Whether the list VALUE has WORD in it, whatever its case. */
static bool
wshandshake_lists(struct wshandshake_text value, const char *word)
{
	while (value.size > 0)
		if (wshandshake_is(wshandshake_trim(wshandshake_take(&value, ',')), word))
			return true;
	return false;
}

static void
wshandshake_read_subprotocols(struct wshandshake_request *r,
    struct wshandshake_text value)
{
	static const char bearer[] = "bearer.";
	struct wshandshake_text one;

	while (value.size > 0) {
		one = wshandshake_trim(wshandshake_take(&value, ','));
		r->malformed |= !wshandshake_is_token(one);
		if (one.size == sizeof TT_WSHANDSHAKE_SUBPROTOCOL - 1 &&
		    memcmp(one.at, TT_WSHANDSHAKE_SUBPROTOCOL, one.size) == 0)
			r->subprotocol = true;
		if (one.size < sizeof bearer - 1 ||
		    memcmp(one.at, bearer, sizeof bearer - 1) != 0)
			continue;
		r->twice |= r->bearer.at != NULL;
		r->bearer.at = one.at + sizeof bearer - 1;
		r->bearer.size = one.size - (sizeof bearer - 1);
	}
}

static void
wshandshake_once(struct wshandshake_request *r, struct wshandshake_text *header,
    struct wshandshake_text value)
{
	r->twice |= header->at != NULL;
	*header = value;
}

static void
wshandshake_read_header(struct wshandshake_request *r, struct wshandshake_text name,
    struct wshandshake_text value)
{
	if (wshandshake_is(name, "Host"))
		wshandshake_once(r, &r->host, value);
	else if (wshandshake_is(name, "Origin"))
		wshandshake_once(r, &r->origin, value);
	else if (wshandshake_is(name, "Authorization"))
		wshandshake_once(r, &r->authorization, value);
	else if (wshandshake_is(name, "Sec-WebSocket-Key"))
		wshandshake_once(r, &r->key, value);
	else if (wshandshake_is(name, "Sec-WebSocket-Version"))
		wshandshake_once(r, &r->number, value);
	else if (wshandshake_is(name, "Sec-WebSocket-Protocol"))
		wshandshake_read_subprotocols(r, value);
	else if (wshandshake_is(name, "Upgrade"))
		r->upgrades |= wshandshake_lists(value, "websocket");
	else if (wshandshake_is(name, "Connection"))
		r->connects |= wshandshake_lists(value, "upgrade");
	else if (wshandshake_is(name, "Content-Length"))
		r->has_body |= !wshandshake_is(value, "0");
	else if (wshandshake_is(name, "Transfer-Encoding"))
		r->has_body = true;
}

/* One line, without its end. */
static void
wshandshake_read_line(struct wshandshake_request *r, struct wshandshake_text line)
{
	struct wshandshake_text rest = line, name = wshandshake_take(&rest, ':');

	for (size_t i = 0; i < line.size; i++)
		r->malformed |= ((unsigned char)line.at[i] < ' ' && line.at[i] != '\t') ||
		    line.at[i] == 0x7f;
	/* A fold begins with a blank, which is in no name. */
	if (name.size == line.size || !wshandshake_is_token(name))
		r->malformed = true;
	else
		wshandshake_read_header(r, name, wshandshake_trim(rest));
}

static void
wshandshake_read_first(struct wshandshake_request *r, struct wshandshake_text line)
{
	r->method = wshandshake_take(&line, ' ');
	r->target = wshandshake_take(&line, ' ');
	r->version = line;
	for (size_t i = 0; i < r->target.size; i++)
		r->malformed |= (unsigned char)r->target.at[i] <= ' ' ||
		    (unsigned char)r->target.at[i] >= 0x7f;
	r->malformed |= !wshandshake_is_token(r->method) || r->target.size == 0;
}

/* Returns false if the blank line at the end is missing. */
static bool
wshandshake_read(struct wshandshake_request *r, struct wshandshake_text rest)
{
	struct wshandshake_text line;
	bool first = true;

	/* A blank line before a request is to be overlooked (RFC 9112, 2.2). */
	while (rest.size >= 2 && rest.at[0] == '\r' && rest.at[1] == '\n') {
		rest.at += 2;
		rest.size -= 2;
	}
	while (rest.size > 0) {
		if (memchr(rest.at, '\n', rest.size) == NULL)
			return false;
		line = wshandshake_take(&rest, '\n');
		if (line.size > 0 && line.at[line.size - 1] == '\r')
			line.size--;
		else
			r->malformed = true;
		if (line.size == 0 && !first)
			return true;
		if (first)
			wshandshake_read_first(r, line);
		else
			wshandshake_read_line(r, line);
		first = false;
	}
	return false;
}

/* --- the path ------------------------------------------------------------ */

/* The target is a path, or a whole URL, and may have a query. */
static bool
wshandshake_is_path(struct wshandshake_text target, const char *path)
{
	struct wshandshake_text rest = target;

	if (target.size >= 7 && strncasecmp(target.at, "http://", 7) == 0) {
		rest.at += 7;
		rest.size -= 7;
		while (rest.size > 0 && *rest.at != '/' && *rest.at != '?') {
			rest.at++;
			rest.size--;
		}
	}
	rest = wshandshake_take(&rest, '?');
	if (rest.size == 0 && target.size > 0 && *target.at != '?')
		return strcmp(path, "/") == 0;
	return rest.size == strlen(path) && memcmp(rest.at, path, rest.size) == 0;
}

/* --- the form ------------------------------------------------------------ */

/* 22 digits of base64, the last of which has four bits that say nothing, and "==". */
static bool
wshandshake_is_key(struct wshandshake_text key)
{
	static const char digits[] = WSHANDSHAKE_DIGITS "+/";

	if (key.size != TT_WSHANDSHAKE_KEY || memcmp(key.at + 22, "==", 2) != 0)
		return false;
	for (size_t i = 0; i < 22; i++)
		if (memchr(digits, key.at[i], 64) == NULL)
			return false;
	return true;
}

/* HTTP/1.1, or a later 1. */
static bool
wshandshake_is_version(struct wshandshake_text version)
{
	return version.size == 8 && memcmp(version.at, "HTTP/1.", 7) == 0 &&
	    version.at[7] >= '1' && version.at[7] <= '9';
}

static unsigned
wshandshake_judge_form(const struct wshandshake_request *r, bool whole,
    const char **why)
{
	*why = "the request is no HTTP/1.1";
	if (r->malformed || !wshandshake_is_version(r->version))
		return 400;
	*why = "the method is not GET";
	if (!wshandshake_is(r->method, "GET") || memcmp(r->method.at, "GET", 3) != 0)
		return 405;
	*why = "the headers have more than 16 KiB";
	if (!whole)
		return 400;
	*why = "a header stands there twice";
	if (r->twice)
		return 400;
	*why = "there is no Host";
	if (r->host.size == 0)
		return 400;
	*why = "this is a websocket: the request has to ask for an upgrade";
	if (!r->upgrades)
		return 426;
	*why = "the header Connection does not say upgrade";
	if (!r->connects)
		return 400;
	*why = "the header Sec-WebSocket-Version is missing";
	if (r->number.at == NULL)
		return 400;
	*why = "the version is not 13";
	if (!wshandshake_is(r->number, "13"))
		return 426;
	*why = "the header Sec-WebSocket-Key is not 16 bytes in base64";
	if (!wshandshake_is_key(r->key))
		return 400;
	*why = "the request has a body";
	return r->has_body ? 400 : 0;
}

/* --- the origin ---------------------------------------------------------- */

/* HOST or [HOST], without its port. */
static struct wshandshake_text
wshandshake_host(struct wshandshake_text authority)
{
	const char *end;

	if (authority.size > 0 && *authority.at == '[') {
		end = memchr(authority.at, ']', authority.size);
		if (end != NULL)
			authority.size = (size_t)(end - authority.at) + 1;
		return authority;
	}
	return wshandshake_take(&authority, ':');
}

/* What stands behind SCHEME://, or nothing. */
static struct wshandshake_text
wshandshake_authority(struct wshandshake_text origin)
{
	struct wshandshake_text none = { .at = origin.at };

	for (size_t i = 0; i + 3 <= origin.size; i++)
		if (memcmp(origin.at + i, "://", 3) == 0)
			return (struct wshandshake_text){ .at = origin.at + i + 3,
			    .size = origin.size - i - 3 };
	return none;
}

static bool
wshandshake_may_come(const struct tt_wsrules *rules,
    const struct wshandshake_request *r)
{
	struct wshandshake_text mine, its;

	if (r->origin.at == NULL)
		return true;
	for (size_t i = 0; i < rules->n_origins; i++)
		if (strcmp(rules->origins[i], "*") == 0 ||
		    wshandshake_is(r->origin, rules->origins[i]))
			return true;
	if (rules->n_origins > 0)
		return false;
	mine = wshandshake_host(r->host);
	its = wshandshake_host(wshandshake_authority(r->origin));
	return mine.size > 0 && mine.size == its.size &&
	    strncasecmp(mine.at, its.at, mine.size) == 0;
}

bool
tt_wshandshake_is_origin(const char *text)
{
	struct wshandshake_text all = { .at = text, .size = strlen(text) };
	struct wshandshake_text authority = wshandshake_authority(all);

	if (strcmp(text, "*") == 0)
		return true;
	for (size_t i = 0; i < all.size; i++)
		if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f)
			return false;
	return authority.size > 0 && authority.at - text > 3 &&
	    memchr(authority.at, '/', authority.size) == NULL &&
	    wshandshake_host(authority).size > 0;
}

/* --- the token ----------------------------------------------------------- */

static bool
wshandshake_has_token(const struct tt_wsrules *rules,
    const struct wshandshake_request *r)
{
	struct wshandshake_text bearer = r->authorization, scheme;
	bool named = false;

	if (rules->token == NULL)
		return true;
	if (bearer.at != NULL) {
		scheme = wshandshake_take(&bearer, ' ');
		named = wshandshake_is(scheme, "Bearer") &&
		    wshandshake_is_secret(wshandshake_trim(bearer), rules->token);
	}
	if (r->subprotocol && r->bearer.at != NULL)
		named |= wshandshake_is_secret(r->bearer, rules->token);
	return named;
}

bool
tt_wshandshake_is_bearer(const char *text)
{
	size_t size = strspn(text, WSHANDSHAKE_DIGITS "-._~+/");

	return size > 0 && text[size + strspn(text + size, "=")] == '\0';
}

bool
tt_wshandshake_is_subprotocol(const char *token)
{
	return wshandshake_is_token((struct wshandshake_text){ token, strlen(token) });
}

/* --- all of it ----------------------------------------------------------- */

void
tt_wshandshake_judge(const struct tt_wsrules *rules, const char *text, size_t size,
    bool full, struct tt_wsverdict *verdict)
{
	struct wshandshake_request r = { .malformed = false };
	bool whole = wshandshake_read(&r, (struct wshandshake_text){ text, size });

	*verdict = (struct tt_wsverdict){ .status = 404, .why = "there is nothing at this "
	    "path", .head_only = r.method.at != NULL && wshandshake_is(r.method, "HEAD") };
	if (r.target.size > 0 && !wshandshake_is_path(r.target, rules->path))
		return;
	verdict->status = wshandshake_judge_form(&r, whole, &verdict->why);
	if (verdict->status != 0)
		return;
	verdict->why = "pages of this origin may not come in";
	verdict->status = 403;
	if (!wshandshake_may_come(rules, &r))
		return;
	verdict->why = "without the token nobody comes in";
	verdict->status = 401;
	if (!wshandshake_has_token(rules, &r))
		return;
	verdict->why = "there are as many subscribers as there may be";
	verdict->status = 503;
	if (full)
		return;
	verdict->why = "";
	verdict->status = 101;
	verdict->subprotocol = r.subprotocol;
	memcpy(verdict->key, r.key.at, TT_WSHANDSHAKE_KEY);
}

size_t
tt_wshandshake_end(const char *text, size_t size, size_t *seen)
{
	size_t i = *seen, start = 0;

	while (start + 2 <= size && text[start] == '\r' && text[start + 1] == '\n')
		start += 2;
	/* The end may have begun in what was seen. */
	i = i > start + 3 ? i - 3 : start;
	for (; i < size; i++) {
		if (text[i] != '\n')
			continue;
		if (i + 1 < size && text[i + 1] == '\n')
			return i + 2;
		if (i + 2 < size && text[i + 1] == '\r' && text[i + 2] == '\n')
			return i + 3;
	}
	*seen = size;
	return 0;
}

static const struct {
	unsigned status;
	const char *phrase, *header;
} wshandshake_answers[] = {
	{ 400, "Bad Request", "" },
	{ 401, "Unauthorized", "WWW-Authenticate: Bearer\r\n" },
	{ 403, "Forbidden", "" },
	{ 404, "Not Found", "" },
	{ 405, "Method Not Allowed", "Allow: GET\r\n" },
	{ 426, "Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" },
	{ 503, "Service Unavailable", "Retry-After: 10\r\n" },
};

size_t
tt_wshandshake_answer(const struct tt_wsverdict *verdict, const char *accept,
    char *buf)
{
	size_t i = 0;

	if (verdict->status == 101)
		return (size_t)snprintf(buf, TT_WSHANDSHAKE_ANSWER,
		    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		    "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
		    accept, verdict->subprotocol ? "Sec-WebSocket-Protocol: "
		    TT_WSHANDSHAKE_SUBPROTOCOL "\r\n" : "");
	while (wshandshake_answers[i].status != verdict->status)
		i++;
	return (size_t)snprintf(buf, TT_WSHANDSHAKE_ANSWER, "HTTP/1.1 %u %s\r\n"
	    "%sConnection: %sclose\r\nContent-Type: text/plain\r\n"
	    "Content-Length: %zu\r\n\r\n%s%s", verdict->status,
	    wshandshake_answers[i].phrase, wshandshake_answers[i].header,
	    verdict->status == 426 ? "Upgrade, " : "", strlen(verdict->why) + 1,
	    verdict->head_only ? "" : verdict->why, verdict->head_only ? "" : "\n");
}
