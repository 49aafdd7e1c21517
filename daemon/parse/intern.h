/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * intern: equal bytes are stored once. In an inventory the same label, port list or host comes with
 * thousands of pods; interning them makes a model of 100,000 pods several times smaller.
 *
 * An Interner is a direct-mapped cache of the latest copies: it has a fixed size and is fast. A
 * collision costs a second copy of the same bytes, nothing else; so equal bytes may have different
 * addresses, and are compared by content. Copies are shared, and read-only.
 */
#include "base.h"

typedef struct Interner Interner;

/* The cache is in `cache`, the copies are in `copies`, which may outlive it. */
Interner *interner_new(Arena *cache, Arena *copies);
/* A NUL-terminated copy of the n bytes. */
const char *intern_text(Interner *interner, const char *text, size_t n);
/*
 * An aligned copy of n bytes. Their type must have no padding, since bytes are compared. align must
 * be more than 1: texts are stored with 1, and never match. NULL for n = 0.
 */
const void *intern_bytes(Interner *interner, const void *bytes, size_t n, size_t align);
