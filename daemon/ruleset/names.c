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

#define AUDIT_PREFIX "audit_"

static const char *const SELF[2][FAMILY_N] = {
	{"self4", "self6"}, {AUDIT_PREFIX "self4", AUDIT_PREFIX "self6"}};
static const char *const PODLESS[2] = {"podless", "podless" STANDBY_SUFFIX};
static const char *const MOVING[FAMILY_N] = {"moving4", "moving6"};
static const char *const CHAIN_PREFIX[2][DIRECTION_N] = {{[INGRESS] = "in_", [EGRESS] = "out_"},
	{[INGRESS] = AUDIT_PREFIX "in_", [EGRESS] = AUDIT_PREFIX "out_"}};
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

const char *object_name_self(Family family, bool is_audit)
{
	return SELF[is_audit][family];
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
	Arena *arena, Direction direction, bool is_audit, const char hash[DIGEST_NAME_LENGTH + 1])
{
	return arena_printf(arena, "%s%s", CHAIN_PREFIX[is_audit][direction], hash);
}

const char *object_name_standby(Arena *arena, const char *name)
{
	assert(!text_has_suffix(name, STANDBY_SUFFIX));
	return arena_printf(arena, "%s" STANDBY_SUFFIX, name);
}

/* ---- Parsing ---- */
bool verdict_isolates(const Verdict *verdict)
{
	return verdict && !text_has_prefix(verdict->chain, AUDIT_PREFIX);
}

static bool parse_self(const char *name, ObjectName *ret_name)
{
	for (int is_audit = 0; is_audit < 2; is_audit++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			if (strcmp(name, SELF[is_audit][f]) != 0)
				continue;
			*ret_name = (ObjectName){
				OBJECT_SET, .set = SET_SELF, .family = f, .is_audit = is_audit};
			return true;
		}
	return false;
}

static bool parse_set(const char *name, ObjectName *ret_name)
{
	bool is_standby = text_has_suffix(name, STANDBY_SUFFIX);

	if (strcmp(name, PODLESS[is_standby]) == 0) {
		*ret_name = (ObjectName){OBJECT_SET, .set = SET_LINKS, .family = FAMILY_IPV6,
			.is_standby = is_standby};
		return true;
	}
	if (parse_self(name, ret_name))
		return true;
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
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
	for (int is_audit = 0; is_audit < 2; is_audit++)
		for (Direction d = INGRESS; d < DIRECTION_N; d++) {
			if (!text_has_prefix(name, CHAIN_PREFIX[is_audit][d]))
				continue;
			*ret_name = (ObjectName){OBJECT_CHAIN, .direction = d, .is_audit = is_audit,
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
