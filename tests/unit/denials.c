/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Totals of refused packets, over tables that are made again, restarts and pods that go. What is
 * said of a packet that the sender check dropped.
 */
#include "../../daemon/run/denial_entry.h"
#include "../../daemon/run/denial_totals.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

static const Pod DB = {.namespace = "default", .name = "db"};
static const Pod WEB = {.namespace = "shop", .name = "web"};

typedef struct Owners {
	const Pod *pod; /* of every address */
} Owners;

static const Pod *owner(const void *context, Address address)
{
	(void)address;
	return ((const Owners *)context)->pod;
}

static DenialKind kind = DENIED_INGRESS; /* of what tables say */

/* What a table with this handle says of one address. */
static void add_bytes(DenialTotals *totals, CountedTable table, uint64_t handle, uint64_t packets,
	uint64_t bytes, const Pod *pod)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	DenialCounts counts = {.handle = handle};
	const Owners owners = {pod};
	DenialCount count = {.kind = kind, .packets = packets, .bytes = bytes};

	address_parse("10.0.0.1", &count.address);
	VEC_PUSH(arena, &counts.list, count);
	denial_totals_add(totals, table, &counts, owner, &owners);
}

static void add(
	DenialTotals *totals, CountedTable table, uint64_t handle, uint64_t packets, const Pod *pod)
{
	add_bytes(totals, table, handle, packets, 100 * packets, pod);
}

static uint64_t packets_of(const DenialTotals *totals, const char *pod)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	DenialTotalList list;

	denial_totals_list(totals, arena, &list);
	for (size_t i = 0; i < list.n; i++)
		if (text_is_equal(list.at[i].pod, pod)) {
			cr_expect_eq(list.at[i].bytes, 100 * list.at[i].packets);
			return list.at[i].packets;
		}
	return 0;
}

Test(denials, readings_of_one_table_are_not_counted_twice)
{
	DenialTotals *totals = denial_totals_new();

	add(totals, COUNTED_INET, 1, 5, &DB);
	add(totals, COUNTED_INET, 1, 5, &DB);
	add(totals, COUNTED_INET, 1, 8, &DB);
	cr_expect_eq(packets_of(totals, "db"), 8);
	add(totals, COUNTED_INET_FALLBACK, 2, 8, &DB);
	cr_expect_eq(packets_of(totals, "db"), 16, "another table's are added");
	denial_totals_free(totals);
}

Test(denials, a_table_that_was_made_again_counts_from_0)
{
	DenialTotals *totals = denial_totals_new();

	add(totals, COUNTED_INET, 1, 5, &DB);
	add(totals, COUNTED_INET, 2, 7, &DB);
	cr_expect_eq(
		packets_of(totals, "db"), 12, "also if it has counted more than the one before");
	add(totals, COUNTED_INET, 2, 3, &DB);
	cr_expect_eq(packets_of(totals, "db"), 15, "an element that was deleted and added again");
	denial_totals_free(totals);
}

Test(denials, a_counter_that_began_anew_with_as_many_packets_is_known_by_its_bytes)
{
	DenialTotals *totals = denial_totals_new();

	add_bytes(totals, COUNTED_INET, 1, 2, 200, &DB);
	add_bytes(totals, COUNTED_INET, 1, 4, 600, &DB);
	add_bytes(totals, COUNTED_INET, 1, 4, 200, &DB);
	cr_expect_eq(packets_of(totals, "db"), 8, "packets and bytes begin anew together");
	denial_totals_free(totals);
}

Test(denials, what_is_new_is_of_the_pod_that_has_the_address)
{
	DenialTotals *totals = denial_totals_new();

	add(totals, COUNTED_INET, 1, 5, &DB);
	add(totals, COUNTED_INET, 1, 9, &WEB);
	add(totals, COUNTED_INET, 1, 10, NULL);
	cr_expect_eq(packets_of(totals, "db"), 5);
	cr_expect_eq(
		packets_of(totals, "web"), 5, "nobody has it now: of the last pod that had it");
	denial_totals_free(totals);
}

static uint64_t packets_of_kind(const DenialTotals *totals, DenialKind wanted)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	DenialTotalList list;

	denial_totals_list(totals, arena, &list);
	for (size_t i = 0; i < list.n; i++)
		if (list.at[i].kind == wanted)
			return list.at[i].packets;
	return 0;
}

Test(denials, kinds_are_counted_apart_and_saved)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	DenialTotals *totals = denial_totals_new(), *loaded = denial_totals_new();

	for (int i = 0; i < DENIAL_KIND_N; i++) {
		kind = (DenialKind)i;
		cr_expect_eq(denial_kind(denial_direction(kind), denial_is_audit(kind)), kind);
		add(totals, (CountedTable)i, 1, 5 + (uint64_t)i, &DB);
	}
	denial_totals_load(loaded, denial_totals_text(totals, arena, "boot"), "boot");
	for (int i = 0; i < DENIAL_KIND_N; i++) {
		cr_expect_eq(packets_of_kind(totals, (DenialKind)i), 5 + (uint64_t)i);
		kind = (DenialKind)i;
		add(loaded, (CountedTable)i, 1, 10, &DB);
		cr_expect_eq(packets_of_kind(loaded, (DenialKind)i), 10, "the readings go on");
	}
	denial_totals_free(totals);
	denial_totals_free(loaded);
}

Test(denials, saved_totals_go_on_with_the_same_table)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	DenialTotals *before = denial_totals_new(), *same = denial_totals_new(),
		     *rebooted = denial_totals_new(), *damaged = denial_totals_new();
	const char *text;

	add(before, COUNTED_INET, 1, 5, &DB);
	denial_totals_add_flow(before, DENIED_EGRESS, 9);
	text = denial_totals_text(before, arena, "boot-a");
	denial_totals_load(same, text, "boot-a");
	add(same, COUNTED_INET, 1, 7, &DB);
	cr_expect_eq(packets_of(same, "db"), 7);
	cr_expect_eq(denial_totals_flows(same, DENIED_EGRESS), 1);
	cr_expect_eq(denial_totals_entry(same), 9);
	denial_totals_load(rebooted, text, "boot-b");
	add(rebooted, COUNTED_INET, 1, 7, &DB);
	cr_expect_eq(packets_of(rebooted, "db"), 12, "the handle is that of another boot's table");
	denial_totals_load(
		damaged, "total\ntotal a\nreading 1 2\ntable 9 1 x\nflows 7 7\nodd\n", "b");
	cr_expect_eq(packets_of(damaged, "a"), 0);
	denial_totals_free(before);
	denial_totals_free(same);
	denial_totals_free(rebooted);
	denial_totals_free(damaged);
}

Test(denials, totals_of_a_pod_that_is_gone_stay_for_a_while)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	DenialTotals *totals = denial_totals_new();
	const Model *model = model_new(arena); /* has no pods */

	add(totals, COUNTED_INET, 1, 5, &DB);
	denial_totals_prune(totals, model, 1000);
	denial_totals_prune(totals, model, 1000 + DENIAL_GONE_S);
	cr_expect_eq(packets_of(totals, "db"), 5);
	denial_totals_prune(totals, model, 1001 + DENIAL_GONE_S);
	cr_expect_eq(packets_of(totals, "db"), 0);
	add(totals, COUNTED_INET, 1, 6, &DB);
	cr_expect_eq(packets_of(totals, "db"), 1, "what its address has refused since");
	denial_totals_free(totals);
}

/* ---- Entries ---- */
Test(denials, a_line_tells_its_kind)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	DenialKind found;

	for (int i = 0; i < DENIAL_KIND_N; i++) {
		DenialEntry entry = {.kind = (DenialKind)i};
		const char *line;

		entry.flow.source.pod = entry.flow.destination.pod = &WEB;
		line = denial_entry_json(arena, &entry);
		cr_assert(denial_entry_kind(arena, line, &found), "%s", line);
		cr_expect_eq(found, (DenialKind)i, "%s", line);
	}
	cr_expect_not(denial_entry_kind(arena,
		denial_entry_json(arena, &(DenialEntry){.kind = DENIED_FORGED,
						 .sender = {.namespace = "", .pod = ""},
						 .interface = "v"}),
		&found));
}

/* ---- Forged packets ---- */
static DenialEntry forged_entry(const Pod *source, const char *address, PortPod sender)
{
	DenialEntry entry = {.number = 7,
		.kind = DENIED_FORGED,
		.flow = {.source = {.pod = source},
			.destination = {.pod = &WEB},
			.protocol = 6,
			.port = 6379},
		.sender = sender,
		.interface = "veth1"};

	address_parse(address, &entry.flow.source.address);
	address_parse("10.0.0.3", &entry.flow.destination.address);
	return entry;
}

Test(denials, a_forged_packet_is_of_the_pod_at_the_port)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	DenialEntry entry = forged_entry(&DB, "10.0.0.1", (PortPod){"default", "evil"});

	cr_expect_str_eq(denial_entry_text(arena, &entry),
		"denied forged: port of default/evil (veth1) claims default/db (10.0.0.1) -> "
		"shop/web (10.0.0.3) TCP 6379");
	cr_expect_str_eq(denial_entry_json(arena, &entry),
		"{\"number\":7,\"time\":\"1970-01-01T00:00:00Z\",\"kind\":\"forged\","
		"\"audit\":false,\"interface\":\"veth1\",\"sender_namespace\":\"default\","
		"\"sender_pod\":\"evil\",\"source\":\"10.0.0.1\",\"source_namespace\":\"default\","
		"\"source_pod\":\"db\",\"destination\":\"10.0.0.3\","
		"\"destination_namespace\":\"shop\",\"destination_pod\":\"web\","
		"\"protocol\":\"TCP\",\"port\":6379,\"policies\":[],\"reason\":\"the source is no "
		"address of the pod at this port\"}");
	cr_expect_str_eq(denial_entry_fields(arena, &entry),
		"MESSAGE=denied forged: port of default/evil (veth1) claims default/db (10.0.0.1) "
		"-> shop/web (10.0.0.3) TCP 6379\n"
		"MESSAGE_ID=2a931242db0642bf9b158bb70f261f4a\nPRIORITY=6\n"
		"SYSLOG_IDENTIFIER=netpold\nCODE=forged\nNETPOL_KIND=forged\n"
		"NETPOL_INTERFACE=veth1\nNETPOL_SENDER_NAMESPACE=default\nNETPOL_SENDER_POD=evil\n"
		"NETPOL_SOURCE=10.0.0.1\nNETPOL_SOURCE_NAMESPACE=default\nNETPOL_SOURCE_POD=db\n"
		"NETPOL_DESTINATION=10.0.0.3\nNETPOL_DESTINATION_NAMESPACE=shop\n"
		"NETPOL_DESTINATION_POD=web\nNETPOL_PROTOCOL=TCP\nNETPOL_PORT=6379\n"
		"NETPOL_POLICIES=\n");
	entry.sender = (PortPod){"", ""};
	cr_expect_not_null(
		strstr(denial_entry_text(arena, &entry), ": port of no pod (veth1) claims "));
	cr_expect_null(strstr(denial_entry_json(arena, &entry), "sender"));
	cr_expect_null(strstr(denial_entry_fields(arena, &entry), "SENDER"));
}

static bool is_said_to_be_its_own(const Pod *source, const char *address)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	DenialEntry entry = forged_entry(source, address, (PortPod){"default", "db"});

	return strstr(denial_entry_json(arena, &entry), "no pod may send these") != NULL;
}

Test(denials, what_is_dropped_may_have_its_senders_own_address)
{
	const Pod namesake = {.namespace = "shop", .name = "db"};

	cr_expect(is_said_to_be_its_own(&DB, "10.0.0.1"));
	cr_expect(is_said_to_be_its_own(NULL, "fe80::1"));
	cr_expect_not(is_said_to_be_its_own(&WEB, "10.0.0.1"));
	cr_expect_not(is_said_to_be_its_own(&namesake, "10.0.0.1"));
	cr_expect_not(is_said_to_be_its_own(NULL, "fec0::1"));
	cr_expect_not(is_said_to_be_its_own(NULL, "198.51.100.7"));
}
