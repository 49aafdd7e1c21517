/*
 * Cut: after a change that may have forbidden something, established flows that are forbidden now
 * are forgotten by the kernel, whichever their protocol. In pieces, when there is nothing else to
 * do: a node may track a million flows.
 */
#include "daemon.h"
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <syslog.h>

/* By then every packet that the change found inside a hook has left it, and the kernel knows its
 * flow. */
#define CUT_USEC (20 * 1000)
/* However many changes there are, looking must not take all of the time; but it must not wait. */
#define CUT_SHARE 4
#define CUT_PAUSE_USEC_MAX (250 * 1000)

/* ---- The node's own addresses ---- */
static bool read_address(const struct sockaddr *from, Address *ret_address)
{
	if (from && from->sa_family == AF_INET)
		*ret_address = address_from_bytes(FAMILY_IPV4,
			(const uint8_t *)&((const struct sockaddr_in *)(const void *)from)
				->sin_addr);
	else if (from && from->sa_family == AF_INET6)
		*ret_address = address_from_bytes(FAMILY_IPV6,
			(const uint8_t *)&((const struct sockaddr_in6 *)(const void *)from)
				->sin6_addr);
	else
		return false;
	return true;
}

static void read_own(Daemon *d)
{
	struct ifaddrs *list;
	Element element = {};

	arena_free(d->own_arena);
	d->own_arena = arena_new();
	d->own = (Elements){};
	if (getifaddrs(&list) < 0)
		return;
	for (const struct ifaddrs *at = list; at; at = at->ifa_next)
		if (read_address(at->ifa_addr, &element.address))
			VEC_PUSH(d->own_arena, &d->own, element);
	freeifaddrs(list);
	elements_sort(&d->own);
}

static bool is_own(const Daemon *d, Address address)
{
	Element wanted = {.address = address};

	return d->own.n && bsearch(&wanted, d->own.at, d->own.n, sizeof(Element), element_compare);
}

/* ---- Looking ---- */
/* The node may always reach its pods. */
static bool may_go_on(void *context, const Tuple *tuple)
{
	const Daemon *d = context;

	return !d->applied[OURS_INET] || is_own(d, tuple->source) ||
	       ruleset_allows(d->applied[OURS_INET], tuple);
}

/* Beside the tables that track connections. */
static size_t cut_tables(const Daemon *d, NftStaleTable ret_tables[OURS_N])
{
	size_t n = 0;

	for (int t = 0; t < OURS_N; t++)
		if (d->applied[t] && d->applied[t]->base.kind != TABLE_TAGGED)
			ret_tables[n++] = (NftStaleTable){
				&d->applied[t]->base, d->settings.deny == DENY_DROP};
	return n;
}

static void end_look(Daemon *d)
{
	uint64_t now = daemon_now_usec(), pause = (CUT_SHARE - 1) * (now - d->cut_start);

	d->cut_next = now + (pause < CUT_PAUSE_USEC_MAX ? pause : CUT_PAUSE_USEC_MAX);
	d->flows = sd_event_source_unref(d->flows);
	nft_flows_end(d->nft);
	d->cut += d->cut_now;
	if (d->cut_now > 0) {
		log_line(LOG_NOTICE, "cut", "%u established flows are forbidden now, and were cut",
			d->cut_now);
		daemon_report(d);
	}
	d->cut_now = 0;
	daemon_schedule_cut(d); /* what changed meanwhile */
}

static int on_flows(sd_event_source *source, int fd, uint32_t events, void *context)
{
	Daemon *d = context;
	NftStaleTable tables[OURS_N];
	size_t n = cut_tables(d, tables);
	NftKilled forgotten = {};
	int r = nft_flows_take(d->nft, tables, n, may_go_on, d, &forgotten);

	(void)source, (void)fd, (void)events;
	d->cut_now += forgotten.n;
	if (forgotten.is_refused)
		log_line(LOG_WARNING, "cut", "what was cut may be taken up again: %s",
			nft_error(d->nft));
	if (r < 0) {
		log_line(LOG_WARNING, "cut", "looking for established flows that are forbidden: %s",
			strerror(-r));
		d->may_have_tightened = true;
	}
	if (r < 0 || forgotten.is_done)
		end_look(d);
	return 0;
}

static int start_look(Daemon *d)
{
	int r = nft_flows_start(d->nft);

	if (r >= 0)
		r = sd_event_add_io(d->event, &d->flows, r, 1 /* EPOLLIN */, on_flows, d);
	if (r >= 0)
		r = sd_event_source_set_priority(d->flows, SD_EVENT_PRIORITY_IDLE);
	return r;
}

static int on_time(sd_event_source *source, uint64_t at, void *context);

static void look_at(Daemon *d, uint64_t usec)
{
	sd_event_add_time(d->event, &d->cut_timer, CLOCK_MONOTONIC, usec, 1000, on_time, d);
}

/* The kernel's walk takes milliseconds, which the burst would wait for. Only once: bursts may come
 * without end. */
static bool does_wait_for_burst(Daemon *d)
{
	d->has_cut_waited = !d->has_cut_waited && daemon_is_gathering(d);
	return d->has_cut_waited;
}

static int on_time(sd_event_source *source, uint64_t at, void *context)
{
	Daemon *d = context;
	int r;

	(void)source, (void)at;
	d->cut_timer = sd_event_source_unref(d->cut_timer);
	if (does_wait_for_burst(d)) {
		look_at(d, daemon_now_usec() + CUT_USEC);
		return 0;
	}
	d->cut_start = daemon_now_usec();
	read_own(d);
	r = start_look(d);
	if (r < 0) {
		d->may_have_tightened = true; /* with the next change */
		log_line(LOG_WARNING, "cut", "established flows cannot be looked through: %s",
			strerror(-r));
	}
	return 0;
}

void daemon_review_cut(Daemon *d)
{
	NftStaleTable tables[OURS_N];
	size_t n = cut_tables(d, tables);

	if (nft_flows_review(d->nft, tables, n, may_go_on, d) != 0)
		log_line(LOG_WARNING, "cut", "flows that are allowed again: %s", nft_error(d->nft));
}

/* While one look waits or is under way, the next waits for its end: changes may come without end.
 */
void daemon_schedule_cut(Daemon *d)
{
	uint64_t at = daemon_now_usec() + CUT_USEC;

	daemon_review_cut(d);
	if (!d->may_have_tightened || !d->event || d->cut_timer || d->flows)
		return;
	d->may_have_tightened = false;
	if (d->cut_next > at)
		at = d->cut_next;
	look_at(d, at);
}
