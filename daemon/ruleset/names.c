/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The names of nft objects: written and parsed here only.
 *
 * A name says what kind of object it is, so a table can be read back by its names alone. The forms
 * are listed in ruleset.h at ObjectName.
 */
#include "ruleset.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define STANDBY_SUFFIX "_next"

static const char *const SELF[FAMILY_N] = {"self4", "self6"};
static const char *const PODLESS[2] = {"podless", "podless" STANDBY_SUFFIX};
static const char *const MOVING[FAMILY_N] = {"moving4", "moving6"};
static const char *const CHAIN_PREFIX[DIRECTION_N] = {[INGRESS] = "in_", [EGRESS] = "out_"};
static const char *const SET_PREFIX[][FAMILY_N] = {[SET_PODS] = {"pods4_", "pods6_"},
	[SET_PORTS] = {"ports4_", "ports6_"},
	[SET_CIDR] = {"cidr4_", "cidr6_"}};
static const SetKind HASHED_SET[] = {SET_PODS, SET_PORTS, SET_CIDR};
static const char *const MAP[DIRECTION_N][FAMILY_N] = {
	[INGRESS] = {"ingress4", "ingress6"}, [EGRESS] = {"egress4", "egress6"}};
static const char *const STANDBY_MAP[DIRECTION_N][FAMILY_N] = {
	[INGRESS] = {"ingress4" STANDBY_SUFFIX, "ingress6" STANDBY_SUFFIX},
	[EGRESS] = {"egress4" STANDBY_SUFFIX, "egress6" STANDBY_SUFFIX}};
static const char *const TABLE_SUFFIX[] = {[TABLE_ENFORCING] = "",
	[TABLE_FALLBACK] = "_guard",
	[TABLE_STALE_FLOWS] = "_cut",
	[TABLE_SENDERS] = "_senders",
	[TABLE_PROBE] = "_try"};

/* ---- Making ---- */
const char *object_name_table(Arena *arena, const char *table, TableRole role)
{
	return arena_printf(arena, "%s%s", table, TABLE_SUFFIX[role]);
}

const char *object_name_self(Family family)
{
	return SELF[family];
}

const char *object_name_podless(bool is_standby)
{
	return PODLESS[is_standby];
}

const char *object_name_moving(Family family)
{
	return MOVING[family];
}

const char *object_name_map(Direction direction, Family family, bool is_standby)
{
	return is_standby ? STANDBY_MAP[direction][family] : MAP[direction][family];
}

void object_name_set(SetKind kind, Family family, const char *key, size_t size,
	char ret_name[OBJECT_NAME_SET_SIZE])
{
	char hash[DIGEST_NAME_LENGTH + 1];
	uint64_t number = size;
	Digest digest;

	assert(kind != SET_SELF && kind != SET_LINKS);
	digest_start(&digest);
	digest_add_text(&digest, key);
	if (size)
		digest_add(&digest, &number, sizeof(number));
	digest_end_name(&digest, hash);
	snprintf(ret_name, OBJECT_NAME_SET_SIZE, "%s%s", SET_PREFIX[kind][family], hash);
}

const char *object_name_chain(
	Arena *arena, Direction direction, const char hash[DIGEST_NAME_LENGTH + 1])
{
	return arena_printf(arena, "%s%s", CHAIN_PREFIX[direction], hash);
}

const char *object_name_standby(Arena *arena, const char *name)
{
	assert(!text_has_suffix(name, STANDBY_SUFFIX));
	return arena_printf(arena, "%s" STANDBY_SUFFIX, name);
}

/* ---- Parsing ---- */
static bool parse_set(const char *name, ObjectName *ret_name)
{
	bool is_standby = text_has_suffix(name, STANDBY_SUFFIX);

	if (strcmp(name, PODLESS[is_standby]) == 0) {
		*ret_name = (ObjectName){OBJECT_SET, .set = SET_LINKS, .family = FAMILY_IPV6,
			.is_standby = is_standby};
		return true;
	}
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
		if (strcmp(name, SELF[f]) == 0) {
			*ret_name = (ObjectName){OBJECT_SET, .set = SET_SELF, .family = f};
			return true;
		}
		if (strcmp(name, MOVING[f]) == 0) {
			*ret_name = (ObjectName){
				OBJECT_SET, .set = SET_PODS, .family = f, .is_standby = true};
			return true;
		}
		for (size_t i = 0; i < ARRAY_SIZE(HASHED_SET); i++) {
			if (!text_has_prefix(name, SET_PREFIX[HASHED_SET[i]][f]))
				continue;
			*ret_name = (ObjectName){OBJECT_SET, .set = HASHED_SET[i], .family = f,
				.is_standby = is_standby};
			return true;
		}
	}
	return false;
}

static bool parse_map(const char *name, ObjectName *ret_name)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			bool is_standby = strcmp(name, STANDBY_MAP[d][f]) == 0;

			if (!is_standby && strcmp(name, MAP[d][f]) != 0)
				continue;
			*ret_name = (ObjectName){
				OBJECT_MAP, .direction = d, .family = f, .is_standby = is_standby};
			return true;
		}
	return false;
}

static bool parse_chain(const char *name, ObjectName *ret_name)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++) {
		if (!text_has_prefix(name, CHAIN_PREFIX[d]))
			continue;
		*ret_name = (ObjectName){OBJECT_CHAIN, .direction = d,
			.is_standby = text_has_suffix(name, STANDBY_SUFFIX)};
		return true;
	}
	return false;
}

bool object_name_parse(const char *name, ObjectName *ret_name)
{
	return parse_set(name, ret_name) || parse_map(name, ret_name) ||
	       parse_chain(name, ret_name);
}
