/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The walk over the kernel's flows: its schedule, and which flows are killed. */
#include "stale_flows.h"
#include "log.h"
#include "node_addresses.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
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
/* After a walk that failed: the next begins no earlier. */
#define RETRY_USEC UINT64_C(1000000)
/* While a table of stale flows exists there is a walk at least this often, to see what is left. */
#define UPKEEP_USEC (10 * 60 * UINT64_C(1000000))

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
	unsigned n_marked_so_far; /* flows that this walk found or left marked, see nft.h */
	unsigned n_marked;	  /* by the last whole walk; a change may allow them again */
	uint64_t tcp_until_usec;  /* until then TCP packets may have to be refused */
	Timer *upkeep;		  /* armed: a table of stale flows exists */
	uint64_t n_killed_total;  /* by those that have ended */
	char trouble[256];	  /* of the last whole walk, or a later failure; "": none */
	bool has_failed;	  /* this walk */
};

/* ---- Evaluation ---- */
static bool may_open(const StaleFlows *s, const Ruleset *inet, const Tuple *tuple)
{
	return node_addresses_have(s->addresses, tuple->source) || ruleset_allows(inet, tuple);
}

static Tuple reverse(const Tuple *tuple)
{
	return (Tuple){.source = tuple->destination,
		.source_port = tuple->port,
		.destination = tuple->source,
		.port = tuple->source_port,
		.protocol = tuple->protocol};
}

static NftForbidden explain_forbidden(
	const StaleFlows *s, const Ruleset *inet, const Tuple *forbidden, const Tuple *other)
{
	NftForbidden result = {.may_reopen = may_open(s, inet, other)};

	if (!ruleset_evaluate(inet, forbidden, EGRESS).is_allowed)
		result.pods[result.n_pods++] = forbidden->source;
	if (!ruleset_evaluate(inet, forbidden, INGRESS).is_allowed)
		result.pods[result.n_pods++] = forbidden->destination;
	return result;
}

/* An NftAllows. If it is not known which end opened the flow, both must be allowed to. */
static bool is_allowed(
	void *context, const Tuple *tuple, NftOpener opener, NftForbidden *ret_forbidden)
{
	const StaleFlows *s = context;
	const Ruleset *inet = enforcer_applied(s->enforcer, KERNEL_INET);
	Tuple back = reverse(tuple);

	if (!inet)
		return true;
	if (opener != NFT_OPENER_DESTINATION && !may_open(s, inet, tuple)) {
		*ret_forbidden = explain_forbidden(s, inet, tuple, &back);
		return false;
	}
	if (opener != NFT_OPENER_SOURCE && !may_open(s, inet, &back)) {
		*ret_forbidden = explain_forbidden(s, inet, &back, tuple);
		ret_forbidden->may_reopen = false; /* the end that answered is the forbidden one */
		return false;
	}
	return true;
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

/* ---- The tables ---- */
/*
 * After a walk. The tables cost each packet a little, so they go when they have nothing to refuse,
 * which a later walk may find.
 */
static void keep_or_delete_tables(StaleFlows *s)
{
	/* of both families: the bridge's table may have gone, or track nothing any more */
	const BaseOptions bases[] = {{.table = s->settings->table, .kind = TABLE_INET},
		{.table = s->settings->table, .kind = TABLE_BRIDGE}};
	const NftStaleTable tables[] = {{.base = &bases[0]}, {.base = &bases[1]}};
	size_t n = ARRAY_SIZE(tables);

	if (!nft_flows_have_table(s->nft, tables, n))
		return;
	if (s->n_marked > 0 || clock_usec() < s->tcp_until_usec) {
		timer_start(s->upkeep, UPKEEP_USEC);
		return;
	}
	if (nft_flows_delete_tables(s->nft, tables, n) != 0)
		log_line(LOG_WARNING, "cut", "cannot delete the table of stale flows: %s",
			nft_error(s->nft));
}

static void schedule_walk(StaleFlows *s);

static void on_upkeep(void *context)
{
	StaleFlows *s = context;

	s->is_marked = true;
	schedule_walk(s);
}

/* ---- The walk ---- */
static void fail(StaleFlows *s, const char *what, const char *why)
{
	snprintf(s->trouble, sizeof(s->trouble), "%s: %s", what, why);
	log_line(LOG_WARNING, "cut", "%s; trying again: %s", what, why);
	s->has_failed = s->is_marked = true;
}

static void end_walk(StaleFlows *s, bool is_whole)
{
	uint64_t now = clock_usec(), pause = (TIME_SHARE - 1) * (now - s->start_usec);

	s->next_usec = now + (pause < PAUSE_USEC_MAX ? pause : PAUSE_USEC_MAX);
	if (s->has_failed)
		s->next_usec = now + RETRY_USEC;
	else
		s->trouble[0] = '\0';
	s->has_failed = false;
	s->source = sd_event_source_unref(s->source);
	nft_flows_end(s->nft);
	s->n_killed_total += s->n_killed;
	s->n_marked = s->n_marked_so_far;
	if (s->n_killed > 0) {
		log_line(LOG_NOTICE, "cut",
			"%u established flows were killed, because they are forbidden now",
			s->n_killed);
		s->on_killed(s->context);
	}
	s->n_killed = s->n_marked_so_far = 0;
	if (is_whole)
		keep_or_delete_tables(s);
	schedule_walk(s); /* for a change during the walk */
}

static int on_piece(sd_event_source *source, int fd, uint32_t events, void *context)
{
	StaleFlows *s = context;
	NftStaleTable tables[KERNEL_TABLE_N];
	size_t n = list_tables(s, tables);
	NftCut cut = {};
	int r = nft_flows_take(s->nft, tables, n, is_allowed, s, &cut);

	(void)source, (void)fd, (void)events;
	s->n_killed += cut.n;
	s->n_marked_so_far += cut.n_marked;
	if (cut.has_tcp)
		s->tcp_until_usec = clock_usec() + NFT_FLOWS_TCP_USEC;
	if (cut.is_refused)
		fail(s, "killed flows are not blocked, and may continue", nft_error(s->nft));
	if (r < 0)
		fail(s, "cannot read all established flows, to find those that are forbidden now",
			strerror(-r));
	if (r < 0 || cut.is_done)
		end_walk(s, r == 0);
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
	/* without them the node's own flows to isolated pods would be killed */
	r = s->addresses ? start_walk(s) : -errno;
	if (r < 0) {
		s->source = sd_event_source_unref(s->source);
		nft_flows_end(s->nft);
		fail(s, "cannot read the established flows; those that are forbidden now continue",
			strerror(-r));
		s->has_failed = false;
		s->next_usec = clock_usec() + RETRY_USEC;
		schedule_walk(s);
	}
}

void stale_flows_mark(StaleFlows *s)
{
	s->is_marked = true;
}

static void schedule_walk(StaleFlows *s)
{
	uint64_t at = clock_usec() + DELAY_USEC;

	if (!s->is_marked || !s->event || timer_is_armed(s->timer) || s->source)
		return;
	s->is_marked = false;
	timer_start_at(s->timer, s->next_usec > at ? s->next_usec : at);
}

void stale_flows_schedule(StaleFlows *s)
{
	s->is_marked |= s->n_marked > 0;
	schedule_walk(s);
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
		.context = context,
		/* the process before this one may have left some */
		.n_marked = 1,
		.tcp_until_usec = clock_usec() + NFT_FLOWS_TCP_USEC};
	s->timer = timer_new(event, 1000, SD_EVENT_PRIORITY_NORMAL, on_due, s);
	s->upkeep = timer_new(event, UPKEEP_USEC / 2, SD_EVENT_PRIORITY_IDLE, on_upkeep, s);
	return s;
}

StaleFlows *stale_flows_free(StaleFlows *s)
{
	if (!s)
		return NULL;
	timer_free(s->timer);
	timer_free(s->upkeep);
	sd_event_source_unref(s->source);
	node_addresses_free(s->addresses);
	free(s);
	return NULL;
}

const char *stale_flows_trouble(const StaleFlows *s)
{
	return *s->trouble ? s->trouble : NULL;
}

uint64_t stale_flows_killed(const StaleFlows *s)
{
	return s->n_killed_total;
}
