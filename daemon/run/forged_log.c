/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters by interface -> totals by pod, and the journal. */
#include "forged_log.h"
#include "log.h"
#include <string.h>
#include <syslog.h>

#define SAY_USEC ((uint64_t)60 * 1000 * 1000)
/* Pods that one line names. */
#define SAY_PODS 5

/* What the tables had counted at an interface when they were read last. */
typedef struct Seen {
	unsigned interface;
	uint64_t packets;
} Seen;

typedef struct PortName {
	unsigned port;
	PortPod name;
} PortName;

struct ForgedLog {
	Arena *arena; /* of the totals' names, and of the list */
	ForgedTotals totals;
	VEC(uint64_t) said; /* of each total, in the last line */
	Arena *ports_arena;
	VEC(PortName) ports;
	Arena *seen_arena;
	VEC(Seen) seen;
	uint64_t said_usec; /* 0: never */
};

ForgedLog *forged_log_new(void)
{
	ForgedLog *log = MEMORY_NEW(ForgedLog);

	*log = (ForgedLog){
		.arena = arena_new(), .ports_arena = arena_new(), .seen_arena = arena_new()};
	VEC_PUSH(log->arena, &log->totals, (ForgedCount){"", "", 0});
	VEC_PUSH(log->arena, &log->said, 0);
	return log;
}

ForgedLog *forged_log_free(ForgedLog *log)
{
	if (!log)
		return NULL;
	arena_free(log->arena);
	arena_free(log->ports_arena);
	arena_free(log->seen_arena);
	free(log);
	return NULL;
}

void forged_log_set_ports(ForgedLog *log, const ForgedPorts *ports)
{
	arena_clear(log->ports_arena);
	memset(&log->ports, 0, sizeof(log->ports));
	for (size_t i = 0; i < ports->n; i++) {
		const Pod *pod = ports->at[i].pod;

		VEC_PUSH(log->ports_arena, &log->ports,
			(PortName){ports->at[i].port,
				{arena_strdup(log->ports_arena, pod->namespace),
					arena_strdup(log->ports_arena, pod->name)}});
	}
}

PortPod forged_log_pod_at(const ForgedLog *log, unsigned port)
{
	for (size_t i = 0; i < log->ports.n; i++)
		if (log->ports.at[i].port == port)
			return log->ports.at[i].name;
	return (PortPod){"", ""};
}

/* ---- Adding ---- */
static ForgedCount *total_of(ForgedLog *log, PortPod name)
{
	if (!*name.pod)
		return &log->totals.at[0];
	for (size_t i = 1; i < log->totals.n; i++)
		if (strcmp(log->totals.at[i].pod, name.pod) == 0 &&
			strcmp(log->totals.at[i].namespace, name.namespace) == 0)
			return &log->totals.at[i];
	if (log->totals.n > FORGED_PODS_MAX)
		return &log->totals.at[0];
	VEC_PUSH(log->arena, &log->totals,
		(ForgedCount){arena_strdup(log->arena, name.namespace),
			arena_strdup(log->arena, name.pod), 0});
	VEC_PUSH(log->arena, &log->said, 0);
	return &log->totals.at[log->totals.n - 1];
}

static uint64_t seen_at(const ForgedLog *log, unsigned interface)
{
	for (size_t i = 0; i < log->seen.n; i++)
		if (log->seen.at[i].interface == interface)
			return log->seen.at[i].packets;
	return 0;
}

/* Both tables have a counter for an interface: one sum. */
static void sum_up(Arena *arena, const NftForgedCounts *counts, NftForgedCounts *ret_sums)
{
	for (size_t i = 0; i < counts->n; i++) {
		size_t k = 0;

		while (k < ret_sums->n && ret_sums->at[k].interface != counts->at[i].interface)
			k++;
		if (k == ret_sums->n)
			VEC_PUSH(arena, ret_sums, counts->at[i]);
		else
			ret_sums->at[k].packets += counts->at[i].packets;
	}
}

/* ---- The journal ---- */
static void say(ForgedLog *log, uint64_t now)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Buf buf = {.arena = arena};
	uint64_t all = 0, n = 0;

	for (size_t i = 0; i < log->totals.n; i++) {
		const ForgedCount *total = &log->totals.at[i];
		uint64_t more = total->packets - log->said.at[i];

		all += more;
		if (more == 0 || i == 0 || ++n > SAY_PODS)
			continue;
		buf_printf(&buf, "%s%s/%s %llu", n > 1 ? ", " : ": ", total->namespace, total->pod,
			(unsigned long long)more);
	}
	if (all == 0 || (log->said_usec && now - log->said_usec < SAY_USEC))
		return;
	for (size_t i = 0; i < log->totals.n; i++)
		log->said.at[i] = log->totals.at[i].packets;
	log->said_usec = now;
	log_line(LOG_WARNING, "forged",
		"%llu packets were dropped because their source address is not their sender's%s%s",
		(unsigned long long)all, buf_text(&buf), n > SAY_PODS ? ", and other pods" : "");
}

void forged_log_add(ForgedLog *log, const NftForgedCounts *counts, uint64_t now)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	NftForgedCounts sums = {};

	sum_up(arena, counts, &sums);
	for (size_t i = 0; i < sums.n; i++) {
		uint64_t seen = seen_at(log, sums.at[i].interface), packets = sums.at[i].packets;

		/* less than before: the tables were written anew */
		if (packets != seen)
			total_of(log, forged_log_pod_at(log, sums.at[i].interface))->packets +=
				packets > seen ? packets - seen : packets;
	}
	arena_clear(log->seen_arena);
	memset(&log->seen, 0, sizeof(log->seen));
	for (size_t i = 0; i < sums.n; i++)
		VEC_PUSH(log->seen_arena, &log->seen,
			(Seen){sums.at[i].interface, sums.at[i].packets});
	say(log, now);
}

ForgedTotals forged_log_totals(const ForgedLog *log)
{
	return log->totals;
}
