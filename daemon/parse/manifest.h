/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * manifest: one NetworkPolicy, of networking.k8s.io/v1 or extensions/v1beta1, as a tree -> a policy
 * of a Source. Where it is found in a file: objects.h.
 */
#include "node.h"

/* node: a map. Appends to source->policies and to the reader's diags. */
void manifest_read_policy(Source *source, Reader *reader, const Node *node);
