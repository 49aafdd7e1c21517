/* Carrying plans out, and reading our table back. */
#include "netlink.h"
#include <errno.h>
#include <linux/membarrier.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct Nft {
	struct nft_ctx *ctx;
	Netlink *netlink;
	TableWatch *watch;
	Flows *flows;	  /* a look through them that is under way, or NULL */
	bool has_cut;	  /* a table of cut flows stands, or may */
	uint32_t ignored; /* libnftables' port, as the watch knows it */
	uint32_t commits; /* transactions of ours */
	bool has_books;
	uint32_t book_start; /* the kernel's number less those of ours and those heard of */
	bool has_missed;     /* somebody else changed something while we did not listen */
	char error[1024];
};

int nft_open(Nft **ret_nft)
{
	Nft *nft = calloc(1, sizeof(*nft));
	int r;

	if (!nft)
		return -ENOMEM;
	nft->ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft->ctx) {
		nft_close(nft);
		return -ENOMEM;
	}
	r = netlink_open(&nft->netlink);
	if (r < 0) {
		nft_close(nft);
		return r;
	}
	nft->has_cut = true; /* from before, it may be */
	nft_ctx_buffer_output(nft->ctx);
	nft_ctx_buffer_error(nft->ctx);
	*ret_nft = nft;
	return 0;
}

Nft *nft_close(Nft *nft)
{
	if (!nft)
		return NULL;
	if (nft->ctx)
		nft_ctx_free(nft->ctx);
	netlink_close(nft->netlink);
	table_watch_close(nft->watch);
	flows_close(nft->flows);
	free(nft);
	return NULL;
}

int nft_watch(Nft *nft, const char *table)
{
	int r = table_watch_open(table, &nft->watch);

	return r < 0 ? r : table_watch_fd(nft->watch);
}

NftNews nft_watch_take(Nft *nft, char ret_who[NFT_WHO_SIZE])
{
	return table_watch_take(nft->watch, ret_who);
}

/* ---- The books ---- */
/* What is constant while nothing escapes us. */
static bool read_books(Nft *nft, uint32_t *ret_start)
{
	uint32_t generation;

	if (!nft->watch || netlink_generation(nft->netlink, &generation) < 0)
		return false;
	table_watch_read(nft->watch);
	*ret_start = generation - nft->commits - table_watch_heard(nft->watch);
	return true;
}

void nft_open_books(Nft *nft)
{
	nft->has_books = read_books(nft, &nft->book_start);
}

/* A transaction that is just being made has its number before it is told of: wait for that. */
bool nft_do_books_balance(Nft *nft)
{
	const struct timespec pause = {.tv_nsec = 1000 * 1000};
	uint32_t start;

	for (int i = 0; nft->has_books && i < 20; i++) {
		if (read_books(nft, &start) && start == nft->book_start)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

const char *nft_error(const Nft *nft)
{
	return nft->error;
}

static int refuse(Nft *nft, const char *doing, const char *words)
{
	snprintf(nft->error, sizeof(nft->error), "%s: %.*s", doing, (int)strcspn(words, "\n"),
		words);
	return NFT_E_REFUSED;
}

/* libnftables opens its socket anew when it likes: then its port is another. */
static void ignore_ourselves(Nft *nft)
{
	uint32_t port = nft->watch ? netlink_port_beside(nft->netlink) : 0;

	if (port != nft->ignored &&
		table_watch_ignore(nft->watch, netlink_port(nft->netlink), port) == 0)
		nft->ignored = port;
}

static int ask(Nft *nft, const char *doing, const char *script)
{
	ignore_ourselves(nft);
	if (nft_run_cmd_from_buffer(nft->ctx, script) != 0)
		return refuse(nft, doing, nft_ctx_get_error_buffer(nft->ctx));
	return 0;
}

/* The script as one transaction. */
static int run(Nft *nft, const char *doing, const char *script)
{
	int r = *script ? ask(nft, doing, script) : 0;

	nft->commits += *script && r == 0;
	return r;
}

/* ---- Applying ---- */
/*
 * Returns when every packet that was inside a hook has left: the packet path is an RCU reader, and
 * this membarrier is synchronize_rcu(). Where it is not to be had (nohz_full), time must do.
 */
static void let_packets_leave(void)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0)
		nanosleep(&pause, NULL);
}

static int apply_commit(Nft *nft, const Commit *commit, NftCounts *counts)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	unsigned elements = 0;
	const char *additions, *changes;
	int r;

	if (!scratch)
		return -ENOMEM;
	additions = render_additions(scratch, commit);
	changes = render_changes(scratch, commit);
	if (commit->waits)
		let_packets_leave();
	r = run(nft, commit->name, additions);
	if (r == 0) {
		r = netlink_edit(nft->netlink, scratch, commit, &elements);
		if (r < 0)
			r = refuse(nft, commit->name, strerror(-r));
		nft->commits += r == 0 && elements > 0;
	}
	if (r == 0)
		r = run(nft, commit->name, changes);
	counts->commits += (*additions != 0) + (elements != 0) + (*changes != 0);
	counts->elements += elements;
	return r;
}

/* ---- Not listening ---- */
/*
 * While anybody listens the kernel makes a message of every element that changes, also of those
 * that are filtered out: ten times the work of the change itself. So the watch is deaf to large
 * changes of our own, and the kernel's count of transactions tells afterwards whether all of them
 * were ours.
 */
#define LARGE_ELEMENTS 1000

typedef struct Deafness {
	bool is_on;
	uint32_t before;
} Deafness;

static size_t plan_elements(const Plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->commits.n; i++)
		for (size_t k = 0; k < plan->commits.at[i].ops.n; k++)
			n += plan->commits.at[i].ops.at[k].elements.n +
			     plan->commits.at[i].ops.at[k].verdicts.n;
	return n;
}

static Deafness stop_listening(Nft *nft, bool is_large)
{
	Deafness deafness = {};

	if (!nft->watch || !is_large)
		return deafness;
	nft_do_books_balance(nft); /* what is being told just now is still heard */
	if (netlink_generation(nft->netlink, &deafness.before) < 0)
		return deafness;
	table_watch_listen(nft->watch, false);
	deafness.is_on = true;
	return deafness;
}

static void listen_again(Nft *nft, Deafness deafness, unsigned commits)
{
	uint32_t after = 0;

	if (!deafness.is_on)
		return;
	table_watch_listen(nft->watch, true);
	if (netlink_generation(nft->netlink, &after) < 0 || after - deafness.before != commits)
		nft->has_missed = true;
}

bool nft_has_missed(Nft *nft)
{
	bool has_missed = nft->has_missed;

	nft->has_missed = false;
	return has_missed;
}

int nft_apply(Nft *nft, const Plan *plan, NftCounts *ret_counts)
{
	Deafness deafness = stop_listening(nft, plan_elements(plan) > LARGE_ELEMENTS);
	NftCounts counts = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->commits.n; i++)
		r = apply_commit(nft, &plan->commits.at[i], &counts);
	listen_again(nft, deafness, counts.commits);
	*ret_counts = counts;
	return r;
}

int nft_load(Nft *nft, const char *text)
{
	Deafness deafness = stop_listening(nft, strlen(text) > 10 * (size_t)LARGE_ELEMENTS);
	int r = run(nft, "load", text);

	listen_again(nft, deafness, r == 0);
	return r;
}

int nft_apply_naively(Nft *nft, const Ruleset *new)
{
	ARENA_CLEANUP Arena *scratch = arena_new();

	if (!scratch)
		return -ENOMEM;
	return run(nft, "whole table",
		arena_printf(scratch, "delete table %s\n%s", table_name(scratch, &new->base),
			nft_ruleset_text(scratch, new)));
}

/* ---- Reading back ---- */
typedef struct Listing {
	Arena *arena;
	StrMap *blocks; /* "set NAME", "map NAME", "chain NAME" -> its text */
	Texts keys;
} Listing;

/* Cuts nft's listing into its objects: lines between "\tKIND NAME {" and "\t}". */
static void listing_parse(Listing *listing, const char *text)
{
	for (const char *line = text, *end; *line; line = end) {
		const char *key = NULL;

		end = strstr(line, "\n");
		if (!end)
			return;
		end++;
		if (line[0] == '\t' && line[1] != '\t' && line[1] != '}' && end[-2] == '{') {
			const char *close = strstr(line, "\n\t}\n");

			if (!close)
				return;
			key = arena_strndup(listing->arena, line + 1, (size_t)(end - line) - 4);
			if (!strmap_get(listing->blocks, key))
				VEC_PUSH(listing->arena, &listing->keys, key);
			strmap_put(listing->blocks, key,
				arena_strndup(listing->arena, line, (size_t)(close - line) + 4));
			end = close + 4;
		}
	}
}

/* 0 and the text; NFT_E_REFUSED when there is no such table. Only ours are ever listed. */
static int list(Nft *nft, Arena *arena, const char *what, unsigned flags, const char **ret_text)
{
	int r;

	nft_ctx_output_set_flags(nft->ctx, flags);
	r = ask(nft, "list", arena_printf(arena, "list %s\n", what));
	nft_ctx_output_set_flags(nft->ctx, 0);
	if (r == 0)
		*ret_text = arena_strdup(arena, nft_ctx_get_output_buffer(nft->ctx));
	return r;
}

static bool list_table(Nft *nft, Arena *arena, const char *table, const char **ret_text)
{
	return list(nft, arena, arena_printf(arena, "table %s", table), NFT_CTX_OUTPUT_TERSE,
		       ret_text) == 0;
}

bool nft_has_table(Nft *nft, const BaseOptions *base)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	const char *text;

	return scratch && list_table(nft, scratch, table_name(scratch, base), &text);
}

bool nft_can_track_bridges(Nft *nft, const char *table, const char **ret_why)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	const char *script;

	if (!scratch)
		return false;
	script = arena_printf(scratch,
		"table bridge %s_try {\n\tchain forward {\n\t\ttype filter hook forward priority "
		"filter; policy accept;\n\t\tct state established accept\n\t}\n}\n"
		"delete table bridge %s_try\n",
		table, table);
	if (run(nft, "nf_conntrack_bridge", script) == 0)
		return true;
	*ret_why = nft->error;
	return false;
}

/* Past what says nothing: blanks, and the default that some versions of nft print after "reject".
 */
static const char *skip_idle(const char *text)
{
	static const char idle[] = "with icmpx port-unreachable";

	text += strspn(text, " \t\n");
	if (strncmp(text, idle, sizeof(idle) - 1) == 0)
		text += sizeof(idle) - 1;
	return text + strspn(text, " \t\n");
}

static bool is_same_but_blanks(const char *a, const char *b)
{
	for (;;) {
		a = skip_idle(a);
		b = skip_idle(b);
		if (*a != *b)
			return false;
		if (!*a)
			return true;
		a++;
		b++;
	}
}

typedef struct Check {
	Nft *nft;
	Arena *scratch;
	const Ruleset *wanted;
	const char *table; /* with its family */
	Listing listing;
	NftState *state;
	Ruleset *held;
} Check;

static void find_odd(Check *c, const char *what, const char *name)
{
	if (!c->state->why_not)
		c->state->why_not = arena_printf(c->held->arena, "%s %s", what, name);
}

/* Compares one object with what we would write; `text` has been rendered into buf. */
static void compare_block(Check *c, const char *key, const Buf *buf, bool must_be)
{
	const char *block = strmap_get(c->listing.blocks, key);

	if (block ? !is_same_but_blanks(block, buf_text(buf)) : must_be)
		find_odd(c, block ? "not as we wrote it:" : "missing:", key);
}

/* The ranges of a CIDR set are content: they are listed and compared too. */
static void compare_set(Check *c, const Set *set)
{
	Buf buf = {.arena = c->scratch};
	const char *key = arena_printf(c->scratch, "set %s", set->name), *text;

	if (set->kind == SET_CIDR && strmap_get(c->listing.blocks, key)) {
		const char *what = arena_printf(c->scratch, "set %s %s", c->table, set->name);

		if (list(c->nft, c->scratch, what, 0, &text) == 0)
			listing_parse(&c->listing, text);
	}
	render_set(&buf, set, set->kind == SET_CIDR);
	compare_block(c, key, &buf, false);
}

static void compare_structure(Check *c)
{
	const Ruleset *wanted = c->wanted;

	for (size_t i = 0; i < wanted->sets.n; i++)
		compare_set(c, &wanted->sets.at[i]);
	for (size_t i = 0; i < wanted->chains.n; i++) {
		Buf buf = {.arena = c->scratch};

		render_chain(&buf, &wanted->chains.at[i]);
		compare_block(c, arena_printf(c->scratch, "chain %s", wanted->chains.at[i].name),
			&buf, false);
	}
	for (BaseChain b = BASE_FORWARD; b < BASE_N; b++) {
		Buf buf = {.arena = c->scratch};

		if (!base_is_used(&wanted->base, b))
			continue;
		render_base(&buf, &wanted->base, b, false);
		compare_block(c, arena_printf(c->scratch, "chain %s", BASE_NAME[b]), &buf, true);
	}
}

/* ---- Names back into objects ---- */
typedef struct Prefix {
	const char *text;
	SetKind kind;
	Family family;
} Prefix;

static const Prefix PREFIXES[] = {{"set pods4_", SET_PODS, FAMILY_IPV4},
	{"set pods6_", SET_PODS, FAMILY_IPV6}, {"set ports4_", SET_PORTS, FAMILY_IPV4},
	{"set ports6_", SET_PORTS, FAMILY_IPV6}, {"set cidr4_", SET_CIDR, FAMILY_IPV4},
	{"set cidr6_", SET_CIDR, FAMILY_IPV6}};

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int take_set(Check *c, const char *key, const Prefix *prefix)
{
	Ruleset *held = c->held;
	Set set = {.name = arena_strdup(held->arena, key + 4),
		.kind = prefix->kind,
		.family = prefix->family};
	int r = 0;

	if (set.kind != SET_CIDR)
		r = netlink_read_set(c->nft->netlink, held->arena, &c->wanted->base, &set);
	VEC_PUSH(held->arena, &held->sets, set);
	return r;
}

static int take_self(Check *c, Family family)
{
	return netlink_read_set(
		c->nft->netlink, c->held->arena, &c->wanted->base, &c->held->sets.at[family]);
}

static int take_map(Check *c, const char *name)
{
	for (int d = 0; d < RULESET_DIRECTIONS; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			if (strcmp(map_name(c->scratch, d, f, false), name) == 0)
				return netlink_read_map(c->nft->netlink, c->held->arena,
					&c->wanted->base, name, f, d, &c->held->verdicts[d][f]);
	find_odd(c, "unknown map", name);
	return 0;
}

static void take_chain(Check *c, const char *name)
{
	Ruleset *held = c->held;

	for (BaseChain b = BASE_FORWARD; b < BASE_N; b++)
		if (strcmp(BASE_NAME[b], name) == 0 && base_is_used(&c->wanted->base, b))
			return;
	if ((!starts_with(name, "in_") && !starts_with(name, "out_")) ||
		text_has_suffix(name, "_next"))
		find_odd(c, "unknown chain", name);
	VEC_PUSH(held->arena, &held->chains,
		(Chain){.name = arena_strdup(held->arena, name),
			.direction = starts_with(name, "in_") ? RULESET_IN : RULESET_OUT});
}

static int take_object(Check *c, const char *key)
{
	if (starts_with(key, "chain ")) {
		take_chain(c, key + 6);
		return 0;
	}
	if (starts_with(key, "map "))
		return take_map(c, key + 4);
	if (strcmp(key, "set self4") == 0 || strcmp(key, "set self6") == 0)
		return take_self(c, key[8] == '4' ? FAMILY_IPV4 : FAMILY_IPV6);
	for (size_t i = 0; i < ARRAY_SIZE(PREFIXES); i++)
		if (starts_with(key, PREFIXES[i].text) && !text_has_suffix(key, "_next"))
			return take_set(c, key, &PREFIXES[i]);
	find_odd(c, "unknown object:", key);
	return 0;
}

static void check_all_there(Check *c)
{
	for (int d = 0; d < RULESET_DIRECTIONS; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			const char *name = map_name(c->scratch, d, f, false);

			if (!strmap_get(
				    c->listing.blocks, arena_printf(c->scratch, "map %s", name)))
				find_odd(c, "missing: map", name);
		}
	for (int f = 4; f <= 6; f += 2)
		if (!strmap_get(c->listing.blocks, arena_printf(c->scratch, "set self%d", f)))
			find_odd(c, "missing: set", f == 4 ? "self4" : "self6");
}

static int read_table(Check *c, const char *text)
{
	c->listing = (Listing){.arena = c->scratch, .blocks = strmap_new(c->scratch)};
	listing_parse(&c->listing, text);
	compare_structure(c);
	check_all_there(c);
	for (size_t i = 0; i < c->listing.keys.n; i++) {
		int r = take_object(c, c->listing.keys.at[i]);

		if (r < 0)
			return r;
		if (r > 0)
			find_odd(c, "unknown element in", c->listing.keys.at[i]);
	}
	c->held->base = c->wanted->base;
	ruleset_sort(c->held);
	c->state->is_known = !c->state->why_not;
	return 0;
}

int nft_read(Nft *nft, const Ruleset *wanted, NftState *ret_state)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	NftState state = {};
	Check c = {.nft = nft,
		.scratch = scratch,
		.wanted = wanted,
		.state = &state,
		.held = ruleset_new()};
	const char *text;
	int r = 0;

	if (!scratch || !c.held) {
		ruleset_free(c.held);
		return -ENOMEM;
	}
	c.table = table_name(scratch, &wanted->base);
	state.held = c.held;
	state.has_guard = list_table(
		nft, scratch, arena_printf(scratch, "%s" NFT_GUARD_SUFFIX, c.table), &text);
	/* its base chains come last, all at once */
	state.is_guard_whole = state.has_guard && strstr(text, "\tchain forward {\n") != NULL;
	state.has_table = list_table(nft, scratch, c.table, &text);
	if (state.has_table)
		r = read_table(&c, text);
	if (r < 0) {
		ruleset_free(c.held);
		return r;
	}
	*ret_state = state;
	return 0;
}

int nft_check(Nft *nft, const Ruleset *wanted, bool *ret_is_so)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	NftState state;
	Plan plan;
	int r = scratch ? nft_read(nft, wanted, &state) : -ENOMEM;

	if (r < 0)
		return r;
	plan_change(scratch, state.held, wanted, &plan);
	*ret_is_so = state.is_known && !state.has_guard && plan.commits.n == 0;
	ruleset_free(state.held);
	return 0;
}

/* ---- Flows that are forbidden now ---- */
int nft_flows_start(Nft *nft)
{
	int r;

	nft->flows = flows_close(nft->flows);
	r = flows_open(&nft->flows);
	return r < 0 ? r : flows_fd(nft->flows);
}

typedef struct Cutting {
	Nft *nft;
	Arena *arena;
	const NftCut *tables;
	size_t n;
	NftAllows allows;
	void *context;
	unsigned forgotten;
} Cutting;

/* First refused, then forgotten: between the two nothing can take the flow up again. */
static int cut_in(const Cutting *c, const NftCut *table, const Tuples *tuples)
{
	BaseOptions cut = cut_base(c->arena, table->base);
	int r = 0;

	if (!nft_has_table(c->nft, &cut))
		r = run(c->nft, "cut", cut_render_table(c->arena, &cut, table->is_drop));
	c->nft->has_cut = true;
	if (r == 0)
		r = run(c->nft, "cut", cut_render_elements(c->arena, &cut, "add", tuples));
	return r;
}

static int take_flows(void *context)
{
	Cutting *c = context;
	int r = flows_take(c->nft->flows, c->arena, c->allows, c->context), refused = 0;
	const Tuples *tuples = flows_forbidden(c->nft->flows);

	for (size_t i = 0; tuples->n > 0 && i < c->n; i++)
		refused |= cut_in(c, &c->tables[i], tuples);
	c->forgotten = flows_forget(c->nft->flows);
	return refused ? -EIO : r;
}

int nft_flows_take(Nft *nft, const NftCut *tables, size_t n, NftAllows allows, void *context,
	unsigned *ret_forgotten)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Cutting c = {.nft = nft,
		.arena = arena,
		.tables = tables,
		.n = n,
		.allows = allows,
		.context = context};
	int r = arena ? arena_try(arena, take_flows, &c) : -ENOMEM;

	*ret_forgotten = c.forgotten;
	return r;
}

/* What may go on now is let go; 0 and how many are left. */
static int review_table(const Cutting *c, const BaseOptions *cut, size_t *ret_left)
{
	Tuples tuples = {}, allowed = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < CUT_SETS; i++)
		r = netlink_read_cut(c->nft->netlink, c->arena, cut, CUT_SET[i].name,
			CUT_SET[i].family, CUT_SET[i].protocol, &tuples);
	for (size_t i = 0; r == 0 && i < tuples.n; i++)
		if (c->allows(c->context, &tuples.at[i]))
			VEC_PUSH(c->arena, &allowed, tuples.at[i]);
	*ret_left = tuples.n - allowed.n;
	if (r == 0)
		r = run(c->nft, "cut", cut_render_elements(c->arena, cut, "delete", &allowed));
	return r;
}

static int review(void *context)
{
	Cutting *c = context;
	size_t left_at_all = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n; i++) {
		BaseOptions cut = cut_base(c->arena, c->tables[i].base);
		size_t left = 0;

		if (!nft_has_table(c->nft, &cut))
			continue;
		r = review_table(c, &cut, &left);
		left_at_all += left;
		if (r == 0 && left == 0)
			r = run(c->nft, "cut",
				arena_printf(
					c->arena, "delete table %s\n", table_name(c->arena, &cut)));
	}
	c->nft->has_cut = r != 0 || left_at_all > 0;
	return r;
}

int nft_flows_review(Nft *nft, const NftCut *tables, size_t n, NftAllows allows, void *context)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Cutting c = {.nft = nft,
		.arena = arena,
		.tables = tables,
		.n = n,
		.allows = allows,
		.context = context};

	if (!nft->has_cut)
		return 0;
	return arena ? arena_try(arena, review, &c) : -ENOMEM;
}
