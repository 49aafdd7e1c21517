/*
 * Cut: after a change that may have forbidden something, established flows that are forbidden now
 * are forgotten by the kernel, whichever their protocol. In pieces, when there is nothing else to
 * do: a node may track a million flows.
 */
#include "daemon.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <syslog.h>

/* By then every packet that the change found inside a hook has left it, and the kernel knows its
 * flow. */
#define CUT_USEC (20 * 1000)

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

static int read_own(void *context)
{
	Daemon *d = context;
	struct ifaddrs *list;
	Element element = {};

	d->own = (Elements){};
	if (getifaddrs(&list) < 0)
		return 0;
	for (const struct ifaddrs *at = list; at; at = at->ifa_next)
		if (read_address(at->ifa_addr, &element.address))
			VEC_PUSH(d->own_arena, &d->own, element);
	freeifaddrs(list);
	elements_sort(&d->own);
	return 0;
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

static void end_look(Daemon *d)
{
	d->flows = sd_event_source_unref(d->flows);
	d->cut += d->cut_now;
	if (d->cut_now > 0) {
		log_line(LOG_NOTICE, "cut", "%u established flows are forbidden now, and were cut",
			d->cut_now);
		daemon_report(d);
	}
	d->cut_now = 0;
}

/* Beside the tables that track connections. */
static size_t cut_tables(const Daemon *d, NftCut ret_tables[OURS_N])
{
	size_t n = 0;

	for (int t = 0; t < OURS_N; t++)
		if (d->applied[t] && d->applied[t]->base.kind != TABLE_TAGGED)
			ret_tables[n++] =
				(NftCut){&d->applied[t]->base, d->settings.deny == DENY_DROP};
	return n;
}

static int on_flows(sd_event_source *source, int fd, uint32_t events, void *context)
{
	Daemon *d = context;
	NftCut tables[OURS_N];
	size_t n = cut_tables(d, tables);
	unsigned cut = 0;
	int r = nft_flows_take(d->nft, tables, n, may_go_on, d, &cut);

	(void)source, (void)fd, (void)events;
	d->cut_now += cut;
	if (r < 0)
		log_line(LOG_WARNING, "cut", "looking for established flows that are forbidden: %s",
			strerror(-r));
	if (r <= 0)
		end_look(d);
	return 0;
}

static int on_time(sd_event_source *source, uint64_t at, void *context)
{
	Daemon *d = context;
	int fd;

	(void)source, (void)at;
	d->flows = sd_event_source_unref(d->flows);
	d->own_arena = arena_free(d->own_arena);
	d->own_arena = arena_new();
	if (!d->own_arena || arena_try(d->own_arena, read_own, d) < 0)
		return 0; /* out of memory */
	fd = nft_flows_start(d->nft);
	if (fd < 0 || sd_event_add_io(d->event, &d->flows, fd, 1 /* EPOLLIN */, on_flows, d) < 0)
		log_line(LOG_WARNING, "cut", "established flows cannot be looked through");
	else
		sd_event_source_set_priority(d->flows, SD_EVENT_PRIORITY_IDLE);
	return 0;
}

void daemon_review_cut(Daemon *d)
{
	NftCut tables[OURS_N];
	size_t n = cut_tables(d, tables);

	if (nft_flows_review(d->nft, tables, n, may_go_on, d) != 0)
		log_line(LOG_WARNING, "cut", "flows that are allowed again: %s", nft_error(d->nft));
}

void daemon_schedule_cut(Daemon *d)
{
	daemon_review_cut(d);
	if (!d->may_have_tightened || !d->event)
		return;
	d->may_have_tightened = false;
	d->cut_timer = sd_event_source_unref(d->cut_timer);
	sd_event_add_time_relative(
		d->event, &d->cut_timer, CLOCK_MONOTONIC, CUT_USEC, 1000, on_time, d);
}
