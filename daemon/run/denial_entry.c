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

static const char *reason_text(Arena *arena, const Refusal *refusal)
{
	const char *text = refusal->nearest ? refusal->nearest : "";

	return strlen(text) <= REASON_MAX ? text : arena_printf(arena, "%.*s...", REASON_MAX, text);
}

static const char *policy_text(Arena *arena, const Refusal *refusal, size_t i)
{
	const Policy *policy = refusal->policies.at[i];

	return arena_printf(
		arena, "%s/%s (%s)", policy->namespace, policy->name, refusal->places.at[i]);
}

/* ---- The message ---- */
const char *denial_entry_text(Arena *arena, const DenialEntry *entry)
{
	Buf buf = {.arena = arena};
	const Flow *flow = &entry->flow;
	const Refusal *refusal = &entry->refusal;
	bool is_audit = denial_is_audit(entry->kind);

	buf_printf(&buf, "%s %s %s -> %s %s%s", is_audit ? "would deny" : "denied",
		direction_text(denial_direction(entry->kind)), endpoint_text(arena, &flow->source),
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
			i	   ? ", "
			: is_audit ? ", audited by "
				   : ", isolated by ",
			policy_text(arena, refusal, i));
	return text_printable(arena_strdup(arena, buf_text(&buf)));
}

/* ---- JSON ---- */
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

	buf_printf(&buf, "{\"number\":%llu,\"time\":\"%s\",\"audit\":%s,\"direction\":\"%s\"",
		(unsigned long long)entry->number, text_of_time(arena, entry->time),
		denial_is_audit(entry->kind) ? "true" : "false",
		direction_text(denial_direction(entry->kind)));
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
	text_add_json(&buf, reason_text(arena, &entry->refusal));
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

/* Names of pods and policies were checked: they have no line break, with which a field ends. */
const char *denial_entry_fields(Arena *arena, const DenialEntry *entry)
{
	Buf buf = {.arena = arena};
	bool is_audit = denial_is_audit(entry->kind);

	buf_printf(&buf, "MESSAGE=%s\n", denial_entry_text(arena, entry));
	buf_printf(&buf,
		"MESSAGE_ID=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=netpold\n"
		"CODE=%s\nNETPOL_DIRECTION=%s\n",
		is_audit ? MESSAGE_ID_WOULD_DENY : MESSAGE_ID_DENIED, LOG_INFO,
		is_audit ? "would-deny" : "denied", direction_text(denial_direction(entry->kind)));
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
