/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Heap memory, and the out-of-memory policy of the whole project.
 *
 * An allocation that fails ends the process: one line on standard error, then abort(). No function
 * returns "out of memory", so no state is ever half changed because of it. This is safe for a
 * firewall: the nftables table stays in the kernel and keeps enforcing, systemd restarts netpold in
 * less than a second, and the new process adopts the table.
 *
 * The exception is reading one file. Somebody else chooses its size, and a restart would only read
 * it again. So source_parse() parses inside arena_try() (base/arena.h), and the allocation of the
 * buffer that the file is read into may fail. Reading that file then fails with -ENOMEM, its last
 * good version stays in force, and it is read again later.
 *
 * Errors of the kernel are ordinary errors and are returned: EMFILE and ENFILE, and ENOMEM or
 * ENOBUFS from a system call or from netlink.
 */
#include <stddef.h>

/* Freed with free(). For objects that outlive a pass and have an owner of their own. */
void *memory_alloc(size_t bytes) __attribute__((returns_nonnull, malloc)); /* not zeroed */
void *memory_calloc(size_t n, size_t bytes) __attribute__((returns_nonnull, malloc)); /* zeroed */
/* realloc() to n items of `bytes` each; what is added is not zeroed. */
void *memory_grow(void *at, size_t n, size_t bytes) __attribute__((returns_nonnull));
char *memory_copy_text(const char *text) __attribute__((returns_nonnull, malloc));
char *memory_printf(const char *format, ...)
	__attribute__((format(printf, 1, 2), returns_nonnull, malloc));
#define MEMORY_NEW(T) ((T *)memory_calloc(1, sizeof(T)))

/* Reports that memory ran out and aborts. For callers whose library could not allocate. */
void memory_end(void) __attribute__((noreturn));
