/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* file: helpers of source_file_read that other files of this module use too. */
#include "source.h"

/*
 * Whether the error is of this process or machine (no memory, no file descriptors), not of the file
 * or directory. Such an error is returned, and the caller reads again later; reported as a
 * diagnostic it would stay until the file changes.
 */
bool file_error_is_transient(int error);
/* Whether device, inode, size, mode and times are equal: what every write or rename changes. */
bool file_stat_is_same(const struct stat *a, const struct stat *b);
/* Device, inode, size and times as one number that is never 0: StateText.stamp. */
uint64_t file_stat_stamp(const struct stat *st);
/*
 * Reads `size` bytes, or fewer if the file has shrunk since its stat. The text ends with a NUL that
 * is not counted in *ret_n; the caller frees it. NULL with errno on failure.
 */
char *file_read_whole(int fd, size_t size, size_t *ret_n);
