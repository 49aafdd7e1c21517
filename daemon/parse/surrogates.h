/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * surrogates: JSON writes a character beyond U+FFFF as two escapes, "\ud83d\ude00" (RFC 8259,
 * section 7). YAML has no such pairs, and libyaml refuses the file. YAML does have "\UXXXXXXXX", so
 * the pairs are rewritten before libyaml reads a .json file.
 */
#include "base.h"

/*
 * Rewrites each pair in the text of *n bytes: an escape of ten characters replaces the twelve, so
 * columns after it on the same line are two too small in diagnostics. Updates *n. Returns `text`
 * itself if it has no pair, otherwise a copy in the arena.
 */
const char *surrogates_join(Arena *arena, const char *text, size_t *n);
