/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the sender check's tables are made anew: at each update, some milliseconds after an
 * interface has changed, after a foreign change, and again after a refusal. See sender_check.h.
 */
#include "sender_check.h"
#include "log.h"
#include "sender_facts.h"
#include "sender_report.h"
#include "sender_tables.h"
#include "timer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <syslog.h>

/* Interfaces change several at a time. */
#define REFRESH_USEC (3 * 1000)
/* After a refusal, and while the kernel does not answer. */
#define RETRY_USEC (1000 * 1000)

struct SenderCheck {
	const Settings *settings;
	const Pipeline *pipeline;
	void (*on_changed)(void *context);
	void *context;
	Links *links;	    /* NULL: they cannot be read, and `no_links` says why */
	char no_links[256]; /* "": they can be read */
	sd_event_source *source;
	Timer *refresh;
	PodBridges *bridges;
	SenderTables *tables;
	SendersBridge bridge; /* of the last update */
	uint16_t log_group;   /* likewise */
	ForgedLog *forged;
	Arena *report_arena;
	SenderReport report;
};

/* ---- Refreshing ---- */
static void report(SenderCheck *check, const SenderFindings *found, const Senders *senders)
{
	arena_clear(check->report_arena);
	check->report = sender_report_make(check->report_arena, found, senders,
		SENDERS_MODE_TEXT[check->settings->senders], forged_log_totals(check->forged));
}

/* Takes `wanted` over. 0 or RUN_E_REFUSED. */
static int apply(SenderCheck *check, Senders *wanted)
{
	int r = sender_tables_apply(check->tables, wanted);

	if (r != 0)
		timer_start(check->refresh, RETRY_USEC);
	return r;
}

static int refresh(SenderCheck *check)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	SenderSources sources = {check->settings, check->pipeline, check->links, check->bridges};
	SenderFindings found = {};
	bool is_known = sender_facts_find(&sources, check->bridge, check->log_group, arena, &found);
	Senders *wanted;

	if (check->settings->senders == SENDERS_OFF) {
		report(check, &found, NULL);
		return apply(check, NULL);
	}
	if (!is_known)
		return 0; /* who may send what is unknown: the tables stay */
	wanted = senders_make(&found.facts);
	report(check, &found, wanted);
	forged_log_set_ports(check->forged, &found.ports);
	return apply(check, wanted);
}

int sender_check_update(SenderCheck *check, SendersBridge bridge, uint16_t log_group)
{
	check->bridge = bridge;
	check->log_group = log_group;
	if (check->links)
		links_read(check->links);
	return refresh(check);
}

int sender_check_repair(SenderCheck *check, bool is_doubtful)
{
	return sender_tables_are_lost(check->tables, is_doubtful) ? refresh(check) : 0;
}

/* ---- What others ask ---- */
const char *sender_check_refusal(const SenderCheck *check)
{
	if (*check->no_links && check->settings->senders != SENDERS_OFF)
		return check->no_links;
	return sender_tables_refusal(check->tables);
}

void sender_check_count(SenderCheck *check)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	NftForgedCounts counts = {};

	if (!sender_tables_count(check->tables, arena, &counts))
		return;
	forged_log_add(check->forged, &counts, clock_usec());
	check->report.forged = forged_log_totals(check->forged);
}

const SenderReport *sender_check_report(const SenderCheck *check)
{
	return &check->report;
}

PortPod sender_check_pod_at(const SenderCheck *check, unsigned interface)
{
	return forged_log_pod_at(check->forged, interface);
}

const char *sender_check_interface(const SenderCheck *check, Arena *arena, unsigned interface)
{
	const Link *link = check->links ? links_find(check->links, interface) : NULL;

	return link ? arena_strdup(arena, link->name)
		    : arena_printf(arena, "interface %u", interface);
}

/* ---- Events ---- */
static void on_refresh(void *context)
{
	SenderCheck *check = context;
	const Senders *before = sender_tables_applied(check->tables);
	int r = refresh(check);

	if (r != 0 || sender_tables_applied(check->tables) != before)
		check->on_changed(check->context);
}

static int on_links(sd_event_source *source, int fd, uint32_t events, void *context)
{
	SenderCheck *check = context;
	LinksNotice notice = links_read(check->links);

	(void)source, (void)fd, (void)events;
	if (notice.has_links || notice.has_places)
		timer_start(check->refresh, REFRESH_USEC);
	return 0;
}

/* ---- Lifetime ---- */
static void open_links(SenderCheck *check, sd_event *event)
{
	int r = links_open(&check->links);

	if (r < 0)
		snprintf(check->no_links, sizeof(check->no_links),
			"the node's interfaces cannot be read: %s", strerror(-r));
	else if (event)
		r = sd_event_add_io(
			event, &check->source, links_fd(check->links), EPOLLIN, on_links, check);
	if (r < 0)
		log_line(LOG_WARNING, "links", "cannot follow the node's interfaces: %s",
			strerror(-r));
}

SenderCheck *sender_check_new(sd_event *event, Nft *nft, const Settings *settings,
	const Pipeline *pipeline, void (*on_changed)(void *context), void *context)
{
	SenderCheck *check = MEMORY_NEW(SenderCheck);

	*check = (SenderCheck){.settings = settings,
		.pipeline = pipeline,
		.on_changed = on_changed,
		.context = context,
		.bridges = pod_bridges_new(),
		.tables = sender_tables_new(nft, settings),
		.forged = forged_log_new(),
		.report_arena = arena_new()};
	check->refresh = timer_new(event, 1000, SD_EVENT_PRIORITY_NORMAL, on_refresh, check);
	open_links(check, event);
	return check;
}

SenderCheck *sender_check_free(SenderCheck *check)
{
	if (!check)
		return NULL;
	sd_event_source_unref(check->source);
	timer_free(check->refresh);
	links_close(check->links);
	pod_bridges_free(check->bridges);
	sender_tables_free(check->tables);
	forged_log_free(check->forged);
	arena_free(check->report_arena);
	free(check);
	return NULL;
}
