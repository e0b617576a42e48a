/* reference_db.c - the reference's database: WAL, synchronous=NORMAL, pages of 8 KiB, a
 * transaction of 10,000 rows or 100 ms. */
#include "tests/bench/reference.h"

#include <pthread.h>
#include <sqlite3.h>

#define REF_BLOCK (1u << 20)
#define REF_BLOCKS 16		/* most that wait for the database */
#define REF_TXN_ROWS 10000
#define REF_TXN_NS 100000000u

struct ref_block {
	struct ref_block *next;
	size_t size, room;
	unsigned rows;
	uint8_t data[];
};

/* A row in a block, and behind it its payload, padded to 8. */
struct ref_row {
	uint32_t length, conn;
	uint64_t time;
};

static pthread_mutex_t ref_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ref_full = PTHREAD_COND_INITIALIZER;
static pthread_cond_t ref_room = PTHREAD_COND_INITIALIZER;
static struct ref_block *ref_first, **ref_end = &ref_first, *ref_free;
static unsigned ref_queued;
static bool ref_finished;

static struct ref_block *ref_block;	/* the loop's: being filled */
static uint64_t ref_block_since;

static pthread_t ref_thread;
static const char *ref_path, *ref_method;
static sqlite3 *ref_db;

/* --- the loop's side -------------------------------------------------------- */

static void
ref_db_submit(void)
{
	if (ref_block == NULL || ref_block->rows == 0)
		return;
	pthread_mutex_lock(&ref_mutex);
	while (ref_queued >= REF_BLOCKS)
		pthread_cond_wait(&ref_room, &ref_mutex);
	ref_block->next = NULL;
	*ref_end = ref_block;
	ref_end = &ref_block->next;
	ref_queued++;
	pthread_cond_signal(&ref_full);
	ref_block = ref_free;
	if (ref_block != NULL)
		ref_free = ref_block->next;
	pthread_mutex_unlock(&ref_mutex);
	if (ref_block != NULL)
		ref_block->size = ref_block->rows = 0;
}

void
ref_db_put(uint32_t conn, uint64_t time, const uint8_t *p, size_t n)
{
	size_t need = sizeof(struct ref_row) + ((n + 7) & ~(size_t)7);
	struct ref_row *row;

	if (ref_block != NULL && ref_block->size + need > ref_block->room)
		ref_db_submit();
	if (ref_block == NULL || ref_block->room < need) {
		size_t room = need > REF_BLOCK ? need : REF_BLOCK;

		free(ref_block);
		ref_block = bench_alloc(NULL, sizeof *ref_block + room);
		ref_block->room = room;
		ref_block->size = ref_block->rows = 0;
	}
	if (ref_block->rows == 0)
		ref_block_since = time;
	row = (struct ref_row *)(void *)(ref_block->data + ref_block->size);
	row->length = (uint32_t)n;
	row->conn = conn;
	row->time = time;
	memcpy(row + 1, p, n);
	ref_block->size += need;
	ref_block->rows++;
}

bool
ref_db_waits(void)
{
	return ref_block != NULL && ref_block->rows > 0;
}

void
ref_db_hand_over(uint64_t now, unsigned ms)
{
	if (ref_db_waits() && now - ref_block_since >= ms * UINT64_C(1000000))
		ref_db_submit();
}

void
ref_db_finish(void)
{
	ref_db_submit();
	pthread_mutex_lock(&ref_mutex);
	ref_finished = true;
	pthread_cond_signal(&ref_full);
	pthread_mutex_unlock(&ref_mutex);
	pthread_join(ref_thread, NULL);
}

/* --- a block as a table, for INSERT ... SELECT ------------------------------ */

static const struct ref_block *ref_feed;

struct ref_cursor {
	sqlite3_vtab_cursor base;
	const struct ref_row *row;
	unsigned left;
};

static const struct ref_row *
ref_row_next(const struct ref_row *row)
{
	const uint8_t *end = (const uint8_t *)(row + 1) + ((row->length + 7u) & ~7u);

	return (const struct ref_row *)(const void *)end;
}

static int
ref_feed_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
    sqlite3_vtab **table, char **error)
{
	(void)aux, (void)argc, (void)argv, (void)error;
	*table = sqlite3_malloc(sizeof **table);
	memset(*table, 0, sizeof **table);
	return sqlite3_declare_vtab(db, "CREATE TABLE x(t,conn,payload)");
}

static int
ref_feed_disconnect(sqlite3_vtab *table)
{
	sqlite3_free(table);
	return SQLITE_OK;
}

static int
ref_feed_best(sqlite3_vtab *table, sqlite3_index_info *info)
{
	(void)table, (void)info;
	return SQLITE_OK;
}

static int
ref_feed_open(sqlite3_vtab *table, sqlite3_vtab_cursor **cursor)
{
	(void)table;
	*cursor = sqlite3_malloc(sizeof(struct ref_cursor));
	memset(*cursor, 0, sizeof(struct ref_cursor));
	return SQLITE_OK;
}

static int
ref_feed_close(sqlite3_vtab_cursor *cursor)
{
	sqlite3_free(cursor);
	return SQLITE_OK;
}

static int
ref_feed_filter(sqlite3_vtab_cursor *cursor, int index, const char *text, int argc,
    sqlite3_value **argv)
{
	struct ref_cursor *c = (struct ref_cursor *)cursor;

	(void)index, (void)text, (void)argc, (void)argv;
	c->row = (const struct ref_row *)(const void *)ref_feed->data;
	c->left = ref_feed->rows;
	return SQLITE_OK;
}

static int
ref_feed_next(sqlite3_vtab_cursor *cursor)
{
	struct ref_cursor *c = (struct ref_cursor *)cursor;

	c->row = ref_row_next(c->row);
	c->left--;
	return SQLITE_OK;
}

static int
ref_feed_eof(sqlite3_vtab_cursor *cursor)
{
	return ((struct ref_cursor *)cursor)->left == 0;
}

static int
ref_feed_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int i)
{
	const struct ref_row *row = ((struct ref_cursor *)cursor)->row;

	if (i == 0)
		sqlite3_result_int64(context, (sqlite3_int64)row->time);
	else if (i == 1)
		sqlite3_result_int64(context, row->conn);
	else
		sqlite3_result_blob(context, row + 1, (int)row->length, SQLITE_STATIC);
	return SQLITE_OK;
}

static int
ref_feed_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *id)
{
	*id = ((struct ref_cursor *)cursor)->left;
	return SQLITE_OK;
}

static const sqlite3_module ref_feed_module = {
	.xConnect = ref_feed_connect, .xDisconnect = ref_feed_disconnect,
	.xBestIndex = ref_feed_best, .xOpen = ref_feed_open, .xClose = ref_feed_close,
	.xFilter = ref_feed_filter, .xNext = ref_feed_next, .xEof = ref_feed_eof,
	.xColumn = ref_feed_column, .xRowid = ref_feed_rowid,
};

/* --- the other OS thread ---------------------------------------------------- */

static void
ref_db_exec(const char *sql)
{
	char *error = NULL;

	if (sqlite3_exec(ref_db, sql, NULL, NULL, &error) != SQLITE_OK) {
		fprintf(stderr, "reference: %s: %s\n", sql, error);
		exit(1);
	}
}

static sqlite3_stmt *
ref_db_prepare(const char *sql)
{
	sqlite3_stmt *q;

	if (sqlite3_prepare_v3(ref_db, sql, -1, SQLITE_PREPARE_PERSISTENT, &q, NULL) !=
	    SQLITE_OK) {
		fprintf(stderr, "reference: %s: %s\n", sql, sqlite3_errmsg(ref_db));
		exit(1);
	}
	return q;
}

static void
ref_db_step(sqlite3_stmt *q)
{
	if (sqlite3_step(q) != SQLITE_DONE) {
		fprintf(stderr, "reference: %s\n", sqlite3_errmsg(ref_db));
		exit(1);
	}
	sqlite3_reset(q);
}

static void
ref_db_insert_rows(sqlite3_stmt *q, const struct ref_block *b)
{
	const struct ref_row *row = (const struct ref_row *)(const void *)b->data;

	for (unsigned left = b->rows; left > 0; left--, row = ref_row_next(row)) {
		sqlite3_bind_int64(q, 1, (sqlite3_int64)row->time);
		sqlite3_bind_int64(q, 2, row->conn);
		sqlite3_bind_blob(q, 3, row + 1, (int)row->length, SQLITE_STATIC);
		ref_db_step(q);
	}
}

/* The next block; NULL at the end (then *END is set), or when the transaction that
 * BEGAN then (0: none) has been open for long enough. */
static struct ref_block *
ref_db_next(uint64_t began, bool *end)
{
	struct ref_block *b;

	pthread_mutex_lock(&ref_mutex);
	while (ref_first == NULL && !ref_finished) {
		uint64_t at = began + REF_TXN_NS;
		struct timespec until = { .tv_sec = (time_t)(at / 1000000000u),
			.tv_nsec = (long)(at % 1000000000u) };

		if (began == 0)
			pthread_cond_wait(&ref_full, &ref_mutex);
		else if (pthread_cond_timedwait(&ref_full, &ref_mutex, &until) != 0)
			break;
	}
	b = ref_first;
	*end = b == NULL && ref_finished;
	if (b != NULL) {
		ref_first = b->next;
		if (ref_first == NULL)
			ref_end = &ref_first;
		ref_queued--;
		pthread_cond_signal(&ref_room);
	}
	pthread_mutex_unlock(&ref_mutex);
	return b;
}

static void
ref_db_free(struct ref_block *b)
{
	if (b->room != REF_BLOCK) {
		free(b);
		return;
	}
	pthread_mutex_lock(&ref_mutex);
	b->next = ref_free;
	ref_free = b;
	pthread_mutex_unlock(&ref_mutex);
}

static void *
ref_db_main(void *arg)
{
	bool by_table = strcmp(ref_method, "vtab") == 0;
	struct ref_block *b;
	sqlite3_stmt *q;
	uint64_t began = 0;
	unsigned rows = 0;
	bool end = false;

	if (sqlite3_open(ref_path, &ref_db) != SQLITE_OK)
		bench_die(ref_path);
	ref_db_exec("PRAGMA page_size=8192");
	ref_db_exec("PRAGMA journal_mode=WAL");
	ref_db_exec("PRAGMA synchronous=NORMAL");
	ref_db_exec("CREATE TABLE IF NOT EXISTS data(id INTEGER PRIMARY KEY, t INTEGER,"
	    " conn INTEGER, payload BLOB)");
	sqlite3_create_module(ref_db, "feed", &ref_feed_module, NULL);
	q = ref_db_prepare(by_table ?
	    "INSERT INTO data(t,conn,payload) SELECT t,conn,payload FROM feed" :
	    "INSERT INTO data(t,conn,payload) VALUES(?,?,?)");
	while (!end) {
		b = ref_db_next(began, &end);
		if (b != NULL) {
			if (began == 0) {
				ref_db_exec("BEGIN");
				began = bench_now();
			}
			ref_feed = b;
			if (by_table)
				ref_db_step(q);
			else
				ref_db_insert_rows(q, b);
			rows += b->rows;
			ref_db_free(b);
		}
		if (began != 0 && (b == NULL || rows >= REF_TXN_ROWS ||
		    bench_now() - began >= REF_TXN_NS)) {
			ref_db_exec("COMMIT");
			began = rows = 0;
		}
	}
	sqlite3_finalize(q);
	sqlite3_close(ref_db);
	return arg;
}

void
ref_db_start(const char *path, const char *method)
{
	ref_path = path;
	ref_method = method;
	if (pthread_create(&ref_thread, NULL, ref_db_main, NULL) != 0)
		bench_die("pthread_create");
}
