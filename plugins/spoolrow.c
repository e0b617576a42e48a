/* spoolrow.c - what stands in the spool's file, and the checksums over it. */
#include "plugins/spoolrow.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "daemon/batch.h"

/* Payload is last: where it is skipped, its pages are not read. */
const char tt_spoolrow_schema[] =
    "CREATE TABLE IF NOT EXISTS main.spool(position INTEGER PRIMARY KEY, n INTEGER, "
    "checksum INTEGER, channel TEXT, connection INTEGER, seq INTEGER, "
    "received_at INTEGER, node TEXT, peer TEXT, local TEXT, lengths BLOB, "
    "payload BLOB);"
    "CREATE TABLE IF NOT EXISTS main.cursor(node TEXT PRIMARY KEY, "
    "confirmed INTEGER, checksum INTEGER) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS main.refused(connection INTEGER, seq INTEGER, "
    "received_at INTEGER /* ns since 1970 */, reason TEXT, payload BLOB);"
    "CREATE TABLE IF NOT EXISTS main.meta(id INTEGER PRIMARY KEY, frames INTEGER, "
    "next INTEGER, lost INTEGER, checksum INTEGER)";

static int
spoolrow_run(sqlite3_stmt *stmt)
{
	sqlite3_step(stmt);
	return sqlite3_reset(stmt);
}

static const char *
spoolrow_text(sqlite3_stmt *stmt, int i)
{
	const unsigned char *text = sqlite3_column_text(stmt, i);

	return text == NULL ? "" : (const char *)text;
}

/* --- frames -------------------------------------------------------------- */

/* Over all that matters in R. */
static int64_t
spoolrow_checksum(const struct tt_spoolrow *r)
{
	const char *texts[] = { r->channel, r->node, r->peer, r->local };
	uint64_t numbers[] = { r->position, r->connection, r->seq,
		(uint64_t)r->received_at, r->n, r->lengths_size, r->payload_size };
	uint64_t sum = XXH3_64bits(numbers, sizeof numbers);

	for (size_t i = 0; i < 4; i++)
		sum = XXH3_64bits_withSeed(texts[i], strlen(texts[i]) + 1, sum);
	sum = XXH3_64bits_withSeed(r->lengths, r->lengths_size, sum);
	return (int64_t)XXH3_64bits_withSeed(r->payload, r->payload_size, sum);
}

int
tt_spoolrow_insert(sqlite3_stmt *stmt, const struct tt_spoolrow *r)
{
	sqlite3_bind_int64(stmt, 1, (int64_t)r->position);
	sqlite3_bind_int64(stmt, 2, r->n);
	sqlite3_bind_int64(stmt, 3, spoolrow_checksum(r));
	sqlite3_bind_text(stmt, 4, r->channel, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 5, (int64_t)r->connection);
	sqlite3_bind_int64(stmt, 6, (int64_t)r->seq);
	sqlite3_bind_int64(stmt, 7, r->received_at);
	sqlite3_bind_text(stmt, 8, r->node, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 9, r->peer, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 10, r->local, -1, SQLITE_STATIC);
	sqlite3_bind_blob64(stmt, 11, r->lengths, r->lengths_size, SQLITE_STATIC);
	sqlite3_bind_blob64(stmt, 12, r->payload == NULL ? "" : r->payload,
	    r->payload_size, SQLITE_STATIC);
	return spoolrow_run(stmt);
}

bool
tt_spoolrow_get(sqlite3_stmt *stmt, struct tt_spoolrow *r)
{
	int64_t n = sqlite3_column_int64(stmt, 1);
	uint64_t sum = 0;
	uint32_t length;

	*r = (struct tt_spoolrow){
		.position = (uint64_t)sqlite3_column_int64(stmt, 0),
		.n = (uint32_t)n,
		.channel = spoolrow_text(stmt, 3),
		.connection = (uint64_t)sqlite3_column_int64(stmt, 4),
		.seq = (uint64_t)sqlite3_column_int64(stmt, 5),
		.received_at = sqlite3_column_int64(stmt, 6),
		.node = spoolrow_text(stmt, 7), .peer = spoolrow_text(stmt, 8),
		.local = spoolrow_text(stmt, 9),
	};
	r->lengths = sqlite3_column_blob(stmt, 10);
	r->lengths_size = (size_t)sqlite3_column_bytes(stmt, 10);
	r->payload = sqlite3_column_blob(stmt, 11);
	r->payload_size = (size_t)sqlite3_column_bytes(stmt, 11);
	if (r->payload == NULL && r->payload_size == 0)
		r->payload = "";	/* NULL is SQLite's for an empty blob */
	if (n <= 0 || n > TT_BATCH_MAX || r->lengths == NULL ||
	    r->lengths_size != (size_t)n * sizeof length ||
	    r->payload == NULL ||
	    spoolrow_checksum(r) != sqlite3_column_int64(stmt, 2))
		return false;
	for (uint32_t i = 0; i < r->n; i++) {
		memcpy(&length, (const uint8_t *)r->lengths + i * sizeof length,
		    sizeof length);
		sum += length;
	}
	return sum == r->payload_size;
}

uint32_t
tt_spoolrow_guess(sqlite3_stmt *stmt)
{
	int64_t n = sqlite3_column_int64(stmt, 1);

	return n > 0 && n <= TT_BATCH_MAX && sqlite3_column_bytes(stmt, 10) ==
	    n * (int64_t)sizeof(uint32_t) ? (uint32_t)n : 1;
}

/* --- cursors ------------------------------------------------------------- */

static int64_t
spoolrow_cursor_checksum(const char *node, uint64_t confirmed)
{
	return (int64_t)XXH3_64bits_withSeed(node, strlen(node), confirmed);
}

int
tt_spoolrow_set_cursor(sqlite3_stmt *stmt, const char *node, uint64_t confirmed)
{
	sqlite3_bind_text(stmt, 1, node, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, (int64_t)confirmed);
	sqlite3_bind_int64(stmt, 3, spoolrow_cursor_checksum(node, confirmed));
	return spoolrow_run(stmt);
}

bool
tt_spoolrow_get_cursor(sqlite3_stmt *stmt, const char **node, uint64_t *confirmed)
{
	*node = spoolrow_text(stmt, 0);
	*confirmed = (uint64_t)sqlite3_column_int64(stmt, 1);
	return spoolrow_cursor_checksum(*node, *confirmed) ==
	    sqlite3_column_int64(stmt, 2);
}

/* --- meta ---------------------------------------------------------------- */

static int64_t
spoolrow_meta_checksum(const struct tt_spoolmeta *meta)
{
	const uint64_t numbers[] = { meta->frames, meta->next, meta->lost };

	return (int64_t)XXH3_64bits(numbers, sizeof numbers);
}

int
tt_spoolrow_set_meta(sqlite3_stmt *stmt, const struct tt_spoolmeta *meta)
{
	sqlite3_bind_int64(stmt, 1, (int64_t)meta->frames);
	sqlite3_bind_int64(stmt, 2, (int64_t)meta->next);
	sqlite3_bind_int64(stmt, 3, meta->lost);
	sqlite3_bind_int64(stmt, 4, spoolrow_meta_checksum(meta));
	return spoolrow_run(stmt);
}

int
tt_spoolrow_get_meta(sqlite3 *handle, struct tt_spoolmeta *meta)
{
	sqlite3_stmt *stmt = NULL;
	bool right = false;
	int rc;

	rc = sqlite3_prepare_v2(handle, TT_SPOOLROW_META, -1, &stmt, NULL);
	if (rc != SQLITE_OK)
		return rc;
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		*meta = (struct tt_spoolmeta){
			.frames = (uint64_t)sqlite3_column_int64(stmt, 0),
			.next = (uint64_t)sqlite3_column_int64(stmt, 1),
			.lost = sqlite3_column_int64(stmt, 2) != 0,
		};
		right = spoolrow_meta_checksum(meta) == sqlite3_column_int64(stmt, 3);
	}
	rc = sqlite3_finalize(stmt);
	return rc == SQLITE_OK && !right ? SQLITE_CORRUPT : rc;
}
