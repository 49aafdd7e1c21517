/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * ask: single questions to the kernel, in batches: the route to an address, the neighbour entry of
 * an address, the port at which a bridge has learned a MAC.
 */
#include "link_table.h"

typedef struct Answer {
	Address address; /* of the question */
	unsigned bridge; /* of the question: neighbours and ports */
	unsigned link;	 /* route: the interface, 0: none, or by a gateway. ports: the port, 0: not
			    learned */
	bool has_mac;	 /* of the question: ports; of the answer: neighbours */
	uint8_t mac[LINK_MAC_SIZE];
} Answer;

typedef VEC(Answer) Answers;

/* Each fills in what its answer is; where the kernel has none, 0 or false. */
void ask_routes(Rtnetlink *rtnetlink, Answers *answers);
void ask_neighbours(Rtnetlink *rtnetlink, Answers *answers);
void ask_ports(Rtnetlink *rtnetlink, Answers *answers); /* all of them have a MAC */

/* ---- Notifications ---- */
/* RTM_NEWROUTE, RTM_DELROUTE: the addresses it is about. False: it cannot be told. */
bool ask_read_route(const struct nlmsghdr *message, Range *ret_range);

/* RTM_NEWNEIGH, RTM_DELNEIGH, of a neighbour table or a bridge's forwarding table. */
typedef struct Neighbour {
	bool is_forwarding; /* of a forwarding table: it has no address */
	bool is_deleted;
	unsigned link; /* the interface; of a forwarding table, the port */
	Address address;
	bool has_mac;
	uint8_t mac[LINK_MAC_SIZE];
} Neighbour;

bool ask_read_neighbour(const struct nlmsghdr *message, Neighbour *ret_neighbour);
