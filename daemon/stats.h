/* stats.h - the counters of the whole tree, by the names of the contract. */
#ifndef TT_DAEMON_STATS_H
#define TT_DAEMON_STATS_H

struct tt_tree;

/* Logs all counters as one line of JSON: an object, whose keys are
 * `NAME{label="value",...}` as in OpenMetrics, and whose values are numbers.
 * Edges and reasons that never counted are left out where they are 0, but the
 * frames of each edge always stand there. */
void tt_stats_log(const struct tt_tree *tree);

#endif
