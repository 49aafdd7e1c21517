/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * json_tree: JSON manifests -> the same trees that yaml_tree makes of them. JSON is YAML, but
 * libyaml takes eight times as long as yajl, and YAML has no documents without "---" between them.
 * Where this reader stops, its caller (documents.h) lets yaml_tree read the text again and report
 * the error, so that both kinds of files have the same diagnostics.
 */
#include "node.h"

/*
 * Appends the root of every value in the text to *ret. False: *ret has the complete values that
 * come first, and *rest is where the next one begins, or what is not JSON; the diags may have the
 * reason, or not. rest->origin is where the text begins, with the file's name.
 */
bool json_tree_read(Reader *reader, const char *text, size_t n, Rest *rest, Documents *ret);
