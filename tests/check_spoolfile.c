/* check_spoolfile.c - the spool's file: what is written comes back as it was, or not at
 * all. */
#include "plugins/spoolfile.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/node.h"
#include "daemon/batch.h"

Suite *check_spoolfile_suite(void);

static char directory[] = "/tmp/check_spoolfile.XXXXXX";
static char path[64];
static struct tt_memory memory = { .limit = INT64_MAX };
static struct tt_origin *origin;
static struct tt_spoolfile *file;
static struct tt_spool_state state;
static struct tt_error note, err;

static void
open_file(void)
{
	note.text[0] = err.text[0] = '\0';
	file = tt_spoolfile_create(path);
	ck_assert_msg(tt_spoolfile_open(file, &state, &note, &err) == TT_SQLITE_OK, "%s",
	    err.text);
}

static void
close_file(void)
{
	tt_spoolfile_destroy(file);
	file = NULL;
}

static void
setup(void)
{
	static const struct tt_node node = { .path = "MasterThread/S" };

	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/x.spool", directory);
	origin = tt_origin_create(&memory, &node, 7, "1.2.3.4:5", "4.3.2.1:5");
	open_file();
}

static void
teardown(void)
{
	char name[400];
	const struct dirent *e;
	DIR *d = opendir(directory);

	close_file();
	tt_origin_unref(origin);
	while ((e = readdir(d)) != NULL) {
		snprintf(name, sizeof name, "%s/%s", directory, e->d_name);
		unlink(name);
	}
	closedir(d);
	rmdir(directory);
}

/* Byte K of the frame at POSITION. */
static uint8_t
byte(uint64_t position, uint32_t k)
{
	return (uint8_t)(position * 31 + k * 7);
}

/* A batch of N frames of SIZE bytes, from POSITION on, numbered by it. */
static struct tt_batch *
make(uint64_t position, uint32_t n, uint32_t size)
{
	struct tt_chunk *chunk = tt_chunk_create(origin, n * size + 1);
	struct tt_batch *b = tt_batch_create(origin, chunk, n);

	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t k = 0; k < size; k++)
			chunk->bytes[i * size + k] = byte(position + i, k);
		tt_batch_add(b, i * size, size);
	}
	b->first_seq = position;
	b->received_at = (int64_t)position * 1000;
	tt_chunk_unref(chunk);
	return b;
}

static enum tt_sqlite_result
write_rows(uint64_t position, unsigned rows, uint32_t n, uint32_t size,
    struct tt_spool_write *w)
{
	struct tt_spool_row *r = calloc(rows + 1, sizeof *r);
	enum tt_sqlite_result result;

	for (unsigned i = 0; i < rows; i++, position += n)
		r[i] = (struct tt_spool_row){ make(position, n, size), position, "data" };
	w->rows = r;
	w->n_rows = rows;
	result = tt_spoolfile_write(file, w, &state, &note, &err);
	for (unsigned i = 0; i < rows; i++)
		tt_batch_unref((struct tt_batch *)r[i].batch);
	free(r);
	return result;
}

static void
append(uint64_t position, unsigned rows, uint32_t n, uint32_t size)
{
	struct tt_spool_write w = { .trim = 0 };

	ck_assert_msg(write_rows(position, rows, n, size, &w) == TT_SQLITE_OK, "%s",
	    err.text);
}

/* Reads all from POSITION on; returns the frames, each of which must be right. */
static uint64_t
read_all(uint64_t position, uint32_t size, uint64_t *damaged)
{
	struct tt_spoolreader *r = tt_spoolreader_create(path);
	struct tt_spool_block block = { .end = false };
	uint64_t frames = 0, last = position;
	bool end = false, right = true;

	*damaged = 0;
	while (!end) {
		if (tt_spoolreader_read(r, position, 10000, &block, &err)
		    != TT_SQLITE_OK)
			break;
		for (struct tt_spool_found *f = block.first; f != NULL; f = f->next) {
			ck_assert_uint_ge(f->first, last);
			last = f->first + f->n;
			ck_assert_str_eq(f->channel, "data");
			ck_assert_str_eq(f->node, "MasterThread/S");
			ck_assert_str_eq(f->peer, "1.2.3.4:5");
			ck_assert_str_eq(f->local, "4.3.2.1:5");
			ck_assert_uint_eq(f->connection, 7);
			ck_assert_uint_eq(f->first_seq, f->first);
			ck_assert_uint_eq(f->size, (size_t)f->n * size);
			for (uint32_t i = 0; i < f->n; i++) {
				ck_assert_uint_eq(f->lengths[i], size);
				for (uint32_t k = 0; k < size; k++)
					right &= f->payload[i * size + k] ==
					    byte(f->first + i, k);
			}
			ck_assert(right);
			frames += f->n;
		}
		*damaged += block.damaged;
		position = block.next;
		end = block.end;
		tt_spool_block_free(&block);
	}
	tt_spoolreader_destroy(r);
	return frames;
}

START_TEST(what_is_written_comes_back)
{
	static const struct { uint32_t n, size; } shapes[] = {
		{ 1, 0 }, { 1, 1 }, { 3, 100 }, { TT_BATCH_MAX, 1 }, { TT_BATCH_MAX, 0 },
		{ 1, 4 << 20 }, { 200, 300 },
	};
	uint32_t n = shapes[_i].n, size = shapes[_i].size;
	uint64_t damaged;

	append(5, 3, n, size);
	ck_assert_uint_eq(state.first, 5);
	ck_assert_uint_eq(state.next, 5 + 3 * (uint64_t)n);
	ck_assert_uint_eq(state.frames, 3 * (uint64_t)n);
	ck_assert_int_eq(state.oldest, 5000);
	ck_assert_uint_eq(read_all(0, size, &damaged), 3 * (uint64_t)n);
	ck_assert_uint_eq(damaged, 0);
	close_file();
	open_file();
	ck_assert_str_eq(note.text, "");
	ck_assert_uint_eq(state.next, 5 + 3 * (uint64_t)n);
	ck_assert_uint_eq(state.frames, 3 * (uint64_t)n);
	ck_assert_uint_eq(read_all(0, size, &damaged), 3 * (uint64_t)n);
}
END_TEST

START_TEST(it_is_read_from_any_position)
{
	uint64_t damaged;

	append(100, 5, 10, 20);
	append(1000, 5, 10, 20);		/* another start */
	for (uint64_t p = 95; p < 160; p++)
		ck_assert_uint_eq(read_all(p, 20, &damaged),
		    (p <= 100 ? 50 : p >= 150 ? 0 : 150 - p) + 50);
	ck_assert_uint_eq(read_all(1049, 20, &damaged), 1);
	ck_assert_uint_eq(read_all(1050, 20, &damaged), 0);
}
END_TEST

START_TEST(what_all_have_confirmed_goes_by_whole_rows)
{
	struct tt_spool_write w = { .trim = 115 };
	uint64_t damaged;

	append(100, 5, 10, 20);
	ck_assert_int_eq(write_rows(0, 0, 0, 0, &w), TT_SQLITE_OK);
	ck_assert_uint_eq(state.first, 110);
	ck_assert_uint_eq(state.frames, 40);
	ck_assert_uint_eq(state.dropped, 0);
	w = (struct tt_spool_write){ .trim = 1000 };
	ck_assert_int_eq(write_rows(0, 0, 0, 0, &w), TT_SQLITE_OK);
	ck_assert_uint_eq(state.first, state.next);
	ck_assert_uint_eq(state.next, 150);	/* where the log ends is not forgotten */
	ck_assert_uint_eq(read_all(0, 20, &damaged), 0);
	close_file();
	open_file();
	ck_assert_uint_eq(state.next, 150);
}
END_TEST

START_TEST(the_oldest_can_be_dropped)
{
	struct tt_spool_write w = { .drop_before = 111000 };

	append(100, 5, 10, 20);
	ck_assert_int_eq(write_rows(0, 0, 0, 0, &w), TT_SQLITE_OK);
	ck_assert_uint_eq(state.first, 120);	/* two rows were received before */
	ck_assert_uint_eq(state.dropped, 20);
	w = (struct tt_spool_write){ .drop_bytes = 1 };
	ck_assert_int_eq(write_rows(0, 0, 0, 0, &w), TT_SQLITE_OK);
	ck_assert_uint_eq(state.first, 130);
	ck_assert_uint_eq(state.dropped, 10);
	ck_assert_uint_eq(state.frames, 20);
}
END_TEST

START_TEST(space_is_used_again)
{
	struct tt_spool_write w;
	uint64_t position = 0;
	struct stat st;
	off_t most = 0;

	for (int i = 0; i < 40; i++, position += 1000) {
		w = (struct tt_spool_write){ .trim = position };
		ck_assert_int_eq(write_rows(position, 10, 100, 1000, &w), TT_SQLITE_OK);
		ck_assert_int_eq(tt_spoolfile_checkpoint(file, &err), TT_SQLITE_OK);
		ck_assert_int_eq(stat(path, &st), 0);
		most = st.st_size > most ? st.st_size : most;
	}
	/* 40 MB went through it. */
	ck_assert_int_lt(most, 4 << 20);
}
END_TEST

static unsigned n_cursors;
static uint64_t cursor_sum;

static void
count_cursor(void *arg, const char *node, uint64_t confirmed)
{
	(void)arg;
	ck_assert_int_eq(strncmp(node, "node", 4), 0);
	n_cursors++;
	cursor_sum += confirmed;
}

START_TEST(cursors_are_kept_by_their_node)
{
	const struct tt_spool_cursor first[] = { { "node a", 5 }, { "node b", 7 } };
	const struct tt_spool_cursor then[] = { { "node a", 50 }, { "node c", 1 } };
	const char *gone[] = { "node b" };
	struct tt_spool_write w = { .cursors = first, .n_cursors = 2 };

	ck_assert_int_eq(write_rows(0, 0, 0, 0, &w), TT_SQLITE_OK);
	w = (struct tt_spool_write){ .cursors = then, .n_cursors = 2, .removed = gone,
		.n_removed = 1 };
	ck_assert_int_eq(write_rows(0, 0, 0, 0, &w), TT_SQLITE_OK);
	close_file();
	open_file();
	n_cursors = 0;
	cursor_sum = 0;
	ck_assert_int_eq(tt_spoolfile_cursors(file, count_cursor, NULL, &err),
	    TT_SQLITE_OK);
	ck_assert_uint_eq(n_cursors, 2);
	ck_assert_uint_eq(cursor_sum, 51);
}
END_TEST

START_TEST(who_reads_sees_what_was_written_meanwhile)
{
	struct tt_spoolreader *r = tt_spoolreader_create(path);
	struct tt_spool_block block;

	for (uint64_t i = 0; i < 5; i++) {
		append(i * 10, 1, 10, 10);
		ck_assert_int_eq(tt_spoolreader_read(r, i * 10, 1 << 20, &block, &err),
		    TT_SQLITE_OK);
		ck_assert_uint_eq(block.next, i * 10 + 10);
		ck_assert(block.end);
		tt_spool_block_free(&block);
	}
	tt_spoolreader_destroy(r);
}
END_TEST

static void
put(const char *name, off_t at, const void *bytes, size_t size)
{
	int fd = open(name, O_WRONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, size, at), (ssize_t)size);
	close(fd);
}

/* Wherever bytes are flipped: it opens, what is read is right, and goes on. */
START_TEST(damage_keeps_nothing_wrong_and_nobody_out)
{
	uint8_t garbage[64];
	uint64_t frames, damaged;
	struct stat st;
	off_t at;

	append(1, 20, 10, 300);
	close_file();
	ck_assert_int_eq(stat(path, &st), 0);
	memset(garbage, 0x5A, sizeof garbage);
	for (at = 100 + _i * 512; at + 64 < st.st_size; at += 8 * 512) {
		put(path, at, garbage, sizeof garbage);
		open_file();
		frames = read_all(0, 300, &damaged);
		ck_assert_uint_le(frames + damaged, 220);
		append(1000 + (uint64_t)at * 10, 1, 10, 300);
		ck_assert_uint_ge(read_all(1000 + (uint64_t)at * 10, 300, &damaged), 10);
		close_file();
		unlink(path);
		open_file();
		append(1, 20, 10, 300);
		close_file();
	}
	open_file();
}
END_TEST

START_TEST(a_file_cut_short_keeps_its_head)
{
	struct stat st;
	uint64_t damaged;
	off_t size;

	append(1, 40, 10, 300);
	close_file();
	ck_assert_int_eq(stat(path, &st), 0);
	size = st.st_size / 2 / 8192 * 8192;
	ck_assert_int_eq(truncate(path, size), 0);
	open_file();
	ck_assert_ptr_nonnull(strstr(note.text, "was damaged: it is now "));
	ck_assert_uint_eq(state.n_aside, 1);
	append(10000, 1, 10, 300);
	ck_assert_uint_ge(read_all(0, 300, &damaged), 10);
}
END_TEST

START_TEST(what_is_not_ours_is_left_alone)
{
	static const char text[] = "not a database, and longer than a header has to be: "
	    "it is somebody's, who will want it back as it was, byte for byte, later";
	struct tt_spoolfile *f;
	char back[sizeof text];
	int fd;

	close_file();
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT, 0644);
	ck_assert_int_eq(write(fd, text, sizeof text), sizeof text);
	f = tt_spoolfile_create(path);
	ck_assert_int_eq(tt_spoolfile_open(f, &state, &note, &err), TT_SQLITE_FAILED);
	ck_assert_ptr_nonnull(strstr(err.text, "not an SQLite database"));
	tt_spoolfile_destroy(f);
	ck_assert_int_eq(pread(fd, back, sizeof back, 0), sizeof back);
	ck_assert_mem_eq(back, text, sizeof text);
	close(fd);
	unlink(path);
	open_file();
}
END_TEST

Suite *
check_spoolfile_suite(void)
{
	Suite *s = suite_create("spoolfile");
	TCase *t = tcase_create("spoolfile");

	tcase_set_timeout(t, 10);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, what_is_written_comes_back, 0, 7);
	tcase_add_test(t, it_is_read_from_any_position);
	tcase_add_test(t, what_all_have_confirmed_goes_by_whole_rows);
	tcase_add_test(t, the_oldest_can_be_dropped);
	tcase_add_test(t, space_is_used_again);
	tcase_add_test(t, cursors_are_kept_by_their_node);
	tcase_add_test(t, who_reads_sees_what_was_written_meanwhile);
	tcase_add_loop_test(t, damage_keeps_nothing_wrong_and_nobody_out, 0, 8);
	tcase_add_test(t, a_file_cut_short_keeps_its_head);
	tcase_add_test(t, what_is_not_ours_is_left_alone);
	suite_add_tcase(s, t);
	return s;
}
