/* check_wshandshake.c - plugins/wshandshake.c */
#include "plugins/wshandshake.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *check_wshandshake_suite(void);

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

/* A request that is right, in pieces that a case replaces. */
#define FIRST "GET /live HTTP/1.1\r\n"
#define HOST "Host: gate.example.com:9001\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define PROOF "Sec-WebSocket-Key: " KEY "\r\n"
#define REST HOST UPGRADE VERSION PROOF
#define OURS "Origin: https://gate.example.com\r\n"
#define BEARER "Authorization: Bearer s3cret\r\n"

static const char *const listed[] = { "https://page.example.com:8443" };
static const char *const anybody[] = { "*" };

static const struct tt_wsrules rules[] = {
	{ .path = "/live" },
	{ .path = "/live", .token = "s3cret" },
	{ .path = "/live", .origins = listed, .n_origins = 1 },
	{ .path = "/live", .origins = anybody, .n_origins = 1 },
	{ .path = "/" },
};
enum { OPEN, TOKEN, LISTED, ANYBODY, ROOT };

static const struct {
	unsigned status;
	int rules;
	const char *text;
} cases[] = {
	{ 101, OPEN, FIRST REST "\r\n" },
	{ 101, OPEN, "\r\n" FIRST REST "\r\n" },
	{ 101, OPEN, "GET /live?since=4 HTTP/1.1\r\n" REST "\r\n" },
	{ 101, OPEN, "GET http://gate.example.com/live HTTP/1.1\r\n" REST "\r\n" },
	{ 101, OPEN, FIRST "host:\tgate \r\nUPGRADE: h2c, WebSocket\r\n"
	    "connection: UPGRADE\r\nsec-websocket-version: 13\r\nsec-websocket-key: "
	    KEY "\r\n\r\n" },
	{ 101, OPEN, FIRST REST "Content-Length: 0\r\n\r\n" },
	{ 101, OPEN, FIRST REST OURS "\r\n" },
	{ 101, ROOT, "GET / HTTP/1.1\r\n" REST "\r\n" },
	{ 101, ROOT, "GET http://gate.example.com HTTP/1.1\r\n" REST "\r\n" },
	/* The path comes before all else. */
	{ 404, OPEN, "GET / HTTP/1.1\r\n" REST "\r\n" },
	{ 404, OPEN, "GET /live/ HTTP/1.1\r\n" REST "\r\n" },
	{ 404, OPEN, "GET /Live HTTP/1.1\r\n" REST "\r\n" },
	{ 404, OPEN, "GET ?/live HTTP/1.1\r\n" REST "\r\n" },
	{ 404, OPEN, "POST /other HTTP/1.0\r\n\r\n" },
	{ 404, TOKEN, "GET /favicon.ico HTTP/1.1\r\n" HOST "\r\n" },
	/* The form. */
	{ 405, OPEN, "POST /live HTTP/1.1\r\n" REST "\r\n" },
	{ 405, OPEN, "get /live HTTP/1.1\r\n" REST "\r\n" },
	{ 405, OPEN, "HEAD /live HTTP/1.1\r\n" HOST "\r\n" },
	{ 400, OPEN, "GET /live HTTP/1.0\r\n" REST "\r\n" },
	{ 400, OPEN, "GET /live HTTP/2.0\r\n" REST "\r\n" },
	{ 400, OPEN, "GET /live\r\n" REST "\r\n" },
	{ 400, OPEN, "GET /live HTTP/1.1 \r\n" REST "\r\n" },
	{ 400, OPEN, "\x16\x03\x01\r\n\r\n" },
	{ 400, OPEN, FIRST UPGRADE VERSION PROOF "\r\n" },
	{ 400, OPEN, FIRST REST HOST "\r\n" },
	{ 400, OPEN, FIRST REST PROOF "\r\n" },
	{ 400, OPEN, FIRST REST "no colon\r\n\r\n" },
	{ 400, OPEN, FIRST REST " folded: yes\r\n\r\n" },
	{ 400, OPEN, FIRST REST "Blank : before\r\n\r\n" },
	{ 400, OPEN, FIRST REST "Bare: \n\r\n" },
	{ 400, OPEN, FIRST REST "Control: \x01\r\n\r\n" },
	{ 400, OPEN, FIRST REST "Content-Length: 5\r\n\r\n" },
	{ 400, OPEN, FIRST REST "Transfer-Encoding: chunked\r\n\r\n" },
	{ 400, OPEN, FIRST REST },			/* it has no end */
	{ 426, OPEN, FIRST HOST "\r\n" },
	{ 426, OPEN, FIRST HOST "Upgrade: h2c\r\nConnection: Upgrade\r\n" VERSION PROOF
	    "\r\n" },
	{ 400, OPEN, FIRST HOST "Upgrade: websocket\r\n" VERSION PROOF "\r\n" },
	{ 400, OPEN, FIRST HOST UPGRADE PROOF "\r\n" },
	{ 426, OPEN, FIRST HOST UPGRADE PROOF "Sec-WebSocket-Version: 8\r\n\r\n" },
	{ 400, OPEN, FIRST HOST UPGRADE VERSION "\r\n" },
	{ 400, OPEN, FIRST HOST UPGRADE VERSION "Sec-WebSocket-Key: short\r\n\r\n" },
	{ 400, OPEN, FIRST HOST UPGRADE VERSION
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ!=\r\n\r\n" },
	/* The origin comes before the token. */
	{ 403, TOKEN, FIRST REST "Origin: https://evil.example.com\r\n\r\n" },
	{ 403, OPEN, FIRST REST "Origin: https://gate.example.com.evil.org\r\n\r\n" },
	{ 403, OPEN, FIRST REST "Origin: null\r\n\r\n" },
	{ 403, OPEN, FIRST REST "Origin:\r\n\r\n" },
	{ 101, OPEN, FIRST REST "Origin: http://GATE.example.com:1\r\n\r\n" },
	{ 101, OPEN, FIRST "Host: [::1]:9001\r\n" UPGRADE VERSION PROOF
	    "Origin: http://[::1]:80\r\n\r\n" },
	{ 403, OPEN, FIRST "Host: [::1]:9001\r\n" UPGRADE VERSION PROOF
	    "Origin: http://[::2]\r\n\r\n" },
	{ 101, LISTED, FIRST REST "Origin: https://page.example.com:8443\r\n\r\n" },
	{ 403, LISTED, FIRST REST "Origin: https://page.example.com\r\n\r\n" },
	{ 403, LISTED, FIRST REST OURS "\r\n" },
	{ 101, LISTED, FIRST REST "\r\n" },
	{ 101, ANYBODY, FIRST REST "Origin: null\r\n\r\n" },
	/* The token: by its header, or as a subprotocol beside ours. */
	{ 401, TOKEN, FIRST REST OURS "\r\n" },
	{ 401, TOKEN, FIRST REST "Authorization: Bearer s3cres\r\n\r\n" },
	{ 401, TOKEN, FIRST REST "Authorization: Bearer s3cret2\r\n\r\n" },
	{ 401, TOKEN, FIRST REST "Authorization: Bearer s3c\r\n\r\n" },
	{ 401, TOKEN, FIRST REST "Authorization: Bearer\r\n\r\n" },
	{ 401, TOKEN, FIRST REST "Authorization: Basic s3cret\r\n\r\n" },
	{ 401, TOKEN, "GET /live?token=s3cret HTTP/1.1\r\n" REST "\r\n" },
	{ 101, TOKEN, FIRST REST BEARER "\r\n" },
	{ 101, TOKEN, FIRST REST "authorization: bearer  s3cret \r\n\r\n" },
	{ 101, TOKEN, FIRST REST
	    "Sec-WebSocket-Protocol: taskthread, bearer.s3cret\r\n\r\n" },
	{ 101, TOKEN, FIRST REST "Sec-WebSocket-Protocol: bearer.s3cret\r\n"
	    "Sec-WebSocket-Protocol: taskthread\r\n\r\n" },
	{ 401, TOKEN, FIRST REST "Sec-WebSocket-Protocol: bearer.s3cret\r\n\r\n" },
	{ 401, TOKEN, FIRST REST
	    "Sec-WebSocket-Protocol: taskthread, bearer.S3cret\r\n\r\n" },
	{ 400, TOKEN, FIRST REST "Sec-WebSocket-Protocol: taskthread, bearer.s3cret, "
	    "bearer.other\r\n\r\n" },
	{ 400, TOKEN, FIRST REST BEARER BEARER "\r\n" },
	{ 400, OPEN, FIRST REST "Sec-WebSocket-Protocol: a b\r\n\r\n" },
};

/* In an allocation of just its size, so that a sanitizer sees a byte too many. */
static unsigned
judge(int which, const char *text, size_t size, bool full, struct tt_wsverdict *verdict)
{
	char *copy = malloc(size + 1);

	memcpy(copy, text, size);
	copy = realloc(copy, size > 0 ? size : 1);
	tt_wshandshake_judge(&rules[which], copy, size, full, verdict);
	free(copy);
	return verdict->status;
}

START_TEST(a_request_is_judged_in_the_order_of_the_contract)
{
	struct tt_wsverdict verdict;
	const char *text = cases[_i].text;

	ck_assert_msg(judge(cases[_i].rules, text, strlen(text), false, &verdict) ==
	    cases[_i].status, "%u (%s), not %u: %s", verdict.status, verdict.why,
	    cases[_i].status, text);
	/* There is room only for those that may come in: who may not is told why. */
	judge(cases[_i].rules, text, strlen(text), true, &verdict);
	ck_assert_uint_eq(verdict.status, cases[_i].status == 101 ? 503 :
	    cases[_i].status);
}
END_TEST

START_TEST(a_request_that_is_cut_never_comes_in)
{
	const char *text = cases[_i].text;
	struct tt_wsverdict verdict;

	for (size_t size = 0; size < strlen(text); size++)
		ck_assert_uint_ne(judge(cases[_i].rules, text, size, false, &verdict), 101);
}
END_TEST

START_TEST(the_end_is_found_at_every_cut)
{
	const char text[] = "\r\n" FIRST REST "\r\nmore";
	size_t end = sizeof text - 1 - 4, seen;

	for (size_t first = 0; first < sizeof text; first++) {
		for (size_t second = first; second < sizeof text; second++) {
			size_t found;

			seen = 0;
			found = tt_wshandshake_end(text, first, &seen);
			if (found == 0)
				found = tt_wshandshake_end(text, second, &seen);
			ck_assert_uint_eq(found, second < end ? 0 : end);
		}
	}
	seen = 0;
	for (size_t size = 0; size < end; size++)
		ck_assert_uint_eq(tt_wshandshake_end(text, size, &seen), 0);
	ck_assert_uint_eq(tt_wshandshake_end(text, end, &seen), end);
}
END_TEST

START_TEST(headers_that_are_too_long_are_a_bad_request)
{
	static char text[TT_WSHANDSHAKE_MAX];
	struct tt_wsverdict verdict;

	memset(text, 'x', sizeof text);
	memcpy(text, FIRST, sizeof FIRST - 1);
	ck_assert_uint_eq(judge(OPEN, text, sizeof text, false, &verdict), 400);
	ck_assert_ptr_nonnull(strstr(verdict.why, "16 KiB"));
	/* Not even its first line has come. */
	memset(text, 'x', sizeof text);
	memcpy(text, "GET /", 5);
	ck_assert_uint_eq(judge(OPEN, text, sizeof text, false, &verdict), 400);
}
END_TEST

START_TEST(what_comes_in_is_answered_with_its_proof)
{
	const char *text = FIRST REST "Sec-WebSocket-Protocol: chat, taskthread\r\n\r\n";
	char answer[TT_WSHANDSHAKE_ANSWER];
	struct tt_wsverdict verdict;
	size_t size;

	ck_assert_uint_eq(judge(OPEN, text, strlen(text), false, &verdict), 101);
	ck_assert_str_eq(verdict.key, KEY);
	size = tt_wshandshake_answer(&verdict, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", answer);
	ck_assert_uint_eq(size, strlen(answer));
	ck_assert_str_eq(answer, "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	    "Sec-WebSocket-Protocol: taskthread\r\n\r\n");
	judge(OPEN, FIRST REST "\r\n", strlen(FIRST REST "\r\n"), false, &verdict);
	tt_wshandshake_answer(&verdict, "x", answer);
	ck_assert_ptr_null(strstr(answer, "Protocol:"));
}
END_TEST

START_TEST(what_does_not_is_told_why_and_never_what_it_sent)
{
	char answer[TT_WSHANDSHAKE_ANSWER], line[40];
	struct tt_wsverdict verdict;
	size_t size;
	char *body;

	if (judge(cases[_i].rules, cases[_i].text, strlen(cases[_i].text), false,
	    &verdict) == 101)
		judge(cases[_i].rules, cases[_i].text, strlen(cases[_i].text), true,
		    &verdict);
	size = tt_wshandshake_answer(&verdict, NULL, answer);
	ck_assert_uint_eq(size, strlen(answer));
	ck_assert_uint_lt(size, TT_WSHANDSHAKE_ANSWER);
	snprintf(line, sizeof line, "HTTP/1.1 %u ", verdict.status);
	ck_assert_int_eq(strncmp(answer, line, strlen(line)), 0);
	ck_assert_ptr_nonnull(strstr(answer, "Connection: "));
	ck_assert_ptr_nonnull(strstr(answer, "close\r\n"));
	ck_assert_ptr_null(strstr(answer, "s3c"));
	body = strstr(answer, "\r\n\r\n") + 4;
	snprintf(line, sizeof line, "Content-Length: %zu\r\n", strlen(verdict.why) + 1);
	ck_assert_ptr_nonnull(strstr(answer, line));
	ck_assert_uint_eq(strlen(body), verdict.head_only ? 0 : strlen(verdict.why) + 1);
	if (verdict.status == 401)
		ck_assert_ptr_nonnull(strstr(answer, "\r\nWWW-Authenticate: Bearer\r\n"));
	if (verdict.status == 405)
		ck_assert_ptr_nonnull(strstr(answer, "\r\nAllow: GET\r\n"));
	if (verdict.status == 426)
		ck_assert_ptr_nonnull(strstr(answer, "\r\nSec-WebSocket-Version: 13\r\n"));
}
END_TEST

START_TEST(an_origin_of_a_file_is_a_scheme_and_a_host)
{
	static const char *const good[] = { "*", "https://a.example.com", "http://a:80",
		"http://[::1]:80", "chrome-extension://abc" };
	static const char *const bad[] = { "", "a.example.com", "https://", "://a",
		"https://a/", "https://a/page", "https:// a", "https://\xc3\xa4", "null" };

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ck_assert_msg(tt_wshandshake_is_origin(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!tt_wshandshake_is_origin(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(a_token_can_stand_behind_bearer)
{
	static const char *const good[] = { "a", "A-z._~+/09==", "abc=" };
	static const char *const bad[] = { "", "=", "a=b", "a b", "a,b", "\"a\"", "\xc3" };

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ck_assert_msg(tt_wshandshake_is_bearer(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!tt_wshandshake_is_bearer(bad[i]), "%s", bad[i]);
	ck_assert(tt_wshandshake_is_subprotocol("a-z"));
	ck_assert(!tt_wshandshake_is_subprotocol("a/z="));
}
END_TEST

Suite *
check_wshandshake_suite(void)
{
	const int n = sizeof cases / sizeof *cases;
	Suite *s = suite_create("wshandshake");
	TCase *t = tcase_create("wshandshake");

	tcase_add_loop_test(t, a_request_is_judged_in_the_order_of_the_contract, 0, n);
	tcase_add_loop_test(t, a_request_that_is_cut_never_comes_in, 0, n);
	tcase_add_test(t, the_end_is_found_at_every_cut);
	tcase_add_test(t, headers_that_are_too_long_are_a_bad_request);
	tcase_add_test(t, what_comes_in_is_answered_with_its_proof);
	tcase_add_loop_test(t, what_does_not_is_told_why_and_never_what_it_sent, 0, n);
	tcase_add_test(t, an_origin_of_a_file_is_a_scheme_and_a_host);
	tcase_add_test(t, a_token_can_stand_behind_bearer);
	suite_add_tcase(s, t);
	return s;
}
