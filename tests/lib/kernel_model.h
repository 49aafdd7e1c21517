/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * kernel_model: what nftables does with the operations of plans, and with packets meanwhile.
 *
 * The model keeps a history. An instant is the state after one operation; every set, map and base
 * chain remembers what it held at each instant. A packet that is in flight from one instant to
 * another is then evaluated over that stretch of history, with all its choices of when it does
 * what, and the answer is whether it may pass and whether it may be refused.
 *
 * What a packet sees (nft_do_chain() in net/netfilter/nf_tables_core.c, nf_tables_commit() in
 * nf_tables_api.c):
 *
 *   hooks     The list of base chains at a hook is read once, when the packet enters the hook
 *             (nf_hook_slow). The chains are then entered one after the other. A chain that was
 *             unhooked meanwhile is entered all the same, with its rules or without any.
 *   rules     Every chain has two rule lists, for odd and for even generations. On entering a base
 *             chain the packet reads that chain's list and the generation's parity, and takes the
 *             lists of that parity of all chains to which it is led. So of a chain that was made
 *             since, it sees no rules, or after one more commit all of them. Of one that was
 *             deleted since, it sees the rules, which are freed only after an RCU grace period, or
 *             none.
 *             An empty chain lets everything through: after `jump` the base chain continues, and
 *             after `goto` the base chain's policy applies, which is accept. In both cases the
 *             direction is not filtered.
 *   lookups   In sets and maps each lookup sees its own instant (nft_genmask_cur()), so of one
 *             transaction all elements or none, but of two lookups of one packet the second may be
 *             later by any number of commits. Of a set or map that was deleted since, a lookup may
 *             find what was in it last or nothing: a set's elements stay until they are freed, a
 *             map's have been switched off by the transaction since Linux 6.4 and its backports.
 *   grace     Nothing bounds how long a packet stays in a hook (its processor may be a stopped
 *             virtual one), except a commit that needs a grace period: packets that entered before
 *             it have left.
 *
 * The model is stricter than the kernel: packets see instants inside transactions too. It is weaker
 * in one respect: a verdict that is deleted and added by one transaction is one instant, and a
 * lookup that began before that transaction finds the old one. Kernels before 6.17 can miss both if
 * the lookup is interrupted between reading the generation and reading the hash table.
 *
 * IPv4 only, and the forward hook, which looks up both maps. Every failed expectation (a chain used
 * that does not exist, an element deleted twice) fails the Criterion test that called.
 */
#include "ruleset.h"

enum { MODEL_ADDRESSES = 6, MODEL_PORTS = 3, MODEL_INSTANTS = 512 };

/*
 * A TCP flow between two addresses, by their numbers from 0, to a port below MODEL_PORTS. is_link:
 * its packets are link-local ones, too, from the interface of the one address to that of the other
 * (model_link), so that the rules about those apply before the lookups in maps.
 */
typedef struct Flow {
	int from, to, port;
	bool is_link;
} Flow;

typedef struct Outcome {
	bool may_pass, may_be_refused;
} Outcome;

typedef struct Kernel Kernel;

Address model_address(int i);
Element model_link(int i); /* for the set podless */
/* A kernel without tables, allocated from the arena. */
Kernel *kernel_new(Arena *arena);
/* Loads the whole table by one transaction, as `nft -f` would. */
void kernel_load(Kernel *kernel, const Ruleset *ruleset);
void kernel_commit(Kernel *kernel, const Commit *commit);
/* The latest instant. */
int kernel_now(const Kernel *kernel);
/* The name of the commit to which the instant belongs. */
const char *kernel_commit_name(const Kernel *kernel, int instant);
/* The last instant that a packet may see if it entered the hook at this one. */
int kernel_last_seen(const Kernel *kernel, int entered);
/*
 * Whether packets that enter the hook at this instant can see anything that packets of the instant
 * before cannot, if they stay as long: other base chains, or instants after a grace period.
 */
bool kernel_is_first(const Kernel *kernel, int instant);
/* What may happen to a packet that enters the hook at `entered` and has left it by `last`. */
Outcome kernel_outcome(const Kernel *kernel, Flow flow, int entered, int last);
/* NULL if the ruleset's table is exactly that, and hooked; else what differs. */
const char *kernel_difference(const Kernel *kernel, const Ruleset *ruleset);
size_t kernel_count_tables(const Kernel *kernel);
