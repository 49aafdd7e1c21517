/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each pod has refused. See denial_totals.h. */
#include "denial_totals.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Total {
	DenialTotal total; /* its texts are malloc's */
	int64_t gone_s;	   /* when the model was first seen without the pod; 0: it has it */
} Total;

/* What one table said of one address, last. */
typedef struct Reading {
	DenialKind kind;
	Address address;
	uint64_t packets, bytes;
	Total *total; /* of the pod that had the address */
} Reading;

typedef struct Readings {
	Arena *arena;
	uint64_t handle; /* of the table that they are of */
	HashTable *by_address;
} Readings;

struct DenialTotals {
	Arena *arena;	   /* of by_key */
	HashTable *by_key; /* Total, by namespace, pod and kind */
	Readings readings[COUNTED_TABLE_N];
	uint64_t flows[DENIAL_KIND_N];
	uint64_t entry; /* the number of the last one */
	uint64_t changes;
};

/* ---- Totals ---- */
static uint32_t total_hash(const char *namespace, const char *pod, DenialKind kind)
{
	return hash_bytes(hash_text(hash_text(HASH_START, namespace), pod), &kind, sizeof(kind));
}

static Total *total_of(DenialTotals *t, const char *namespace, const char *pod, DenialKind kind)
{
	uint32_t hash = total_hash(namespace, pod, kind);
	size_t cursor = 0;
	const Total *found;
	Total *total;

	while ((found = hash_table_find(t->by_key, hash, &cursor)))
		if (found->total.kind == kind && strcmp(found->total.namespace, namespace) == 0 &&
			strcmp(found->total.pod, pod) == 0)
			return (Total *)found;
	total = MEMORY_NEW(Total);
	total->total = (DenialTotal){.namespace = memory_copy_text(namespace),
		.pod = memory_copy_text(pod),
		.kind = kind};
	hash_table_add(t->by_key, hash, total);
	return total;
}

static void total_free(Total *total)
{
	free((char *)total->total.namespace);
	free((char *)total->total.pod);
	free(total);
}

static int total_compare(const void *a, const void *b)
{
	const DenialTotal *x = a, *y = b;
	int r = strcmp(x->namespace, y->namespace);

	r = r ? r : strcmp(x->pod, y->pod);
	return r ? r : (int)x->kind - (int)y->kind;
}

void denial_totals_list(const DenialTotals *t, Arena *arena, DenialTotalList *ret_list)
{
	DenialTotalList list = {};
	const Total *total;
	size_t cursor = 0;

	while ((total = hash_table_next(t->by_key, &cursor)))
		VEC_PUSH(arena, &list, total->total);
	if (list.n)
		qsort(list.at, list.n, sizeof(*list.at), total_compare);
	*ret_list = list;
}

uint64_t denial_totals_changes(const DenialTotals *t)
{
	return t->changes;
}

void denial_totals_add_flow(DenialTotals *t, DenialKind kind, uint64_t number)
{
	t->flows[kind]++;
	t->entry = number;
	t->changes++;
}

uint64_t denial_totals_entry(const DenialTotals *t)
{
	return t->entry;
}

uint64_t denial_totals_flows(const DenialTotals *t, DenialKind kind)
{
	return t->flows[kind];
}

/* ---- Readings ---- */
static uint32_t reading_hash(DenialKind kind, Address address)
{
	return hash_bytes(hash_bytes(HASH_START, &kind, sizeof(kind)), &address, sizeof(address));
}

static Reading *find_reading(const Readings *readings, DenialKind kind, Address address)
{
	uint32_t hash = reading_hash(kind, address);
	size_t cursor = 0;
	const Reading *reading;

	while (readings->by_address &&
		(reading = hash_table_find(readings->by_address, hash, &cursor)))
		if (reading->kind == kind && address_is_equal(reading->address, address))
			return (Reading *)reading;
	return NULL;
}

static void keep_reading(Readings *readings, const Reading *reading)
{
	Reading *copy = ARENA_NEW(readings->arena, Reading);

	*copy = *reading;
	hash_table_add(readings->by_address, reading_hash(copy->kind, copy->address), copy);
}

static Readings readings_new(uint64_t handle)
{
	Arena *arena = arena_new();

	return (Readings){.arena = arena, .handle = handle, .by_address = hash_table_new(arena)};
}

static void add_count(DenialTotals *t, const Readings *before, Readings *now,
	const DenialCount *count, const Pod *pod)
{
	const Reading *last = find_reading(before, count->kind, count->address);
	/* a counter that is lower than before began anew: its element was deleted in between */
	bool is_anew = last && (count->packets < last->packets || count->bytes < last->bytes);
	const Reading from = last && !is_anew ? *last : (Reading){};
	Reading reading = {count->kind, count->address, count->packets, count->bytes,
		last ? last->total : NULL};

	if (pod)
		reading.total = total_of(t, pod->namespace, pod->name, count->kind);
	else if (!reading.total)
		reading.total = total_of(t, "", "", count->kind);
	reading.total->total.packets += count->packets - from.packets;
	reading.total->total.bytes += count->bytes - from.bytes;
	t->changes += !last || last->packets != count->packets;
	keep_reading(now, &reading);
}

void denial_totals_add(DenialTotals *t, CountedTable table, const DenialCounts *counts,
	DenialOwner owner, const void *context)
{
	Readings *readings = &t->readings[table], now = readings_new(counts->handle);

	if (readings->handle != counts->handle) { /* another table: it has counted from 0 */
		arena_free(readings->arena);
		*readings = (Readings){};
	}
	for (size_t i = 0; i < counts->list.n; i++)
		add_count(t, readings, &now, &counts->list.at[i],
			owner(context, counts->list.at[i].address));
	arena_free(readings->arena);
	*readings = now;
}

/* ---- Pods that are gone ---- */
static bool is_over(Total *total, const Model *model, int64_t now_s)
{
	if (model_pod(model, total->total.namespace, total->total.pod))
		total->gone_s = 0;
	else if (total->gone_s == 0)
		total->gone_s = now_s;
	return total->gone_s && now_s - total->gone_s > DENIAL_GONE_S;
}

/* A reading of its address stays, and belongs to nobody then. */
static void forget_total(DenialTotals *t, Total *gone)
{
	const DenialTotal *total = &gone->total;

	for (int i = 0; i < COUNTED_TABLE_N; i++) {
		const Reading *reading;
		size_t cursor = 0;

		while (t->readings[i].by_address &&
			(reading = hash_table_next(t->readings[i].by_address, &cursor)))
			if (reading->total == gone)
				((Reading *)reading)->total = NULL;
	}
	hash_table_remove(t->by_key, total_hash(total->namespace, total->pod, total->kind), gone);
	total_free(gone);
}

void denial_totals_prune(DenialTotals *t, const Model *model, int64_t now_s)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	VEC(Total *) gone = {};
	const Total *total;
	size_t cursor = 0;

	while ((total = hash_table_next(t->by_key, &cursor)))
		if (is_over((Total *)total, model, now_s))
			VEC_PUSH(scratch, &gone, (Total *)total);
	for (size_t i = 0; i < gone.n; i++)
		forget_total(t, gone.at[i]);
	t->changes += gone.n;
}

/* ---- Saved and loaded ---- */
/*
 * Lines of words:
 *
 *     flows 0 N                                         0: a DenialKind
 *     entry N                                           the last one of these flows
 *     total NAMESPACE POD ingress PACKETS BYTES         "-" for no pod; ingress: see WORDS
 *     table 0 HANDLE BOOT                               the readings that follow are of this table
 *     reading 10.244.1.10 ingress PACKETS BYTES NAMESPACE POD
 */
#define WORD "%255s"
#define NOBODY "-"
#define LINE_MAX_BYTES 1024

static const char *const WORDS[DENIAL_KIND_N] = {
	[DENIED_INGRESS] = "ingress",
	[DENIED_EGRESS] = "egress",
	[WOULD_DENY_INGRESS] = "audited-ingress",
	[WOULD_DENY_EGRESS] = "audited-egress",
};

static const char *word_of(const char *text)
{
	return *text ? text : NOBODY;
}

static const char *text_of_word(const char *word)
{
	return strcmp(word, NOBODY) == 0 ? "" : word;
}

static void add_readings(Buf *buf, const Readings *readings)
{
	char text[ADDRESS_TEXT_SIZE];
	const Reading *reading;
	size_t cursor = 0;

	while ((reading = hash_table_next(readings->by_address, &cursor)))
		if (reading->total)
			buf_printf(buf, "reading %s %s %" PRIu64 " %" PRIu64 " %s %s\n",
				address_text(reading->address, text), WORDS[reading->kind],
				reading->packets, reading->bytes,
				word_of(reading->total->total.namespace),
				word_of(reading->total->total.pod));
}

const char *denial_totals_text(const DenialTotals *t, Arena *arena, const char *boot)
{
	Buf buf = {.arena = arena};
	const Total *total;
	size_t cursor = 0;

	for (int i = 0; i < DENIAL_KIND_N; i++)
		buf_printf(&buf, "flows %d %" PRIu64 "\n", i, t->flows[i]);
	buf_printf(&buf, "entry %" PRIu64 "\n", t->entry);
	while ((total = hash_table_next(t->by_key, &cursor)))
		buf_printf(&buf, "total %s %s %s %" PRIu64 " %" PRIu64 "\n",
			word_of(total->total.namespace), word_of(total->total.pod),
			WORDS[total->total.kind], total->total.packets, total->total.bytes);
	for (int i = 0; i < COUNTED_TABLE_N; i++) {
		if (!t->readings[i].by_address)
			continue;
		buf_printf(
			&buf, "table %d %" PRIu64 " %s\n", i, t->readings[i].handle, word_of(boot));
		add_readings(&buf, &t->readings[i]);
	}
	return buf_text(&buf);
}

static bool parse_kind(const char *word, DenialKind *ret_kind)
{
	for (int i = 0; i < DENIAL_KIND_N; i++)
		if (strcmp(word, WORDS[i]) == 0) {
			*ret_kind = (DenialKind)i;
			return true;
		}
	return false;
}

static void load_flows(DenialTotals *t, const char *line)
{
	uint64_t n;
	int i;

	if (sscanf(line, "flows %d %" SCNu64, &i, &n) == 2 && i >= 0 && i < DENIAL_KIND_N)
		t->flows[i] = n;
}

static void load_total(DenialTotals *t, const char *line)
{
	char namespace[256], pod[256], word[256];
	uint64_t packets, bytes;
	DenialKind kind;
	Total *total;

	if (sscanf(line, "total " WORD " " WORD " " WORD " %" SCNu64 " %" SCNu64, namespace, pod,
		    word, &packets, &bytes) != 5 ||
		!parse_kind(word, &kind))
		return;
	total = total_of(t, text_of_word(namespace), text_of_word(pod), kind);
	total->total.packets = packets;
	total->total.bytes = bytes;
}

/* The table that the next readings are of; COUNTED_TABLE_N: none that exists any more. */
static int load_table(DenialTotals *t, const char *line, const char *boot)
{
	uint64_t handle;
	char word[256];
	int i;

	if (sscanf(line, "table %d %" SCNu64 " " WORD, &i, &handle, word) != 3 || i < 0 ||
		i >= COUNTED_TABLE_N || strcmp(word, word_of(boot)) != 0)
		return COUNTED_TABLE_N;
	arena_free(t->readings[i].arena);
	t->readings[i] = readings_new(handle);
	return i;
}

static void load_reading(DenialTotals *t, int table, const char *line)
{
	char address[256], word[256], namespace[256], pod[256];
	Reading reading = {};

	if (table == COUNTED_TABLE_N ||
		sscanf(line, "reading " WORD " " WORD " %" SCNu64 " %" SCNu64 " " WORD " " WORD,
			address, word, &reading.packets, &reading.bytes, namespace, pod) != 6 ||
		!address_parse(address, &reading.address) || !parse_kind(word, &reading.kind))
		return;
	reading.total = total_of(t, text_of_word(namespace), text_of_word(pod), reading.kind);
	keep_reading(&t->readings[table], &reading);
}

void denial_totals_load(DenialTotals *t, const char *text, const char *boot)
{
	int table = COUNTED_TABLE_N;

	while (*text) {
		char line[LINE_MAX_BYTES];
		size_t n = strcspn(text, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)n, text);
		if (strncmp(line, "flows ", 6) == 0)
			load_flows(t, line);
		else if (strncmp(line, "entry ", 6) == 0)
			t->entry = strtoull(line + 6, NULL, 10);
		else if (strncmp(line, "total ", 6) == 0)
			load_total(t, line);
		else if (strncmp(line, "table ", 6) == 0)
			table = load_table(t, line, boot);
		else if (strncmp(line, "reading ", 8) == 0)
			load_reading(t, table, line);
		text += n;
		text += *text == '\n';
	}
}

/* ---- Lifetime ---- */
DenialTotals *denial_totals_new(void)
{
	DenialTotals *t = MEMORY_NEW(DenialTotals);

	t->arena = arena_new();
	t->by_key = hash_table_new(t->arena);
	return t;
}

DenialTotals *denial_totals_free(DenialTotals *t)
{
	const Total *total;
	size_t cursor = 0;

	if (!t)
		return NULL;
	while ((total = hash_table_next(t->by_key, &cursor)))
		total_free((Total *)total);
	for (int i = 0; i < COUNTED_TABLE_N; i++)
		arena_free(t->readings[i].arena);
	arena_free(t->arena);
	free(t);
	return NULL;
}
