/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * denial_rules: the objects by which a table counts and logs the packets that it refuses, as nft
 * text.
 *
 * The refusal chains jump to count_in or count_out before they refuse, so an allowed packet pays
 * nothing. Such a chain counts the packet for the pod whose policies refuse it, and logs it to an
 * NFLOG group if its source, destination, protocol and port were not logged within the last minute:
 *
 *     denied_in4, ... denied_out6        address: packets and bytes refused for this pod
 *     seen_in4, ... seen_out6            what was logged: TCP, UDP and SCTP, which have ports
 *     seen_in4_other, ...                the same of all other protocols
 *     logged                             a limit: at most 100 packets a second are logged
 *
 * Chains of audited pods end in audited_in or audited_out, which jump to count_would_in or
 * count_would_out and let the packet go on. These have sets of their own, would_in4 ... and
 * seen_would_in4 ..., so that a flow is logged once more when its policy is enforced. They share
 * the limit.
 *
 * The kernel adds the elements itself, when a packet comes ("flags dynamic"). So they are no part
 * of a ruleset: plans, comparisons and read-back look at the objects, not at their elements. Only
 * verdict maps lead to these chains, so an address in denied_... is that of a pod that is isolated,
 * or was. That bounds these sets; one that any sender could fill would be full when a pod needs it.
 * Packets that are dropped for their link-local, broadcast or multicast address (drop_link_in,
 * drop_link_out) are neither counted nor logged.
 *
 * The limit comes before the addition: a packet over the limit is not remembered as logged, and so
 * the next one like it is logged later. A full set logs nothing. Packets are refused in any case.
 */
#include "nft.h"

extern const char *const DENIAL_PREFIX[DENIED_FORGED + 1]; /* of the log messages */

/* ---- What the tables of the sender check use as well ---- */
void denial_render_limit(Buf *buf);
/* A set of what was logged within the last minute. type: of its elements. */
void denial_render_seen(Buf *buf, const char *name, const char *type, const char *comment);
/* Logs a packet that matches, "" or words and a space, if the set does not have its key. */
void denial_render_log(Buf *buf, const char *match, const char *set, const char *key,
	DenialKind kind, uint16_t group);

/* ---- The tables of policies ---- */

const char *denial_set_name(DenialKind kind, Family family); /* denied_... */
/* The table counts the kinds below this one. A fallback table leaves out those of audited pods. */
int denial_kinds(const BaseOptions *base);

/* One of the objects of a table with these options: a limit, a set or a chain. */
typedef struct DenialObject {
	const char *keyword, *name; /* "set", "denied_in4" */
	const char *text;	    /* as render.h has them, in the caller's arena */
} DenialObject;

typedef VEC(DenialObject) DenialObjects;

/* All of them, in the order in which a table is written. base->log_group 0: those that count. */
void denial_objects(Arena *arena, const BaseOptions *base, DenialObjects *ret_objects);
void denial_render(Buf *buf, const BaseOptions *base); /* their texts */
