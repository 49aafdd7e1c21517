/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Refused flows: from the kernel's messages to the journal and the ring. */
#include "denials.h"
#include "denial_entry.h"
#include "denial_ring.h"
#include "journal.h"
#include "log.h"
#include "timer.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <syslog.h>
#include <time.h>

/* Messages that are read in one go; the loop looks after other events in between. */
#define BATCH 32
#define TELL_USEC (60 * 1000 * 1000)
/*
 * A drain ends after that many, since a change waits for it. That is more than the kernel sends in
 * a few seconds: 200 at once and 100 a second, for each table. The rest is read when the loop is
 * idle, and explained by the model that is in force then.
 */
#define DRAIN_MAX 1024
/* Behind the files, tables and timers. */
#define PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

struct Denials {
	sd_event *event;
	Nft *nft;
	const Settings *settings;
	const Pipeline *pipeline;
	const SenderCheck *senders;
	bool can_log;	/* the kernel has NFLOG */
	DenialLog *log; /* NULL: the group is not bound */
	uint16_t bound; /* the group of `log` */
	sd_event_source *source;
	DenialLog *previous; /* of another group, to which tables may still log; NULL: none */
	uint16_t previous_group;
	DenialRing *ring;     /* NULL: no event loop */
	DenialTotals *totals; /* counts the flows */
	DenialFigures figures;
	uint64_t n_lost_before;	       /* by logs that were closed */
	uint64_t told_lost, told_usec; /* when lost messages were logged, and how many by then */
	char trouble[256];
};

/* ---- One refused flow ---- */
static Endpoint endpoint_of(const Denials *d, Address address)
{
	return (Endpoint){.pod = pipeline_owner(d->pipeline, address), .address = address};
}

/* Why policies refused it, and that it is one more. */
static void take_refusal(Denials *d, Arena *arena, DenialEntry *entry)
{
	pipeline_explain(d->pipeline, arena, &entry->flow, denial_direction(entry->kind),
		denial_is_audit(entry->kind), &entry->refusal);
	denial_totals_add_flow(d->totals, entry->kind, entry->number);
}

static void take_sender(Denials *d, Arena *arena, unsigned interface, DenialEntry *entry)
{
	entry->sender = sender_check_pod_at(d->senders, interface);
	entry->interface = sender_check_interface(d->senders, arena, interface);
	d->figures.forged++;
}

static void record(Denials *d, const Denial *denial)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	DenialEntry entry = {.number = denial_ring_next(d->ring),
		.time = time(NULL),
		.kind = denial->kind,
		.flow = {.source = endpoint_of(d, denial->tuple.source),
			.destination = endpoint_of(d, denial->tuple.destination),
			.protocol = denial->tuple.protocol,
			.port = denial->tuple.port}};

	if (denial->kind == DENIED_FORGED)
		take_sender(d, arena, denial->interface, &entry);
	else
		take_refusal(d, arena, &entry);
	denial_ring_add(d->ring, denial_entry_json(arena, &entry));
	if (!journal_send(denial_entry_fields(arena, &entry)))
		d->figures.unlogged++;
}

/* Once a minute at most: whoever floods the log must not flood the journal. */
static void tell_lost(Denials *d)
{
	uint64_t lost = denials_figures(d)->lost, now = clock_usec();

	if (lost == d->told_lost || (d->told_usec && now < d->told_usec + TELL_USEC))
		return;
	log_line(LOG_WARNING, "denied",
		"%llu refused flows were not logged: their messages came faster than netpold could "
		"read them",
		(unsigned long long)(lost - d->told_lost));
	d->told_lost = lost;
	d->told_usec = now;
}

/* Returns how many messages there were; fewer than BATCH: there are no more. */
static size_t take_batch(Denials *d, DenialLog *log)
{
	Denial batch[BATCH];
	size_t n = denial_log_read(log, batch, BATCH);

	for (size_t i = 0; i < n; i++)
		record(d, &batch[i]);
	tell_lost(d);
	return n;
}

static int on_messages(sd_event_source *source, int fd, uint32_t events, void *context)
{
	Denials *d = context;

	(void)source, (void)fd, (void)events;
	take_batch(d, d->log);
	return 0;
}

static void drain(Denials *d, DenialLog *log)
{
	for (size_t n = 0; log && n < DRAIN_MAX; n += BATCH)
		if (take_batch(d, log) < BATCH)
			return;
}

/* Without a model, as before the first update, the messages wait for the one that comes. */
void denials_drain(Denials *d)
{
	if (!pipeline_model(d->pipeline))
		return;
	drain(d, d->previous);
	drain(d, d->log);
}

/* ---- The group ---- */
uint16_t denials_group(const Denials *d)
{
	return d->settings->is_log_denied && d->can_log ? (uint16_t)d->settings->log_group : 0;
}

const char *denials_trouble(const Denials *d)
{
	return *d->trouble ? d->trouble : NULL;
}

/* What is left in the socket then is dropped. */
static DenialLog *close_log(Denials *d, DenialLog *log)
{
	if (!log)
		return NULL;
	drain(d, log);
	d->n_lost_before += denial_log_lost(log);
	return denial_log_close(log);
}

static void leave_group(Denials *d)
{
	d->source = sd_event_source_unref(d->source);
	close_log(d, d->previous);
	d->previous = d->log;
	d->previous_group = d->bound;
	d->log = NULL;
}

void denials_leave_previous(Denials *d)
{
	d->previous = close_log(d, d->previous);
}

/* A group that was left just now is still bound. */
static int bind_log(Denials *d, uint16_t group)
{
	int r = 0;

	if (d->previous && d->previous_group == group) {
		d->log = d->previous;
		d->previous = NULL;
	} else {
		r = denial_log_open(group, &d->log);
	}
	if (r == 0)
		d->bound = group;
	return r;
}

static void open_log(Denials *d)
{
	uint16_t group = denials_group(d);
	int r = bind_log(d, group);

	if (r == 0)
		r = sd_event_add_io(
			d->event, &d->source, denial_log_fd(d->log), EPOLLIN, on_messages, d);
	if (r >= 0)
		r = sd_event_source_set_priority(d->source, PRIORITY);
	if (r >= 0)
		return;
	d->source = sd_event_source_unref(d->source);
	d->log = close_log(d, d->log);
	snprintf(d->trouble, sizeof(d->trouble), "NFLOG group %u (log_group) %s", group,
		r == -EBUSY ? "belongs to another process" : strerror(-r));
}

static void probe(Denials *d)
{
	const char *why;

	if (d->can_log || !d->settings->is_log_denied)
		return;
	d->can_log = nft_can_log(d->nft, d->settings->table, &why);
	if (!d->can_log)
		snprintf(d->trouble, sizeof(d->trouble),
			"the kernel cannot log packets for netpold: %s", why);
}

bool denials_check(Denials *d)
{
	uint16_t before = denials_group(d), group;

	d->trouble[0] = '\0';
	probe(d);
	group = denials_group(d);
	if (d->log && d->bound != group)
		leave_group(d);
	if (!d->log && group && d->event)
		open_log(d);
	return group != before;
}

/* ---- Lifetime ---- */
const DenialFigures *denials_figures(Denials *d)
{
	d->figures.lost = d->n_lost_before + (d->log ? denial_log_lost(d->log) : 0) +
			  (d->previous ? denial_log_lost(d->previous) : 0);
	for (int i = 0; i < DENIAL_KIND_N; i++)
		d->figures.flows[i] = denial_totals_flows(d->totals, (DenialKind)i);
	return &d->figures;
}

/* After a crash the ring has entries that the saved totals miss; never more than it holds. */
static void count_unsaved(Denials *d)
{
	uint64_t last = denial_totals_entry(d->totals);
	const char *line;

	while (last && (line = denial_ring_line(d->ring, last + 1))) {
		ARENA_CLEANUP Arena *arena = arena_new();
		DenialKind kind;

		last++;
		if (denial_entry_kind(arena, line, &kind))
			denial_totals_add_flow(d->totals, kind, last);
	}
}

Denials *denials_new(sd_event *event, Nft *nft, const Settings *settings, const Pipeline *pipeline,
	DenialTotals *totals, const SenderCheck *senders)
{
	Denials *d = MEMORY_NEW(Denials);

	*d = (Denials){.event = event,
		.nft = nft,
		.settings = settings,
		.pipeline = pipeline,
		.totals = totals,
		.senders = senders};
	if (event) {
		d->ring = denial_ring_new(event, settings->runtime);
		count_unsaved(d);
	}
	denials_check(d);
	return d;
}

void denials_close(Denials *d)
{
	d->source = sd_event_source_unref(d->source);
	d->previous = close_log(d, d->previous);
	d->log = close_log(d, d->log);
}

Denials *denials_free(Denials *d)
{
	if (!d)
		return NULL;
	denials_close(d);
	denial_ring_free(d->ring);
	free(d);
	return NULL;
}
