/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * metadata: the fields of ObjectMeta that netpol does not use. What the API server would refuse in
 * them changes nothing that is enforced, so it is a warning: such a file is not what the cluster
 * has.
 */
#include "node.h"

/* Checks what is in `metadata`, a map, but for name, namespace and unknown fields. */
void metadata_check(Reader *reader, const Node *metadata);
