/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * render: one object of a table as nft text.
 *
 * The text has the form in which `nft list` prints it, tabs and line breaks included. So one text
 * serves three purposes: `netpolctl ruleset` prints it, libnftables reads it, and a listing of the
 * kernel's table is compared with it (readback.c). A string that read-back searches for in a
 * listing is defined in the file that writes it: here or in base_chain.c.
 *
 * Pure functions that append to `buf`. Elements and rules are rendered in the order in which they
 * are in sets and chains, so equal rulesets give equal text, to the byte.
 */
#include "nft.h"

/* "inet netpol", "bridge netpol" */
const char *render_table_name(Arena *arena, const BaseOptions *base);
/* nft's keyword for matches on the family's header: "ip", "ip6". */
const char *render_family_keyword(Family family);

const char *render_address_type(Family family); /* "ipv4_addr" */

/* Each object is indented by one tab and ends with a line break. */
void render_set(Buf *buf, const Set *set, bool has_elements);
/* With the elements `verdicts`; NULL: without. */
void render_map(Buf *buf, const BaseOptions *base, Direction direction, Family family,
	bool is_standby, const Verdicts *verdicts);
/* Whether a listed map was written with a size: all but large maps are (MAP_SMALL_MAX). */
bool render_map_has_size(const char *block);
/* The chain of a class of isolated, or audited, pods. It ends in a goto to a refusal chain. */
void render_chain(Buf *buf, const BaseOptions *base, const Chain *chain);

/*
 * Refusal chains. The last rule of each pod's chain goes to one of the first four. They accept what
 * must never be refused (neighbour discovery, a pod's traffic to itself), have the rest counted and
 * logged (denial_rules.h), and reject or drop it. LINK_IN and LINK_OUT are for packets on a link
 * that have no pod's address, and count nothing. MIDSTREAM is for TCP packets of unknown flows that
 * begin none; RESET resets such. AUDITED_IN and AUDITED_OUT end the chains of audited pods: they
 * count and log what the other chains would refuse, and refuse nothing. Their text is constant: it
 * does not depend on the ruleset.
 */
typedef enum RefusalChain {
	REFUSE_IN,
	REFUSE_OUT,
	DROP_IN,
	DROP_OUT,
	LINK_IN,
	LINK_OUT,
	RESET,
	MIDSTREAM,
	AUDITED_IN,
	AUDITED_OUT,
	REFUSAL_CHAIN_N
} RefusalChain;
extern const char *const REFUSAL_CHAIN_NAME[REFUSAL_CHAIN_N];
/* Whether the table has it: a bridge table only has those that drop. */
bool render_has_refusal_chain(const BaseOptions *base, RefusalChain refusal);
void render_refusal_chain(Buf *buf, const BaseOptions *base, RefusalChain refusal);
/* The rules that refuse a TCP packet by a reset. */
void render_reset(Buf *buf);
/*
 * By its ports a TCP packet comes from the end that opened the flow: clients have a port of 32768
 * and above, Linux's range for them, and servers mostly have one below.
 */
#define CLIENT_PORT_MIN 32768
#define MATCH_CLIENT_PORTS "tcp sport 32768-65535 tcp dport 0-32767 "
/* Matches the first packet of a TCP flow that conntrack picks up, since it has not seen its SYN. */
#define MATCH_MIDSTREAM "ct state new tcp flags != syn / fin,syn,rst,ack "
void render_refusal_chains(Buf *buf, const BaseOptions *base); /* all that the table has */
/* To these the refusal chains jump: see denial_rules.h. */
extern const char *const COUNT_CHAIN_NAME[DENIAL_KIND_N];
