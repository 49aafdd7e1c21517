/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * withdrawn_inventory: the pods and namespaces of a file that was deleted stay in force for a while
 * (entry.h). They are marked with the time, so that any other object of the same name, and any
 * other pod with the same address, counts instead: an address that a new pod has got is the new
 * pod's at once. A version that comes back broken leaves the accepted one marked.
 */
#include "source.h"

/*
 * Replaces the pods and namespaces of the version by marked copies, once. Copies, because the model
 * and the compiler have the unmarked ones in order: they are to be taken out, and the marked ones
 * put in. Both live as long as the version.
 */
void withdrawn_inventory_mark(Source *source, uint64_t gone_at_ms);
