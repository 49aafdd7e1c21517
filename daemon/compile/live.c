/* The sets that rules look up: whom each selects, and whom to ask when a pod changes. */
#include "live.h"
#include <stdio.h>
#include <string.h>

void live_start(Live *live, Arena *arena)
{
	*live = (Live){.arena = arena,
		.by_name = hash_table_new(arena),
		.by_key = hash_table_new(arena),
		.by_label = hash_table_new(arena)};
}

void live_free(Live *live)
{
	const LiveSet *set;
	size_t cursor = 0;

	while ((set = hash_table_next(live->by_name, &cursor)))
		set_unref(set->set);
}

/* ---- Whom a set selects ---- */
static bool any_takes(const Definition *is, Address address, const Member *member)
{
	for (size_t i = 0; i < is->peers.n; i++)
		if (selection_takes(&is->peers.at[i], member))
			return true;
	return is->is_any || (is->kind == SET_PORTS && ranges_find(&is->ranges, address));
}

static bool takes(const LiveSet *set, Address address, const Member *member)
{
	if (set->is_unkeyed)
		return any_takes(&set->is, address, member);
	for (const LivePeer *asked = set->asked_peers; asked; asked = asked->next_asked)
		if (selection_takes(asked->selection, member))
			return true;
	return false;
}

static void add_ports(
	Arena *arena, const Definition *is, Address address, const Pod *pod, Elements *elements)
{
	for (size_t i = 0; i < is->ports.n; i++)
		for (size_t k = 0; k < pod->ports.n; k++)
			if (named_port_is(&pod->ports.at[k], is->ports.at[i].name,
				    is->ports.at[i].protocol))
				VEC_PUSH(arena, elements,
					(Element){address, (uint8_t)is->ports.at[i].protocol,
						pod->ports.at[k].number});
}

/* What a set that was asked holds of an address that counts for the pod. */
static void add_elements(
	Arena *arena, const LiveSet *set, Address address, const Member *member, Elements *elements)
{
	if (!member->pod || set->is.family != address.family || !takes(set, address, member))
		return;
	if (set->is.kind == SET_PORTS)
		add_ports(arena, &set->is, address, member->pod, elements);
	else
		VEC_PUSH(arena, elements, (Element){.address = address});
}

/* ---- Whom to ask: sets by a label that their pods must have, or their pods' namespace ---- */
static uint32_t label_hash(const char *key, const char *value)
{
	return hash_text(hash_text(HASH_START, key), value);
}

/* Whose label: of a pod of that namespace, of any pod, of any namespace. */
#define OF_ANY_POD 0x9e3779b9u
#define OF_NAMESPACE 0x85ebca6bu
#define OF_SPACE(namespace) hash_text(HASH_START, (namespace))
#define ANY_LABEL 0

static uint32_t key_of(uint32_t whose, uint32_t label)
{
	return (whose ^ label) * 0x01000193u + whose;
}

typedef void (*KeyVisit)(Live *live, uint32_t hash, LivePeer *peer);

static bool visit_selector(
	Live *live, LivePeer *peer, const Selector *selector, uint32_t whose, KeyVisit visit)
{
	for (size_t i = 0; selector && i < selector->list.n; i++) {
		const Requirement *r = &selector->list.at[i];

		if (r->op != OPERATOR_IN)
			continue;
		for (size_t k = 0; k < r->values.n; k++)
			visit(live, key_of(whose, label_hash(r->key, r->values.at[k])), peer);
		return true;
	}
	return false;
}

/* False: no label can tell. */
static bool visit_peer(Live *live, LivePeer *peer, KeyVisit visit)
{
	const Selection *is = peer->selection;
	uint32_t whose = is->namespace ? OF_SPACE(is->namespace) : OF_ANY_POD;

	if (visit_selector(live, peer, is->pods, whose, visit))
		return true;
	if (!is->namespace)
		return visit_selector(live, peer, is->namespaces, OF_NAMESPACE, visit);
	visit(live, key_of(whose, ANY_LABEL), peer);
	return true;
}

static bool visit_keys(Live *live, LiveSet *set, KeyVisit visit)
{
	bool is_keyed = !set->is.is_any && (set->is.kind != SET_PORTS || set->is.ranges.n == 0);

	for (size_t i = 0; is_keyed && i < set->is.peers.n; i++)
		is_keyed = visit_peer(live, &set->peers[i], visit);
	return is_keyed;
}

static void add_key(Live *live, uint32_t hash, LivePeer *peer)
{
	hash_table_add(live->by_label, hash, peer);
}

static void remove_key(Live *live, uint32_t hash, LivePeer *peer)
{
	hash_table_remove(live->by_label, hash, peer);
}

static void ignore_key(Live *live, uint32_t hash, LivePeer *peer)
{
	(void)live, (void)hash, (void)peer;
}

static bool is_asked(const LiveSet *set)
{
	return set->is.kind == SET_PODS || set->is.kind == SET_PORTS;
}

static void enter(Live *live, LiveSet *set)
{
	if (!is_asked(set))
		return;
	set->is_unkeyed = !visit_keys(live, set, ignore_key);
	if (set->is_unkeyed)
		VEC_PUSH(live->arena, &live->unkeyed, set);
	else
		visit_keys(live, set, add_key);
}

static void leave(Live *live, LiveSet *set)
{
	size_t kept = 0;

	if (!is_asked(set))
		return;
	if (!set->is_unkeyed) {
		visit_keys(live, set, remove_key);
		return;
	}
	for (size_t i = 0; i < live->unkeyed.n; i++)
		if (live->unkeyed.at[i] != set)
			live->unkeyed.at[kept++] = live->unkeyed.at[i];
	live->unkeyed.n = kept;
}

typedef VEC(LiveSet *) LiveSets;

static void ask(Live *live, LiveSet *set, LiveSets *sets)
{
	if (set->asked == live->question)
		return;
	set->asked = live->question;
	set->asked_peers = NULL;
	VEC_PUSH(live->scratch, sets, set);
}

static void ask_peer(Live *live, LivePeer *peer, LiveSets *sets)
{
	ask(live, peer->set, sets);
	if (peer->asked == live->question)
		return;
	peer->asked = live->question;
	peer->next_asked = peer->set->asked_peers;
	peer->set->asked_peers = peer;
}

static void ask_by_key(Live *live, uint32_t hash, LiveSets *sets)
{
	const LivePeer *peer;
	size_t cursor = 0;

	while ((peer = hash_table_find(live->by_label, hash, &cursor)))
		ask_peer(live, (LivePeer *)peer, sets);
}

/* Every set that may hold the member, and few others; each once. */
static void ask_for(Live *live, const Member *member, LiveSets *sets)
{
	const Pod *pod = member->pod;
	uint32_t namespace;

	if (!pod)
		return;
	namespace = OF_SPACE(pod->namespace);
	for (size_t i = 0; i < live->unkeyed.n; i++)
		ask(live, live->unkeyed.at[i], sets);
	for (size_t i = 0; i < pod->labels.list.n; i++) {
		const Label *label = &pod->labels.list.at[i];
		uint32_t hash = label_hash(label->key, label->value);

		ask_by_key(live, key_of(namespace, hash), sets);
		ask_by_key(live, key_of(OF_ANY_POD, hash), sets);
	}
	ask_by_key(live, key_of(namespace, ANY_LABEL), sets);
	for (size_t i = 0; member->namespace && i < member->namespace->labels.list.n; i++) {
		const Label *label = &member->namespace->labels.list.at[i];

		ask_by_key(live, key_of(OF_NAMESPACE, label_hash(label->key, label->value)), sets);
	}
}

/* ---- Sets that come and go ---- */
static Definition copy_definition(Arena *arena, const Definition *from)
{
	Definition to = {.kind = from->kind, .family = from->family, .is_any = from->is_any};

	to.key = arena_strdup(arena, from->key);
	to.comment = from->comment ? comment_truncate(arena, from->comment) : NULL;
	for (size_t i = 0; i < from->peers.n; i++) {
		const Selection *peer = &from->peers.at[i];

		VEC_PUSH(arena, &to.peers,
			(Selection){peer->namespace ? arena_strdup(arena, peer->namespace) : NULL,
				peer->namespaces ? selector_copy(arena, peer->namespaces) : NULL,
				peer->pods ? selector_copy(arena, peer->pods) : NULL});
	}
	for (size_t i = 0; i < from->ranges.n; i++)
		VEC_PUSH(arena, &to.ranges, from->ranges.at[i]);
	for (size_t i = 0; i < from->ports.n; i++)
		VEC_PUSH(arena, &to.ports,
			(NamedPort){arena_strdup(arena, from->ports.at[i].name),
				from->ports.at[i].protocol, 0});
	return to;
}

/* By what it selects and the size that it says. */
static void name_set(const Definition *is, size_t size, char name[OBJECT_NAME_SET_SIZE])
{
	if (is->kind == SET_SELF)
		snprintf(name, OBJECT_NAME_SET_SIZE, "%s", object_name_self(is->family));
	else
		object_name_set(is->kind, is->family, is->key, size, name);
}

LiveSet *live_find(const Live *live, const char *name)
{
	uint32_t hash = hash_text(HASH_START, name);
	const LiveSet *set;
	size_t cursor = 0;

	while ((set = hash_table_find(live->by_name, hash, &cursor)))
		if (strcmp(set->name, name) == 0)
			return (LiveSet *)set;
	return NULL;
}

static void mark_edited(Live *live, LiveSet *set)
{
	if (!set->is_edited)
		VEC_PUSH(live->scratch, &live->edited, set);
	set->is_edited = true;
}

static uint32_t key_hash(const Definition *is)
{
	return hash_text(HASH_START + 2 * (uint32_t)is->kind + is->family, is->key);
}

static LiveSet *find_by_key(const Live *live, const Definition *is)
{
	uint32_t hash = key_hash(is);
	const LiveSet *set;
	size_t cursor = 0;

	while ((set = hash_table_find(live->by_key, hash, &cursor)))
		if (set->is.kind == is->kind && set->is.family == is->family &&
			strcmp(set->is.key, is->key) == 0)
			return (LiveSet *)set;
	return NULL;
}

LiveSet *live_set(Live *live, const Definition *definition)
{
	LiveSet *set = find_by_key(live, definition);
	Arena *arena;

	if (set)
		return set;
	arena = arena_child(live->arena);
	set = ARENA_NEW(arena, LiveSet);
	*set = (LiveSet){.arena = arena, .is = copy_definition(arena, definition)};
	name_set(&set->is, 0, set->name);
	set->peers = arena_alloc(arena, set->is.peers.n * sizeof(LivePeer));
	for (size_t i = 0; i < set->is.peers.n; i++)
		set->peers[i] = (LivePeer){.set = set, .selection = &set->is.peers.at[i]};
	hash_table_add(live->by_name, hash_text(HASH_START, set->name), set);
	hash_table_add(live->by_key, key_hash(&set->is), set);
	enter(live, set);
	VEC_PUSH(live->scratch, &live->fresh, set);
	mark_edited(live, set);
	return set;
}

static void forget(Live *live, LiveSet *set)
{
	leave(live, set);
	hash_table_remove(live->by_name, hash_text(HASH_START, set->name), set);
	hash_table_remove(live->by_key, key_hash(&set->is), set);
	set_unref(set->set);
	arena_free(set->arena);
}

/* ---- Edits ---- */
static void diff_elements(Live *live, LiveSet *set, Elements *before, Elements *after)
{
	size_t i = 0, j = 0;

	elements_sort(before);
	elements_sort(after);
	while (i < before->n || j < after->n) {
		int r = i == before->n	? 1
			: j == after->n ? -1
					: element_compare(&before->at[i], &after->at[j]);

		if (r < 0)
			VEC_PUSH(live->scratch, &set->del, before->at[i]);
		if (r > 0)
			VEC_PUSH(live->scratch, &set->add, after->at[j]);
		if (r != 0)
			mark_edited(live, set);
		i += r <= 0;
		j += r >= 0;
	}
}

void live_move(Live *live, Address address, Member before, Member after)
{
	LiveSets sets = {};

	live->question++;
	ask_for(live, &before, &sets);
	ask_for(live, &after, &sets);
	for (size_t i = 0; i < sets.n; i++) {
		Elements old = {}, new = {};

		add_elements(live->scratch, sets.at[i], address, &before, &old);
		add_elements(live->scratch, sets.at[i], address, &after, &new);
		diff_elements(live, sets.at[i], &old, &new);
	}
}

void live_edit_self(Live *live, Address address, bool is_in)
{
	LiveSet *set = live->self[address.family];
	Element element = {.address = address};

	if (is_in)
		VEC_PUSH(live->scratch, &set->add, element);
	else
		VEC_PUSH(live->scratch, &set->del, element);
	mark_edited(live, set);
}

/* ---- Filling ---- */
static void fill_from_pod(Live *live, const Index *index, const Member *member)
{
	LiveSets sets = {};

	live->question++;
	ask_for(live, member, &sets);
	for (size_t i = 0; i < member->pod->addresses.n; i++) {
		Address address = member->pod->addresses.at[i];

		if (!index_holds(index, member->pod, address))
			continue;
		for (size_t k = 0; k < sets.n; k++)
			if (!sets.at[k]->set)
				add_elements(live->scratch, sets.at[k], address, member,
					&sets.at[k]->add);
	}
}

static void fill_from_space(Live *live, const Index *index, const NamespaceIndex *namespace)
{
	Member member = {.namespace = namespace->object};
	size_t cursor = 0;

	while ((member.pod = namespace_next_pod(namespace, &cursor)))
		if (pod_is_subject(member.pod))
			fill_from_pod(live, index, &member);
}

/* The one namespace that the set selects from; NULL: there are several, or none is named. */
static const char *namespace_index_of(const Definition *is)
{
	const char *namespace = is->kind == SET_PODS ? is->peers.at[0].namespace : NULL;

	for (size_t i = 0; namespace && i < is->peers.n; i++)
		if (!text_is_equal(is->peers.at[i].namespace, namespace))
			return NULL;
	return namespace;
}

/* The same of all that are new. */
static const char *only_space(const Live *live)
{
	const char *only = NULL;

	for (size_t i = 0; i < live->fresh.n; i++) {
		const char *namespace;

		if (!is_asked(live->fresh.at[i]))
			continue;
		namespace = namespace_index_of(&live->fresh.at[i]->is);
		if (!namespace || (only && strcmp(only, namespace) != 0))
			return NULL;
		only = namespace;
	}
	return only;
}

static bool has_questions(const Live *live)
{
	for (size_t i = 0; i < live->fresh.n; i++)
		if (is_asked(live->fresh.at[i]))
			return true;
	return false;
}

void live_fill(Live *live, const Model *model, const Index *index)
{
	const char *only = only_space(live);
	const NamespaceIndex *namespace;
	size_t cursor = 0;

	if (!has_questions(live))
		return;
	if (only) {
		namespace = model_namespace_index(model, only);
		if (namespace)
			fill_from_space(live, index, namespace);
		return;
	}
	while ((namespace = model_next_namespace(model, &cursor)))
		fill_from_space(live, index, namespace);
}

/* ---- An update ---- */
void live_begin(Live *live, Arena *scratch)
{
	live->scratch = scratch;
	live->fresh.n = live->fresh.capacity = live->edited.n = live->edited.capacity = 0;
	live->fresh.at = live->edited.at = NULL;
	live->renamed = NULL;
	live->is_old_renamed = false;
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
		if (!live->self[f])
			live->self[f] = live_set(
				live, &(Definition){.kind = SET_SELF, .family = f, .key = ""});
		live->self[f]->users = 1;
	}
}

static void take_made(LiveSet *set, const Set *made)
{
	set_unref(set->set);
	set->set = made;
}

static void rename_set(Live *live, LiveSet *set, size_t size)
{
	if (!live->renamed)
		live->renamed = strmap_new(live->scratch);
	strmap_put(live->renamed, arena_strdup(live->scratch, set->name), set->name);
	hash_table_remove(live->by_name, hash_text(HASH_START, set->name), set);
	name_set(&set->is, size, set->name);
	hash_table_add(live->by_name, hash_text(HASH_START, set->name), set);
}

/* What comes is all that is in it. */
static void make_first(Live *live, LiveSet *set)
{
	const Set draft = {.name = set->name,
		.comment = set->is.comment,
		.kind = set->is.kind,
		.family = set->is.family,
		.elements = set->add,
		.ranges = set->is.kind == SET_CIDR ? set->is.ranges : (Ranges){}};
	size_t size = set_size(&draft);

	if (size)
		rename_set(live, set, size);
	take_made(set, set_make(&draft));
}

static void make_next(Live *live, LiveSet *set)
{
	size_t size = set_size(set->set);
	Set renamed;

	take_made(set, set_edit(set->set, &set->add, &set->del));
	if (set_size(set->set) == size)
		return;
	rename_set(live, set, set_size(set->set));
	renamed = *set->set;
	renamed.name = set->name;
	take_made(set, set_make(&renamed));
	live->is_old_renamed = true;
}

static void make(Live *live, LiveSet *set)
{
	elements_sort(&set->add);
	elements_sort(&set->del);
	if (set->set)
		make_next(live, set);
	else
		make_first(live, set);
	set->is_edited = false;
	set->add = set->del = (Elements){};
}

const char *live_new_name(const Live *live, const char *name)
{
	const char *new = live->renamed ? strmap_get(live->renamed, name) : NULL;

	return new ? new : name;
}

static int set_compare(const void *a, const void *b)
{
	return strcmp((*(LiveSet *const *)a)->name, (*(LiveSet *const *)b)->name);
}

/* The sorted list of those that stay, with the new ones in their places. */
static void sort(Live *live)
{
	LiveSets old = {};
	size_t i = 0, j = 0;

	for (; i < live->sorted.n; i++)
		VEC_PUSH(live->scratch, &old, live->sorted.at[i]);
	if (live->fresh.n)
		qsort(live->fresh.at, live->fresh.n, sizeof(LiveSet *), set_compare);
	live->sorted.n = i = 0;
	while (i < old.n || j < live->fresh.n) {
		bool is_old = j == live->fresh.n ||
			      (i < old.n && set_compare(&old.at[i], &live->fresh.at[j]) < 0);
		LiveSet *set = is_old ? old.at[i++] : live->fresh.at[j++];

		if (set->users > 0)
			VEC_PUSH(live->arena, &live->sorted, set);
		else
			forget(live, set);
	}
	if (live->is_old_renamed)
		qsort(live->sorted.at, live->sorted.n, sizeof(LiveSet *), set_compare);
}

void live_end(Live *live)
{
	for (size_t i = 0; i < live->edited.n; i++)
		if (live->edited.at[i]->users > 0)
			make(live, live->edited.at[i]);
	sort(live);
}
