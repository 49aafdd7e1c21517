/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * links: the network interfaces of this network namespace, and which of them leads to which pod.
 *
 * The inventory says which addresses pods have, not on which interface they are. This module asks
 * the kernel, by rtnetlink(7), and remembers the answers until a notification makes them doubtful.
 * But for links_drop_waiting() it changes nothing in the kernel; it knows no pods, only addresses.
 * One thread may use a Links. Components that follow the links each open their own: links_read()
 * says what has changed since the last call, and only one caller would learn it.
 *
 *     links_open                      reads all links, one dump; subscribes to notifications
 *     poll links_fd, links_read       says what has changed since the last call
 *     links_locate                    where are these addresses?
 *     links_close
 *
 * An address is located in these steps; `certainty` says how far they led:
 *
 *     the route to it names an interface, directly (no gateway)
 *       the other end of a veth  ---------------------------------------------> PLACE_ROUTED
 *       a bridge
 *         one of its ports is a veth whose other end has the address ---------> PLACE_CONFIGURED
 *         the neighbour entry names a MAC, the bridge has learned its port ---> PLACE_LEARNED
 *         none of that (yet) -------------------------------------------------> PLACE_BRIDGE
 *       another interface (a network card: the pod is elsewhere) -------------> PLACE_OTHER_LINK
 *     no route, or by a gateway, or the kernel does not answer ---------------> PLACE_UNKNOWN
 *     it was PLACE_ROUTED, and that link was deleted, and no route came since > PLACE_GONE
 *
 * What can forge it: PLACE_ROUTED and the bridge of the others, nobody but the node. The port of
 * PLACE_CONFIGURED, a pod with CAP_NET_ADMIN in its own network namespace. The port of
 * PLACE_LEARNED, every pod of the bridge that can send raw frames (ARP spoofing, a MAC of another).
 * If two ports have the address configured, neither counts.
 *
 * Cost. Nothing is asked for an address whose answer is still good: 500 addresses take some ten
 * microseconds. Questions go in batches of one system call. Single answers are asked for, not
 * dumps of routes, neighbours and forwarding tables: a router has a million routes, and a pod that
 * floods MAC addresses fills the forwarding table; neither may slow netpold down.
 *
 * Races. The kernel notifies of a route that goes before it deletes it, so an answer of that moment
 * may be the old one. Routes are asked for again some milliseconds to seconds later: links_fd is
 * readable then too, and links_read() reports has_places.
 *
 * Errors: -errno. If notifications were lost, or a dump failed, all is read anew by the next
 * links_read(); until that has succeeded links_is_complete() is false.
 */
#include "base.h"

#define LINK_NAME_SIZE 16 /* IFNAMSIZ, the NUL included */
#define LINK_MAC_SIZE 6

typedef enum LinkKind { LINK_OTHER, LINK_VETH, LINK_BRIDGE } LinkKind;

typedef struct Link {
	unsigned index;
	char name[LINK_NAME_SIZE]; /* any bytes but '/', white space and NUL: see link_name_is_plain
				    */
	LinkKind kind;
	unsigned master; /* index of the bridge, bond or VRF that it belongs to; 0: none */
	/*
	 * Index of the link of this namespace that it is on top of (a VLAN interface, a macvlan),
	 * or that is the other end of a veth; 0: none.
	 */
	unsigned lower;
	bool is_far;		    /* a veth whose other end is in another network namespace */
	unsigned far_index;	    /* then: the other end's index, in its namespace */
	uint8_t mac[LINK_MAC_SIZE]; /* its own: another MAC is another link; zeros: it has none */
} Link;

/* Whether the name has only letters, digits, '-', '_', '.': safe as text in nft's syntax. */
bool link_name_is_plain(const char *name);

typedef enum Certainty {
	PLACE_UNKNOWN,
	PLACE_GONE,
	PLACE_OTHER_LINK,
	PLACE_BRIDGE,
	PLACE_LEARNED,
	PLACE_CONFIGURED,
	PLACE_ROUTED,
} Certainty;

/* The links are borrowed: until the next links_read(). */
typedef struct Place {
	Certainty certainty;
	const Link *route; /* the interface that the route names; NULL: PLACE_UNKNOWN, PLACE_GONE */
	const Link *bridge; /* `route`, if it is a bridge; NULL: it is none */
	const Link *port;   /* the veth, or the port of the bridge, at which the pod is; NULL: not
			       known */
} Place;

typedef struct Links Links;

/* In the caller's network namespace. 0 or -errno. */
int links_open(Links **ret_links);
Links *links_close(Links *links); /* takes NULL; returns NULL */
int links_fd(const Links *links); /* to poll for input; the Links owns it */

typedef struct LinksNotice {
	bool has_links;	 /* a link came, went, or is another now: its name, kind, master, other end
			  */
	bool has_places; /* an address that was located may be elsewhere now */
} LinksNotice;

/* Reads all notifications that have come, without blocking. Errors are tried again by the next. */
LinksNotice links_read(Links *links);
/* Whether all links are known. */
bool links_is_complete(const Links *links);

/* Links by index; NULL: there is none, or it is 0. */
const Link *links_find(const Links *links, unsigned index);
/* All links, by ascending index: one a call, NULL after the last. *cursor is 0 at first. */
const Link *links_next(const Links *links, size_t *cursor);

#define LINKS_FORGET 64

/*
 * Locates n addresses, in any order; ret_places[i] is of addresses[i]. What is not in the cache is
 * asked of the kernel. Addresses that were not asked for LINKS_FORGET calls in succession are
 * forgotten.
 */
void links_locate(Links *links, const Address *addresses, size_t n, Place *ret_places);

#define PODLESS_MAX 1024
#define PODLESS_ADDRESSES_MAX 4096

/*
 * The names of the veths of other containers, sorted: at whose other end there is certainly none of
 * these addresses. Certainly means:
 *
 *   - each address is located: at a link, on a bridge, or elsewhere by a direct route;
 *   - the veth's other end is in another network namespace, and the veth is neither that link nor a
 *     port of that bridge, directly or through VLAN interfaces, veth pairs and other bridges;
 *   - it belongs to no VRF or bond, and its name is plain.
 *
 * While an address is PLACE_GONE, only links that the answer before had can be in the answer: its
 * pod may be back at a new one. Returns NULL; or, in words, why there are none (in `arena`): an
 * address is not located, there are more than PODLESS_ADDRESSES_MAX, the links are not known. At
 * most PODLESS_MAX names.
 */
const char *links_find_podless(
	Links *links, const Address *addresses, size_t n, Arena *arena, Texts *ret_names);

/*
 * Drops the packets that wait, in this network namespace, until one of these addresses answers to
 * ARP or to a neighbour solicitation: such packets have passed nftables' hooks, however the tables
 * are now. Needs no Links. 0 or -errno.
 */
int links_drop_waiting(const Addresses *addresses);
