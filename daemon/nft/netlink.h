#pragma once
/*
 * netlink: elements of hash sets and verdict maps, straight to the kernel. Microseconds an element,
 * whatever else the tables hold. Private to the room.
 */
#include "render.h"

typedef struct Netlink Netlink;

int netlink_open(Netlink **ret_netlink);
Netlink *netlink_close(Netlink *netlink);
/*
 * Carries out what the commit does to elements, and its deletions, as one transaction. 1, 0 if
 * there was none to send, or -errno on refusal.
 */
int netlink_edit(Netlink *netlink, Arena *scratch, const Commit *commit, unsigned *ret_elements);
/* All elements of a hash set, sorted; all of a verdict map. */
int netlink_read_set(Netlink *netlink, Arena *arena, const BaseOptions *base, Set *set);
int netlink_read_map(Netlink *netlink, Arena *arena, const BaseOptions *base, const char *map,
	Family family, Direction direction, Verdicts *ret_verdicts);
typedef VEC(Tuple) Tuples;

/* Adds them to a set of the table of cut flows, or deletes them, as one transaction. 0 or -errno.
 */
int netlink_edit_stale(Netlink *netlink, Arena *scratch, const BaseOptions *base, const char *set,
	bool is_add, const Tuples *tuples);
/* Adds those of a set of the table of cut flows. */
int netlink_read_stale(Netlink *netlink, Arena *arena, const BaseOptions *base, const char *set,
	Family family, uint8_t protocol, Tuples *ret_tuples);
/* The number of the last change to nftables. 0 or -errno. */
int netlink_generation(Netlink *netlink, uint32_t *ret_generation);
/* The port by which the kernel knows this socket. */
uint32_t netlink_port(const Netlink *netlink);
/*
 * The port of another nftables socket of this process, opened before this one: libnftables', which
 * does not show it. 0: there is none.
 */
uint32_t netlink_port_beside(const Netlink *netlink);

/* watch.c: changes of our tables by others than this process. */
typedef struct TableWatch TableWatch;

int table_watch_open(const char *table, TableWatch **ret_watch);
/* From now on what these two ports ask for is not told. 0 or -errno. */
int table_watch_ignore(TableWatch *watch, uint32_t one, uint32_t two);
/* Whether news come at all: see nft_apply. */
void table_watch_listen(TableWatch *watch, bool is_on);
TableWatch *table_watch_close(TableWatch *watch);
int table_watch_fd(const TableWatch *watch);
/* Reads what has come, and keeps it for take. */
void table_watch_read(TableWatch *watch);
NftNotice table_watch_read_notice(TableWatch *watch, char ret_who[NFT_WHO_SIZE]);
/* How many transactions of others were heard of. */
uint32_t table_watch_count_foreign(const TableWatch *watch);

/* flows.c: what the kernel tracks; asked for by open, taken in pieces. */
typedef struct Flows Flows;

int flows_open(Flows **ret_flows);
Flows *flows_close(Flows *flows);
int flows_fd(const Flows *flows);
/*
 * A piece, and those of it that may not go on; in the arena. 1, more is to come; 0; -errno. Then
 * flows_forget must follow, whatever this gave.
 */
int flows_take(Flows *flows, Arena *arena, NftAllows allows, void *context);
const Tuples *flows_forbidden(const Flows *flows);
/* How many of those were forgotten. */
unsigned flows_forget(Flows *flows);
