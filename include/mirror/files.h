/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * files: what the stores have, as files below one directory that belongs to this program:
 *
 *     policies/NAMESPACE.json      the NetworkPolicies of a namespace
 *     inventory/namespaces.json
 *     inventory/node-NAME.json     the pods of a node
 *
 * Each is a List, one object a line, sorted by namespace and name. It is written to a temp file and
 * renamed, and only if it differs from what is there; without objects it is deleted, since netpold
 * takes an empty list for a failed export. Policies come first, then namespaces, then pods. A pod
 * whose namespace is not known yet waits for it: without the namespace's labels policies that
 * select by them would not be applied to it.
 */
#include "mirror/store.h"

typedef struct Files Files;

/* Below inventory/: what this program promises to netpold (daemon/source/alive.c). */
#define FILES_PROMISE_FOLDER ".alive"
#define FILES_PROMISE FILES_PROMISE_FOLDER "/mirror"

/*
 * Replaces the promise. The path `inventory` is relative to the directory, a descriptor or
 * AT_FDCWD. modified: the file's time, by which netpold tells its age; NULL: now. 0 or -errno.
 */
int files_write_promise(
	int directory, const char *inventory, const char *text, const struct timespec *modified);
/*
 * Makes the directories if they are missing; without a promise, it says there that nothing was
 * listed yet. Borrows the stores, which are by ApiKind. 0 or -errno.
 */
int files_open(const char *directory, Store *const *stores, Files **ret_files);
Files *files_close(Files *files); /* takes NULL; returns NULL */
/*
 * Once, at the start: takes what the files have into the stores, so that a list that says the same
 * changes no file. A file that cannot be read is written anew, or deleted, like any other.
 */
void files_load(Files *files);
/*
 * Writes what has changed of each kind that is_ready says. Returns 0 or -errno: call it again.
 * *ret_n: files written and deleted; also set on failure.
 */
int files_write(Files *files, const bool is_ready[API_KIND_N], size_t *ret_n);
/*
 * After a write that succeeded: creates SOURCE_COMPLETE (source.h) in each folder whose kinds are
 * all ready, once. 0 or -errno.
 */
int files_mark_complete(Files *files, const bool is_ready[API_KIND_N]);
/*
 * Marks a part of the files as changed, so that the next write compares them with what is on the
 * disk: somebody may have changed or deleted them. FILES_TURNS turns are all files. Makes
 * folders again that were deleted, and marks all files then.
 */
#define FILES_TURNS 12
void files_check(Files *files, unsigned turn);
