/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * denial_entry: one refused flow in words: for the journal, and for /run/netpol/denied.jsonl, whose
 * fields docs/service.md lists. Pure.
 */
#include "compile.h"
#include "forged_log.h"
#include "nft.h"

typedef struct DenialEntry {
	uint64_t number; /* counts the entries; goes on after a restart */
	int64_t time;	 /* seconds since the epoch */
	DenialKind kind;
	Flow flow;	 /* the ends' pods as they were when the packet was refused, or NULL */
	Refusal refusal; /* empty: DENIED_FORGED */
	PortPod sender;	 /* DENIED_FORGED: at whose port it came in */
	const char *interface; /* likewise: the port's name */
} DenialEntry;

/*
 * One line: "denied ingress default/other (10.244.1.12) -> ...", "would deny ...", or "denied
 * forged: port of default/c (veth1) claims default/a (10.244.1.10) -> ...".
 */
const char *denial_entry_text(Arena *arena, const DenialEntry *entry);
/* A JSON object in one line, without a line break. */
const char *denial_entry_json(Arena *arena, const DenialEntry *entry);
/* The kind of such a line; false: it is no flow that policies refused. */
bool denial_entry_kind(Arena *arena, const char *json, DenialKind *ret_kind);
/* Fields of the journal, each a line "FIELD=value": see journal.h. MESSAGE= is among them. */
const char *denial_entry_fields(Arena *arena, const DenialEntry *entry);
