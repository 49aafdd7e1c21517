/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * conf_tree: libconfig text -> tree. Groups become maps; arrays and lists become lists. libconfig
 * has line numbers, but no columns.
 */
#include "node.h"

/* The root group of the NUL-terminated text; NULL: the error is in the reader's diags. */
const Node *conf_tree_read(Reader *reader, const char *file, const char *text);
