/* spool_model.c - a spool's file for tests, with rows whose bytes follow from their
 * positions. */
#include "tests/spool_model.h"

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

struct spool_model spool;

enum tt_sqlite_result
spool_try_open(void)
{
	spool.note.text[0] = spool.err.text[0] = '\0';
	spool.file = tt_spoolfile_create(spool.path);
	return tt_spoolfile_open(spool.file, &spool.state, &spool.note, &spool.err);
}

void
spool_open(void)
{
	ck_assert_msg(spool_try_open() == TT_SQLITE_OK, "%s", spool.err.text);
}

void
spool_close(void)
{
	tt_spoolfile_destroy(spool.file);
	spool.file = NULL;
}

void
spool_setup(void)
{
	static const struct tt_node node = { .path = "MasterThread/S" };
	static struct tt_memory memory = { .limit = INT64_MAX };

	/* In memory, where there is a place: there are thousands of syncs. */
	snprintf(spool.directory, sizeof spool.directory, "%s/check_spool.XXXXXX",
	    access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(spool.directory));
	snprintf(spool.path, sizeof spool.path, "%s/x.spool", spool.directory);
	spool.origin = tt_origin_create(&memory, &node, 7, "1.2.3.4:5", "4.3.2.1:5");
	spool_open();
}

void
spool_teardown(void)
{
	char name[400];
	const struct dirent *e;
	DIR *d = opendir(spool.directory);

	spool_close();
	tt_origin_unref(spool.origin);
	while ((e = readdir(d)) != NULL) {
		snprintf(name, sizeof name, "%s/%s", spool.directory, e->d_name);
		unlink(name);
	}
	closedir(d);
	rmdir(spool.directory);
}

static uint8_t
spool_byte(uint64_t position, uint32_t k)
{
	return (uint8_t)(position * 31 + k * 7);
}

struct tt_batch *
spool_batch(uint64_t position, uint32_t n, uint32_t size)
{
	/* Every other batch has gaps between its frames. */
	uint32_t step = size + (uint32_t)(position & 1), at = 0;
	struct tt_chunk *chunk = tt_chunk_create(spool.origin, n * step + 1);
	struct tt_batch *b = tt_batch_create(spool.origin, chunk, n);

	for (uint32_t i = 0; i < n; i++, at += step) {
		for (uint32_t k = 0; k < size; k++)
			chunk->bytes[at + k] = spool_byte(position + i, k);
		tt_batch_add(b, at, size);
	}
	b->first_seq = position;
	b->received_at = (int64_t)position * 1000;
	tt_chunk_unref(chunk);
	return b;
}

enum tt_sqlite_result
spool_write(uint64_t position, unsigned rows, uint32_t n, uint32_t size,
    struct tt_spool_write *w)
{
	struct tt_spool_row *r = calloc(rows + 1, sizeof *r);
	enum tt_sqlite_result result;

	for (unsigned i = 0; i < rows; i++, position += n)
		r[i] = (struct tt_spool_row){ spool_batch(position, n, size), position,
			"data" };
	w->rows = r;
	w->n_rows = rows;
	spool.note.text[0] = '\0';
	result = tt_spoolfile_write(spool.file, w, &spool.state, &spool.note, &spool.err);
	for (unsigned i = 0; i < rows; i++)
		tt_batch_unref((struct tt_batch *)r[i].batch);
	free(r);
	return result;
}

void
spool_append(uint64_t position, unsigned rows, uint32_t n, uint32_t size)
{
	struct tt_spool_write w = { .trim = 0 };

	ck_assert_msg(spool_write(position, rows, n, size, &w) == TT_SQLITE_OK, "%s",
	    spool.err.text);
}

static void
spool_check_row(const struct tt_spool_found *f, uint32_t size)
{
	const uint8_t *payload = f->payload;

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
			if (*payload++ != spool_byte(f->first + i, k))
				ck_abort_msg("byte %u of frame %llu is wrong", k,
				    (unsigned long long)f->first + i);
	}
}

struct spool_read
spool_read(struct tt_spoolreader *reader, uint64_t position, uint32_t size)
{
	struct spool_read all = { .next = position };
	struct tt_spool_block block;
	bool end = false;

	for (int rounds = 0; !end; rounds++) {
		ck_assert_int_lt(rounds, 100000);
		all.result = tt_spoolreader_read(reader, all.next, 10000, &block,
		    &spool.err);
		if (all.result != TT_SQLITE_OK) {
			ck_assert_ptr_null(block.first);
			break;
		}
		for (struct tt_spool_found *f = block.first; f != NULL; f = f->next) {
			ck_assert_uint_ge(f->first, all.next);
			all.next = f->first + f->n;
			all.frames += f->n;
			spool_check_row(f, size);
		}
		ck_assert_uint_ge(block.next, all.next);
		all.next = block.next;
		all.damaged += block.damaged;
		end = block.end;
		tt_spool_block_free(&block);
	}
	return all;
}

struct spool_read
spool_read_all(uint64_t position, uint32_t size)
{
	struct tt_spoolreader *reader = tt_spoolreader_create(spool.path);
	struct spool_read all = spool_read(reader, position, size);

	tt_spoolreader_destroy(reader);
	return all;
}

uint8_t *
spool_load(const char *name, size_t *size)
{
	int fd = open(name, O_RDONLY);
	struct stat st;
	uint8_t *bytes;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	*size = (size_t)st.st_size;
	bytes = malloc(*size + 1);
	ck_assert_int_eq(read(fd, bytes, *size), (ssize_t)*size);
	close(fd);
	return bytes;
}

void
spool_store(const char *name, const void *bytes, size_t size)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
	close(fd);
}

unsigned
spool_count(const char *part)
{
	const struct dirent *e;
	DIR *d = opendir(spool.directory);
	unsigned n = 0;

	while ((e = readdir(d)) != NULL)
		n += strstr(e->d_name, part) != NULL;
	closedir(d);
	return n;
}
