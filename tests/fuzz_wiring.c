/* fuzz_wiring.c - whatever tree of threads is written, what follows from it is right.
 *
 * Input: a tree, node by node, parents first.  Each takes a byte for its kind, one for
 * what it says of IN and UP, one for its options and one for how many children it has;
 * where the input ends all of them are 0.  It is written as a file and loaded.  One that
 * is taken is held against tree_model.h, and printed.  With WIRING_SHOW in the
 * environment the file goes to standard error. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/document.h"
#include "config/graph.h"
#include "config/show.h"
#include "plugins/kinds.h"
#include "tests/tree_model.h"

#define WIRING_NODES 48
#define WIRING_DEPTH 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The kinds, and what each may say beside channels; the first of them is legal. */
enum { MASTER, SERVER, CONNECTION, PROCESSOR, WEBSOCKETS, SUB, DATABASE, TIMER, KINDS };

static const struct {
	const char *name;
	unsigned n;			/* texts that follow */
	const char *options[8];
	int children[4];		/* that are legal, mostly */
} wiring_kinds[KINDS] = {
	[MASTER] = { "MasterThread", 1, { "" }, { SERVER, DATABASE, TIMER, WEBSOCKETS } },
	[SERVER] = { "TCPServerThread", 4, { "listen: 127.0.0.1:0", "listen: a:5002",
	    "listen: [a:1, a:2]", "" }, { CONNECTION, DATABASE, TIMER, WEBSOCKETS } },
	[CONNECTION] = { "TCPConnectionThread", 4, { "", "ack: line", "ack: count64",
	    "window: 8MiB" }, { PROCESSOR, PROCESSOR, TIMER, SERVER } },
	[PROCESSOR] = { "DataProcessorThread", 5, { "framing: newline",
	    "framing: {type: length, size: 4, max: 4MiB}", "framing: raw",
	    "framing: {type: fixed, size: 3}", "framing: {type: newline, max: 1GiB}" },
	    { TIMER, TIMER, TIMER, TIMER } },
	[WEBSOCKETS] = { "WebsocketMasterThread", 3, { "", "queue: {when_full: drop_oldest}",
	    "queue: {bytes: 1TiB}" }, { SUB, SUB, SUB, SUB } },
	[SUB] = { "WebSocketSubThread", 4, { "url: ws://a/", "{url: ws://a/, ack: none}",
	    "url: wss://a/", "{url: ws://a/, format: json, max_message: 1}" },
	    { SUB, SUB, SUB, SUB } },
	[DATABASE] = { "DatabaseThread", 4, { "", "path: a.db",
	    "queue: {when_full: drop_newest}", "linger: 0s" }, { SUB, SUB, SUB, SUB } },
	[TIMER] = { "TimerThread", 2, { "text: tick", "text: {hex: 00}" },
	    { SUB, SUB, SUB, SUB } },
};

static const char *const wiring_channels[4] = { "packets", "data", "a", "b" };

struct wiring_text {
	const uint8_t *data;
	size_t size;
	FILE *out;
	unsigned nodes;
};

static unsigned
wiring_byte(struct wiring_text *t)
{
	if (t->size == 0)
		return 0;
	t->size--;
	return *t->data++;
}

/* The line of one direction: the channels whose bits are in MASK. */
static void
wiring_direction(struct wiring_text *t, unsigned depth, const char *word, unsigned mask)
{
	unsigned i, n = 0;

	fprintf(t->out, "%*s%s: [", (int)depth * 2, "", word);
	for (i = 0; i < 4; i++)
		if ((mask >> i & 1) != 0)
			fprintf(t->out, "%s%s", n++ == 0 ? "" : ", ", wiring_channels[i]);
	fputs("]\n", t->out);
}

/* What a node says: the low half of the byte are channels, then whether they are IN's,
 * UP's or both (what is IN is not UP), or the usual ones are left. */
static void
wiring_ways(struct wiring_text *t, unsigned depth, unsigned byte)
{
	unsigned mask = byte & 15;

	switch (byte >> 4 & 7) {
	case 0:
		break;
	case 1:
	case 2:
		wiring_direction(t, depth, "IN", mask);
		break;
	case 3:
	case 4:
		wiring_direction(t, depth, "UP", mask);
		break;
	case 5:
		wiring_direction(t, depth, "IN", mask);
		wiring_direction(t, depth, "UP", mask);
		break;
	default:
		wiring_direction(t, depth, "IN", mask & 3);
		wiring_direction(t, depth, "UP", mask & 12);
	}
}

static void
wiring_options(struct wiring_text *t, unsigned depth, int kind, unsigned byte)
{
	const char *option = wiring_kinds[kind].options[byte % wiring_kinds[kind].n];
	char *line = strdup(option), *at, *save = NULL;

	if (line == NULL)
		abort();
	for (at = strtok_r(line, *option == '{' ? "{}," : "", &save); at != NULL;
	    at = strtok_r(NULL, "{},", &save))
		fprintf(t->out, "%*s%s\n", (int)depth * 2, "", at + strspn(at, " "));
	free(line);
	if (kind == DATABASE && strncmp(option, "path", 4) != 0)
		fprintf(t->out, "%*spath: n%u.db\n", (int)depth * 2, "", t->nodes);
}

static void
wiring_node(struct wiring_text *t, int parent, unsigned depth)
{
	unsigned byte = wiring_byte(t), n;
	int kind = parent < 0 ? MASTER : (byte & 0xE0) == 0xE0 ? (int)(byte % KINDS)
	    : wiring_kinds[parent].children[byte % 4];

	if (t->nodes++ == WIRING_NODES || depth == WIRING_DEPTH)
		return;
	fprintf(t->out, "%*s%s n%u:\n", (int)depth * 2, "", wiring_kinds[kind].name,
	    t->nodes);
	wiring_ways(t, depth + 1, parent < 0 ? 0 : wiring_byte(t));
	wiring_options(t, depth + 1, kind, wiring_byte(t));
	for (n = wiring_byte(t) % 6; n > 0 && t->nodes < WIRING_NODES; n--)
		wiring_node(t, kind, depth + 1);
}

static void
wiring_load(const char *text, size_t size)
{
	struct tt_errors *errs = tt_errors_create();
	struct tt_document *doc = tt_document_parse("wiring.yaml", text, size, tt_schemas,
	    TT_LOAD_START, errs);
	char *said = NULL;
	size_t n;
	FILE *out = open_memstream(&said, &n);

	if (out == NULL || (doc == NULL) != (tt_errors_count(errs) > 0))
		abort();
	tt_errors_print(errs, out);
	if (getenv("WIRING_SHOW") != NULL)
		fputs(text, stderr);
	if (doc != NULL) {
		tree_model_check(doc);
		tt_show_tree(doc, out);
		tt_graph_write(doc, out);
	}
	fclose(out);
	if (getenv("WIRING_SHOW") != NULL)
		fprintf(stderr, "%s\n%s\n", doc != NULL ? "taken" : "refused", said);
	free(said);
	tt_document_destroy(doc);
	tt_errors_destroy(errs);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wiring_text t = { .data = data, .size = size };
	char *text = NULL;
	size_t n;

	t.out = open_memstream(&text, &n);
	if (t.out == NULL)
		abort();
	fputs("taskthread: 1\ndaemon: {memory: 16MiB}\n", t.out);
	wiring_node(&t, -1, 0);
	fclose(t.out);
	wiring_load(text, n);
	free(text);
	return 0;
}
