/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * denial_entry: one refused flow in words: for the journal, and for /run/netpol/denied.jsonl, whose
 * fields docs/service.md lists. Pure.
 */
#include "compile.h"
#include "nft.h"

typedef struct DenialEntry {
	uint64_t number; /* counts the entries; goes on after a restart */
	int64_t time;	 /* seconds since the epoch */
	DenialKind kind;
	Flow flow; /* the ends' pods as they were when the packet was refused, or NULL */
	Refusal refusal;
} DenialEntry;

/* "denied ingress default/other (10.244.1.12) -> ...", or "would deny ...", one line. */
const char *denial_entry_text(Arena *arena, const DenialEntry *entry);
/* A JSON object in one line, without a line break. */
const char *denial_entry_json(Arena *arena, const DenialEntry *entry);
/* Fields of the journal, each a line "FIELD=value": see journal.h. MESSAGE= is among them. */
const char *denial_entry_fields(Arena *arena, const DenialEntry *entry);
