/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * inventory: Pods and Namespaces, as kubelet and kubectl print them -> pods and namespaces of a
 * Source.
 *
 * Read: PodList (the body of kubelet's GET /pods), NamespaceList, List, a single Pod or Namespace;
 * several of them in a file, as YAML documents or as JSON objects one after the other.
 * An inventory may have 100,000 pods of 8 KB, so JSON is streamed: no tree is made, and only the
 * few fields that policies need are stored. YAML is read into a tree, which is then walked to make
 * the same events. An export that failed (an error page, a Status object, an empty body, a list
 * without `items`, one page of a list, the events of a watch) is an error and never an empty
 * inventory, since that would open the pods.
 */
#include "parse.h"

/* Append to source->pods, source->namespaces and source->diags. `scratch` gets what only parsing
 * needs; the caller clears it. */
void inventory_read_json(Source *source, Arena *scratch, const char *text, size_t n);
void inventory_read_yaml(Source *source, Arena *scratch, const char *text, size_t n);
