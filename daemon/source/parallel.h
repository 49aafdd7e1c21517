/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* parallel: reads and parses several files at once, in threads that end before it returns. */
#include "source.h"

typedef struct FileToRead {
	const char *name; /* in the directory; borrowed */
	SourceFile file;  /* the result; zero before */
} FileToRead;

/*
 * Reads n files of the directory `path`, which is open as fd. Returns 0; or -errno as
 * source_file_read, and then no file has a result.
 */
int parallel_read(SourceKind kind, const char *path, int fd, FileToRead *files, size_t n);
