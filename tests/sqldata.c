/* sqldata.c - batches to be written, and what the file then holds. */
#include "tests/sqldata.h"

#include <check.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/node.h"
#include "daemon/batch.h"

const char *const one_channel[] = { "data" };
struct tt_error err;
char dir[64], path[96];

static const struct tt_node node = { .path = "MasterThread/Server/Connection" };
static struct tt_memory memory;

void
sqldata_setup(void)
{
	strcpy(dir, "/tmp/check_sqlite.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/x.db", dir);
	memory = (struct tt_memory){ .limit = 1 << 30 };
}

void
sqldata_teardown(void)
{
	char command[160];

	snprintf(command, sizeof command, "chmod -R u+w %s && rm -rf %s", dir, dir);
	ck_assert_int_eq(system(command), 0);
	tt_batch_trim_free_lists();
}

struct tt_sqlite *
opened(unsigned n, const char *const *channels)
{
	struct tt_sqlite *db = tt_sqlite_create(path, true, n, channels);

	ck_assert_msg(tt_sqlite_open(db, &err) == TT_SQLITE_OK, "%s", err.text);
	return db;
}

struct tt_origin *
origin_of(uint64_t connection)
{
	struct tt_origin *o = tt_origin_create(&memory, &node, connection,
	    "127.0.0.1:45678", "127.0.0.1:5002");

	o->opened_at = INT64_C(1700000000000000000);
	return o;
}

/* A batch of the words of TEXT, from SEQ on. */
struct tt_batch *
batch_of(struct tt_origin *o, uint64_t seq, const char *text)
{
	struct tt_chunk *c = tt_chunk_create(o, (uint32_t)strlen(text) + 1);
	struct tt_batch *b;
	uint32_t at = 0, length;

	memcpy(c->bytes, text, strlen(text));
	c->used = (uint32_t)strlen(text);
	b = tt_batch_create(o, c, TT_BATCH_MAX);
	for (; at < c->used; at += length + 1) {
		length = (uint32_t)strcspn(text + at, " ");
		tt_batch_add(b, at, length);
	}
	b->first_seq = seq;
	b->received_at = INT64_C(1700000001000000000) + (int64_t)seq;
	tt_chunk_unref(c);
	return b;
}

void
write_one(struct tt_sqlite *db, const struct tt_batch *batch, unsigned channel)
{
	struct tt_sqlite_item item = { .batch = batch, .channel = channel };

	ck_assert_msg(tt_sqlite_write(db, &item, 1, &err) == TT_SQLITE_OK, "%s",
	    err.text);
}

/* Connection CONNECTION's frames, the words of TEXT, in one transaction. */
enum tt_sqlite_result
write_words(struct tt_sqlite *db, uint64_t connection, const char *text)
{
	struct tt_origin *o = origin_of(connection);
	struct tt_batch *b = batch_of(o, 1, text);
	struct tt_sqlite_item item = { .batch = b };
	enum tt_sqlite_result result = tt_sqlite_write(db, &item, 1, &err);

	tt_batch_unref(b);
	tt_origin_unref(o);
	return result;
}

static int
gather(void *out, int n, char **values, char **names)
{
	(void)names;
	for (int i = 0; i < n; i++)
		fprintf(out, "%s%s", i > 0 ? "|" : "",
		    values[i] != NULL ? values[i] : "NULL");
	putc(';', out);
	return 0;
}

/* What SQL gives, as another program sees it: "a|b;c|d;". */
const char *
query(const char *sql)
{
	static char text[16384];
	FILE *out = fmemopen(text, sizeof text, "w");
	sqlite3 *handle;
	char *message = NULL;

	ck_assert_int_eq(sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, NULL),
	    SQLITE_OK);
	sqlite3_exec(handle, sql, gather, out, &message);
	ck_assert_msg(message == NULL, "%s: %s", sql, message);
	sqlite3_close(handle);
	fclose(out);
	return text;
}

bool
exists(const char *suffix)
{
	char name[128];

	snprintf(name, sizeof name, "%s%s", path, suffix);
	return access(name, F_OK) == 0;
}

void
put_file(const void *bytes, size_t size)
{
	FILE *out = fopen(path, "w");

	ck_assert_uint_eq(fwrite(bytes, 1, size, out), size);
	fclose(out);
}
