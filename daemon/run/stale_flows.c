/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The walk over the kernel's flows: its schedule, and which flows are killed. */
#include "stale_flows.h"
#include "log.h"
#include "node_addresses.h"
#include <assert.h>
#include <string.h>
#include <sys/epoll.h>
#include <syslog.h>

/*
 * From a change to the walk: by then every packet that was inside a hook during the change has left
 * it, and conntrack has its flow.
 */
#define DELAY_USEC (20 * 1000)
/* Walking takes at most a quarter of the time; but no pause is longer than this. */
#define TIME_SHARE 4
#define PAUSE_USEC_MAX (250 * 1000)

struct StaleFlows {
	sd_event *event;
	Nft *nft;
	const Settings *settings;
	const Enforcer *enforcer;
	const Timer *burst;
	void (*on_killed)(void *context);
	void *context;
	bool is_marked;		  /* something may be forbidden since the last walk began */
	Timer *timer;		  /* armed: WAITING */
	bool has_waited;	  /* the walk that is due was postponed for a burst already */
	sd_event_source *source;  /* of the walk; NULL: not WALKING */
	NodeAddresses *addresses; /* when the walk began */
	uint64_t start_usec;	  /* of the walk */
	uint64_t next_usec;	  /* the next walk begins no earlier */
	unsigned n_killed;	  /* by this walk */
	uint64_t n_killed_total;  /* by those that have ended */
};

/* ---- Evaluation ---- */
/* An NftAllows. */
static bool is_allowed(void *context, const Tuple *tuple)
{
	const StaleFlows *s = context;
	const Ruleset *inet = enforcer_applied(s->enforcer, KERNEL_INET);

	return !inet || (s->addresses && node_addresses_have(s->addresses, tuple->source)) ||
	       ruleset_allows(inet, tuple);
}

/* The tables of ours that track connections: each has a NAME_cut of its family. */
static size_t list_tables(const StaleFlows *s, NftStaleTable ret_tables[KERNEL_TABLE_N])
{
	size_t n = 0;

	for (int t = 0; t < KERNEL_TABLE_N; t++) {
		const Ruleset *applied = enforcer_applied(s->enforcer, (KernelTable)t);

		if (applied && applied->base.kind != TABLE_TAGGED)
			ret_tables[n++] =
				(NftStaleTable){&applied->base, s->settings->deny == DENY_DROP};
	}
	return n;
}

void stale_flows_review(StaleFlows *s)
{
	NftStaleTable tables[KERNEL_TABLE_N];
	size_t n = list_tables(s, tables);

	if (nft_flows_review(s->nft, tables, n, is_allowed, s) != 0)
		log_line(LOG_WARNING, "cut",
			"established flows that are allowed again stay blocked until the next "
			"check: %s",
			nft_error(s->nft));
}

/* ---- The walk ---- */
static void end_walk(StaleFlows *s)
{
	uint64_t now = clock_usec(), pause = (TIME_SHARE - 1) * (now - s->start_usec);

	s->next_usec = now + (pause < PAUSE_USEC_MAX ? pause : PAUSE_USEC_MAX);
	s->source = sd_event_source_unref(s->source);
	nft_flows_end(s->nft);
	s->n_killed_total += s->n_killed;
	if (s->n_killed > 0) {
		log_line(LOG_NOTICE, "cut",
			"%u established flows were killed, because they are forbidden now",
			s->n_killed);
		s->on_killed(s->context);
	}
	s->n_killed = 0;
	stale_flows_schedule(s); /* for a change during the walk */
}

static int on_piece(sd_event_source *source, int fd, uint32_t events, void *context)
{
	StaleFlows *s = context;
	NftStaleTable tables[KERNEL_TABLE_N];
	size_t n = list_tables(s, tables);
	NftKilled killed = {};
	int r = nft_flows_take(s->nft, tables, n, is_allowed, s, &killed);

	(void)source, (void)fd, (void)events;
	s->n_killed += killed.n;
	if (killed.is_refused)
		log_line(LOG_WARNING, "cut", "killed flows are not blocked, and may continue: %s",
			nft_error(s->nft));
	if (r < 0) {
		log_line(LOG_WARNING, "cut",
			"cannot read all established flows, to find those that are forbidden now; "
			"trying again: %s",
			strerror(-r));
		s->is_marked = true;
	}
	if (r < 0 || killed.is_done)
		end_walk(s);
	return 0;
}

static int start_walk(StaleFlows *s)
{
	int r = nft_flows_start(s->nft);

	assert(!s->source);
	if (r >= 0)
		r = sd_event_add_io(s->event, &s->source, r, EPOLLIN, on_piece, s);
	if (r >= 0)
		r = sd_event_source_set_priority(s->source, SD_EVENT_PRIORITY_IDLE);
	return r;
}

/* ---- When ---- */
/* Postpones each walk at most once, since bursts may follow each other without end. */
static bool must_wait_for_burst(StaleFlows *s)
{
	s->has_waited = !s->has_waited && timer_is_armed(s->burst);
	return s->has_waited;
}

static void on_due(void *context)
{
	StaleFlows *s = context;
	int r;

	if (must_wait_for_burst(s)) {
		timer_start_at(s->timer, clock_usec() + DELAY_USEC);
		return;
	}
	s->start_usec = clock_usec();
	node_addresses_free(s->addresses);
	s->addresses = node_addresses_read();
	r = start_walk(s);
	if (r < 0) {
		s->is_marked = true; /* the next change tries again */
		log_line(LOG_WARNING, "cut",
			"cannot read the established flows; those that are forbidden now continue "
			"until the next change: %s",
			strerror(-r));
	}
}

void stale_flows_mark(StaleFlows *s)
{
	s->is_marked = true;
}

void stale_flows_schedule(StaleFlows *s)
{
	uint64_t at = clock_usec() + DELAY_USEC;

	stale_flows_review(s);
	if (!s->is_marked || !s->event || timer_is_armed(s->timer) || s->source)
		return;
	s->is_marked = false;
	timer_start_at(s->timer, s->next_usec > at ? s->next_usec : at);
}

/* ---- Lifetime ---- */
StaleFlows *stale_flows_new(sd_event *event, Nft *nft, const Settings *settings,
	const Enforcer *enforcer, const Timer *burst, void (*on_killed)(void *context),
	void *context)
{
	StaleFlows *s = MEMORY_NEW(StaleFlows);

	*s = (StaleFlows){.event = event,
		.nft = nft,
		.settings = settings,
		.enforcer = enforcer,
		.burst = burst,
		.on_killed = on_killed,
		.context = context};
	s->timer = timer_new(event, 1000, SD_EVENT_PRIORITY_NORMAL, on_due, s);
	return s;
}

StaleFlows *stale_flows_free(StaleFlows *s)
{
	if (!s)
		return NULL;
	timer_free(s->timer);
	sd_event_source_unref(s->source);
	node_addresses_free(s->addresses);
	free(s);
	return NULL;
}

uint64_t stale_flows_killed(const StaleFlows *s)
{
	return s->n_killed_total;
}
