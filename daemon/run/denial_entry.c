/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A refused flow in words. See denial_entry.h. */
#include "denial_entry.h"
#include <netinet/in.h>
#include <string.h>
#include <syslog.h>

/* Others of the policies that isolate a pod, and a longer reason, are left out. */
#define POLICIES_MAX 8
#define REASON_MAX 1000
/* Of these kinds of messages, for journalctl MESSAGE_ID=...: docs/service.md names them. */
#define MESSAGE_ID_DENIED "deae7ee3d8424d1d99280443a3c2133a"
#define MESSAGE_ID_WOULD_DENY "51ba46b67bb1462b93222881bec6f071"
#define MESSAGE_ID_FORGED "2a931242db0642bf9b158bb70f261f4a"

static bool is_forged(const DenialEntry *entry)
{
	return entry->kind == DENIED_FORGED;
}

static bool is_audit(const DenialEntry *entry)
{
	return denial_is_audit(entry->kind);
}

/* The journal's CODE=, and `kind` of denied.jsonl. */
static const char *kind_word(const DenialEntry *entry)
{
	return is_forged(entry) ? "forged" : is_audit(entry) ? "would-deny" : "denied";
}

static const char *protocol_words(Arena *arena, uint8_t protocol)
{
	if (protocol_has_ports(protocol))
		return protocol_text((Protocol)protocol);
	if (protocol == IPPROTO_ICMP)
		return "ICMP";
	return protocol == IPPROTO_ICMPV6 ? "ICMPv6" : arena_printf(arena, "%u", protocol);
}

static const char *endpoint_text(Arena *arena, const Endpoint *endpoint)
{
	char text[ADDRESS_TEXT_SIZE];

	return arena_printf(arena, "%s (%s)",
		endpoint->pod ? pod_text(arena, endpoint->pod) : "no pod",
		address_text(endpoint->address, text));
}

static size_t n_policies(const Refusal *refusal)
{
	return refusal->policies.n < POLICIES_MAX ? refusal->policies.n : POLICIES_MAX;
}

/* Every interface has addresses of fe80::/10, and no inventory lists them. */
static bool is_own_address(const DenialEntry *entry)
{
	const Endpoint *source = &entry->flow.source;

	if (source->pod)
		return text_is_equal(source->pod->namespace, entry->sender.namespace) &&
		       text_is_equal(source->pod->name, entry->sender.pod);
	return source->address.family == FAMILY_IPV6 && source->address.value >> 118 == 0x3fa;
}

/* A packet from the sender's own address was dropped for what it says, or where it goes. */
static const char *forged_reason(const DenialEntry *entry)
{
	if (is_own_address(entry))
		return "a router advertisement or redirect, a neighbour advertisement for "
		       "another's address, a tunnel to this node, or a packet to everybody in a "
		       "frame to one host: no pod may send these";
	return "the source is no address of the pod at this port";
}

static const char *reason_text(Arena *arena, const DenialEntry *entry)
{
	const char *text = is_forged(entry) ? forged_reason(entry) : entry->refusal.nearest;

	if (!text)
		return "";

	return strlen(text) <= REASON_MAX ? text : arena_printf(arena, "%.*s...", REASON_MAX, text);
}

static const char *policy_text(Arena *arena, const Refusal *refusal, size_t i)
{
	const Policy *policy = refusal->policies.at[i];

	return arena_printf(
		arena, "%s/%s (%s)", policy->namespace, policy->name, refusal->places.at[i]);
}

/* ---- The message ---- */
static void add_start(Buf *buf, const DenialEntry *entry)
{
	if (is_forged(entry))
		buf_printf(buf, "denied forged: port of %s%s%s (%s) claims ",
			entry->sender.namespace, *entry->sender.pod ? "/" : "no pod",
			entry->sender.pod, entry->interface);
	else
		buf_printf(buf, "%s %s ", is_audit(entry) ? "would deny" : "denied",
			direction_text(denial_direction(entry->kind)));
}

const char *denial_entry_text(Arena *arena, const DenialEntry *entry)
{
	Buf buf = {.arena = arena};
	const Flow *flow = &entry->flow;
	const Refusal *refusal = &entry->refusal;

	add_start(&buf, entry);
	buf_printf(&buf, "%s -> %s %s%s", endpoint_text(arena, &flow->source),
		endpoint_text(arena, &flow->destination),
		protocol_has_ports(flow->protocol) ||
				protocol_words(arena, flow->protocol)[0] == 'I'
			? ""
			: "protocol ",
		protocol_words(arena, flow->protocol));
	if (protocol_has_ports(flow->protocol))
		buf_printf(&buf, " %u", flow->port);
	for (size_t i = 0; i < n_policies(refusal); i++)
		buf_printf(&buf, "%s%s",
			i		  ? ", "
			: is_audit(entry) ? ", audited by "
					  : ", isolated by ",
			policy_text(arena, refusal, i));
	return text_printable(arena_strdup(arena, buf_text(&buf)));
}

/* ---- JSON ---- */
static const char *kind_fields(Arena *arena, const DenialEntry *entry)
{
	const char *fields = arena_printf(arena, "\"kind\":\"%s\",\"audit\":%s", kind_word(entry),
		is_audit(entry) ? "true" : "false");

	if (is_forged(entry))
		return fields;
	return arena_printf(arena, "%s,\"direction\":\"%s\"", fields,
		direction_text(denial_direction(entry->kind)));
}

/* A quote inside a string is escaped, so no value looks like these fields. */
bool denial_entry_kind(Arena *arena, const char *json, DenialKind *ret_kind)
{
	for (int i = 0; i < DENIAL_KIND_N; i++)
		if (strstr(json, kind_fields(arena, &(DenialEntry){.kind = (DenialKind)i}))) {
			*ret_kind = (DenialKind)i;
			return true;
		}
	return false;
}

/* The sender check knows the packet's port, and who is there. */
static void add_sender(Buf *buf, const DenialEntry *entry)
{
	if (!is_forged(entry))
		return;
	buf_add(buf, ",\"interface\":");
	text_add_json(buf, entry->interface);
	if (!*entry->sender.pod)
		return;
	buf_add(buf, ",\"sender_namespace\":");
	text_add_json(buf, entry->sender.namespace);
	buf_add(buf, ",\"sender_pod\":");
	text_add_json(buf, entry->sender.pod);
}

static void add_end(Buf *buf, const char *key, const Endpoint *endpoint)
{
	char text[ADDRESS_TEXT_SIZE];

	buf_printf(buf, ",\"%s\":\"%s\"", key, address_text(endpoint->address, text));
	if (!endpoint->pod)
		return;
	buf_printf(buf, ",\"%s_namespace\":", key);
	text_add_json(buf, endpoint->pod->namespace);
	buf_printf(buf, ",\"%s_pod\":", key);
	text_add_json(buf, endpoint->pod->name);
}

const char *denial_entry_json(Arena *arena, const DenialEntry *entry)
{
	Buf buf = {.arena = arena};

	buf_printf(&buf, "{\"number\":%llu,\"time\":\"%s\",%s", (unsigned long long)entry->number,
		text_of_time(arena, entry->time), kind_fields(arena, entry));
	add_sender(&buf, entry);
	add_end(&buf, "source", &entry->flow.source);
	add_end(&buf, "destination", &entry->flow.destination);
	buf_printf(&buf, ",\"protocol\":\"%s\"", protocol_words(arena, entry->flow.protocol));
	if (protocol_has_ports(entry->flow.protocol))
		buf_printf(&buf, ",\"port\":%u", entry->flow.port);
	buf_add(&buf, ",\"policies\":[");
	for (size_t i = 0; i < n_policies(&entry->refusal); i++) {
		buf_add(&buf, i ? "," : "");
		text_add_json(&buf, policy_text(arena, &entry->refusal, i));
	}
	buf_add(&buf, "],\"reason\":");
	text_add_json(&buf, reason_text(arena, entry));
	buf_add(&buf, "}");
	return buf_text(&buf);
}

/* ---- The journal ---- */
static void add_pod_fields(Buf *buf, const char *key, const Endpoint *endpoint)
{
	char text[ADDRESS_TEXT_SIZE];

	buf_printf(buf, "NETPOL_%s=%s\n", key, address_text(endpoint->address, text));
	if (endpoint->pod)
		buf_printf(buf, "NETPOL_%s_NAMESPACE=%s\nNETPOL_%s_POD=%s\n", key,
			endpoint->pod->namespace, key, endpoint->pod->name);
}

static void add_sender_fields(Buf *buf, const DenialEntry *entry)
{
	buf_printf(buf, "NETPOL_INTERFACE=%s\n", entry->interface);
	if (*entry->sender.pod)
		buf_printf(buf, "NETPOL_SENDER_NAMESPACE=%s\nNETPOL_SENDER_POD=%s\n",
			entry->sender.namespace, entry->sender.pod);
}

static const char *message_id(const DenialEntry *entry)
{
	if (is_forged(entry))
		return MESSAGE_ID_FORGED;
	return is_audit(entry) ? MESSAGE_ID_WOULD_DENY : MESSAGE_ID_DENIED;
}

/*
 * Names of pods and policies were checked when they were read, and the kernel's of interfaces have
 * no white space: no line break, with which a field ends.
 */
const char *denial_entry_fields(Arena *arena, const DenialEntry *entry)
{
	Buf buf = {.arena = arena};

	buf_printf(&buf, "MESSAGE=%s\n", denial_entry_text(arena, entry));
	buf_printf(&buf,
		"MESSAGE_ID=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=netpold\n"
		"CODE=%s\nNETPOL_KIND=%s\n",
		message_id(entry), LOG_INFO, kind_word(entry), kind_word(entry));
	if (is_forged(entry))
		add_sender_fields(&buf, entry);
	else
		buf_printf(&buf, "NETPOL_DIRECTION=%s\n",
			direction_text(denial_direction(entry->kind)));
	add_pod_fields(&buf, "SOURCE", &entry->flow.source);
	add_pod_fields(&buf, "DESTINATION", &entry->flow.destination);
	buf_printf(&buf, "NETPOL_PROTOCOL=%s\n", protocol_words(arena, entry->flow.protocol));
	if (protocol_has_ports(entry->flow.protocol))
		buf_printf(&buf, "NETPOL_PORT=%u\n", entry->flow.port);
	buf_add(&buf, "NETPOL_POLICIES=");
	for (size_t i = 0; i < n_policies(&entry->refusal); i++)
		buf_printf(&buf, "%s%s/%s", i ? " " : "", entry->refusal.policies.at[i]->namespace,
			entry->refusal.policies.at[i]->name);
	buf_add(&buf, "\n");
	return buf_text(&buf);
}
