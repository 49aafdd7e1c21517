/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * explain: the verdict for one flow, from the same compiled ruleset that the kernel gets; and the
 * reason, from the model: the policies that isolate, and the rule that lets the flow through or the
 * one that comes nearest to it.
 */
#include "explainer.h"
#include "isolation.h"
#include "selection.h"
#include <string.h>

Explainer *explainer_free(Explainer *explainer)
{
	if (!explainer)
		return NULL;
	ruleset_unref(explainer->ruleset);
	ruleset_unref(explainer->trial);
	compiler_free(explainer->compiler);
	arena_free(explainer->arena);
	return NULL;
}

static Ruleset *compile_trial(const Model *model, CompileOptions options)
{
	ARENA_CLEANUP Arena *arena = arena_new();

	options.is_trial = true;
	return compile(model, &options, &(Diags){.arena = arena});
}

Explainer *explainer_new(const Model *model, const CompileOptions *like)
{
	const CompileOptions options = {.node = "",
		.is_all = true,
		.table = "netpol",
		.is_unknown_allowed = like->is_unknown_allowed,
		.budget = like->budget};
	Arena *arena = arena_new();
	Explainer *x = ARENA_NEW(arena, Explainer);
	Changes changes = {.arena = arena_child(arena)};

	*x = (Explainer){.arena = arena, .model = model, .compiler = compiler_new(model, &options)};
	model_list_changes(model, &changes);
	x->ruleset = compiler_update(x->compiler, &changes);
	arena_free(changes.arena);
	if (model_counts(model).audited)
		x->trial = compile_trial(model, options);
	return x;
}

/* ---- The verdict ---- */
static Evaluation evaluate(const Ruleset *ruleset, const Flow *flow, Direction direction)
{
	Tuple tuple = {flow->source.address, flow->destination.address, flow->protocol, flow->port};

	return ruleset_evaluate(ruleset, &tuple, direction);
}

/* A node's own processes may always reach its pods: the API demands it for kubelet's probes. */
static bool is_from_own_node(const Flow *flow)
{
	const Pod *source = flow->source.pod, *pod = flow->destination.pod;

	if (pod && addresses_have(&pod->host->addresses, flow->source.address))
		return true;
	return pod && source && source->is_host_network && source->host->name &&
	       text_is_equal(source->host->name, pod->host->name);
}

static const char *exemption(const Flow *flow)
{
	if (address_is_equal(flow->source.address, flow->destination.address))
		return "a pod may always reach itself";
	if (is_from_own_node(flow))
		return "a node's own processes may always reach its pods";
	return NULL;
}

static bool is_allowed(const Ruleset *ruleset, const Flow *flow)
{
	return exemption(flow) || (evaluate(ruleset, flow, EGRESS).is_allowed &&
					  evaluate(ruleset, flow, INGRESS).is_allowed);
}

bool explain_verdict(const Explainer *x, const Flow *flow)
{
	return is_allowed(x->ruleset, flow);
}

bool explain_has_trial(const Explainer *x)
{
	return x->trial != NULL;
}

bool explain_trial(const Explainer *x, const Flow *flow)
{
	return is_allowed(x->trial ? x->trial : x->ruleset, flow);
}

/* ---- The reason, for one direction ---- */
typedef struct Why {
	const Model *model;
	const Compiler *compiler; /* of the model: which policies are over their budget */
	Arena *arena;		  /* of all texts */
	const Flow *flow;
	Direction direction;
	bool is_trial;		 /* as if audited policies were in force */
	const Endpoint *subject; /* the end whose policies apply: the source for EGRESS */
	const Endpoint *other;	 /* its peer */
} Why;

static void set_direction(Why *w, Direction direction)
{
	w->direction = direction;
	w->subject = direction == INGRESS ? &w->flow->destination : &w->flow->source;
	w->other = direction == INGRESS ? &w->flow->source : &w->flow->destination;
}

static bool is_isolating(const Why *w, const Policy *policy)
{
	return policy_is_for(policy, w->subject->pod, w->direction) &&
	       policy_counts(policy, w->is_trial);
}

/* Its rules are in force too. */
static bool has_rules(const Why *w, const Policy *policy)
{
	return is_isolating(w, policy) && !compiler_is_over_budget(w->compiler, policy);
}

static size_t count_rules(const Why *w, const Policy *policy)
{
	return has_rules(w, policy) ? policy->rules[w->direction].n : 0;
}

/* All policies of the subject's namespace, by name. */
static const Policies *policies_of(const Why *w)
{
	static const Policies none;
	const NamespaceIndex *namespace =
		w->subject->pod ? model_namespace_index(w->model, w->subject->pod->namespace)
				: NULL;

	return namespace ? &namespace->policies : &none;
}

/* Of a PEER_PODS peer. */
static Match pods_match(const Why *w, const Policy *policy, const Peer *peer)
{
	const Selection selection = selection_of(policy, peer);
	Member member = {.pod = w->other->pod};

	if (!member.pod || !pod_is_subject(member.pod))
		return MATCH_NO;
	member.namespace = model_namespace(w->model, member.pod->namespace);
	return selection_match(&selection, &member);
}

static bool peer_has(const Why *w, const Policy *policy, const Peer *peer)
{
	if (peer->kind == PEER_PODS)
		return pods_match(w, policy, peer) == MATCH_YES;
	return peer_has_address(w->model, peer, w->other->address);
}

static bool rule_has_peer(const Why *w, const Policy *policy, const Rule *rule)
{
	for (size_t i = 0; i < rule->peers.n; i++)
		if (peer_has(w, policy, &rule->peers.at[i]))
			return true;
	return rule->is_any_peer;
}

static bool port_has(const Why *w, const Port *port)
{
	const Pod *pod = w->flow->destination.pod;

	if ((uint8_t)port->protocol != w->flow->protocol)
		return false;
	if (port->kind == PORT_RANGE)
		return port->first <= w->flow->port && w->flow->port <= port->last;
	for (size_t i = 0; port->kind == PORT_NAME && pod && i < pod->ports.n; i++)
		if (pod->ports.at[i].number == w->flow->port &&
			named_port_is(&pod->ports.at[i], port->name, port->protocol))
			return true;
	return port->kind == PORT_ALL;
}

static bool rule_has_port(const Why *w, const Rule *rule)
{
	for (size_t i = 0; i < rule->ports.n; i++)
		if (port_has(w, &rule->ports.at[i]))
			return true;
	return rule->is_any_port;
}

static const char *place_text(Arena *arena, Origin origin)
{
	return origin.line ? arena_printf(arena, "%s:%u", origin.file, origin.line) : origin.file;
}

static void add_ports_text(Why *w, Buf *buf, const Rule *rule)
{
	for (size_t i = 0; i < rule->ports.n; i++) {
		const Port *port = &rule->ports.at[i];

		buf_add(buf, i ? ", " : "");
		if (port->kind == PORT_NAME)
			buf_printf(buf, "%s/", port->name);
		else if (port->kind == PORT_RANGE && port->first == port->last)
			buf_printf(buf, "%u/", port->first);
		else if (port->kind == PORT_RANGE)
			buf_printf(buf, "%u-%u/", port->first, port->last);
		buf_add(buf, protocol_text(port->protocol));
		if (port->kind == PORT_NAME && !w->flow->destination.pod)
			buf_add(buf, " (a named port matches pods only)");
	}
}

static void add_peer_text(Why *w, Buf *buf, const Policy *policy, const Peer *peer)
{
	char text[RANGE_TEXT_SIZE];

	if (peer->kind == PEER_SET) {
		buf_printf(buf, "cidr_set \"%s\"", peer->set);
	} else if (peer->kind == PEER_BLOCK) {
		buf_add(buf, range_text(peer->block->range, text));
		for (size_t i = 0; i < peer->block->except.n; i++)
			buf_printf(buf, "%s%s", i ? ", " : " except ",
				range_text(peer->block->except.at[i], text));
	} else {
		const char *pods = peer->pods ? selector_text(w->arena, peer->pods) : "";

		buf_printf(buf, "pods%s%s", *pods ? " " : "", pods);
		if (!peer->namespaces)
			buf_printf(buf, " of namespace %s", policy->namespace);
		else if (peer->namespaces->list.n)
			buf_printf(buf, " of namespaces %s",
				selector_text(w->arena, peer->namespaces));
		else
			buf_add(buf, " of any namespace");
	}
}

static void add_peers_text(Why *w, Buf *buf, const Policy *policy, const Rule *rule)
{
	for (size_t i = 0; i < rule->peers.n; i++) {
		buf_add(buf, i ? ", or " : "");
		add_peer_text(w, buf, policy, &rule->peers.at[i]);
	}
}

/* How well a rule fits the flow. */
typedef struct Fit {
	const Policy *policy;
	const Rule *rule;
	int score; /* 2 for the peer, plus 1 for the port; 3: it lets the flow through */
} Fit;

/* The rule with the highest score; of equals the first, by policy name and place. */
static Fit best_fit(Why *w)
{
	const Policies *policies = policies_of(w);
	Fit best = {};

	for (size_t i = 0; i < policies->n; i++) {
		const Policy *policy = policies->at[i];

		for (size_t r = 0, n = count_rules(w, policy); r < n; r++) {
			const Rule *rule = &policy->rules[w->direction].at[r];
			int score = 2 * rule_has_peer(w, policy, rule) + rule_has_port(w, rule);

			if (score > best.score)
				best = (Fit){policy, rule, score};
		}
	}
	return best;
}

/* Isolating policies whose rules are left out. Returns whether there are any. */
static bool add_over_budget(Why *w, Buf *buf)
{
	const Policies *policies = policies_of(w);
	bool is_any = false;

	for (size_t i = 0; i < policies->n; i++) {
		const Policy *policy = policies->at[i];

		if (!is_isolating(w, policy) || has_rules(w, policy))
			continue;
		is_any = true;
		buf_printf(buf,
			"    no rule of %s/%s is in force: it is over the budget of its namespace "
			"(netpolctl check)\n",
			policy->namespace, policy->name);
	}
	return is_any;
}

static void add_fit(Why *w, Buf *buf, Fit best)
{
	bool is_any_over = add_over_budget(w, buf);

	if (best.score == 0) {
		buf_printf(buf, "    no %srule has this peer or this port\n",
			is_any_over ? "other " : "");
		return;
	}
	buf_printf(buf, "    %s rule at %s of %s/%s",
		best.score == 3 ? "allowed by the" : "nearest:",
		place_text(w->arena, best.rule->origin), best.policy->namespace, best.policy->name);
	if (best.score == 2) {
		buf_add(buf, ": the peer matches, but its ports are ");
		add_ports_text(w, buf, best.rule);
	} else if (best.score == 1) {
		buf_printf(buf, ": the port matches, but it is for %s ",
			w->direction == INGRESS ? "sources" : "destinations");
		add_peers_text(w, buf, best.policy, best.rule);
	}
	buf_add(buf, "\n");
}

static void add_reason(Why *w, Buf *buf)
{
	add_fit(w, buf, best_fit(w));
}

/* ---- Unknown labels ---- */
static bool is_unknown(const Pod *pod)
{
	return pod && pod->known == KNOWN_ATTACHED;
}

/* The first peer of the rule that may be for the other pod, if all labels were known. */
static const Peer *undecided_peer(const Why *w, const Policy *policy, const Rule *rule)
{
	for (size_t i = 0; rule_has_port(w, rule) && i < rule->peers.n; i++)
		if (rule->peers.at[i].kind == PEER_PODS &&
			pods_match(w, policy, &rule->peers.at[i]) == MATCH_UNKNOWN)
			return &rule->peers.at[i];
	return NULL;
}

static bool add_undecided(Why *w, Buf *buf, const Policy *policy, const Rule *rule)
{
	const Peer *peer = undecided_peer(w, policy, rule);

	if (!peer)
		return false;
	if (is_unknown(w->other->pod))
		buf_printf(buf,
			"    the labels of pod %s are unknown, no inventory file has it yet",
			pod_text(w->arena, w->other->pod));
	else
		buf_printf(buf,
			"    the labels of namespace %s are unknown, no inventory file has its "
			"Namespace object",
			w->other->pod->namespace);
	buf_printf(buf, ": so the rule at %s of %s/%s does not match (",
		place_text(w->arena, rule->origin), policy->namespace, policy->name);
	add_peer_text(w, buf, policy, peer);
	buf_add(buf, ")\n");
	return true;
}

/* The first rule that unknown labels keep from letting a refused flow through. */
static void add_unknown_labels(Why *w, Buf *buf)
{
	const Policies *policies = policies_of(w);

	for (size_t i = 0; i < policies->n; i++) {
		const Policy *policy = policies->at[i];

		for (size_t r = 0, n = count_rules(w, policy); r < n; r++)
			if (add_undecided(w, buf, policy, &policy->rules[w->direction].at[r]))
				return;
	}
}

static void add_endpoint(Why *w, Buf *buf, const Endpoint *endpoint)
{
	char text[ADDRESS_TEXT_SIZE];

	if (endpoint->pod)
		buf_printf(buf, "%s (%s)", pod_text(w->arena, endpoint->pod),
			address_text(endpoint->address, text));
	else
		buf_printf(buf, "%s (no pod)", address_text(endpoint->address, text));
}

/* None isolates a pod of unknown labels: it is isolated all the same. */
static void add_isolating(Why *w, Buf *buf, const char *words)
{
	const Policies *policies = policies_of(w);
	bool is_first = true;

	for (size_t i = 0; i < policies->n; i++) {
		const Policy *policy = policies->at[i];

		if (!is_isolating(w, policy))
			continue;
		buf_printf(buf, "%s%s/%s (%s)", is_first ? words : ", ", policy->namespace,
			policy->name, place_text(w->arena, policy->origin));
		is_first = false;
	}
}

/* kube-proxy translates the address before it is filtered, so the verdict would be of another. */
static void add_service_hint(Why *w, Buf *buf)
{
	char text[ADDRESS_TEXT_SIZE];

	if (w->direction == EGRESS && !w->other->pod && may_be_service(w->other->address))
		buf_printf(buf,
			"    if %s is a Service's address, ask for a pod of the Service instead\n",
			address_text(w->other->address, text));
}

/* A pod of this node that is known by the container runtime's record alone. */
static void add_unlisted(Why *w, Buf *buf)
{
	const Pod *pod = w->subject->pod;
	const char *record = pod && pod->attached ? pod->attached->list.at[0]->origin.file : "";

	if (is_unknown(pod))
		buf_printf(buf,
			"    it is attached (%s), but no inventory file has it yet: its labels are "
			"unknown, and any policy of namespace %s may be for it (unknown_pods)\n",
			record, pod->namespace);
	else if (pod && pod->known == KNOWN_REMEMBERED)
		buf_printf(buf,
			"    no inventory file has it any more, but it is still attached (%s): its "
			"last labels count\n",
			record);
}

/* What would be otherwise if the audited policies were enforced. trial: of the direction. */
static void add_trial(Why *w, Buf *buf, const Evaluation *evaluation, const Evaluation *trial)
{
	w->is_trial = true;
	if (!evaluation->is_isolated && trial->is_isolated) {
		add_isolating(w, buf, "    audited by ");
		buf_printf(buf, ": would be %s\n", trial->is_allowed ? "allowed" : "denied");
		add_reason(w, buf);
		if (!trial->is_allowed)
			add_unknown_labels(w, buf);
	} else if (!evaluation->is_allowed && trial->is_allowed) {
		buf_add(buf, "    with the audited policies: would be allowed\n");
		add_reason(w, buf);
	}
	w->is_trial = false;
}

static void add_direction(Why *w, Buf *buf, const Evaluation *evaluation)
{
	size_t n;

	buf_printf(buf, "  %s of ", direction_text(w->direction));
	add_endpoint(w, buf, w->subject);
	if (!evaluation->is_isolated) {
		buf_printf(buf, ": allowed, no policy isolates it%s\n",
			w->subject->pod && w->subject->pod->is_host_network
				? " (it is on the host's network)"
				: "");
		return;
	}
	buf_printf(buf, ": %s\n", evaluation->is_allowed ? "allowed" : "denied");
	add_unlisted(w, buf);
	n = buf->n;
	add_isolating(w, buf, "    isolated by ");
	buf_add(buf, buf->n > n ? "\n" : "");
	add_reason(w, buf);
	add_service_hint(w, buf);
	if (!evaluation->is_allowed)
		add_unknown_labels(w, buf);
}

static void add_flow(Why *w, Buf *buf)
{
	add_endpoint(w, buf, &w->flow->source);
	buf_add(buf, " -> ");
	add_endpoint(w, buf, &w->flow->destination);
	if (protocol_has_ports(w->flow->protocol))
		buf_printf(
			buf, " %s %u\n", protocol_text((Protocol)w->flow->protocol), w->flow->port);
	else
		buf_add(buf, " ICMP\n");
}

const char *explain_text(const Explainer *x, Arena *arena, const Flow *flow)
{
	Buf buf = {.arena = arena};
	Why w = {.model = x->model, .compiler = x->compiler, .arena = arena, .flow = flow};

	buf_printf(&buf, "%s  ", explain_verdict(x, flow) ? "allow" : "deny");
	add_flow(&w, &buf);
	if (exemption(flow)) {
		buf_printf(&buf, "  %s\n", exemption(flow));
		return buf_text(&buf);
	}
	if (explain_trial(x, flow) != explain_verdict(x, flow))
		buf_printf(&buf, "  would be %s if the audited policies were enforced\n",
			explain_trial(x, flow) ? "allowed" : "denied");
	for (int i = EGRESS; i >= INGRESS; i--) { /* the base chain evaluates egress first */
		Evaluation evaluation = evaluate(x->ruleset, flow, (Direction)i);

		set_direction(&w, (Direction)i);
		add_direction(&w, &buf, &evaluation);
		if (x->trial) {
			Evaluation trial = evaluate(x->trial, flow, (Direction)i);

			add_trial(&w, &buf, &evaluation, &trial);
		}
	}
	return buf_text(&buf);
}

const char *explain_json(const Explainer *x, Arena *arena, const Flow *flow)
{
	Buf buf = {.arena = arena};
	char text[ADDRESS_TEXT_SIZE];

	buf_printf(&buf, "{\"verdict\":\"%s\",", explain_verdict(x, flow) ? "allow" : "deny");
	buf_printf(&buf, "\"with_audited\":\"%s\",", explain_trial(x, flow) ? "allow" : "deny");
	buf_printf(&buf, "\"source\":\"%s\",", address_text(flow->source.address, text));
	buf_printf(&buf, "\"destination\":\"%s\",", address_text(flow->destination.address, text));
	buf_printf(&buf, "\"protocol\":%u,\"port\":%u,\"why\":", flow->protocol, flow->port);
	text_add_json(&buf, explain_text(x, arena, flow));
	buf_add(&buf, "}");
	return buf_text(&buf);
}

/* ---- Why a packet was refused ---- */
/* One line, without the indentation and the line breaks that explain_text() has. */
static const char *joined_lines(Arena *arena, const char *text)
{
	Buf buf = {.arena = arena};

	for (const char *line = text + strspn(text, " \n"); *line; line += strspn(line, " \n")) {
		size_t n = strcspn(line, "\n");

		buf_add(&buf, buf.n ? "; " : "");
		buf_add_n(&buf, line, n);
		line += n;
	}
	return buf_text(&buf);
}

static void list_policies(Why *w, Refusal *refusal)
{
	const Policies *policies = policies_of(w);

	for (size_t i = 0; i < policies->n; i++)
		if (is_isolating(w, policies->at[i])) {
			VEC_PUSH(w->arena, &refusal->policies, policies->at[i]);
			VEC_PUSH(w->arena, &refusal->places,
				place_text(w->arena, policies->at[i]->origin));
		}
}

static bool is_any_enforced(const Policies *policies)
{
	for (size_t i = 0; i < policies->n; i++)
		if (!policies->at[i]->is_audit)
			return true;
	return false;
}

/*
 * The model does not refuse it (in a trial: would not count it). So the packet was judged by a
 * table that was made from another model: while an update changes the model and then the tables,
 * the kernel refuses what it refused before.
 */
static bool is_outdated(const Why *w, const Refusal *refusal, Fit best)
{
	if (!w->subject->pod || best.score == 3)
		return true;
	if (w->is_trial)
		return refusal->policies.n == 0 || is_any_enforced(&refusal->policies);
	return refusal->policies.n == 0 && !is_unknown(w->subject->pod);
}

void explain_refusal(const Model *model, const Compiler *compiler, Arena *arena, const Flow *flow,
	Direction direction, bool is_audit, Refusal *ret_refusal)
{
	Why w = {.model = model,
		.compiler = compiler,
		.arena = arena,
		.flow = flow,
		.is_trial = is_audit};
	Buf buf = {.arena = arena};
	Fit best;

	set_direction(&w, direction);
	best = best_fit(&w);
	*ret_refusal = (Refusal){};
	list_policies(&w, ret_refusal);
	if (is_outdated(&w, ret_refusal, best)) {
		*ret_refusal = (Refusal){.nearest = REFUSAL_OUTDATED};
		return;
	}
	add_fit(&w, &buf, best);
	add_unknown_labels(&w, &buf);
	ret_refusal->nearest = joined_lines(arena, buf_text(&buf));
}
