/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * senders: which source addresses the pods of this node may send from, as a value. Pure: links
 * finds the facts, nft carries the value into the kernel, run decides when.
 *
 * A packet from a pod's port has an address of that pod as its source, or is dropped, whether a
 * policy isolates the pod or not. Otherwise a pod could speak for another one, and policies are
 * about addresses. A port is the interface of this node at which a pod's packets arrive: a veth
 * that routes lead to, or a veth that is a bridge's port.
 *
 * What is known of a port decides how much it may send:
 *
 *     a pod is known to be at it    the addresses of that pod
 *     no pod is known to be at it   addresses that no other port has: those of pods whose port is
 *                                   not known, and unlisted ones of the bridge's own subnets (a pod
 *                                   that has just started) but the bridge's own address. A routed
 *                                   port: what is routed to it.
 *     all pods at it are free       everything
 *
 * Whoever sends it, a packet with the address of a pod whose port is known is dropped if it comes
 * from elsewhere, the node's uplinks included.
 *
 * Of several pods with one address it is that of the one that was attached last, as for policies;
 * of several whose records name one port, the port is that of the last. The others' records are
 * what a detachment left that failed.
 *
 * Lifetime: a Senders is made by senders_make() and is constant from then on. It borrows nothing.
 */
#include "base.h"

typedef enum SendersMode {
	SENDERS_CHECK,	/* the first packets of flows, as far as connections are tracked */
	SENDERS_EVERY,	/* every packet */
	SENDERS_LISTED, /* every packet, on bridges by address alone: any listed pod's will do */
	SENDERS_OFF
} SendersMode;

/* How bridged packets are seen; as the bridge's policy table (docs/bridges.md). */
typedef enum SendersBridge {
	SENDERS_NO_BRIDGE, /* bridged packets are not checked */
	SENDERS_LIFTED,	   /* br_netfilter passes them to the inet hooks, which track connections */
	SENDERS_TRACKED,   /* nf_conntrack_bridge tracks connections */
	SENDERS_UNTRACKED, /* nothing does: every packet is checked */
} SendersBridge;

/* How sure it is that the address is at the port. The greater one counts. */
typedef enum SenderCertainty {
	SENDER_NOWHERE, /* the port is not known */
	SENDER_LEARNED, /* the bridge learned it from frames */
	SENDER_SURE,	/* the node's own configuration says so of the address */
	SENDER_RECORDED /* the container runtime's record says so of the pod */
} SenderCertainty;

typedef struct SenderPlace {
	Address address;
	SenderCertainty certainty;
	unsigned port;	 /* its interface index; 0: SENDER_NOWHERE */
	unsigned bridge; /* the interface index of the bridge that leads to it; 0: none */
} SenderPlace;

typedef struct SenderPod {
	const char *name; /* "namespace/name" */
	VEC(SenderPlace) places;
	uint64_t attached_at; /* when its record was made, in nanoseconds; 0: it has none */
	bool is_free;	      /* may send from any address */
	Ranges allowed;	      /* may send from these, too */
} SenderPod;

typedef VEC(unsigned) Interfaces;

/* What senders_make() makes it of. Interfaces are indexes; lists are in any order. */
typedef struct SenderFacts {
	const char *table; /* the enforcing table's name */
	SendersMode mode;  /* not SENDERS_OFF */
	SendersBridge bridge;
	bool allows_tunnels; /* pods may send encapsulated packets to this node */
	uint16_t log_group;  /* of NFLOG, for what is dropped; 0: it is only counted */
	VEC(SenderPod) pods; /* of this node, without those on the host's network */
	Interfaces uplinks;  /* veth interfaces that lead to routers: no pods' */
	Interfaces outside;  /* veth ports of bridges that lead to no pod */
	Ranges subnets;	     /* of the bridges that lead to pods */
	Addresses gateways;  /* of these bridges themselves */
} SenderFacts;

/* An address that a port may send from. */
typedef struct Sender {
	unsigned port;
	Address address;
} Sender;

typedef struct SenderBlock {
	unsigned port;
	Range range;
} SenderBlock;

typedef struct Senders {
	Arena *arena;
	const char *table;
	SendersMode mode;
	SendersBridge bridge;
	bool allows_tunnels;
	uint16_t log_group;
	/* All lists are sorted and unique. */
	VEC(Sender) senders;	     /* of pods whose port is known */
	VEC(SenderBlock) blocks;     /* further addresses of these ports; disjoint for each */
	Addresses owned;	     /* those of `senders` */
	Addresses unplaced;	     /* of pods whose port is not known */
	Addresses gateways;	     /* of bridges; without those that are in `owned` */
	Interfaces known, free;	     /* the ports of pods: checked; not checked */
	Interfaces bridges;	     /* that lead to pods */
	Interfaces uplinks, outside; /* as of SenderFacts */
	Addresses broadcasts;	     /* of each subnet, in all modes */
	/* An unknown port may send from these: subnets of bridges; if ports of bridges are ignored
	 * (SENDERS_LISTED), the further addresses of their pods. */
	Ranges subnets;
	/* For the status. */
	struct {
		size_t pods, placed, unplaced, free;
	} counts;
} Senders;

/* *ret_senders is the caller's to free. */
Senders *senders_make(const SenderFacts *facts);
Senders *senders_free(Senders *senders); /* takes NULL; returns NULL */
/* Whether the kernel's tables of both are the same. */
bool senders_are_equal(const Senders *a, const Senders *b);
