/* Many files at once: parsing is pure, so they are read side by side, on all processors. */
#include "directory.h"
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define READERS_MAX 16
#define FILES_A_READER 4 /* for fewer, no thread is worth its making */

typedef struct Reading {
	const SourceDir *dir;
	int fd;
	DueFile *due;
	size_t n, next; /* next: whoever comes takes it */
	int result;
} Reading;

static int read_one(const Reading *r, size_t i, Arena *scratch)
{
	DueFile *due = &r->due[i];
	char *file = memory_printf("%s/%s", r->dir->path, due->name);
	int result = source_file_read(r->fd, r->dir->kind, file, due->name, scratch, &due->file);
	free(file);
	return result;
}

static void *read_some(void *context)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	Reading *r = context;
	size_t i;

	while ((i = __atomic_fetch_add(&r->next, 1, __ATOMIC_RELAXED)) < r->n) {
		int result = read_one(r, i, scratch);

		if (result < 0)
			__atomic_store_n(&r->result, result, __ATOMIC_RELAXED);
	}
	return NULL;
}

static size_t count_readers(size_t files)
{
	size_t n = files / FILES_A_READER;
	long processors = n > 1 ? sysconf(_SC_NPROCESSORS_ONLN) : 1;

	if (processors > 0 && n > (size_t)processors)
		n = (size_t)processors;
	return n < 1 ? 1 : n < READERS_MAX ? n : READERS_MAX;
}

int read_parallel(const SourceDir *dir, int fd, DueFile *due, size_t n)
{
	Reading r = {.dir = dir, .fd = fd, .due = due, .n = n};
	size_t started = 0, readers = count_readers(n);
	pthread_t threads[READERS_MAX];

	while (started + 1 < readers && pthread_create(&threads[started], NULL, read_some, &r) == 0)
		started++;
	read_some(&r); /* with as many as there are, or alone */
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; r.result < 0 && i < n; i++) {
		source_free(due[i].file.source);
		free(due[i].file.text);
	}
	return r.result;
}
