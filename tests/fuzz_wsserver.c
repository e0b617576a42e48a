/* fuzz_wsserver.c - whatever a viewer sends is judged, and the same at every cut.
 *
 * Input: a byte that chooses the rules, one that seeds the cuts, then a request and
 * the frames behind it.  Read in pieces they must give what they give whole; who comes
 * in has asked for it, and with a token where one is needed. */
#include <stdlib.h>
#include <string.h>

#include "plugins/wshandshake.h"
#include "plugins/wsinbound.h"

#define FUZZ_HEAD 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const fuzz_origins[] = { "https://a.example", "http://b:1" };

static void
fuzz_must(bool condition)
{
	if (!condition)
		abort();
}

static void
fuzz_handshake(const uint8_t *data, size_t size, unsigned choice)
{
	struct tt_wsrules rules = {
		.path = (choice & 1) != 0 ? "/" : "/live",
		.origins = fuzz_origins,
		.n_origins = (choice & 2) != 0 ? 2 : 0,
		.token = (choice & 4) != 0 ? "tok-en" : NULL,
	};
	struct tt_wsverdict verdict;
	char answer[TT_WSHANDSHAKE_ANSWER];
	size_t n;

	tt_wshandshake_judge(&rules, (const char *)data, size, (choice & 8) != 0,
	    &verdict);
	n = tt_wshandshake_answer(&verdict, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", answer);
	fuzz_must(n < sizeof answer && n == strlen(answer));
	if (verdict.status != 101)
		return;
	fuzz_must((choice & 8) == 0);
	fuzz_must(strlen(verdict.key) == TT_WSHANDSHAKE_KEY);
	fuzz_must(memmem(data, size, verdict.key, TT_WSHANDSHAKE_KEY) != NULL);
	if (rules.token != NULL)
		fuzz_must(memmem(data, size, rules.token, strlen(rules.token)) != NULL);
	fuzz_must(memmem(data, size, rules.path, strlen(rules.path)) != NULL ||
	    (choice & 1) != 0);
}

/* What frames are said to be: a sum over all that is told. */
struct fuzz_told {
	uint64_t sum;
	bool broken;
};

static void
fuzz_frames(struct tt_wsinbound *in, const uint8_t *data, size_t size,
    struct fuzz_told *told)
{
	enum tt_wsinbound_event event;

	while ((event = tt_wsinbound_read(in, &data, &size)) !=
	    TT_WSINBOUND_MORE) {
		told->sum = told->sum * 31 + event;
		fuzz_must(!told->broken);
		told->broken = event == TT_WSINBOUND_BROKEN;
		if (event == TT_WSINBOUND_CLOSE || told->broken)
			told->sum = told->sum * 31 + in->code;
		fuzz_must(told->broken || in->n_control <= TT_WSINBOUND_CONTROL);
		for (size_t i = 0; !told->broken && i < in->n_control; i++)
			told->sum = told->sum * 31 + in->control[i];
	}
	fuzz_must(size == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tt_wsinbound whole = { .have = 0 }, cut = { .have = 0 };
	struct fuzz_told a = { .sum = 0 }, b = { .sum = 0 };
	size_t seen = 0, end, n;
	unsigned seed, choice;

	if (size < FUZZ_HEAD)
		return 0;
	choice = data[0];
	seed = data[1] + 1u;
	data += FUZZ_HEAD;
	size -= FUZZ_HEAD;
	end = tt_wshandshake_end((const char *)data, size, &seen);
	fuzz_must(end <= size);
	seen = 0;
	for (n = 0; n <= size; n++)
		if (tt_wshandshake_end((const char *)data, n, &seen) != 0)
			break;
	fuzz_must(end == (n <= size ? n : 0));
	fuzz_handshake(data, end > 0 ? end : size, choice);
	data += end;
	size -= end;
	fuzz_frames(&whole, data, size, &a);
	while (size > 0) {
		seed = seed * 1103515245 + 12345;
		n = (seed >> 16) % 7;
		if (n > size)
			n = size;
		fuzz_frames(&cut, data, n, &b);
		data += n;
		size -= n;
	}
	fuzz_must(a.sum == b.sum && a.broken == b.broken);
	return 0;
}
