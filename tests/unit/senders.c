/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sender check's value: who may send what, by what is known of ports; independent of the order
 * of the facts. And its tables: a difference of two applied to the elements of the old one gives
 * the elements of the new one.
 */
#include "senders.h"
#include "../../daemon/nft/senders_table.h"
#include "seed.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

static Arena *arena;

static void setup(void)
{
	arena = arena_new();
}

static void teardown(void)
{
	arena_free(arena);
}

TestSuite(senders, .init = setup, .fini = teardown);

static Address address_of(const char *text)
{
	Address address;

	cr_assert(address_parse(text, &address), "%s", text);
	return address;
}

static Range range_of(const char *text)
{
	Range range;

	cr_assert_null(range_parse_cidr(text, &range), "%s", text);
	return range;
}

static SenderFacts facts_of(SendersBridge bridge)
{
	return (SenderFacts){.table = "netpol", .mode = SENDERS_CHECK, .bridge = bridge};
}

static SenderPod *add_pod(SenderFacts *facts, const char *name)
{
	VEC_PUSH(arena, &facts->pods, (SenderPod){.name = name});
	return &facts->pods.at[facts->pods.n - 1];
}

static void add_place(SenderPod *pod, const char *address, SenderCertainty certainty, unsigned port)
{
	VEC_PUSH(arena, &pod->places,
		(SenderPlace){address_of(address), certainty, port, port >= 100 ? 9 : 0});
}

static bool may_send(const Senders *s, unsigned port, const char *address)
{
	for (size_t i = 0; i < s->senders.n; i++)
		if (s->senders.at[i].port == port &&
			address_is_equal(s->senders.at[i].address, address_of(address)))
			return true;
	return false;
}

static bool has(const Interfaces *interfaces, unsigned index)
{
	for (size_t i = 0; i < interfaces->n; i++)
		if (interfaces->at[i] == index)
			return true;
	return false;
}

Test(senders, a_pod_sends_its_addresses_from_each_of_its_ports)
{
	SenderFacts facts = facts_of(SENDERS_LIFTED);
	SenderPod *a = add_pod(&facts, "n/a");
	Senders *s;

	add_place(a, "10.0.0.1", SENDER_SURE, 5);
	add_place(a, "fd00::1", SENDER_SURE, 6);
	add_place(a, "10.0.0.2", SENDER_NOWHERE, 0);
	s = senders_make(&facts);
	cr_expect(may_send(s, 5, "10.0.0.1") && may_send(s, 6, "10.0.0.1"));
	cr_expect(may_send(s, 5, "fd00::1") && may_send(s, 6, "fd00::1"));
	cr_expect(may_send(s, 5, "10.0.0.2"), "its port is known by another address");
	cr_expect_eq(s->owned.n, 3);
	cr_expect_eq(s->unplaced.n, 0);
	cr_expect(has(&s->known, 5) && has(&s->known, 6));
	senders_free(s);
}

Test(senders, what_is_sure_counts_before_what_is_learned)
{
	SenderFacts facts = facts_of(SENDERS_LIFTED);
	SenderPod *a = add_pod(&facts, "n/a"), *b, *c, *d;
	Senders *s;

	add_place(a, "10.0.0.1", SENDER_SURE, 100);
	b = add_pod(&facts, "n/b"); /* an attacker in a has made the bridge learn b there */
	add_place(b, "10.0.0.2", SENDER_LEARNED, 100);
	c = add_pod(&facts, "n/c"); /* the same port learned for two pods: for neither */
	add_place(c, "10.0.0.3", SENDER_LEARNED, 101);
	d = add_pod(&facts, "n/d");
	add_place(d, "10.0.0.4", SENDER_LEARNED, 101);
	d = add_pod(&facts, "n/e");
	add_place(d, "10.0.0.5", SENDER_LEARNED, 102);
	s = senders_make(&facts);
	cr_expect(may_send(s, 100, "10.0.0.1") && !may_send(s, 100, "10.0.0.2"));
	cr_expect(!may_send(s, 101, "10.0.0.3") && !may_send(s, 101, "10.0.0.4"));
	cr_expect(may_send(s, 102, "10.0.0.5"));
	cr_expect(!has(&s->known, 101));
	cr_expect_eq(s->unplaced.n, 3);
	cr_expect_eq(s->counts.placed, 2);
	senders_free(s);
}

/* A detachment that failed leaves a record whose address or port is another pod's by now. */
Test(senders, the_later_record_counts)
{
	SenderFacts facts = facts_of(SENDERS_LIFTED);
	SenderPod *a = add_pod(&facts, "n/a"), *b, *c, *d;
	Senders *s;

	a->attached_at = 7;
	add_place(a, "10.0.0.1", SENDER_RECORDED, 100);
	add_place(a, "10.0.0.2", SENDER_RECORDED, 100);
	b = add_pod(&facts, "n/b"); /* has an address of a's, later */
	b->attached_at = 8;
	add_place(b, "10.0.0.2", SENDER_RECORDED, 101);
	c = add_pod(&facts, "n/c"); /* its port was a's, its address b's */
	c->attached_at = 9;
	add_place(c, "10.0.0.3", SENDER_RECORDED, 100);
	d = add_pod(&facts, "n/d"); /* is listed with an address of c's, and has no record */
	add_place(d, "10.0.0.3", SENDER_SURE, 102);
	add_place(d, "10.0.0.4", SENDER_SURE, 103);
	s = senders_make(&facts);
	cr_expect(may_send(s, 101, "10.0.0.2") && !may_send(s, 100, "10.0.0.2"));
	cr_expect(may_send(s, 100, "10.0.0.3") && !may_send(s, 100, "10.0.0.1"));
	cr_expect(!may_send(s, 102, "10.0.0.3") && !may_send(s, 103, "10.0.0.3"));
	cr_expect(may_send(s, 103, "10.0.0.4") && !has(&s->known, 102));
	cr_expect_eq(s->unplaced.n, 1, "10.0.0.1");
	senders_free(s);
}

Test(senders, free_ports_are_not_checked)
{
	SenderFacts facts = facts_of(SENDERS_TRACKED);
	SenderPod *a = add_pod(&facts, "n/a"), *b;
	Senders *s;

	add_place(a, "10.0.0.1", SENDER_SURE, 100);
	a->is_free = true;
	b = add_pod(&facts, "n/b"); /* at the same port */
	add_place(b, "10.0.0.2", SENDER_SURE, 100);
	b->is_free = true;
	b = add_pod(&facts, "n/c");
	add_place(b, "10.0.0.3", SENDER_SURE, 101);
	VEC_PUSH(arena, &b->allowed, range_of("192.0.2.0/24"));
	s = senders_make(&facts);
	cr_expect(has(&s->free, 100) && !has(&s->known, 100) && has(&s->known, 101));
	cr_expect_eq(s->blocks.n, 1);
	cr_expect_eq(s->blocks.at[0].port, 101);
	cr_expect_eq(s->counts.free, 3);
	senders_free(s);
}

Test(senders, the_former_pod_of_an_address_does_not_free_the_next_one)
{
	for (SendersMode mode = SENDERS_CHECK; mode < SENDERS_OFF; mode++) {
		SenderFacts facts = facts_of(SENDERS_LIFTED);
		SenderPod *former;
		Senders *s;

		facts.mode = mode;
		former = add_pod(&facts, "n/former"); /* its listing is stale */
		add_place(former, "10.0.0.1", SENDER_SURE, 100);
		former->is_free = true;
		add_place(add_pod(&facts, "n/next"), "10.0.0.1", SENDER_SURE, 100);
		s = senders_make(&facts);
		cr_expect(!has(&s->free, 100));
		cr_expect_eq(has(&s->known, 100), mode != SENDERS_LISTED);
		senders_free(s);
	}
}

Test(senders, a_record_counts_before_an_address)
{
	SenderFacts facts = facts_of(SENDERS_LIFTED);
	SenderPod *former = add_pod(&facts, "n/former");
	Senders *s;

	add_place(former, "10.0.0.1", SENDER_SURE, 100);
	add_place(former, "fd00::1", SENDER_NOWHERE, 0);
	VEC_PUSH(arena, &former->allowed, range_of("192.0.2.0/24"));
	add_place(add_pod(&facts, "n/next"), "10.0.0.1", SENDER_RECORDED, 100);
	s = senders_make(&facts);
	cr_expect(may_send(s, 100, "10.0.0.1") && !may_send(s, 100, "fd00::1"));
	cr_expect_eq(s->blocks.n, 0, "nor what only the former pod may send");
	cr_expect_eq(s->unplaced.n, 1);
	senders_free(s);
}

Test(senders, the_address_of_a_bridge_is_no_pods)
{
	SenderFacts facts = facts_of(SENDERS_LIFTED);
	Senders *s;
	const char *text;

	add_place(add_pod(&facts, "n/a"), "10.0.0.2", SENDER_SURE, 100);
	VEC_PUSH(arena, &facts.subnets, range_of("10.0.0.0/24"));
	VEC_PUSH(arena, &facts.gateways, address_of("10.0.0.1"));
	VEC_PUSH(arena, &facts.gateways, address_of("10.0.0.2"));
	VEC_PUSH(arena, &facts.gateways, address_of("fd00::1"));
	s = senders_make(&facts);
	cr_expect_eq(s->gateways.n, 2, "a pod's address stays the pod's");
	text = strstr(senders_table_render(arena, s), "table bridge netpol_senders {");
	cr_assert_not_null(text);
	cr_expect_not_null(strstr(text, "set gateways4 {\n\t\ttype ipv4_addr\n"
					"\t\telements = { 10.0.0.1 }"));
	cr_expect_not_null(strstr(text, "elements = { 0xfd000000000000000000000000000001 }"));
	cr_expect_not_null(strstr(text, "\t\tip saddr @gateways4 goto refuse\n"
					"\t\tip saddr @unplaced4 accept\n"));
	cr_expect_not_null(
		strstr(text, "\t\tmeta protocol arp arp saddr ip @gateways4 goto refuse\n"));
	senders_free(s);
}

Test(senders, each_subnet_has_its_broadcast_address_in_all_modes)
{
	for (SendersMode mode = SENDERS_CHECK; mode < SENDERS_OFF; mode++) {
		SenderFacts facts = facts_of(SENDERS_LIFTED);
		Senders *s;

		facts.mode = mode;
		add_place(add_pod(&facts, "n/a"), "10.0.0.2", SENDER_SURE, 100);
		VEC_PUSH(arena, &facts.subnets, range_of("10.0.1.0/24")); /* adjacent */
		VEC_PUSH(arena, &facts.subnets, range_of("10.0.0.0/24"));
		VEC_PUSH(arena, &facts.subnets, range_of("10.0.2.0/31"));
		VEC_PUSH(arena, &facts.subnets, range_of("fd00::/64"));
		s = senders_make(&facts);
		cr_expect_not_null(strstr(senders_table_render(arena, s),
			"\t\tip daddr { 10.0.0.255, 10.0.1.255 } jump everybody\n"));
		senders_free(s);
	}
}

static void allow(SenderPod *pod, const char *cidr)
{
	VEC_PUSH(arena, &pod->allowed, range_of(cidr));
}

Test(senders, ranges_of_a_port_are_disjoint)
{
	static const char *const wanted[] = {"192.0.2.0/24", "fd01::/32", "192.0.2.128/25"};
	static const unsigned port[] = {100, 100, 101};
	SenderFacts facts = facts_of(SENDERS_LIFTED);
	SenderPod *pod;
	Senders *s;

	pod = add_pod(&facts, "n/a");
	add_place(pod, "10.0.0.1", SENDER_SURE, 100);
	allow(pod, "192.0.2.128/25");
	allow(pod, "192.0.2.0/24");
	allow(pod, "fd01::/48");
	pod = add_pod(&facts, "n/b"); /* at the same port */
	add_place(pod, "10.0.0.2", SENDER_SURE, 100);
	allow(pod, "192.0.2.0/25");
	allow(pod, "fd01::/32");
	pod = add_pod(&facts, "n/c");
	add_place(pod, "10.0.0.3", SENDER_SURE, 101);
	allow(pod, "192.0.2.128/25");
	s = senders_make(&facts);
	cr_assert_eq(s->blocks.n, 3);
	for (size_t i = 0; i < 3; i++)
		cr_expect(s->blocks.at[i].port == port[i] &&
			  range_is_equal(s->blocks.at[i].range, range_of(wanted[i])));
	senders_free(s);
}

Test(senders, unfiltered_bridges_count_as_unknown_ports)
{
	for (SendersBridge bridge = SENDERS_NO_BRIDGE; bridge <= SENDERS_UNTRACKED; bridge++) {
		bool is_filtered = bridge != SENDERS_NO_BRIDGE;
		SenderFacts facts = facts_of(bridge);
		Senders *s;

		add_place(add_pod(&facts, "n/a"), "10.0.0.1", SENDER_SURE, 100);
		add_place(add_pod(&facts, "n/b"), "10.0.0.2", SENDER_SURE, 5);
		s = senders_make(&facts);
		cr_expect_eq(s->counts.placed, is_filtered ? 2 : 1);
		cr_expect_eq(s->counts.unplaced, is_filtered ? 0 : 1);
		senders_free(s);
	}
}

Test(senders, listed_ignores_the_ports_of_bridges)
{
	SenderFacts facts = facts_of(SENDERS_LIFTED);
	SenderPod *a = add_pod(&facts, "n/a"), *b;
	Senders *s;

	facts.mode = SENDERS_LISTED;
	add_place(a, "10.0.0.1", SENDER_SURE, 100);
	b = add_pod(&facts, "n/b");
	add_place(b, "10.0.0.2", SENDER_SURE, 5);
	VEC_PUSH(arena, &facts.subnets, range_of("10.0.0.0/24"));
	s = senders_make(&facts);
	cr_expect(!may_send(s, 100, "10.0.0.1") && may_send(s, 5, "10.0.0.2"));
	cr_expect_eq(s->unplaced.n, 1);
	cr_expect_eq(s->subnets.n, 0, "an unlisted address may not be sent");
	senders_free(s);
}

Test(senders, listed_allows_the_ranges_of_namespaces_from_any_port_of_a_bridge)
{
	SenderFacts facts = facts_of(SENDERS_LIFTED);
	SenderPod *pod;
	Senders *s;
	const char *text;

	facts.mode = SENDERS_LISTED;
	pod = add_pod(&facts, "n/a");
	add_place(pod, "10.0.0.1", SENDER_SURE, 100);
	allow(pod, "192.0.2.1/32");
	allow(pod, "fd01::/64");
	pod = add_pod(&facts, "n/b");
	add_place(pod, "10.0.0.2", SENDER_SURE, 5); /* routed */
	allow(pod, "192.0.2.2/32");
	s = senders_make(&facts);
	cr_assert_eq(s->subnets.n, 2);
	cr_expect(range_is_equal(s->subnets.at[0], range_of("192.0.2.1/32")));
	cr_assert_eq(s->blocks.n, 1);
	cr_expect_eq(s->blocks.at[0].port, 5);
	text = senders_table_render(arena, s);
	cr_expect_not_null(strstr(text, "0xfd010000000000000000000000000000-"
					"0xfd01000000000000ffffffffffffffff"));
	senders_free(s);
}

Test(senders, an_advertisement_is_for_an_address_that_its_port_may_send_from)
{
	SenderFacts facts = facts_of(SENDERS_LIFTED);
	SenderPod *pod = add_pod(&facts, "n/a");
	Senders *s;
	const char *text;

	add_place(pod, "10.0.0.1", SENDER_SURE, 100);
	allow(pod, "fd01::1/128");
	add_place(add_pod(&facts, "n/b"), "fd00::2", SENDER_NOWHERE, 0);
	VEC_PUSH(arena, &facts.subnets, range_of("fd00::/64"));
	s = senders_make(&facts);
	text = senders_table_render(arena, s);
	cr_expect_not_null(strstr(text, "\tset unplaced_targets {\n\t\ttypeof @th,64,128\n\t\t"
					"elements = { 0xfd000000000000000000000000000002 }"));
	cr_expect_not_null(strstr(text, "elements = { 100 . 0xfd010000000000000000000000000001 }"));
	cr_expect_not_null(strstr(text, "elements = { 0xfd000000000000000000000000000000-"
					"0xfd00000000000000ffffffffffffffff }"));
	senders_free(s);
}

Test(senders, what_is_dropped_is_logged_to_the_group)
{
	SenderFacts facts = facts_of(SENDERS_LIFTED);
	Senders *without, *one, *other;
	KeyChanges changes;
	const char *text;

	add_place(add_pod(&facts, "n/a"), "10.0.0.1", SENDER_SURE, 100);
	without = senders_make(&facts);
	facts.log_group = 6443;
	one = senders_make(&facts);
	facts.log_group = 77;
	other = senders_make(&facts);
	cr_expect_null(strstr(senders_table_render(arena, without), "log"));
	text = senders_table_render(arena, one);
	for (int i = 0; i < 2; i++) { /* inet and bridge */
		text = strstr(text, "\tlimit logged {\n\t\trate 100/second burst 200 packets\n\t}\n"
				    "\tset seen4 {\n\t\ttype iface_index . ipv4_addr . ipv4_addr . "
				    "inet_proto\n\t\tsize 65536\n\t\tflags dynamic,timeout\n"
				    "\t\ttimeout 1m\n\t\tcomment \"forged and logged\"\n\t}\n"
				    "\tset seen6 {\n");
		cr_assert_not_null(text);
		text = strstr(text,
			"\tchain refuse {\n\t\tupdate @forged { iif counter }\n"
			"\t\tiif . ip saddr . ip daddr . meta l4proto != @seen4 limit name "
			"\"logged\" add @seen4 { iif . ip saddr . ip daddr . meta l4proto } log "
			"prefix \"forged\" group 6443 snaplen 1500\n"
			"\t\tiif . ip6 saddr . ip6 daddr . meta l4proto != @seen6 limit name "
			"\"logged\" add @seen6 { iif . ip6 saddr . ip6 daddr . meta l4proto } log "
			"prefix \"forged\" group 6443 snaplen 1500\n\t\tdrop\n\t}\n");
		cr_assert_not_null(text);
	}
	cr_expect_not(senders_are_equal(one, other));
	cr_expect_not(
		senders_table_difference(arena, one, other, &changes), "the tables are replaced");
	cr_expect_not(senders_table_difference(arena, without, one, &changes));
	cr_expect(senders_table_difference(arena, one, one, &changes));
	cr_expect_eq(changes.n, 0);
	senders_free(without);
	senders_free(one);
	senders_free(other);
}

/* ---- Random facts ---- */
static unsigned state; /* of rand_r() */

static SenderFacts random_facts(void)
{
	SenderFacts facts = facts_of((SendersBridge)(rand_r(&state) % 4));
	int n = rand_r(&state) % 8;

	facts.mode = (SendersMode)(rand_r(&state) % SENDERS_OFF);
	facts.allows_tunnels = rand_r(&state) % 4 == 0;
	for (int i = 0; i < n; i++) {
		SenderPod *pod = add_pod(&facts, "n/p");

		for (int k = rand_r(&state) % 3; k >= 0; k--) {
			SenderCertainty certainty = (SenderCertainty)(rand_r(&state) % 4);
			unsigned port =
				(rand_r(&state) % 2 ? 100u : 10u) + (unsigned)rand_r(&state) % 6;

			add_place(pod,
				arena_printf(arena, rand_r(&state) % 2 ? "10.0.0.%d" : "fd00::%d",
					rand_r(&state) % 9),
				certainty, certainty == SENDER_NOWHERE ? 0 : port);
		}
		pod->attached_at = (uint64_t)rand_r(&state) % 4;
		pod->is_free = rand_r(&state) % 6 == 0;
		if (rand_r(&state) % 6 == 0)
			VEC_PUSH(arena, &pod->allowed,
				range_of(rand_r(&state) % 2 ? "192.0.2.0/24" : "192.0.0.0/16"));
	}
	for (int i = rand_r(&state) % 3; i > 0; i--)
		VEC_PUSH(arena, &facts.outside, 100u + (unsigned)rand_r(&state) % 6);
	for (int i = rand_r(&state) % 3; i > 0; i--)
		VEC_PUSH(arena, &facts.uplinks, 10u + (unsigned)rand_r(&state) % 6);
	if (rand_r(&state) % 2)
		VEC_PUSH(arena, &facts.subnets, range_of("10.0.0.0/24"));
	for (int i = rand_r(&state) % 3; i > 0; i--)
		VEC_PUSH(arena, &facts.gateways,
			address_of(
				arena_printf(arena, rand_r(&state) % 2 ? "10.0.0.%d" : "fd00::%d",
					rand_r(&state) % 9)));
	return facts;
}

static void reverse_pods(SenderFacts *facts)
{
	for (size_t i = 0; i < facts->pods.n / 2; i++) {
		SenderPod other = facts->pods.at[i];

		facts->pods.at[i] = facts->pods.at[facts->pods.n - 1 - i];
		facts->pods.at[facts->pods.n - 1 - i] = other;
	}
}

static void check_invariants(const Senders *s, const SenderFacts *facts)
{
	for (size_t i = 0; i < facts->pods.n; i++)
		for (size_t k = 0; k < facts->pods.at[i].places.n; k++) {
			Address a = facts->pods.at[i].places.at[k].address;

			cr_assert_neq(addresses_have(&s->owned, a), addresses_have(&s->unplaced, a),
				"each listed address has a port, or none");
		}
	for (size_t i = 1; i < s->blocks.n; i++)
		cr_assert(s->blocks.at[i - 1].port < s->blocks.at[i].port ||
				  s->blocks.at[i - 1].range.last < s->blocks.at[i].range.first,
			"the ranges of a port are disjoint");
	for (size_t i = 0; i < s->senders.n; i++) {
		unsigned port = s->senders.at[i].port;

		cr_assert(addresses_have(&s->owned, s->senders.at[i].address));
		cr_assert_neq(has(&s->known, port), has(&s->free, port));
		cr_assert(!has(&s->outside, port) || has(&s->free, port));
	}
}

Test(senders, order_does_not_matter_and_invariants_hold, .fini = seed_report)
{
	for (unsigned round = 0; round < seed_rounds(2000); round++) {
		SenderFacts facts;
		KeyChanges changes;
		Senders *a, *b;

		state = seed_of_round(1, round);
		facts = random_facts();
		a = senders_make(&facts);

		check_invariants(a, &facts);
		reverse_pods(&facts);
		b = senders_make(&facts);
		cr_assert(senders_are_equal(a, b));
		cr_assert(senders_table_difference(arena, a, b, &changes));
		cr_assert_eq(changes.n, 0);
		cr_assert_str_eq(senders_table_render(arena, a), senders_table_render(arena, b));
		senders_free(a);
		senders_free(b);
		arena_clear(arena);
	}
	seed_end();
}

/* ---- Differences ---- */
typedef VEC(char *) Lines;

/* "inet netpol_senders SET ELEMENT" for each element of the rendered tables' hash sets. */
static void list_elements(const char *text, Lines *lines)
{
	char *copy = arena_strdup(arena, text), *save, *table = NULL, *set = NULL;
	bool is_interval = false;

	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *end, *rest;

		if (strncmp(line, "table ", 6) == 0) {
			table = line + 6;
			table[strcspn(table, "{")] = '\0';
		} else if (strncmp(line, "\tset ", 5) == 0) {
			set = line + 5;
			set[strcspn(set, " ")] = '\0';
			is_interval =
				strncmp(set, "block", 5) == 0 || strncmp(set, "subnet", 6) == 0;
		} else if (strncmp(line, "\t\telements = { ", 15) == 0 && !is_interval) {
			rest = line + 15;
			rest[strcspn(rest, "}")] = '\0';
			for (char *one = strtok_r(rest, ",", &end); one;
				one = strtok_r(NULL, ",", &end))
				VEC_PUSH(arena, lines,
					arena_printf(arena, "%s%s %s", table, set,
						one + strspn(one, " ")));
		}
	}
}

/* A key as nft writes the element. What it consists of, its length and the set's name tell. */
static const char *key_text(const char *set, const SetKey *key)
{
	bool is_pair = key->n == 8 || key->n == 20;
	const uint8_t *at = key->bytes + (is_pair ? 4 : 0);
	uint32_t port, n = key->n - (is_pair ? 4 : 0);
	char address[INET6_ADDRSTRLEN] = "", target[35] = "0x";
	const char *text = address;

	memcpy(&port, key->bytes, sizeof(port));
	if (n == 4 && strchr(set, '4') == NULL)
		return arena_printf(arena, "%u", port);
	if (strstr(set, "targets")) {
		for (size_t i = 0; i < 16; i++)
			snprintf(target + 2 + 2 * i, 3, "%02x", at[i]);
		text = target;
	} else {
		cr_assert(n == 4 || n == 16);
		cr_assert_not_null(
			inet_ntop(n == 4 ? AF_INET : AF_INET6, at, address, sizeof(address)));
	}
	return is_pair ? arena_printf(arena, "%u . %s", port, text) : arena_strdup(arena, text);
}

/* The same of the changes that add, or of those that delete. */
static void list_changes(const KeyChanges *changes, bool is_add, Lines *lines)
{
	for (size_t i = 0; i < changes->n; i++) {
		const KeyChange *change = &changes->at[i];

		for (size_t k = 0; change->is_add == is_add && k < change->keys.n; k++)
			VEC_PUSH(arena, lines,
				arena_printf(arena, "%s %s %s %s",
					change->base->kind == TABLE_INET ? "inet" : "bridge",
					change->base->table, change->set,
					key_text(change->set, &change->keys.at[k])));
	}
}

static void trim_and_sort(Lines *lines)
{
	for (size_t i = 0; i < lines->n; i++) {
		size_t n = strlen(lines->at[i]);

		while (n && lines->at[i][n - 1] == ' ')
			lines->at[i][--n] = '\0';
	}
	if (lines->n)
		qsort(lines->at, lines->n, sizeof(char *), text_compare_p);
}

/* Takes `gone` out of `lines`; each has to be there. */
static void subtract(Lines *lines, const Lines *gone)
{
	for (size_t i = 0; i < gone->n; i++) {
		size_t k = 0;

		while (k < lines->n && strcmp(lines->at[k], gone->at[i]) != 0)
			k++;
		cr_assert_lt(k, lines->n, "%s is deleted, but is not there", gone->at[i]);
		lines->at[k] = lines->at[--lines->n];
	}
}

Test(senders, a_difference_leads_from_one_to_the_other, .fini = seed_report)
{
	unsigned n_differences = 0, rounds = seed_rounds(3000);

	for (unsigned round = 0; round < rounds; round++) {
		SenderFacts facts, others;
		Senders *old, *new;
		KeyChanges changes;
		Lines found = {}, wanted = {}, gone = {}, come = {};

		state = seed_of_round(2, round);
		facts = random_facts();
		others = random_facts();
		others.mode = facts.mode; /* or the rules would nearly always differ */
		others.bridge = facts.bridge;
		others.allows_tunnels = facts.allows_tunnels;
		old = senders_make(&facts);
		new = senders_make(&others);
		if (senders_table_difference(arena, old, new, &changes)) {
			n_differences++;
			list_elements(senders_table_render(arena, old), &found);
			list_elements(senders_table_render(arena, new), &wanted);
			list_changes(&changes, false, &gone);
			list_changes(&changes, true, &come);
			trim_and_sort(&found);
			trim_and_sort(&wanted);
			subtract(&found, &gone);
			for (size_t k = 0; k < come.n; k++)
				VEC_PUSH(arena, &found, come.at[k]);
			trim_and_sort(&found);
			cr_assert_eq(found.n, wanted.n);
			for (size_t k = 0; k < found.n; k++)
				cr_assert_str_eq(found.at[k], wanted.at[k]);
		}
		senders_free(old);
		senders_free(new);
		arena_clear(arena);
	}
	cr_expect_gt(n_differences, rounds / 10);
	seed_end();
}
