/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * json_tree: a JSON manifest -> the same tree that yaml_tree makes of it. JSON is YAML, but libyaml
 * takes eight times as long as yajl. This reader reports no errors: it returns NULL, and the caller
 * lets yaml_tree read the text again and report them, so that both kinds of files have the same
 * diagnostics.
 */
#include "node.h"

/* The root, in the arena; NULL if the text is not JSON or yaml_tree has an error to report. */
const Node *json_tree_read(Arena *arena, const char *file, const char *text, size_t n);
