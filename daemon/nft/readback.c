/* Reading our table back: whether it is as we wrote it, and what it holds. */
#include "kernel.h"
#include <errno.h>
#include <string.h>

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
	BaseOptions base;  /* as wanted, but for the maps that are asked */
	Listing listing;
	NftState *state;
	Ruleset *held;
} Check;

static void report_mismatch(Check *c, const char *what, const char *name)
{
	if (!c->state->mismatch)
		c->state->mismatch = arena_printf(c->held->arena, "%s %s", what, name);
}

/* Compares one object with what we would write; `text` has been rendered into buf. */
static void compare_block(Check *c, const char *key, const Buf *buf, bool must_be)
{
	const char *block = strmap_get(c->listing.blocks, key);

	if (block ? !is_same_but_blanks(block, buf_text(buf)) : must_be)
		report_mismatch(c, block ? "not as we wrote it:" : "missing:", key);
}

/* The ranges of a CIDR set are content: they are listed and compared too. */
static void compare_set(Check *c, const Set *set)
{
	Buf buf = {.arena = c->scratch};
	const char *key = arena_printf(c->scratch, "set %s", set->name), *text;

	if (set->kind == SET_CIDR && strmap_get(c->listing.blocks, key)) {
		const char *what = arena_printf(c->scratch, "set %s %s", c->table, set->name);

		if (kernel_list(c->nft, c->scratch, what, 0, &text) == 0)
			listing_parse(&c->listing, text);
	}
	render_set(&buf, set, set->kind == SET_CIDR);
	compare_block(c, key, &buf, false);
}

static void compare_refusals(Check *c)
{
	for (Refusal r = REFUSE_IN; r < REFUSAL_N; r++) {
		Buf buf = {.arena = c->scratch};

		if (!refusal_is_used(&c->wanted->base, r))
			continue;
		render_refusal(&buf, r);
		compare_block(c, arena_printf(c->scratch, "chain %s", REFUSAL_NAME[r]), &buf, true);
	}
}

static const char *block_of(const Check *c, const char *kind, const char *name)
{
	return strmap_get(c->listing.blocks, arena_printf(c->scratch, "%s %s", kind, name));
}

/* The table for tagged frames may refuse beside others' maps: its rules tell. */
static void find_isolating(Check *c, const char *block)
{
	static const char *const refused[] = {
		[INGRESS] = "ip6 daddr fe80::/10 ", [EGRESS] = "ip6 saddr fe80::/10 "};

	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		c->base.is_isolating[d] = c->base.kind == TABLE_TAGGED
						  ? block && strstr(block, refused[d])
						  : !c->base.is_empty[d][FAMILY_IPV4] ||
							    !c->base.is_empty[d][FAMILY_IPV6];
}

/* Which maps the base chain asks, and of what size they are, is what a ruleset decides of it. */
static void find_maps(Check *c)
{
	const char *block = block_of(c, "chain", BASE_NAME[BASE_FORWARD]);

	c->base = c->wanted->base;
	for (int d = 0; block && d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			const char *name = map_name(c->scratch, d, f, false);
			const char *map = block_of(c, "map", name);

			c->base.is_empty[d][f] =
				!strstr(block, arena_printf(c->scratch, " vmap @%s\n", name));
			c->base.is_large[d][f] = map && !strstr(map, "\t\tsize ");
		}
	find_isolating(c, block);
}

static void compare_maps(Check *c)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			Buf buf = {.arena = c->scratch};

			render_map(&buf, &c->base, d, f, false, NULL);
			compare_block(c,
				arena_printf(
					c->scratch, "map %s", map_name(c->scratch, d, f, false)),
				&buf, true);
		}
}

static void compare_structure(Check *c)
{
	const Ruleset *wanted = c->wanted;

	for (size_t i = 0; i < wanted->sets.n; i++)
		compare_set(c, wanted->sets.at[i]);
	for (size_t i = 0; i < wanted->chains.n; i++) {
		Buf buf = {.arena = c->scratch};

		render_chain(&buf, &wanted->base, wanted->chains.at[i]);
		compare_block(c, arena_printf(c->scratch, "chain %s", wanted->chains.at[i]->name),
			&buf, false);
	}
	compare_maps(c);
	compare_refusals(c);
	for (BaseChain b = BASE_FORWARD; b < BASE_N; b++) {
		Buf buf = {.arena = c->scratch};

		if (!base_is_used(&wanted->base, b))
			continue;
		render_base(&buf, &c->base, b, false);
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
	Set *set = ruleset_add_set(held, (Set){.name = arena_strdup(held->arena, key + 4),
						 .kind = prefix->kind,
						 .family = prefix->family});

	if (set->kind == SET_CIDR)
		return 0;
	return netlink_read_set(c->nft->netlink, held->arena, &c->wanted->base, set);
}

static int take_self(Check *c, Family family)
{
	return netlink_read_set(c->nft->netlink, c->held->arena, &c->wanted->base,
		ruleset_add_self(c->held, family));
}

static int take_map(Check *c, const char *name)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			if (strcmp(map_name(c->scratch, d, f, false), name) == 0)
				return netlink_read_map(c->nft->netlink, c->held->arena,
					&c->wanted->base, name, f, d, &c->held->verdicts[d][f]);
	report_mismatch(c, "unknown map", name);
	return 0;
}

/* One that is there whatever the ruleset is. */
static bool is_constant_chain(const Check *c, const char *name)
{
	for (BaseChain b = BASE_FORWARD; b < BASE_N; b++)
		if (strcmp(BASE_NAME[b], name) == 0 && base_is_used(&c->wanted->base, b))
			return true;
	for (Refusal r = REFUSE_IN; r < REFUSAL_N; r++)
		if (strcmp(REFUSAL_NAME[r], name) == 0 && refusal_is_used(&c->wanted->base, r))
			return true;
	return false;
}

static void take_chain(Check *c, const char *name)
{
	Ruleset *held = c->held;

	if (is_constant_chain(c, name))
		return;
	if ((!starts_with(name, "in_") && !starts_with(name, "out_")) ||
		text_has_suffix(name, "_next"))
		report_mismatch(c, "unknown chain", name);
	ruleset_add_chain(held, (Chain){.name = arena_strdup(held->arena, name),
					.direction = starts_with(name, "in_") ? INGRESS : EGRESS});
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
	report_mismatch(c, "unknown object:", key);
	return 0;
}

static void check_selves(Check *c)
{
	for (int f = 4; f <= 6; f += 2)
		if (!strmap_get(c->listing.blocks, arena_printf(c->scratch, "set self%d", f)))
			report_mismatch(c, "missing: set", f == 4 ? "self4" : "self6");
}

/* Who is in a map that is not asked would be open. */
static void check_idle(Check *c)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			if (c->base.is_empty[d][f] && c->held->verdicts[d][f].n > 0)
				report_mismatch(
					c, "not asked: map", map_name(c->scratch, d, f, false));
}

/* What comes, comes before what goes: one that somebody filled up would never take it. */
static void check_room(Check *c)
{
	for (size_t i = 0; i < c->held->sets.n; i++) {
		const Set *set = c->held->sets.at[i], *wanted = ruleset_set(c->wanted, set->name);
		size_t size = wanted ? set_size(wanted) : 0;

		if (size && set->elements.n + wanted->elements.n > size)
			report_mismatch(c, "no room in set", set->name);
	}
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			size_t n = c->held->verdicts[d][f].n + c->wanted->verdicts[d][f].n;

			if (!c->base.is_large[d][f] && !c->wanted->base.is_large[d][f] &&
				n > MAP_SMALL_SIZE)
				report_mismatch(
					c, "no room in map", map_name(c->scratch, d, f, false));
		}
}

static int read_table(Check *c, const char *text)
{
	c->listing = (Listing){.arena = c->scratch, .blocks = strmap_new(c->scratch)};
	listing_parse(&c->listing, text);
	find_maps(c);
	compare_structure(c);
	check_selves(c);
	for (size_t i = 0; i < c->listing.keys.n; i++) {
		int r = take_object(c, c->listing.keys.at[i]);

		if (r < 0)
			return r;
		if (r > 0)
			report_mismatch(c, "unknown element in", c->listing.keys.at[i]);
	}
	check_idle(c);
	check_room(c);
	ruleset_sort(c->held);
	c->held->base = c->base;
	c->state->is_known = !c->state->mismatch;
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

	c.table = table_name(scratch, &wanted->base);
	state.held = c.held;
	state.has_fallback = kernel_list_table(
		nft, scratch, arena_printf(scratch, "%s" NFT_FALLBACK_SUFFIX, c.table), &text);
	/* its base chains come last, all at once */
	state.is_fallback_complete =
		state.has_fallback && strstr(text, "\tchain forward {\n") != NULL;
	state.has_table = kernel_list_table(nft, scratch, c.table, &text);
	if (state.has_table)
		r = read_table(&c, text);
	if (r < 0) {
		ruleset_unref(c.held);
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
	int r = nft_read(nft, wanted, &state);

	if (r < 0)
		return r;
	plan_change(scratch, state.held, wanted, &plan);
	*ret_is_so = state.is_known && !state.has_fallback && plan.commits.n == 0;
	ruleset_unref(state.held);
	return 0;
}
