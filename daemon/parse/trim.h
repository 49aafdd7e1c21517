/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * trim: the events of one object (json_events.h) -> what netpold reads of it, as JSON. Of a
 * NetworkPolicy that is its name, whether it is audited, and all of its spec. Of Pods and
 * Namespaces it is the tree of inventory_path.h, so that a field which the inventory's reader
 * learns to read is kept, too. Maps and lists that have nothing of it are left out. resourceVersion
 * is left out as well: it changes with every field.
 */
#include "inventory_path.h"

typedef struct Trim Trim;

Trim *trim_new(Arena *arena, ApiKind kind);
/* Where kubelet has each pod from is kept, too. */
void trim_set_of_kubelet(Trim *trim);
/* From the begin of the object to its end; false: see trim_error(). */
bool trim_begin(Trim *trim, bool is_map);
bool trim_end(Trim *trim);
bool trim_key(Trim *trim, const char *text, size_t n);
bool trim_scalar(Trim *trim, ScalarKind kind, const char *text, size_t n);
const char *trim_error(const Trim *trim);
/*
 * After the object's end: what follows `"metadata":{"resourceVersion":"..."` in its line: the rest
 * of metadata, spec, status. Valid until the next object.
 */
const char *trim_text(const Trim *trim);
