/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * base_chain: the chains at netfilter's hooks, as nft text; and which options a chain that the
 * kernel lists was written with.
 *
 * A base chain accepts established packets and ICMP errors about tracked flows, looks up the
 * packet's source in the egress map and its destination in the ingress map, and accepts what
 * neither map has. Its rules depend on BaseOptions alone: the kind of table, and whether each map
 * has elements.
 *
 * The last two functions recognise options in listed text. They search for the same strings that
 * the render functions write; each string is defined once.
 */
#include "ruleset.h"

typedef enum BaseChain { BASE_FORWARD, BASE_INPUT, BASE_OUTPUT, BASE_CHAIN_N } BaseChain;
extern const char *const BASE_CHAIN_NAME[BASE_CHAIN_N];

/* Whether the table has it: those on bridges have no `output`. */
bool base_chain_is_used(const BaseOptions *base, BaseChain chain);
/* The whole chain. is_standby: it looks up the standby maps. */
void base_chain_render(Buf *buf, const BaseOptions *base, BaseChain chain, bool is_standby);
/* Its type, hook, priority and policy; in `arena`. */
const char *base_chain_declaration(Arena *arena, const BaseOptions *base, BaseChain chain);
/* Its rules alone: what is between the declaration (type, hook, policy) and the closing brace. */
void base_chain_render_rules(Buf *buf, const BaseOptions *base, BaseChain chain, bool is_standby);

/* Whether the listed chain looks up that map (not the standby one). */
bool base_chain_has_lookup(Arena *scratch, const char *block, Direction direction, Family family);
/* Whether the listed `forward` of a TABLE_TAGGED was written with is_isolating[direction]. */
bool base_chain_has_link_rule(const char *block, Direction direction);
