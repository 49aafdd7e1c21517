/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * dirty: finds the addresses whose memberships or verdicts may change in an update. An address is
 * dirty if it belongs to another pod than before, if its pod has changed, or if the labels of the
 * pod's namespace have changed. An address of a local pod is also dirty if a policy that selects
 * the pod has changed. Private to the module.
 */
#include "update.h"

/*
 * Applies the changes to the address index, the selector usage and the budgets, and lists dirty
 * addresses and toggled policies.
 */
void dirty_find(Update *u);
/* Whether this node isolates the pod, if policies select it: it runs here, as its attachment or the
 * inventory says, or `is_all` is set. */
bool pod_is_local(const Compiler *c, const Pod *pod);
