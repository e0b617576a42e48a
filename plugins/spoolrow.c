/* spoolrow.c - a row of the spool's file, and the checksum over it. */
#include "plugins/spoolrow.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "daemon/batch.h"

int64_t
tt_spoolrow_checksum(const struct tt_spoolrow *r)
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

const char *
tt_spoolrow_text(sqlite3_stmt *stmt, int i)
{
	const unsigned char *text = sqlite3_column_text(stmt, i);

	return text == NULL ? "" : (const char *)text;
}

bool
tt_spoolrow_get(sqlite3_stmt *stmt, struct tt_spoolrow *r)
{
	uint64_t sum = 0;
	uint32_t length;

	*r = (struct tt_spoolrow){
		.position = (uint64_t)sqlite3_column_int64(stmt, 0),
		.n = (uint32_t)sqlite3_column_int64(stmt, 1),
		.channel = tt_spoolrow_text(stmt, 3),
		.connection = (uint64_t)sqlite3_column_int64(stmt, 4),
		.seq = (uint64_t)sqlite3_column_int64(stmt, 5),
		.received_at = sqlite3_column_int64(stmt, 6),
		.node = tt_spoolrow_text(stmt, 7), .peer = tt_spoolrow_text(stmt, 8),
		.local = tt_spoolrow_text(stmt, 9),
	};
	r->lengths = sqlite3_column_blob(stmt, 10);
	r->lengths_size = (size_t)sqlite3_column_bytes(stmt, 10);
	r->payload = sqlite3_column_blob(stmt, 11);
	r->payload_size = (size_t)sqlite3_column_bytes(stmt, 11);
	if (r->n == 0 || r->n > TT_BATCH_MAX || r->lengths == NULL ||
	    r->lengths_size != r->n * sizeof length ||
	    tt_spoolrow_checksum(r) != sqlite3_column_int64(stmt, 2))
		return false;
	for (uint32_t i = 0; i < r->n; i++) {
		memcpy(&length, (const uint8_t *)r->lengths + i * sizeof length,
		    sizeof length);
		sum += length;
	}
	return sum == r->payload_size;
}
