/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * base: what every other module builds on.
 *
 * It depends on libc alone and knows nothing of Kubernetes or nftables, but for the words that both
 * use (direction, protocol, address family). Its functions are pure: no clock, no I/O, no global
 * state, so unit tests need no network, files or root. The one exception is memory_end(), which
 * prints a line before it aborts. Nothing here locks: an object belongs to one thread at a time.
 *
 * In reading order:
 *
 *     base/memory.h        the out-of-memory policy; heap memory
 *     base/arena.h         memory that is freed as a whole; growable arrays in it
 *     base/text.h          text buffers, UTF-8, JSON strings
 *     base/merge.h         a walk over two sorted arrays
 *     base/strmap.h        text -> pointer
 *     base/hash_table.h    items by a hash that the caller computes
 *     base/conflict_map.h  items by a key that several may claim; one of them wins
 *     base/digest.h        SHA-256, for names derived from content
 *     base/range.h         IPv4 and IPv6 addresses, ranges, CIDR text
 *     base/protocol.h      directions and IP protocols
 *     base/diag.h          diagnostics with file:line:column
 *
 * Other modules include this file only.
 *
 * Errors, in the whole project. A function that can fail returns int:
 *     0         success;
 *     negative  -errno: the environment failed. The caller passes it on.
 *     positive  MODULE_E_...: the input is wrong, or the kernel refuses it. The caller reports it
 *               and goes on with its next task.
 * Results are written through `ret_...` parameters. They come last, and are written on success
 * only; where a function departs from that its comment says so. Parsers of short texts return the
 * error as words instead, and NULL for success.
 *
 * Ownership, in the whole project. What a function makes in an `Arena *` that it takes lives as
 * long as that arena. A `const` pointer in a struct is borrowed unless a comment names an owner; a
 * `const` pointer that a lookup returns is borrowed from the object that was asked. What X_new()
 * made without an arena is freed by X_free(), which takes NULL and returns NULL.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#include "base/memory.h"
#include "base/arena.h"
#include "base/text.h"
#include "base/merge.h"
#include "base/strmap.h"
#include "base/hash_table.h"
#include "base/conflict_map.h"
#include "base/digest.h"
#include "base/range.h"
#include "base/protocol.h"
#include "base/diag.h"
