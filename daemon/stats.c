/* stats.c - the counters of the whole tree, by the names of the contract.
 *
 * The tree is walked once, family by family (all values of a name together, as
 * OpenMetrics wants them), and each value handed to a writer. */
#include "daemon/stats.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/edge.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/tree.h"
#include "daemon/worker.h"

struct stats_label {
	const char *name, *value;	/* a NULL name ends a list */
};

struct stats_writer {
	void (*value)(struct stats_writer *writer, const char *name,
	    const struct stats_label *labels, int64_t value);
};

/* What there is to walk: one sum for each node. */
struct stats {
	const struct tt_document *doc;
	struct tt_edge *sums;		/* only the counters of it */
	struct stats_writer *writer;
};

/* --- the sums --------------------------------------------------------------- */

static void
stats_add(_Atomic uint64_t *sum, const _Atomic uint64_t *counter)
{
	tt_count(sum, atomic_load_explicit(counter, memory_order_acquire));
}

static void
stats_add_reasons(_Atomic uint64_t *sum, const _Atomic uint64_t *counts)
{
	for (unsigned i = 0; i < TT_REASONS; i++)
		stats_add(&sum[i], &counts[i]);
}

static void
stats_add_gone(struct tt_flow *sum, const struct tt_flow *flow)
{
	stats_add(&sum->frames_out, &flow->frames_out);
	stats_add(&sum->bytes_out, &flow->bytes_out);
	stats_add_reasons(sum->dropped, flow->dropped);
}

static void
stats_add_come(struct tt_flow *sum, const struct tt_flow *flow)
{
	stats_add(&sum->frames_in, &flow->frames_in);
	stats_add(&sum->bytes_in, &flow->bytes_in);
}

static void
stats_add_rest(struct tt_edge *sum, const struct tt_edge *edge)
{
	stats_add(&sum->resent, &edge->resent);
	stats_add_reasons(sum->refused, edge->refused);
	stats_add_reasons(sum->closes, edge->closes);
	stats_add(&sum->unfinished, &edge->unfinished);
	stats_add(&sum->restarts, &edge->restarts);
}

/* Worker I of all, or NULL. */
static const struct tt_worker *
stats_worker(const struct tt_tree *tree, unsigned i)
{
	return i < tree->n_loops ? tree->workers[i] :
	    tree->blocking[i - tree->n_loops];
}

/* Adds up what all workers have counted.  They go on: what has gone out of any is read
 * before what came in, so that nothing is seen to have gone that had not come. */
static void
stats_sum(struct tt_edge *sums, const struct tt_tree *tree)
{
	unsigned n_nodes = tree->doc->n_nodes, n = tree->n_loops + n_nodes, i, k;
	const struct tt_edge *edge;

	for (i = 0; i < 2 * n; i++) {
		if (stats_worker(tree, i % n) == NULL)
			continue;
		for (k = 0; k < n_nodes; k++) {
			edge = &stats_worker(tree, i % n)->edges[k];
			if (i < n) {
				stats_add_gone(&sums[k].in, &edge->in);
				stats_add_gone(&sums[k].up, &edge->up);
				continue;
			}
			stats_add_come(&sums[k].in, &edge->in);
			stats_add_come(&sums[k].up, &edge->up);
			stats_add_rest(&sums[k], edge);
		}
	}
}

/* --- the walk --------------------------------------------------------------- */

/* Which of a node's two edges. */
struct stats_side {
	const char *name;		/* "in", or NULL where it has none */
	const struct tt_flow *flow;
};

static void
stats_sides(const struct stats *stats, const struct tt_node *node,
    struct stats_side sides[2])
{
	const struct tt_edge *sum = &stats->sums[node->index];
	bool root = node->parent == NULL;

	sides[0].name = !root && node->n_in > 0 ? "in" : NULL;
	sides[0].flow = &sum->in;
	sides[1].name = !root && node->n_up > 0 ? "up" : NULL;
	sides[1].flow = &sum->up;
}

/* A miscount shows as a number below 0: it must not end the daemon. */
static int64_t
stats_waiting(const struct tt_flow *flow)
{
	uint64_t gone = flow->frames_out;

	for (unsigned i = 0; i < TT_REASONS; i++)
		gone += flow->dropped[i];
	return (int64_t)(flow->frames_in - gone);
}

static void
stats_frames(const struct stats *stats, const struct tt_node *node,
    const struct stats_side *side)
{
	struct stats_label labels[] = {
		{ "node", node->path }, { "edge", side->name }, { "way", "in" },
		{ NULL, NULL },
	};

	stats->writer->value(stats->writer, "taskthread_edge_frames_total", labels,
	    (int64_t)side->flow->frames_in);
	labels[2].value = "out";
	stats->writer->value(stats->writer, "taskthread_edge_frames_total", labels,
	    (int64_t)side->flow->frames_out);
}

static void
stats_frames_waiting(const struct stats *stats, const struct tt_node *node,
    const struct stats_side *side)
{
	const struct stats_label labels[] = {
		{ "node", node->path }, { "edge", side->name }, { NULL, NULL },
	};

	stats->writer->value(stats->writer, "taskthread_edge_waiting_frames", labels,
	    stats_waiting(side->flow));
}

static void
stats_dropped(const struct stats *stats, const struct tt_node *node,
    const struct stats_side *side)
{
	for (unsigned i = 0; i < TT_REASONS; i++) {
		const struct stats_label labels[] = {
			{ "node", node->path }, { "edge", side->name },
			{ "reason", tt_reason_name(i) }, { NULL, NULL },
		};

		if (side->flow->dropped[i] > 0)
			stats->writer->value(stats->writer,
			    "taskthread_dropped_frames_total", labels,
			    (int64_t)side->flow->dropped[i]);
	}
}

/* Calls ONE for each edge of each node. */
static void
stats_each_edge(const struct stats *stats, void (*one)(const struct stats *stats,
    const struct tt_node *node, const struct stats_side *side))
{
	for (unsigned i = 0; i < stats->doc->n_nodes; i++) {
		struct stats_side sides[2];

		stats_sides(stats, stats->doc->nodes[i], sides);
		for (unsigned k = 0; k < 2; k++) {
			if (sides[k].name != NULL)
				one(stats, stats->doc->nodes[i], &sides[k]);
		}
	}
}

/* A counter that each node has once, at OFFSET of its edge. */
static void
stats_each_node(const struct stats *stats, const char *name, size_t offset)
{
	for (unsigned i = 0; i < stats->doc->n_nodes; i++) {
		const struct tt_node *node = stats->doc->nodes[i];
		const struct stats_label labels[] = {
			{ "node", node->path }, { NULL, NULL },
		};
		uint64_t value;

		memcpy(&value, (const char *)&stats->sums[node->index] + offset,
		    sizeof value);
		if (value > 0)
			stats->writer->value(stats->writer, name, labels,
			    (int64_t)value);
	}
}

/* The same for one with reasons. */
static void
stats_each_reason(const struct stats *stats, const char *name, size_t offset)
{
	for (unsigned i = 0; i < stats->doc->n_nodes; i++) {
		const struct tt_node *node = stats->doc->nodes[i];
		uint64_t values[TT_REASONS];

		memcpy(values, (const char *)&stats->sums[node->index] + offset,
		    sizeof values);
		for (unsigned k = 0; k < TT_REASONS; k++) {
			const struct stats_label labels[] = {
				{ "node", node->path },
				{ "reason", tt_reason_name(k) }, { NULL, NULL },
			};

			if (values[k] > 0)
				stats->writer->value(stats->writer, name, labels,
				    (int64_t)values[k]);
		}
	}
}

static void
stats_walk(const struct tt_tree *tree, struct stats_writer *writer)
{
	struct stats stats = {
		.doc = tree->doc,
		.sums = tt_xcalloc(tree->doc->n_nodes, sizeof stats.sums[0]),
		.writer = writer,
	};

	stats_sum(stats.sums, tree);
	stats_each_edge(&stats, stats_frames);
	stats_each_edge(&stats, stats_frames_waiting);
	stats_each_edge(&stats, stats_dropped);
	stats_each_node(&stats, "taskthread_resent_frames_total",
	    offsetof(struct tt_edge, resent));
	stats_each_reason(&stats, "taskthread_refused_frames_total",
	    offsetof(struct tt_edge, refused));
	stats_each_reason(&stats, "taskthread_closes_total",
	    offsetof(struct tt_edge, closes));
	stats_each_node(&stats, "taskthread_unfinished_bytes_total",
	    offsetof(struct tt_edge, unfinished));
	stats_each_node(&stats, "taskthread_restarts_total",
	    offsetof(struct tt_edge, restarts));
	free(stats.sums);
}

/* --- one line of JSON --------------------------------------------------------- */

struct stats_json {
	struct stats_writer writer;
	json_t *object;
};

/* Writes VALUE as OpenMetrics has it between quotes. */
static void
stats_quote(FILE *out, const char *value)
{
	fputc('"', out);
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			fputc('\\', out);
		if (*value == '\n')
			fputs("\\n", out);
		else
			fputc(*value, out);
	}
	fputc('"', out);
}

/* Returns `NAME{label="value",...}`, to be freed. */
static char *
stats_key(const char *name, const struct stats_label *labels)
{
	char *key = NULL;
	size_t size;
	FILE *out = open_memstream(&key, &size);

	if (out == NULL)
		return NULL;
	fputs(name, out);
	for (size_t i = 0; labels[i].name != NULL; i++) {
		fprintf(out, "%c%s=", i == 0 ? '{' : ',', labels[i].name);
		stats_quote(out, labels[i].value);
	}
	fputc('}', out);
	return fclose(out) == 0 ? key : NULL;
}

static void
stats_json_value(struct stats_writer *writer, const char *name,
    const struct stats_label *labels, int64_t value)
{
	struct stats_json *json = (struct stats_json *)writer;
	char *key = stats_key(name, labels);

	if (key != NULL)
		json_object_set_new(json->object, key, json_integer(value));
	free(key);
}

void
tt_stats_log(const struct tt_tree *tree)
{
	struct stats_json json = { .writer.value = stats_json_value };
	char *line = NULL;

	json.object = json_object();
	if (json.object != NULL) {
		stats_walk(tree, &json.writer);
		line = json_dumps(json.object, JSON_ENSURE_ASCII);
	}
	if (line != NULL)
		tt_log_machine(TT_LOG_INFO, line, strlen(line));
	else
		tt_log(TT_LOG_ERROR, NULL, "no memory for the line of counters");
	free(line);
	json_decref(json.object);
}
