/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * podless: the links of other containers, which lead to none of the located addresses. The public
 * function is links_find_podless(); links.c owns the state.
 */
#include "link_table.h"

/* Which links the last answer had. While a pod is gone, only these can be in the next one. */
typedef struct PodlessState {
	Arena *arena;
	VEC(unsigned) links; /* indices */
} PodlessState;

void podless_state_free(PodlessState *state);
/* places[i] is of addresses[i]. Names and the reason, NULL or words, are in `arena`. */
const char *podless_list(PodlessState *state, const LinkTable *table, const Address *addresses,
	const Place *places, size_t n, Arena *arena, Texts *ret_names);
