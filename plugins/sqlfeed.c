/* sqlfeed.c - the frames of batches as rows that SQLite can read. */
#include "plugins/sqlfeed.h"

#include <string.h>

#include "daemon/batch.h"

struct sqlfeed_cursor {
	sqlite3_vtab_cursor base;
	const struct tt_batch *batch;
	uint32_t slice;
	uint64_t left;
	const struct tt_sqlite_item *next;
	unsigned channel;
};

struct sqlfeed_vtab {
	sqlite3_vtab base;
	const struct tt_sqlfeed *feed;
};

static int
sqlfeed_connect(sqlite3 *handle, void *aux, int argc, const char *const *argv,
    sqlite3_vtab **vtab, char **error)
{
	struct sqlfeed_vtab *v;

	(void)argc, (void)argv, (void)error;
	v = sqlite3_malloc(sizeof *v);
	if (v == NULL)
		return SQLITE_NOMEM;
	memset(v, 0, sizeof *v);
	v->feed = aux;
	*vtab = &v->base;
	sqlite3_vtab_config(handle, SQLITE_VTAB_DIRECTONLY);
	return sqlite3_declare_vtab(handle,
	    "CREATE TABLE x(connection, seq, received_at, payload)");
}

static int
sqlfeed_disconnect(sqlite3_vtab *vtab)
{
	sqlite3_free(vtab);
	return SQLITE_OK;
}

static int
sqlfeed_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
	(void)vtab;
	info->estimatedCost = 1e6;
	info->estimatedRows = 10000;
	return SQLITE_OK;
}

static int
sqlfeed_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **cursor)
{
	struct sqlfeed_cursor *c;

	(void)vtab;
	c = sqlite3_malloc(sizeof *c);
	if (c == NULL)
		return SQLITE_NOMEM;
	memset(c, 0, sizeof *c);
	*cursor = &c->base;
	return SQLITE_OK;
}

static int
sqlfeed_close(sqlite3_vtab_cursor *cursor)
{
	sqlite3_free(cursor);
	return SQLITE_OK;
}

/* To the next batch of the channel that has frames; there is one. */
static void
sqlfeed_next_batch(struct sqlfeed_cursor *c)
{
	while (c->next->channel != c->channel || c->next->batch->n == 0)
		c->next++;
	c->batch = c->next++->batch;
	c->slice = 0;
}

static int
sqlfeed_filter(sqlite3_vtab_cursor *cursor, int number, const char *text,
    int argc, sqlite3_value **argv)
{
	struct sqlfeed_cursor *c = (struct sqlfeed_cursor *)cursor;
	const struct tt_sqlfeed *f = ((struct sqlfeed_vtab *)cursor->pVtab)->feed;
	uint64_t skip = f->from;

	(void)number, (void)text, (void)argc, (void)argv;
	c->left = f->rows;
	c->next = f->items;
	c->channel = f->channel;
	if (c->left == 0)
		return SQLITE_OK;
	sqlfeed_next_batch(c);
	while (skip >= c->batch->n) {
		skip -= c->batch->n;
		sqlfeed_next_batch(c);
	}
	c->slice = (uint32_t)skip;
	return SQLITE_OK;
}

static int
sqlfeed_next(sqlite3_vtab_cursor *cursor)
{
	struct sqlfeed_cursor *c = (struct sqlfeed_cursor *)cursor;

	if (--c->left > 0 && ++c->slice == c->batch->n)
		sqlfeed_next_batch(c);
	return SQLITE_OK;
}

static int
sqlfeed_eof(sqlite3_vtab_cursor *cursor)
{
	return ((struct sqlfeed_cursor *)cursor)->left == 0;
}

static int
sqlfeed_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int i)
{
	const struct sqlfeed_cursor *c = (const struct sqlfeed_cursor *)cursor;
	const struct tt_batch *batch = c->batch;

	switch (i) {
	case 0:
		sqlite3_result_int64(context, (int64_t)batch->origin->connection);
		break;
	case 1:
		sqlite3_result_int64(context, (int64_t)(batch->first_seq + c->slice));
		break;
	case 2:
		sqlite3_result_int64(context, batch->received_at);
		break;
	default:
		sqlite3_result_blob64(context, tt_batch_bytes(batch, c->slice),
		    batch->slices[c->slice].length, SQLITE_STATIC);
		break;
	}
	return SQLITE_OK;
}

static int
sqlfeed_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *id)
{
	*id = (sqlite3_int64)((struct sqlfeed_cursor *)cursor)->left;
	return SQLITE_OK;
}

static const sqlite3_module sqlfeed_module = {
	.xConnect	= sqlfeed_connect,
	.xDisconnect	= sqlfeed_disconnect,
	.xBestIndex	= sqlfeed_best_index,
	.xOpen		= sqlfeed_open,
	.xClose		= sqlfeed_close,
	.xFilter	= sqlfeed_filter,
	.xNext		= sqlfeed_next,
	.xEof		= sqlfeed_eof,
	.xColumn	= sqlfeed_column,
	.xRowid		= sqlfeed_rowid,
};

int
tt_sqlfeed_register(sqlite3 *handle, struct tt_sqlfeed *feed)
{
	return sqlite3_create_module(handle, TT_SQLFEED, &sqlfeed_module, feed);
}

const struct tt_batch *
tt_sqlfeed_find(const struct tt_sqlfeed *feed, uint64_t row, uint32_t *i)
{
	const struct tt_sqlite_item *item = feed->items;

	for (;; item++) {
		if (item->channel != feed->channel)
			continue;
		if (row < item->batch->n)
			break;
		row -= item->batch->n;
	}
	*i = (uint32_t)row;
	return item->batch;
}
