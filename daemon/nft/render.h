#pragma once
/* render: nft text, piece by piece. Private to the room. */
#include "nft.h"

/* "inet netpol", "bridge netpol" */
const char *table_name(Arena *arena, const BaseOptions *base);
/* "ingress4", "egress6_next" */
const char *map_name(Arena *arena, Direction direction, Family family, bool is_standby);
/* "ipv4_addr . inet_proto . inet_service" */
const char *set_type(const Set *set);

/* One object as nft lists it, indented by one tab, with its elements or without. */
void render_set(Buf *buf, const Set *set, bool has_elements);
void render_map(Buf *buf, const BaseOptions *base, Direction direction, Family family,
	bool is_standby, const Verdicts *verdicts);
void render_chain(Buf *buf, const BaseOptions *base, const Chain *chain);
/* Where a chain sends what no rule of it lets in: the same for all, and always there. */
typedef enum Refusal { REFUSE_IN, REFUSE_OUT, DROP_IN, DROP_OUT, REFUSAL_N } Refusal;
extern const char *const REFUSAL_NAME[REFUSAL_N];
bool refusal_is_used(const BaseOptions *base, Refusal refusal);
void render_refusal(Buf *buf, Refusal refusal);
/* The base chains: forward, input, and output when there are service addresses. */
typedef enum BaseChain { BASE_FORWARD, BASE_INPUT, BASE_OUTPUT, BASE_N } BaseChain;
extern const char *const BASE_NAME[BASE_N];
bool base_is_used(const BaseOptions *base, BaseChain chain);
void render_base(Buf *buf, const BaseOptions *base, BaseChain chain, bool is_standby);

/* A commit's structural operations as one nft script: what is added, and what is switched or goes.
 * Empty when there are none. */
const char *render_additions(Arena *arena, const Commit *commit);
const char *render_changes(Arena *arena, const Commit *commit);
