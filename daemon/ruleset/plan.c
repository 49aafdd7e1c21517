/*
 * From one ruleset to the next, so that at every instant, for every packet in flight, what both
 * allow is allowed and what both forbid is forbidden (design.md 5.2).
 *
 * What the kernel gives: rules are pinned (a packet sees a chain as it was when the packet entered
 * the hook), lookups in sets and maps are not (each sees the instant). A chain that was just made
 * is empty to packets already in flight, and what was just deleted may still be looked up by them;
 * so before something new is pointed at, and before something old goes, every packet in flight
 * must have left: `waits`. The same holds before the first and before the second edit of what
 * packets look up: else one packet may find, by two lookups, what it was before the last change and
 * what it is after this one, or one half of this change and not the other (isolated not yet, member
 * already). Nothing was in force together like that.
 *
 * Three ways, by what changes:
 *   in place  Only set and map elements, in an order that never passes through a state that is
 *             more open, or more closed, than both ends. A packet has two ends, and is judged by
 *             one lookup in each map and, of either chain, by whether any rule's set has the other
 *             end. So it is enough in these cases:
 *               - set members only come, or only go;
 *               - members come and go, but all are one address, or all of sets that only the one
 *                 or only the other direction looks up: of what changed a packet meets one end,
 *                 which is allowed what either side allows while it is in both sides' sets;
 *               - verdicts of one direction change, or those of one address: of what changed a
 *                 packet meets one lookup;
 *               - one address comes, into sets and maps, or goes.
 *   detour    Everything else. The base chains are switched, whole, to fresh verdict maps that
 *             lead to chains which already judge as the new ruleset: where a rule looks up a set
 *             whose members are about to move, those members are left out of that lookup and
 *             found in a small set of their own instead. Behind that the real sets and maps are
 *             edited, or made anew, and the base chains switched back to them. Both switches are
 *             one replaced rule list: a packet is judged by exactly one version.
 *   replace   The table's state is not known (a crash half-way, somebody's edit): a second table
 *             enforces the new ruleset while ours is made again.
 */
#include "ruleset.h"
#include <string.h>

static Commit *commit_add(Plan *plan, const char *name, bool needs_grace_period)
{
	VEC_PUSH(plan->arena, &plan->commits,
		(Commit){.name = name, .needs_grace_period = needs_grace_period});
	return &plan->commits.at[plan->commits.n - 1];
}

static void op_add(Plan *plan, Commit *commit, Op op)
{
	VEC_PUSH(plan->arena, &commit->ops, op);
}

/*
 * Commits without operations are left out, and their wait with them: whatever needs one says so
 * itself. The first commit may wait too: the table, or a guard, may have been changed just now.
 */
static void plan_tidy(Plan *plan)
{
	size_t kept = 0;

	for (size_t i = 0; i < plan->commits.n; i++)
		if (plan->commits.at[i].ops.n)
			plan->commits.at[kept++] = plan->commits.at[i];
	plan->commits.n = kept;
}

/* ---- The difference of two rulesets ---- */
typedef struct SetEdit {
	const Set *set; /* as new */
	Elements add, del;
} SetEdit;

typedef struct MapEdit {
	Verdicts add, del, move; /* move: another chain for an address that stays */
} MapEdit;

typedef struct Tally {
	size_t set_adds, set_dels, map_adds, map_dels, moves;
	size_t directions;	/* of maps, in which something changes */
	Address only[FAMILY_N]; /* the address that all changes of the family concern */
	bool is_seen[FAMILY_N], has_many;
} Tally;

typedef struct Difference {
	Plan *plan;
	const Ruleset *old, *new;
	const BaseOptions *base; /* of the table, as new */
	VEC(const Set *) new_sets, old_sets;
	VEC(const Chain *) new_chains, old_chains;
	VEC(SetEdit) edits;  /* of sets that rules look up */
	VEC(SetEdit) selves; /* of the self sets */
	MapEdit maps[DIRECTION_N][FAMILY_N];
	bool is_base_new;
	Tally tally;
} Difference;

static void diff_elements(Arena *arena, const Set *old, const Set *new, SetEdit *edit)
{
	size_t i = 0, j = 0;

	while (i < old->elements.n || j < new->elements.n) {
		int r = i == old->elements.n ? 1
			: j == new->elements.n
				? -1
				: element_compare(&old->elements.at[i], &new->elements.at[j]);

		if (r < 0)
			VEC_PUSH(arena, &edit->del, old->elements.at[i]);
		if (r > 0)
			VEC_PUSH(arena, &edit->add, new->elements.at[j]);
		i += r <= 0;
		j += r >= 0;
	}
}

static void diff_set(Difference *d, const Set *old, const Set *new)
{
	Arena *arena = d->plan->arena;
	SetEdit edit = {.set = new};

	if (old->serial && new->edit_of == old->serial) {
		edit.add = new->added;
		edit.del = new->removed;
	} else {
		diff_elements(arena, old, new, &edit);
	}
	if (edit.add.n + edit.del.n == 0)
		return;
	if (new->kind == SET_SELF)
		VEC_PUSH(arena, &d->selves, edit);
	else
		VEC_PUSH(arena, &d->edits, edit);
}

static void diff_sets(Difference *d)
{
	size_t i = 0, j = 0;

	while (i < d->old->sets.n || j < d->new->sets.n) {
		const Set *old = i < d->old->sets.n ? d->old->sets.at[i] : NULL;
		const Set *new = j < d->new->sets.n ? d->new->sets.at[j] : NULL;
		int r = !old ? 1 : !new ? -1 : old == new ? 0 : strcmp(old->name, new->name);

		if (r < 0)
			VEC_PUSH(d->plan->arena, &d->old_sets, old);
		else if (r > 0)
			VEC_PUSH(d->plan->arena, &d->new_sets, new);
		else if (old != new)
			diff_set(d, old, new);
		i += r <= 0;
		j += r >= 0;
	}
}

static void diff_chains(Difference *d)
{
	size_t i = 0, j = 0;

	while (i < d->old->chains.n || j < d->new->chains.n) {
		const Chain *old = i < d->old->chains.n ? d->old->chains.at[i] : NULL;
		const Chain *new = j < d->new->chains.n ? d->new->chains.at[j] : NULL;
		int r = !old ? 1 : !new ? -1 : old == new ? 0 : strcmp(old->name, new->name);

		if (r < 0)
			VEC_PUSH(d->plan->arena, &d->old_chains, old);
		if (r > 0)
			VEC_PUSH(d->plan->arena, &d->new_chains, new);
		i += r <= 0;
		j += r >= 0;
	}
}

static void diff_map(Arena *arena, const Verdicts *old, const Verdicts *new, MapEdit *edit)
{
	size_t i = 0, j = 0;

	while (i < old->n || j < new->n) {
		int r = i == old->n   ? 1
			: j == new->n ? -1
				      : address_compare(old->at[i].address, new->at[j].address);

		if (r < 0)
			VEC_PUSH(arena, &edit->del, old->at[i]);
		else if (r > 0)
			VEC_PUSH(arena, &edit->add, new->at[j]);
		else if (!text_is_equal(old->at[i].chain, new->at[j].chain))
			VEC_PUSH(arena, &edit->move, new->at[j]);
		i += r <= 0;
		j += r >= 0;
	}
}

static void diff(Difference *d)
{
	diff_sets(d);
	diff_chains(d);
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			diff_map(d->plan->arena, &d->old->verdicts[direction][f],
				&d->new->verdicts[direction][f], &d->maps[direction][f]);
	d->is_base_new = !base_is_equal(&d->old->base, &d->new->base);
}

/* ---- Which way ---- */
static void tally_address(Tally *t, Address address)
{
	if (t->is_seen[address.family] && !address_is_equal(t->only[address.family], address))
		t->has_many = true;
	t->only[address.family] = address;
	t->is_seen[address.family] = true;
}

static void tally_verdicts(Tally *t, const Verdicts *verdicts, size_t *count)
{
	*count += verdicts->n;
	for (size_t i = 0; i < verdicts->n; i++)
		tally_address(t, verdicts->at[i].address);
}

/* Whether anything changes in these. */
static bool tally_maps(Tally *t, const MapEdit maps[FAMILY_N])
{
	size_t before = t->map_adds + t->map_dels + t->moves;

	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
		tally_verdicts(t, &maps[f].add, &t->map_adds);
		tally_verdicts(t, &maps[f].del, &t->map_dels);
		tally_verdicts(t, &maps[f].move, &t->moves);
	}
	return t->map_adds + t->map_dels + t->moves > before;
}

static Tally tally(const Difference *d)
{
	Tally t = {};

	for (size_t i = 0; i < d->edits.n; i++) {
		const SetEdit *edit = &d->edits.at[i];

		t.set_adds += edit->add.n;
		t.set_dels += edit->del.n;
		for (size_t k = 0; k < edit->add.n; k++)
			tally_address(&t, edit->add.at[k].address);
		for (size_t k = 0; k < edit->del.n; k++)
			tally_address(&t, edit->del.at[k].address);
	}
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		t.directions += tally_maps(&t, d->maps[direction]);
	return t;
}

/* Only set members that come, or pods that are isolated no longer, loosen and nothing else. */
static bool may_tighten(const Difference *d)
{
	Tally t = d->tally;

	return t.set_dels + t.map_adds + t.moves > 0 || d->is_base_new;
}

/* Whether all sets whose members change are looked up by chains of one direction. */
static bool is_one_way(const Difference *d)
{
	StrMap *edited = strmap_new(d->plan->arena);
	bool is_asked[DIRECTION_N] = {};

	for (size_t i = 0; i < d->edits.n; i++)
		strmap_put(edited, d->edits.at[i].set->name, (void *)d->edits.at[i].set);
	for (size_t i = 0; i < d->new->chains.n; i++) {
		const Chain *chain = d->new->chains.at[i];

		for (size_t r = 0; r < chain->rules.n; r++)
			if (chain->rules.at[r].set && strmap_get(edited, chain->rules.at[r].set))
				is_asked[chain->direction] = true;
	}
	return !is_asked[INGRESS] || !is_asked[EGRESS];
}

static bool can_go_in_place(const Difference *d)
{
	Tally t = d->tally;
	bool has_sets = t.set_adds + t.set_dels > 0;

	if (d->is_base_new)
		return false;
	if (t.directions == 0)
		return !t.has_many || t.set_adds == 0 || t.set_dels == 0 || is_one_way(d);
	if (!has_sets)
		return !t.has_many || t.directions == 1;
	return !t.has_many && t.moves == 0 &&
	       (t.set_dels + t.map_dels == 0 || t.set_adds + t.map_adds == 0);
}

/* ---- Pieces of plans ---- */
static void add_set(const Difference *d, Commit *commit, const Set *set)
{
	op_add(d->plan, commit, (Op){.kind = OP_ADD_SET, .set = set, .base = d->base});
	if (set->elements.n || set->ranges.n)
		op_add(d->plan, commit,
			(Op){.kind = OP_ADD_ELEMENTS,
				.set = set,
				.base = d->base,
				.elements = set->elements});
}

static void edit_set(
	const Difference *d, Commit *commit, OpKind kind, const Set *set, Elements elements)
{
	if (elements.n)
		op_add(d->plan, commit,
			(Op){.kind = kind, .set = set, .base = d->base, .elements = elements});
}

static void edit_map(const Difference *d, Commit *commit, OpKind kind, Direction direction,
	Family family, bool is_standby, Verdicts verdicts)
{
	if (verdicts.n)
		op_add(d->plan, commit,
			(Op){.kind = kind,
				.base = d->base,
				.direction = direction,
				.family = family,
				.is_standby = is_standby,
				.verdicts = verdicts});
}

static void op_map(const Difference *d, Commit *commit, OpKind kind, Direction direction,
	Family family, bool is_standby)
{
	op_add(d->plan, commit,
		(Op){.kind = kind,
			.base = d->base,
			.direction = direction,
			.family = family,
			.is_standby = is_standby});
}

static void each_map(const Difference *d, Commit *commit, OpKind kind, bool is_standby)
{
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			op_map(d, commit, kind, direction, f, is_standby);
}

static void add_chain(const Difference *d, Commit *commit, const Chain *chain)
{
	op_add(d->plan, commit, (Op){.kind = OP_ADD_CHAIN, .chain = chain, .base = d->base});
}

static void set_base(const Difference *d, Commit *commit, bool is_standby)
{
	op_add(d->plan, commit,
		(Op){.kind = OP_SET_BASE, .base = d->base, .is_standby = is_standby});
}

static void grow(const Difference *d, Commit *commit)
{
	for (size_t i = 0; i < d->new_sets.n; i++)
		add_set(d, commit, d->new_sets.at[i]);
	for (size_t i = 0; i < d->new_chains.n; i++)
		add_chain(d, commit, d->new_chains.at[i]);
}

/*
 * A pod may always reach itself: into the self sets first, out of them last. Who is isolated is
 * looked up before them, so into them by the same transaction will do.
 */
static void grow_selves(const Difference *d, Commit *commit)
{
	for (size_t i = 0; i < d->selves.n; i++)
		edit_set(d, commit, OP_ADD_ELEMENTS, d->selves.at[i].set, d->selves.at[i].add);
}

static void shrink(const Difference *d, Commit *commit)
{
	for (size_t i = 0; i < d->selves.n; i++)
		edit_set(d, commit, OP_DEL_ELEMENTS, d->selves.at[i].set, d->selves.at[i].del);
	for (size_t i = 0; i < d->old_chains.n; i++)
		op_add(d->plan, commit,
			(Op){.kind = OP_DEL_CHAIN, .chain = d->old_chains.at[i], .base = d->base});
	for (size_t i = 0; i < d->old_sets.n; i++)
		op_add(d->plan, commit,
			(Op){.kind = OP_DEL_SET, .set = d->old_sets.at[i], .base = d->base});
}

/* ---- In place ---- */
static void edit_sets(const Difference *d, Commit *commit, OpKind kind)
{
	for (size_t i = 0; i < d->edits.n; i++)
		edit_set(d, commit, kind, d->edits.at[i].set,
			kind == OP_ADD_ELEMENTS ? d->edits.at[i].add : d->edits.at[i].del);
}

/* Members that come first: while they are in both sides' sets nothing is refused. */
static void swap_members(const Difference *d)
{
	Commit *commit = commit_add(d->plan, "loosen", true);

	grow_selves(d, commit);
	edit_sets(d, commit, OP_ADD_ELEMENTS);
	edit_sets(d, commit_add(d->plan, "tighten", true), OP_DEL_ELEMENTS);
}

/* A verdict that moves is two operations of one transaction: lookups see one or the other. */
static void tighten(const Difference *d, Commit *commit)
{
	grow_selves(d, commit);
	edit_sets(d, commit, OP_DEL_ELEMENTS);
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			const MapEdit *map = &d->maps[direction][f];

			edit_map(d, commit, OP_DEL_VERDICTS, direction, f, false, map->move);
			edit_map(d, commit, OP_ADD_VERDICTS, direction, f, false, map->move);
			edit_map(d, commit, OP_ADD_VERDICTS, direction, f, false, map->add);
		}
}

static void loosen(const Difference *d, Commit *commit)
{
	edit_sets(d, commit, OP_ADD_ELEMENTS);
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			edit_map(d, commit, OP_DEL_VERDICTS, direction, f, false,
				d->maps[direction][f].del);
}

static void plan_in_place(const Difference *d)
{
	Plan *plan = d->plan;
	Tally t = d->tally;

	grow(d, commit_add(plan, "grow", false));
	if (t.directions == 0 && t.set_adds && t.set_dels) {
		swap_members(d);
	} else {
		tighten(d, commit_add(plan, "tighten", true));
		loosen(d, commit_add(plan, "loosen", true));
	}
	shrink(d, commit_add(plan, "shrink", true));
}

/* ---- Detour ---- */
/* What stands in for the sets that are edited, and for the chains that look them up. */
typedef struct Detour {
	const Difference *d;
	Set *moving[FAMILY_N]; /* every address that any edit concerns */
	StrMap *sets;	       /* edited set -> Set: its new members among the moving */
	StrMap *chains;	       /* chain -> Chain to use meanwhile */
	VEC(const Set *) extra_sets;
	VEC(const Chain *) extra_chains;
} Detour;

static Set *moving_set(Detour *t, Family family)
{
	Arena *arena = t->d->plan->arena;

	if (!t->moving[family]) {
		t->moving[family] = ARENA_NEW(arena, Set);
		*t->moving[family] = (Set){
			.name = object_name_moving(family), .kind = SET_PODS, .family = family};
		VEC_PUSH(arena, &t->extra_sets, t->moving[family]);
	}
	return t->moving[family];
}

static void note_moving(Detour *t, const Elements *elements)
{
	for (size_t i = 0; i < elements->n; i++) {
		Element element = {.address = elements->at[i].address};
		Set *set = moving_set(t, element.address.family);

		VEC_PUSH(t->d->plan->arena, &set->elements, element);
	}
}

static void sort_moving(Detour *t)
{
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
		if (t->moving[f])
			elements_sort(&t->moving[f]->elements);
}

static bool is_moving(const Detour *t, Address address)
{
	const Set *set = t->moving[address.family];
	Element wanted = {.address = address};

	return set && bsearch(&wanted, set->elements.at, set->elements.n, sizeof(Element),
			      element_compare);
}

static void add_stand_in_set(Detour *t, const Set *set)
{
	Arena *arena = t->d->plan->arena;
	Set *copy = ARENA_NEW(arena, Set);

	*copy = *set;
	copy->name = object_name_standby(arena, set->name);
	copy->comment = NULL;
	copy->elements = (Elements){};
	for (size_t i = 0; i < set->elements.n; i++)
		if (is_moving(t, set->elements.at[i].address))
			VEC_PUSH(arena, &copy->elements, set->elements.at[i]);
	strmap_put(t->sets, set->name, copy);
	VEC_PUSH(arena, &t->extra_sets, copy);
}

/* "@set" becomes "@set, but not the moving ones" and "@set_next". */
static void add_stand_in_chain(Detour *t, const Chain *chain)
{
	Arena *arena = t->d->plan->arena;
	Chain *copy = ARENA_NEW(arena, Chain);
	bool is_needed = false;

	*copy = (Chain){.name = object_name_standby(arena, chain->name),
		.direction = chain->direction,
		.is_drop = chain->is_drop};
	for (size_t i = 0; i < chain->rules.n; i++) {
		ChainRule rule = chain->rules.at[i];
		const Set *stand_in = rule.set ? strmap_get(t->sets, rule.set) : NULL;

		if (stand_in) {
			is_needed = true;
			rule.set = stand_in->name;
			VEC_PUSH(arena, &copy->rules, rule);
			rule.set = chain->rules.at[i].set;
			rule.excluded = t->moving[rule.family]->name;
		}
		VEC_PUSH(arena, &copy->rules, rule);
	}
	if (!is_needed)
		return;
	strmap_put(t->chains, chain->name, copy);
	VEC_PUSH(arena, &t->extra_chains, copy);
}

static void build_stand_ins(Detour *t)
{
	const Difference *d = t->d;

	for (size_t i = 0; i < d->edits.n; i++) {
		note_moving(t, &d->edits.at[i].add);
		note_moving(t, &d->edits.at[i].del);
	}
	sort_moving(t);
	for (size_t i = 0; i < d->edits.n; i++)
		add_stand_in_set(t, d->edits.at[i].set);
	for (size_t i = 0; d->edits.n && i < d->new->chains.n; i++)
		add_stand_in_chain(t, d->new->chains.at[i]);
}

static Verdicts stand_in_verdicts(const Detour *t, const Verdicts *verdicts)
{
	Verdicts result = {};

	for (size_t i = 0; i < verdicts->n; i++) {
		const Chain *stand_in = strmap_get(t->chains, verdicts->at[i].chain);

		VEC_PUSH(t->d->plan->arena, &result,
			(Verdict){verdicts->at[i].address,
				stand_in ? stand_in->name : verdicts->at[i].chain});
	}
	return result;
}

static void each_next_verdict(const Detour *t, Commit *commit, OpKind kind)
{
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			edit_map(t->d, commit, kind, direction, f, true,
				stand_in_verdicts(t, &t->d->new->verdicts[direction][f]));
}

static void grow_detour(Detour *t)
{
	const Difference *d = t->d;
	Commit *commit = commit_add(d->plan, "grow", false);

	grow(d, commit);
	grow_selves(d, commit);
	for (size_t i = 0; i < t->extra_sets.n; i++)
		add_set(d, commit, t->extra_sets.at[i]);
	for (size_t i = 0; i < t->extra_chains.n; i++)
		add_chain(d, commit, t->extra_chains.at[i]);
	each_map(d, commit, OP_ADD_MAP, true);
	each_next_verdict(t, commit, OP_ADD_VERDICTS);
}

static bool is_made_anew(const Difference *d, Direction direction, Family family)
{
	return d->old->base.is_large[direction][family] != d->base->is_large[direction][family];
}

static void edit_map_behind(const Difference *d, Commit *commit, Direction direction, Family family)
{
	const MapEdit *map = &d->maps[direction][family];

	if (is_made_anew(d, direction, family)) {
		op_map(d, commit, OP_DEL_MAP, direction, family, false);
		return;
	}
	edit_map(d, commit, OP_DEL_VERDICTS, direction, family, false, map->del);
	edit_map(d, commit, OP_DEL_VERDICTS, direction, family, false, map->move);
	edit_map(d, commit, OP_ADD_VERDICTS, direction, family, false, map->move);
	edit_map(d, commit, OP_ADD_VERDICTS, direction, family, false, map->add);
}

/* Nobody looks at these maps now, and the moving members are judged elsewhere. */
static void edit_behind(const Difference *d)
{
	Commit *commit = commit_add(d->plan, "edit", true);

	for (size_t i = 0; i < d->edits.n; i++) {
		edit_set(d, commit, OP_DEL_ELEMENTS, d->edits.at[i].set, d->edits.at[i].del);
		edit_set(d, commit, OP_ADD_ELEMENTS, d->edits.at[i].set, d->edits.at[i].add);
	}
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			edit_map_behind(d, commit, direction, f);
}

static void make_maps_anew(const Difference *d)
{
	Commit *commit = commit_add(d->plan, "maps", false);

	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			if (is_made_anew(d, direction, f)) {
				op_map(d, commit, OP_ADD_MAP, direction, f, false);
				edit_map(d, commit, OP_ADD_VERDICTS, direction, f, false,
					d->new->verdicts[direction][f]);
			}
}

static void plan_detour(const Difference *d)
{
	Detour t = {
		.d = d, .sets = strmap_new(d->plan->arena), .chains = strmap_new(d->plan->arena)};
	Commit *commit;

	build_stand_ins(&t);
	grow_detour(&t);
	set_base(d, commit_add(d->plan, "switch", true), true);
	edit_behind(d);
	make_maps_anew(d);
	set_base(d, commit_add(d->plan, "switch back", false), false);
	commit = commit_add(d->plan, "shrink", true);
	each_next_verdict(&t, commit, OP_DEL_VERDICTS); /* their chains go below */
	each_map(d, commit, OP_DEL_MAP, true);
	for (size_t i = 0; i < t.extra_chains.n; i++)
		op_add(d->plan, commit,
			(Op){.kind = OP_DEL_CHAIN, .chain = t.extra_chains.at[i], .base = d->base});
	shrink(d, commit);
	for (size_t i = 0; i < t.extra_sets.n; i++)
		op_add(d->plan, commit,
			(Op){.kind = OP_DEL_SET, .set = t.extra_sets.at[i], .base = d->base});
}

static bool is_nothing(const Difference *d)
{
	Tally t = d->tally;

	return t.set_adds + t.set_dels + t.map_adds + t.map_dels + t.moves + d->selves.n +
			       d->new_sets.n + d->old_sets.n + d->new_chains.n + d->old_chains.n ==
		       0 &&
	       !d->is_base_new;
}

void plan_change(Arena *arena, const Ruleset *old, const Ruleset *new, Plan *ret_plan)
{
	Difference d = {.plan = ret_plan, .old = old, .new = new, .base = &new->base};

	*ret_plan = (Plan){.arena = arena};
	diff(&d);
	d.tally = tally(&d);
	if (is_nothing(&d))
		return;
	ret_plan->may_tighten = may_tighten(&d);
	if (can_go_in_place(&d))
		plan_in_place(&d);
	else
		plan_detour(&d);
	plan_tidy(ret_plan);
}

/* ---- Create, replace ---- */
static void create(Plan *plan, const Ruleset *new)
{
	Difference d = {.plan = plan, .new = new, .base = &new->base};
	Commit *commit = commit_add(plan, "grow", false);

	op_add(plan, commit, (Op){.kind = OP_ADD_TABLE, .base = d.base});
	for (size_t i = 0; i < new->sets.n; i++)
		add_set(&d, commit, new->sets.at[i]);
	for (size_t i = 0; i < new->chains.n; i++)
		add_chain(&d, commit, new->chains.at[i]);
	each_map(&d, commit, OP_ADD_MAP, false);
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			edit_map(&d, commit, OP_ADD_VERDICTS, direction, f, false,
				new->verdicts[direction][f]);
	/* no packet is inside a base chain that is not there yet: nothing to wait for */
	set_base(&d, commit_add(plan, "switch", false), false);
}

/* Unhook, let the packets inside leave, then delete. */
static void destroy(Plan *plan, const BaseOptions *base)
{
	op_add(plan, commit_add(plan, "unhook", true), (Op){.kind = OP_DEL_BASE, .base = base});
	op_add(plan, commit_add(plan, "delete", true), (Op){.kind = OP_DEL_TABLE, .base = base});
}

void plan_create(Arena *arena, const Ruleset *new, Plan *ret_plan)
{
	*ret_plan = (Plan){.arena = arena, .may_tighten = true};
	create(ret_plan, new);
	plan_tidy(ret_plan);
}

void plan_replace(Arena *arena, const Ruleset *new, const Ruleset *fallback, bool has_table,
	bool has_fallback, Plan *ret_plan)
{
	*ret_plan = (Plan){.arena = arena, .may_tighten = true};
	if (!has_fallback && has_table)
		create(ret_plan, fallback);
	if (has_table)
		destroy(ret_plan, &new->base);
	create(ret_plan, new);
	if (has_fallback || has_table)
		destroy(ret_plan, &fallback->base);
	plan_tidy(ret_plan);
}

void plan_remove(Arena *arena, const BaseOptions *base, Plan *ret_plan)
{
	*ret_plan = (Plan){.arena = arena};
	destroy(ret_plan, base);
	plan_tidy(ret_plan);
}
