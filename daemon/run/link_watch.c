/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links that lead to no isolated pod. See link_watch.h. */
#include "link_watch.h"
#include "log.h"
#include "timer.h"
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <syslog.h>

/* How long a link has to be there before it is left alone. */
#define ADD_USEC (1000 * 1000)
#define ADD_ACCURACY_USEC (100 * 1000)

struct LinkWatch {
	Links *links;
	sd_event_source *source;
	Timer *addition; /* armed while links wait to be added to the set */
	bool is_waited;	 /* it has expired */
	void (*on_changed)(void *context);
	void *context;
	const Set *podless; /* the last one made; a reference */
	char why[256];	    /* no link is left alone, as logged last; "": it is known which */
};

/* ---- Lifetime ---- */
static int on_io(sd_event_source *source, int fd, uint32_t events, void *context)
{
	LinkWatch *watch = context;
	LinksNotice notice = links_read(watch->links);

	(void)source, (void)fd, (void)events;
	if (notice.has_links || notice.has_places)
		watch->on_changed(watch->context);
	return 0;
}

static void on_waited(void *context)
{
	LinkWatch *watch = context;

	watch->is_waited = true;
	watch->on_changed(watch->context);
}

LinkWatch *link_watch_new(sd_event *event, void (*on_changed)(void *context), void *context)
{
	LinkWatch *watch;
	Links *links;
	int r;

	if (!event)
		return NULL;
	r = links_open(&links);
	if (r < 0) {
		log_line(LOG_WARNING, "links",
			"cannot ask the kernel for its interfaces (%s): link-local, broadcast and "
			"multicast packets of other containers are filtered like those of pods",
			strerror(-r));
		return NULL;
	}
	watch = MEMORY_NEW(LinkWatch);
	*watch = (LinkWatch){.links = links, .on_changed = on_changed, .context = context};
	watch->addition =
		timer_new(event, ADD_ACCURACY_USEC, SD_EVENT_PRIORITY_NORMAL, on_waited, watch);
	r = sd_event_add_io(event, &watch->source, links_fd(links), EPOLLIN, on_io, watch);
	if (r < 0) {
		log_line(LOG_WARNING, "links", "cannot watch interfaces: %s", strerror(-r));
		return link_watch_free(watch);
	}
	return watch;
}

LinkWatch *link_watch_free(LinkWatch *watch)
{
	if (!watch)
		return NULL;
	sd_event_source_unref(watch->source);
	timer_free(watch->addition);
	set_unref(watch->podless);
	links_close(watch->links);
	free(watch);
	return NULL;
}

/* ---- The set ---- */
static Addresses isolated_addresses(Arena *arena, const Ruleset *inet)
{
	Addresses addresses = {};

	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			const Verdicts *map = &inet->verdicts[d][f];

			for (size_t i = 0; i < map->n; i++)
				if (verdict_isolates(&map->at[i]) &&
					(d == INGRESS || !verdict_isolates(ruleset_verdict(inet,
								 INGRESS, map->at[i].address))))
					VEC_PUSH(arena, &addresses, map->at[i].address);
		}
	return addresses;
}

static void log_why(LinkWatch *watch, const char *why)
{
	if (strncmp(why, watch->why, sizeof(watch->why) - 1) == 0)
		return;
	if (*why)
		log_line(LOG_NOTICE, "links",
			"link-local, broadcast and multicast packets of all containers are "
			"filtered like those of pods: %s",
			why);
	else
		log_line(LOG_NOTICE, "links",
			"it is known again which interfaces lead to no isolated pod");
	snprintf(watch->why, sizeof(watch->why), "%s", why);
}

static Elements podless_elements(LinkWatch *watch, Arena *arena, const Ruleset *inet)
{
	Addresses isolated = isolated_addresses(arena, inet);
	Elements elements = {};
	const char *why;
	Texts names;

	if (isolated.n == 0) /* no rule looks the set up */
		return elements;
	links_read(watch->links);
	why = links_find_podless(watch->links, isolated.at, isolated.n, arena, &names);
	log_why(watch, why ? why : "");
	for (size_t i = 0; i < names.n; i++)
		VEC_PUSH(arena, &elements, element_of_link(names.at[i]));
	elements_sort(&elements);
	return elements;
}

static const Set *podless_of(const Ruleset *inet)
{
	return ruleset_set(inet, object_name_podless(false));
}

/* The same object while the content is the same: then successive rulesets share it. */
static const Set *make_podless(LinkWatch *watch, const Elements *elements)
{
	const Set spec = {.name = object_name_podless(false),
		.kind = SET_LINKS,
		.family = FAMILY_IPV6,
		.elements = *elements};
	ARENA_CLEANUP Arena *arena = arena_new();
	Elements add = {}, del = {};

	if (watch->podless)
		elements_diff(arena, &watch->podless->elements, elements, &add, &del);
	if (!watch->podless || add.n + del.n > 0) {
		set_unref(watch->podless);
		watch->podless = set_make(&spec);
	}
	return watch->podless;
}

void link_watch_fill(LinkWatch *watch, Ruleset *inet)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Elements elements;

	if (!watch)
		return;
	elements = podless_elements(watch, arena, inet);
	ruleset_set_podless(inet, make_podless(watch, &elements));
	timer_stop(watch->addition);
}

/* ---- Between updates ---- */
/* Whether the tables have to change now; if links only come, arms the timer. */
static bool is_due(LinkWatch *watch, Arena *arena, const Ruleset *inet, const Elements *elements)
{
	bool is_waited = watch->is_waited;
	Elements add = {}, del = {};

	watch->is_waited = false;
	elements_diff(arena, &podless_of(inet)->elements, elements, &add, &del);
	if (del.n > 0 || (add.n > 0 && is_waited)) {
		timer_stop(watch->addition);
		return true;
	}
	if (add.n > 0)
		timer_start(watch->addition, ADD_USEC);
	else
		timer_stop(watch->addition);
	return false;
}

int link_watch_apply(
	LinkWatch *watch, Enforcer *enforcer, const BridgeOptions *bridge, bool *ret_is_changed)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	const Ruleset *inet = enforcer_applied(enforcer, KERNEL_INET);
	Ruleset *wanted[KERNEL_TABLE_N] = {};
	Elements elements;

	*ret_is_changed = false;
	if (!inet) /* the first update will fill the set */
		return 0;
	elements = podless_elements(watch, arena, inet);
	if (!is_due(watch, arena, inet, &elements))
		return 0;
	wanted[KERNEL_INET] = ruleset_clone(inet);
	ruleset_set_podless(wanted[KERNEL_INET], make_podless(watch, &elements));
	if (bridge)
		wanted[KERNEL_BRIDGE] = compile_bridge(wanted[KERNEL_INET], bridge);
	*ret_is_changed = true;
	return enforcer_apply(enforcer, wanted);
}
