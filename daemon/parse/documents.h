/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * documents: the text of a manifest, YAML or JSON, -> the trees of its documents. What begins with
 * "{" is tried as JSON first, whatever the file's name, as kubectl does (YAMLOrJSONDecoder in
 * apimachinery/pkg/util/yaml): objects one after the other are that many documents.
 *
 *     {..} {..} {..}                   JSON
 *     {..} {..} --- (YAML or JSON)     JSON, and YAML from the "---" on
 *     {..} {.. error                   JSON, with its error; a duplicate key: YAML, with its error
 *     {.. error, or anything else      YAML
 */
#include "node.h"

/*
 * Appends the root of every document to *ret; an empty document is a null node. False: an error is
 * in the diags, and the last root may be incomplete. `file` is borrowed by the nodes' origins.
 */
bool documents_read(Reader *reader, const char *file, const char *text, size_t n, Documents *ret);
