/* spoolreader.c - reading the spool's file, beside who writes it. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/batch.h"
#include "daemon/memory.h"
#include "plugins/spoolfile.h"
#include "plugins/spoolrow.h"
#include "plugins/sqlfile.h"

#define SPOOLREADER_ERRORS 3	/* until the file is taken for damaged */

struct tt_spoolreader {
	struct tt_sqlfile file;
	sqlite3_stmt *stmt;
	dev_t device;
	ino_t inode;
	unsigned errors;		/* of input and output, one after the other */
};

struct tt_spoolreader *
tt_spoolreader_create(const char *path)
{
	struct tt_spoolreader *r = tt_xcalloc(1, sizeof *r);

	r->file.path = path;
	return r;
}

static void
spoolreader_close(struct tt_spoolreader *r)
{
	sqlite3_finalize(r->stmt);
	r->stmt = NULL;
	tt_sqlfile_close(&r->file);
}

void
tt_spoolreader_destroy(struct tt_spoolreader *r)
{
	if (r == NULL)
		return;
	spoolreader_close(r);
	free(r);
}

/* Opens the file anew where it has been replaced. */
static int
spoolreader_open(struct tt_spoolreader *r, struct tt_error *err)
{
	struct stat st;
	int rc;

	if (stat(r->file.path, &st) != 0)
		st.st_ino = 0;
	if (r->file.handle != NULL && st.st_ino == r->inode && st.st_dev == r->device)
		return TT_SQL_OK;
	spoolreader_close(r);
	r->inode = st.st_ino;
	r->device = st.st_dev;
	rc = sqlite3_open_v2(r->file.path, &r->file.handle, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(r->file.handle, 200);
		/* Moving the WAL is for who writes it. */
		sqlite3_db_config(r->file.handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
		    NULL);
		rc = tt_sql_do(&r->file, NULL, "PRAGMA cache_size=-256; "
		    "PRAGMA wal_autocheckpoint=0");
	}
	if (rc == SQLITE_OK)
		rc = tt_sql_prepare(&r->file, "SELECT " TT_SPOOLROW_COLUMNS " FROM main.spool "
		    "WHERE position >= coalesce((SELECT max(position) FROM main.spool "
		    "WHERE position <= ?1), ?1) ORDER BY position", &r->stmt);
	return tt_sql_error(&r->file, rc, err);
}

static void *
spoolreader_put(uint8_t **to, const void *from, size_t size)
{
	void *at = *to;

	if (size > 0)
		memcpy(at, from, size);
	*to += size;
	return at;
}

/* ROW without its first SKIP frames, in memory of its own. */
static struct tt_spool_found *
spoolreader_found(const struct tt_spoolrow *row, uint32_t skip)
{
	const char *texts[] = { row->channel, row->node, row->peer, row->local };
	size_t sizes[4], all = row->lengths_size + row->payload_size, before = 0;
	struct tt_spool_found *found;
	uint32_t length;
	uint8_t *to;

	for (size_t i = 0; i < 4; i++)
		all += sizes[i] = strlen(texts[i]) + 1;
	for (uint32_t i = 0; i < skip; i++) {
		memcpy(&length, (const uint8_t *)row->lengths + i * sizeof length,
		    sizeof length);
		before += length;
	}
	found = tt_xmalloc(sizeof *found + all);
	to = (uint8_t *)(found + 1);
	*found = (struct tt_spool_found){ .first = row->position + skip,
		.n = row->n - skip, .connection = row->connection,
		.first_seq = row->seq + skip, .received_at = row->received_at,
		.size = row->payload_size - before };
	found->lengths = spoolreader_put(&to, (const uint8_t *)row->lengths +
	    skip * sizeof length, found->n * sizeof length);
	found->payload = spoolreader_put(&to, (const uint8_t *)row->payload + before,
	    found->size);
	found->channel = spoolreader_put(&to, texts[0], sizes[0]);
	found->node = spoolreader_put(&to, texts[1], sizes[1]);
	found->peer = spoolreader_put(&to, texts[2], sizes[2]);
	found->local = spoolreader_put(&to, texts[3], sizes[3]);
	return found;
}

/* Reads rows while there is room.  Returns SQLite's result, DONE at the end, CORRUPT
 * where rows are not in order. */
static int
spoolreader_rows(struct tt_spoolreader *r, uint64_t position, size_t most,
    struct tt_spool_block *block)
{
	struct tt_spool_found **end = &block->first;
	struct tt_spoolrow row;
	uint64_t from, n, behind = 0;
	size_t bytes = 0;
	uint32_t skip;
	bool right;
	int rc;

	while ((rc = sqlite3_step(r->stmt)) == SQLITE_ROW) {
		from = (uint64_t)sqlite3_column_int64(r->stmt, 0);
		if (from < behind || from > INT64_MAX)
			return SQLITE_CORRUPT;
		right = tt_spoolrow_get(r->stmt, &row);
		n = right ? row.n : tt_spoolrow_guess(r->stmt);
		behind = from + n;
		if (behind <= position)
			continue;
		skip = from < position ? (uint32_t)(position - from) : 0;
		if (!right) {
			block->damaged += n - skip;
			block->next = behind;
			continue;
		}
		if (block->first != NULL && bytes + row.payload_size > most) {
			block->next = from;
			break;
		}
		*end = spoolreader_found(&row, skip);
		bytes += (*end)->size;
		end = &(*end)->next;
		block->next = behind;
	}
	return rc;
}

/* What RESULT, not OK, is to who reads.  What cannot be read several times in a row
 * will not be read any more. */
static enum tt_sqlite_result
spoolreader_failed(struct tt_spoolreader *r, int result)
{
	if (result == TT_SQL_LATER)
		return TT_SQLITE_LATER;
	if (result == TT_SQL_DAMAGED || result == TT_SQL_ROW ||
	    ++r->errors >= SPOOLREADER_ERRORS)
		return TT_SQLITE_FAILED;
	return TT_SQLITE_BROKEN;
}

enum tt_sqlite_result
tt_spoolreader_read(struct tt_spoolreader *r, uint64_t position, size_t most,
    struct tt_spool_block *block, struct tt_error *err)
{
	int rc = SQLITE_OK, result;

	*block = (struct tt_spool_block){ .next = position };
	result = spoolreader_open(r, err);
	if (result == TT_SQL_OK) {
		sqlite3_bind_int64(r->stmt, 1, (int64_t)position);
		rc = spoolreader_rows(r, position, most, block);
		block->end = rc == SQLITE_DONE;
		if (rc == SQLITE_DONE || rc == SQLITE_ROW)
			rc = SQLITE_OK;
		result = tt_sql_error(&r->file, rc, err);
		sqlite3_reset(r->stmt);
	}
	if (result == TT_SQL_OK) {
		r->errors = 0;
		return TT_SQLITE_OK;
	}
	if (rc == SQLITE_CORRUPT)
		tt_error_set(err, "%s: it is damaged", r->file.path);
	tt_spool_block_free(block);
	spoolreader_close(r);
	return spoolreader_failed(r, result);
}

void
tt_spool_block_free(struct tt_spool_block *block)
{
	struct tt_spool_found *found;

	while ((found = block->first) != NULL) {
		block->first = found->next;
		free(found);
	}
	*block = (struct tt_spool_block){ .first = NULL };
}
