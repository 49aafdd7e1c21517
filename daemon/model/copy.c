/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deep copies with arrays of exact capacity. Parsing a file leaves much else in its arena: the
 * parse tree, and arrays with unused capacity. What is kept is copied, and that arena is freed.
 */
#include "model.h"

static const char *copy_text(Arena *arena, const char *text)
{
	return text ? arena_strdup(arena, text) : NULL;
}

static Texts copy_texts(Arena *arena, const Texts *from)
{
	Texts to = VEC_COPY(arena, *from);

	for (size_t i = 0; i < to.n; i++)
		to.at[i] = arena_strdup(arena, from->at[i]);
	return to;
}

static Selector copy_selector(Arena *arena, const Selector *from)
{
	Selector to = {.list = VEC_COPY(arena, from->list)};

	for (size_t i = 0; i < to.list.n; i++) {
		to.list.at[i].key = arena_strdup(arena, from->list.at[i].key);
		to.list.at[i].values = copy_texts(arena, &from->list.at[i].values);
	}
	return to;
}

const Selector *selector_copy(Arena *arena, const Selector *selector)
{
	Selector *copy = selector ? ARENA_NEW(arena, Selector) : NULL;

	if (copy)
		*copy = copy_selector(arena, selector);
	return copy;
}

static const Block *copy_block(Arena *arena, const Block *block)
{
	Block *copy = block ? ARENA_NEW(arena, Block) : NULL;

	if (copy)
		*copy = (Block){block->range, VEC_COPY(arena, block->except)};
	return copy;
}

static Peer copy_peer(Arena *arena, const Peer *from, const char *file)
{
	Peer to = *from;

	to.origin.file = file;
	to.namespaces = selector_copy(arena, from->namespaces);
	to.pods = selector_copy(arena, from->pods);
	to.block = copy_block(arena, from->block);
	to.set = copy_text(arena, from->set);
	return to;
}

static Rule copy_rule(Arena *arena, const Rule *from, const char *file)
{
	Rule to = *from;

	to.origin.file = file;
	to.peers = VEC_COPY(arena, from->peers);
	for (size_t i = 0; i < to.peers.n; i++)
		to.peers.at[i] = copy_peer(arena, &from->peers.at[i], file);
	to.ports = VEC_COPY(arena, from->ports);
	for (size_t i = 0; i < to.ports.n; i++)
		to.ports.at[i].name = copy_text(arena, from->ports.at[i].name);
	return to;
}

const Policy *policy_copy(Arena *arena, const Policy *policy, const char *file)
{
	Policy *copy = ARENA_NEW(arena, Policy);

	*copy = *policy;
	copy->origin.file = file;
	copy->namespace = copy_text(arena, policy->namespace);
	copy->name = copy_text(arena, policy->name);
	copy->pods = copy_selector(arena, &policy->pods);
	for (Direction d = INGRESS; d < DIRECTION_N; d++) {
		copy->rules[d] = VEC_COPY(arena, policy->rules[d]);
		for (size_t i = 0; i < copy->rules[d].n; i++)
			copy->rules[d].at[i] = copy_rule(arena, &policy->rules[d].at[i], file);
	}
	return copy;
}

const CidrSet *cidr_set_copy(Arena *arena, const CidrSet *set, const char *file)
{
	CidrSet *copy = ARENA_NEW(arena, CidrSet);

	*copy = (CidrSet){.origin = set->origin,
		.name = copy_text(arena, set->name),
		.ranges = VEC_COPY(arena, set->ranges)};
	copy->origin.file = file;
	return copy;
}

static const Host *copy_host(Arena *arena, const Host *host)
{
	Host *copy = ARENA_NEW(arena, Host);

	*copy = (Host){copy_text(arena, host->name), VEC_COPY(arena, host->addresses)};
	return copy;
}

static const Attached *copy_attached(Arena *arena, const Attached *from)
{
	Attached *copy = from ? ARENA_NEW(arena, Attached) : NULL;

	if (!copy)
		return NULL;
	*copy = (Attached){VEC_COPY(arena, from->list), from->made_at, from->object};
	for (size_t i = 0; i < copy->list.n; i++)
		copy->list.at[i] = attachment_copy(
			arena, from->list.at[i], copy_text(arena, from->list.at[i]->origin.file));
	return copy;
}

Pod *pod_copy(Arena *arena, const Pod *pod, const char *file)
{
	Pod *copy = ARENA_NEW(arena, Pod);

	*copy = *pod;
	copy->origin.file = file;
	copy->namespace = copy_text(arena, pod->namespace);
	copy->name = copy_text(arena, pod->name);
	copy->host = copy_host(arena, pod->host);
	copy->labels.list = VEC_COPY(arena, pod->labels.list);
	for (size_t i = 0; i < copy->labels.list.n; i++)
		copy->labels.list.at[i] = (Label){copy_text(arena, pod->labels.list.at[i].key),
			copy_text(arena, pod->labels.list.at[i].value)};
	copy->addresses = VEC_COPY(arena, pod->addresses);
	copy->ports = VEC_COPY(arena, pod->ports);
	for (size_t i = 0; i < copy->ports.n; i++)
		copy->ports.at[i].name = copy_text(arena, pod->ports.at[i].name);
	copy->started = copy_text(arena, pod->started);
	copy->attached = copy_attached(arena, pod->attached);
	return copy;
}
