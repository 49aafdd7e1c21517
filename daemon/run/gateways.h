/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * gateways: the interfaces that lead to routers, by the routing tables in /proc/net. They are the
 * node's uplinks: no pod is there. Only the first 64 KiB of each table are read, which begin with
 * the default routes: a router has a million others.
 */
#include "base.h"

/* The names of the interfaces of routes with a gateway, sorted; each once. In the arena. */
Texts gateways_read(Arena *arena);
bool gateways_have(const Texts *gateways, const char *name);
