/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * yaml_tree: YAML text -> trees, one for each document. libyaml makes events of the text; they
 * become Nodes with line and column. What libyaml does not check is checked here: depth, number of
 * nodes, anchors, the size of expanded aliases, duplicate keys, NUL characters in strings.
 *
 * A cycle of aliases cannot occur: an anchor is known only when its node is complete.
 */
#include "node.h"

/*
 * Appends the root of every document in the text, from `rest` on, to *ret, in order. An empty
 * document is a null node. False: an error is in the diags; then the last root may be incomplete,
 * with what came before the error. The file's name is borrowed by the nodes' origins.
 */
bool yaml_tree_read(Reader *reader, const char *text, size_t n, Rest rest, Documents *ret);
