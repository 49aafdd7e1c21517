/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * source_route: whether the node forwards packets with a source route (IPv4 options LSRR, SSRR).
 * The hooks see such a packet's destination as this node's address; the kernel replaces it by the
 * next hop, a pod, after `forward`. So the pod's ingress policies are not asked. The switch is off,
 * unless somebody turned it on.
 */
#include "base.h"

/* A warning if it does. Reads a file of /proc/sys. */
void source_route_add_diags(Diags *diags);
