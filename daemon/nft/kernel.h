#pragma once
/* kernel: what an Nft holds, and how the other files of the room use it. Private to the room. */
#include "netlink.h"
#include <nftables/libnftables.h>

struct Nft {
	struct nft_ctx *ctx;
	Netlink *netlink;
	TableWatch *watch;
	Flows *flows;	      /* a look through them that is under way, or NULL */
	bool has_stale_table; /* a table of cut flows stands, or may */
	uint32_t ignored;     /* libnftables' port, as the watch knows it */
	uint32_t commits;     /* transactions of ours */
	bool has_mark;
	uint32_t marked; /* the kernel's number less those of ours and those heard of */
	bool has_missed; /* somebody else changed something while we did not listen */
	char error[1024];
};

/* Runs the script as one transaction, which is counted; "" is none. 0 or NFT_E_REFUSED. */
int kernel_run(Nft *nft, const char *doing, const char *script);
/* What changes nothing. */
int kernel_ask(Nft *nft, const char *doing, const char *script);
/* 0 and the text; NFT_E_REFUSED when there is no such thing. Only ours are ever listed. */
int kernel_list(Nft *nft, Arena *arena, const char *what, unsigned flags, const char **ret_text);
/* Without the elements of its sets. */
bool kernel_list_table(Nft *nft, Arena *arena, const char *table, const char **ret_text);

/* leave.c: returns when every packet that was inside a hook at the call has left it. */
void grace_period_wait(void);

/* books.c: the watch is deaf to a large change of ours, from the one to the other. */
typedef struct Unsubscribed {
	bool is_on;
	uint32_t before;
} Unsubscribed;

#define LARGE_ELEMENTS 1000

Unsubscribed generation_unsubscribe(Nft *nft, bool is_large);
void generation_resubscribe(Nft *nft, Unsubscribed unsubscribed, unsigned commits);
