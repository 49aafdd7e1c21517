/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * conf_check: a pass over the tokens of a libconfig text, before libconfig reads it, for what
 * libconfig accepts silently and netpol must not: a number beyond 32 bits is reduced modulo 2^32
 * (port 4294967376 would be port 80), a string ends at its "\x00" (a selector would lose its end),
 * and @include opens any path. @include has no use here either: every file of the directory is
 * read by itself.
 */
#include "node.h"

/* False: the NUL-terminated text has one of these; the first is reported in the diags. */
bool conf_check(Reader *reader, const char *file, const char *text);
