/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * StrMap: text -> pointer. The map borrows keys and values; its own memory is the arena's. There is
 * no removal.
 */
#include "base/arena.h"

typedef struct StrMap StrMap;

StrMap *strmap_new(Arena *arena);
void *strmap_get(const StrMap *map, const char *key); /* NULL if absent */
/* Adds the key or replaces its value. The map keeps `key`, also if an equal one is in it. */
void strmap_put(StrMap *map, const char *key, void *value);
size_t strmap_count(const StrMap *map);
