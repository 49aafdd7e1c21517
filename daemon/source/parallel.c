/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads several files at once. Parsing has no shared state, so each thread takes the next file of
 * the array until none is left.
 */
#include "parallel.h"
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MAX 16
#define FILES_PER_THREAD 4 /* for fewer files, starting a thread costs more than it saves */

typedef struct Work {
	SourceKind kind;
	const char *path;
	int fd;
	FileToRead *files;
	size_t n, next; /* next: index of the first file that no thread has taken; atomic */
	int result;	/* the last error of any thread, or 0; atomic */
} Work;

static int read_one(const Work *work, size_t i, Arena *scratch)
{
	FileToRead *file = &work->files[i];
	char *path = memory_printf("%s/%s", work->path, file->name);
	int r = source_file_read(work->fd, work->kind, path, file->name, scratch, &file->file);

	free(path);
	return r;
}

static void *read_files(void *context)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	Work *work = context;
	size_t i;

	while ((i = __atomic_fetch_add(&work->next, 1, __ATOMIC_RELAXED)) < work->n) {
		int r = read_one(work, i, scratch);

		if (r < 0)
			__atomic_store_n(&work->result, r, __ATOMIC_RELAXED);
	}
	return NULL;
}

static size_t count_threads(size_t n_files)
{
	size_t n = n_files / FILES_PER_THREAD;
	long processors = n > 1 ? sysconf(_SC_NPROCESSORS_ONLN) : 1;

	if (processors > 0 && n > (size_t)processors)
		n = (size_t)processors;
	return n < 1 ? 1 : n < THREADS_MAX ? n : THREADS_MAX;
}

static void drop_results(FileToRead *files, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		source_free(files[i].file.source);
		free(files[i].file.text);
		files[i].file = (SourceFile){};
	}
}

int parallel_read(SourceKind kind, const char *path, int fd, FileToRead *files, size_t n)
{
	Work work = {.kind = kind, .path = path, .fd = fd, .files = files, .n = n};
	size_t n_started = 0, n_threads = count_threads(n);
	pthread_t threads[THREADS_MAX];

	/* this thread reads too; if another cannot be started, the others read its files */
	while (n_started + 1 < n_threads &&
		pthread_create(&threads[n_started], NULL, read_files, &work) == 0)
		n_started++;
	read_files(&work);
	for (size_t i = 0; i < n_started; i++)
		pthread_join(threads[i], NULL);
	if (work.result < 0)
		drop_results(files, n);
	return work.result;
}
