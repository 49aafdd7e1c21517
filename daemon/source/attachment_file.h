/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * attachment_file: what a record of the container runtime does not say itself: when it was written,
 * and whether what it is about still exists. After a power failure the records are there, the pods
 * are not, and their addresses are given to others.
 */
#include "source.h"

/*
 * Sets made_at to the time of the file's last change. A record whose network namespace is gone has
 * no attachment, but a warning.
 */
void attachment_file_finish(Source *source, const struct stat *st);
/*
 * Whether a version that was finished once would be another one now: what its attachment is about
 * is gone; or it is back, as a port that was given another name for a while.
 */
bool attachment_file_is_doubtful(const Source *source);
