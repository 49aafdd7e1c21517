/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * dirty: the addresses that an update has to look at. An address is dirty if it belongs to another
 * pod than before, or to a pod with other labels or ports, or under a namespace with other labels;
 * and if its pod is of this node and the policies that select it changed. Private to the module.
 */
#include "update.h"

/* Applies the changes to the address index and the selector usage, and lists dirty addresses. */
void dirty_find(Update *u);
/* Whether the pod is isolated by this node. */
bool pod_is_local(const Compiler *c, const Pod *pod);
