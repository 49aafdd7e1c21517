/*
 * model -> ruleset. The phases:
 *   1. index     who holds which address; whom a peer selects (index.c)
 *   2. select    for each local pod and direction: the policies that isolate it
 *   3. class     pods under the same policies, with the same numbers behind named ports, share the
 *                chain: find it, or
 *   4. expand    each rule into accepting rules: peers x ports; sets are made as they are needed
 *   5. enter     the pod's addresses lead to the chain; it may always reach itself
 * A chain serves one family, so an IPv4 packet never walks an IPv6 rule. Origins stay with the
 * rules: explain names the line that let a flow through.
 */
#include "index.h"
#include <errno.h>
#include <string.h>

typedef struct Compiler {
	Arena *scratch; /* gone after the compilation */
	const Model *model;
	const CompileOptions *options;
	Diags *diags;
	Ruleset *ruleset;
	Arena *arena; /* the ruleset's */
	Index index;
	StrMap *set_names;   /* name -> key: what a name was made from */
	StrMap *chain_names; /* name -> anything */
	StrMap *classes;     /* class key -> chain name */
	StrMap *files;	     /* file names of origins, copied once */
} Compiler;

/* ---- Sets ---- */
/* The name of a set that is made from `key`; true when it must be filled. */
static bool set_begin(Compiler *c, const char *prefix, Family family, const char *key,
	const char *comment, SetKind kind, Set *ret_set)
{
	char hash[DIGEST_NAME_LENGTH + 1];
	const char *name;
	Digest digest;

	digest_start(&digest);
	digest_add_text(&digest, key);
	digest_end_name(&digest, hash);
	name = arena_printf(c->arena, "%s%d_%s", prefix, family == FAMILY_IPV4 ? 4 : 6, hash);
	*ret_set = (Set){.name = name, .kind = kind, .family = family};
	if (strmap_get(c->set_names, name))
		return false;
	ret_set->comment = comment_fit(c->arena, comment);
	strmap_put(c->set_names, name, (void *)key);
	return true;
}

static const char *set_of_selection(Compiler *c, const Selection *selection, Family family)
{
	Set set;

	if (set_begin(c, "pods", family, selection->key, selection->comment, SET_PODS, &set)) {
		for (size_t i = 0; i < selection->members[family].n; i++)
			VEC_PUSH(c->arena, &set.elements,
				(Element){.address = selection->members[family].at[i].address});
		VEC_PUSH(c->arena, &c->ruleset->sets, set);
	}
	return set.name;
}

static const char *set_of_ranges(
	Compiler *c, const Ranges *ranges, Family family, const char *comment)
{
	Buf key = {.arena = c->scratch};
	char text[RANGE_TEXT_SIZE];
	Set set;

	buf_add(&key, comment);
	for (size_t i = 0; i < ranges->n; i++)
		buf_printf(&key, "\n%s", range_text(ranges->at[i], text));
	if (set_begin(c, "cidr", family, buf_text(&key), comment, SET_CIDR, &set)) {
		for (size_t i = 0; i < ranges->n; i++)
			VEC_PUSH(c->arena, &set.ranges, ranges->at[i]);
		VEC_PUSH(c->arena, &c->ruleset->sets, set);
	}
	return set.name;
}

/* ---- Ports of a rule, for one chain ---- */
typedef struct Ports {
	bool is_any;		 /* any protocol, ICMP too */
	PortRanges ranges[3];	 /* by PROTOCOL_LIST */
	bool is_all[3];		 /* every port of the protocol */
	VEC(const Port *) names; /* egress: left to the destination pods */
} Ports;

static const Protocol PROTOCOL_LIST[3] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP};

static int protocol_index(Protocol protocol)
{
	return protocol == PROTOCOL_TCP ? 0 : protocol == PROTOCOL_UDP ? 1 : 2;
}

static int port_range_compare(const void *a, const void *b)
{
	const PortRange *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->last < y->last ? -1 : x->last > y->last;
}

/* The kernel refuses intervals that overlap: join them, and those that touch. */
static void ports_normalise(PortRanges *ranges)
{
	size_t kept = 0;

	if (ranges->n == 0)
		return;
	qsort(ranges->at, ranges->n, sizeof(PortRange), port_range_compare);
	for (size_t i = 1; i < ranges->n; i++) {
		PortRange *top = &ranges->at[kept], next = ranges->at[i];

		if (next.first <= top->last + 1)
			top->last = next.last > top->last ? next.last : top->last;
		else
			ranges->at[++kept] = next;
	}
	ranges->n = kept + 1;
}

/* "named port: resolved on the destination pod, by name and protocol": here the pod itself. */
static void resolve_port(Compiler *c, const Port *port, const Pod *pod, PortRanges *ranges)
{
	for (size_t i = 0; i < pod->ports.n; i++)
		if (pod->ports.at[i].protocol == port->protocol &&
			strcmp(pod->ports.at[i].name, port->name) == 0)
			VEC_PUSH(c->arena, ranges,
				(PortRange){pod->ports.at[i].number, pod->ports.at[i].number});
}

static Ports gather_ports(Compiler *c, const Rule *rule, Direction direction, const Pod *pod)
{
	Ports ports = {.is_any = rule->is_any_port};

	for (size_t i = 0; i < rule->ports.n; i++) {
		const Port *port = &rule->ports.at[i];
		int at = protocol_index(port->protocol);

		if (port->kind == PORT_ALL)
			ports.is_all[at] = true;
		else if (port->kind == PORT_RANGE)
			VEC_PUSH(c->arena, &ports.ranges[at], (PortRange){port->first, port->last});
		else if (direction == INGRESS)
			resolve_port(c, port, pod, &ports.ranges[at]);
		else
			VEC_PUSH(c->scratch, &ports.names, port);
	}
	for (int i = 0; i < 3; i++) {
		ports_normalise(&ports.ranges[i]);
		if (ports.is_all[i])
			ports.ranges[i] = (PortRanges){};
	}
	return ports;
}

/* ---- Rules ---- */
typedef struct Expansion {
	Compiler *c;
	Chain *chain;
	const Policy *policy;
	const Rule *rule;
	Direction direction;
	Family family;
	Ports ports;
} Expansion;

static Origin copy_origin(Compiler *c, Origin origin)
{
	const char *file = strmap_get(c->files, origin.file);

	if (!file) {
		file = arena_strdup(c->arena, origin.file);
		strmap_put(c->files, file, (void *)file);
	}
	origin.file = file;
	return origin;
}

static void push_rule(Expansion *e, ChainRule rule)
{
	/* a rule without an address is the same rule in both families, and so may be its chain */
	rule.family = rule.match == MATCH_ANYBODY ? FAMILY_IPV4 : e->family;
	rule.origin = copy_origin(e->c, e->rule->origin);
	rule.policy = arena_printf(e->c->arena, "%s/%s", e->policy->space, e->policy->name);
	VEC_PUSH(e->c->arena, &e->chain->rules, rule);
}

/* One address condition with every numeric port condition of the rule. */
static void push_with_ports(Expansion *e, ChainRule rule)
{
	if (e->ports.is_any) {
		push_rule(e, rule);
		return;
	}
	for (int i = 0; i < 3; i++) {
		if (!e->ports.is_all[i] && e->ports.ranges[i].n == 0)
			continue;
		rule.protocol = (uint8_t)PROTOCOL_LIST[i];
		rule.ports = e->ports.ranges[i];
		push_rule(e, rule);
	}
}

static bool has_numeric_ports(const Ports *ports)
{
	for (int i = 0; i < 3; i++)
		if (ports->is_all[i] || ports->ranges[i].n)
			return true;
	return ports->is_any;
}

static void add_block_text(Buf *buf, const Peer *peer)
{
	char text[RANGE_TEXT_SIZE];

	buf_add(buf, buf->n ? ", " : "");
	if (peer->kind == PEER_SET) {
		buf_printf(buf, "cidr_set %s", peer->set);
		return;
	}
	buf_add(buf, range_text(peer->block, text));
	for (size_t i = 0; i < peer->except.n; i++)
		buf_printf(buf, "%s%s", i ? " " : " except ", range_text(peer->except.at[i], text));
}

/* All blocks of the rule as one set of disjoint ranges; `except` has cut its own block only. */
static void gather_blocks(Expansion *e, Ranges *ret_ranges, Buf *ret_text)
{
	for (size_t i = 0; i < e->rule->peers.n; i++) {
		const Peer *peer = &e->rule->peers.at[i];
		size_t before = ret_ranges->n;

		if (peer->kind == PEER_PODS)
			continue;
		peer_ranges(e->c->scratch, e->c->model, peer, e->family, ret_ranges);
		if (ret_ranges->n > before)
			add_block_text(ret_text, peer);
	}
	ranges_normalise(ret_ranges);
}

static void expand_blocks(Expansion *e, const Ranges *ranges, const char *text)
{
	ChainRule rule = {.match = MATCH_BLOCK};

	if (ranges->n == 0)
		return;
	if (ranges->n == 1 && range_is_everything(ranges->at[0])) {
		rule.match = MATCH_ANYBODY;
	} else if (ranges->n == 1 && range_prefix(ranges->at[0]) >= 0) {
		rule.block = ranges->at[0];
	} else {
		rule.match = MATCH_SET;
		rule.set = set_of_ranges(e->c, ranges, e->family, text);
	}
	push_with_ports(e, rule);
}

static void expand_selections(Expansion *e)
{
	for (size_t i = 0; i < e->rule->peers.n; i++) {
		const Peer *peer = &e->rule->peers.at[i];

		if (peer->kind == PEER_PODS)
			push_with_ports(e,
				(ChainRule){.match = MATCH_SET,
					.set = set_of_selection(e->c,
						index_select(&e->c->index, e->policy->space, peer),
						e->family)});
	}
}

/* ---- Named ports of egress rules: (address, protocol, port) of every destination pod ---- */
static void add_named(Expansion *e, Set *set, const Owner *owner)
{
	for (size_t i = 0; i < e->ports.names.n; i++) {
		const Port *port = e->ports.names.at[i];
		PortRanges numbers = {};

		resolve_port(e->c, port, owner->pod, &numbers);
		for (size_t k = 0; k < numbers.n; k++)
			VEC_PUSH(e->c->arena, &set->elements,
				(Element){owner->address, (uint8_t)port->protocol,
					numbers.at[k].first});
	}
}

static void fill_named(Expansion *e, Set *set, const Ranges *blocks)
{
	const Owners *all = &e->c->index.owners;

	for (size_t i = 0; i < e->rule->peers.n; i++) {
		const Peer *peer = &e->rule->peers.at[i];
		const Selection *selection =
			peer->kind == PEER_PODS ? index_select(&e->c->index, e->policy->space, peer)
						: NULL;

		for (size_t k = 0; selection && k < selection->members[e->family].n; k++)
			add_named(e, set, &selection->members[e->family].at[k]);
	}
	for (size_t i = 0; i < all->n; i++)
		if (all->at[i].address.family == e->family &&
			(e->rule->is_any_peer || ranges_have(blocks, all->at[i].address)))
			add_named(e, set, &all->at[i]);
}

static const char *named_key(Expansion *e, const char *block_text, const Ranges *blocks)
{
	Buf key = {.arena = e->c->scratch};
	char text[RANGE_TEXT_SIZE];

	for (size_t i = 0; i < e->ports.names.n; i++)
		buf_printf(&key, "%s%s/%s", i ? " " : "", e->ports.names.at[i]->name,
			protocol_text(e->ports.names.at[i]->protocol));
	buf_printf(&key, " of %s%s", e->rule->is_any_peer ? "any pod" : "", block_text);
	for (size_t i = 0; i < e->rule->peers.n; i++)
		if (e->rule->peers.at[i].kind == PEER_PODS)
			buf_printf(&key, "; %s",
				index_select(&e->c->index, e->policy->space, &e->rule->peers.at[i])
					->comment);
	for (size_t i = 0; i < blocks->n; i++)
		buf_printf(&key, "\n%s", range_text(blocks->at[i], text));
	return buf_text(&key);
}

static void expand_named(Expansion *e, const Ranges *blocks, const char *block_text)
{
	const char *key = named_key(e, block_text, blocks);
	const char *comment = arena_strndup(e->c->scratch, key, strcspn(key, "\n"));
	Set set;

	if (set_begin(e->c, "ports", e->family, key, comment, SET_PORTS, &set)) {
		fill_named(e, &set, blocks);
		VEC_PUSH(e->c->arena, &e->c->ruleset->sets, set);
	}
	push_rule(e, (ChainRule){.match = MATCH_PORT_SET, .set = set.name});
}

static void expand_rule(Expansion *e)
{
	Ranges blocks = {};
	Buf text = {.arena = e->c->scratch};

	gather_blocks(e, &blocks, &text);
	if (has_numeric_ports(&e->ports)) {
		if (e->rule->is_any_peer)
			push_with_ports(e, (ChainRule){.match = MATCH_ANYBODY});
		expand_blocks(e, &blocks, buf_text(&text));
		expand_selections(e);
	}
	if (e->ports.names.n)
		expand_named(e, &blocks, buf_text(&text));
}

/* ---- Chain classes ---- */
typedef VEC(const Policy *) PolicyList;

static void each_port_name(Buf *key, Compiler *c, const Policy *policy, const Pod *pod)
{
	for (size_t r = 0; r < policy->rules[INGRESS].n; r++) {
		const Rule *rule = &policy->rules[INGRESS].at[r];

		for (size_t i = 0; i < rule->ports.n; i++) {
			PortRanges numbers = {};

			if (rule->ports.at[i].kind != PORT_NAME)
				continue;
			resolve_port(c, &rule->ports.at[i], pod, &numbers);
			for (size_t k = 0; k < numbers.n; k++)
				buf_printf(key, "%u+", numbers.at[k].first);
			buf_add(key, ",");
		}
	}
}

/* What decides the chain: family, direction, policies, the numbers behind names. */
static const char *class_key(
	Compiler *c, Direction direction, Family family, const PolicyList *policies, const Pod *pod)
{
	Buf key = {.arena = c->scratch};

	buf_printf(&key, "%d %d", direction, family);
	for (size_t i = 0; i < policies->n; i++) {
		buf_printf(&key, " %p:", (const void *)policies->at[i]);
		if (direction == INGRESS)
			each_port_name(&key, c, policies->at[i], pod);
	}
	return buf_text(&key);
}

static const char *build_chain(
	Compiler *c, Direction direction, Family family, const PolicyList *policies, const Pod *pod)
{
	Chain chain = {.direction = direction == INGRESS ? RULESET_IN : RULESET_OUT,
		.is_drop = c->options->is_drop};
	Expansion e = {.c = c, .chain = &chain, .direction = direction, .family = family};

	for (size_t i = 0; i < policies->n; i++) {
		e.policy = policies->at[i];
		for (size_t r = 0; r < e.policy->rules[direction].n; r++) {
			e.rule = &e.policy->rules[direction].at[r];
			e.ports = gather_ports(c, e.rule, direction, pod);
			expand_rule(&e);
		}
	}
	chain_finish(c->arena, &chain);
	if (!strmap_get(c->chain_names, chain.name)) {
		strmap_put(c->chain_names, chain.name, (void *)chain.name);
		VEC_PUSH(c->arena, &c->ruleset->chains, chain);
	}
	return chain.name;
}

static const char *class_chain(
	Compiler *c, Direction direction, Family family, const PolicyList *policies, const Pod *pod)
{
	const char *key = class_key(c, direction, family, policies, pod);
	const char *name = strmap_get(c->classes, key);

	if (!name) {
		name = build_chain(c, direction, family, policies, pod);
		strmap_put(c->classes, key, (void *)name);
	}
	return name;
}

/* ---- Pods ---- */
static void enter_self(Compiler *c, Address address)
{
	Set *set = &c->ruleset->sets.at[address.family]; /* self4, self6: the first two */

	VEC_PUSH(c->arena, &set->elements, (Element){.address = address});
}

static void enter_pod(Compiler *c, const Pod *pod, Direction direction, const PolicyList *policies)
{
	int d = direction == INGRESS ? RULESET_IN : RULESET_OUT;

	for (size_t i = 0; i < pod->addresses.n; i++) {
		Address address = pod->addresses.at[i];

		if (!index_holds(&c->index, pod, address))
			continue;
		VEC_PUSH(c->arena, &c->ruleset->verdicts[d][address.family],
			(Verdict){
				address, class_chain(c, direction, address.family, policies, pod)});
		enter_self(c, address);
	}
}

static void compile_pod(Compiler *c, const Pod *pod, const PolicyList *of_namespace)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++) {
		PolicyList policies = {};

		for (size_t i = 0; i < of_namespace->n; i++)
			if (of_namespace->at[i]->isolates[d] &&
				selector_matches(&of_namespace->at[i]->pods, &pod->labels))
				VEC_PUSH(c->scratch, &policies, of_namespace->at[i]);
		if (policies.n)
			enter_pod(c, pod, d, &policies);
	}
}

static bool is_local(const Compiler *c, const Pod *pod)
{
	return c->options->is_all || text_is_equal(pod->node, c->options->node);
}

static void warn_nobody(Compiler *c, bool has_local)
{
	if (!has_local && c->model->pods.n)
		DIAG_WARNING(c->diags, c->model->pods.at[0]->origin, "no-local-pod",
			"is `node` in netpol.conf right?",
			"no pod of the inventory runs on node \"%s\": nothing is isolated here",
			c->options->node);
}

static void compile_pods(Compiler *c)
{
	size_t p = 0;
	bool has_local = false;
	PolicyList policies = {};
	const char *space = NULL;

	for (size_t i = 0; i < c->model->pods.n; i++) {
		const Pod *pod = c->model->pods.at[i];

		if (!is_local(c, pod))
			continue;
		has_local = true;
		if (!text_is_equal(space, pod->space)) { /* both lists are sorted by namespace */
			space = pod->space;
			policies.n = 0;
			while (p < c->model->policies.n &&
				strcmp(c->model->policies.at[p]->space, space) < 0)
				p++;
			for (; p < c->model->policies.n &&
				strcmp(c->model->policies.at[p]->space, space) == 0;
				p++)
				VEC_PUSH(c->scratch, &policies, c->model->policies.at[p]);
		}
		compile_pod(c, pod, &policies);
	}
	warn_nobody(c, has_local);
}

static int run(void *context)
{
	Compiler *c = context;

	c->ruleset->base.table = arena_strdup(c->arena, c->options->table);
	for (size_t i = 0; i < c->options->services.n; i++)
		VEC_PUSH(c->arena, &c->ruleset->base.services, c->options->services.at[i]);
	index_build(c->scratch, c->model, c->diags, &c->index);
	c->set_names = strmap_new(c->scratch);
	c->chain_names = strmap_new(c->scratch);
	c->classes = strmap_new(c->scratch);
	c->files = strmap_new(c->scratch);
	compile_pods(c);
	ruleset_sort(c->ruleset);
	return 0;
}

/* Either arena may run out: both unwind to a try of their own. */
static int run_in_scratch(void *context)
{
	Compiler *c = context;

	return arena_try(c->scratch, run, c);
}

int compile(const Model *model, const CompileOptions *options, Diags *diags, Ruleset **ret_ruleset)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	Compiler c = {.scratch = scratch, .model = model, .options = options, .diags = diags};
	int r;

	c.ruleset = ruleset_new();
	if (!scratch || !c.ruleset) {
		ruleset_free(c.ruleset);
		return -ENOMEM;
	}
	c.arena = c.ruleset->arena;
	r = arena_try(c.arena, run_in_scratch, &c);
	if (r < 0) {
		ruleset_free(c.ruleset);
		return r;
	}
	*ret_ruleset = c.ruleset;
	return 0;
}
