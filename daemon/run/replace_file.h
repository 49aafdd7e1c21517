/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* replace_file: files that netpold writes for others to read. */
#include <stddef.h>

/*
 * Writes n bytes to DIR/NAME as source_file_replace() does. 0 or -errno.
 */
int replace_file(const char *dir, const char *name, const char *text, size_t n);
