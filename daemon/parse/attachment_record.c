/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of libcni: see attachment_record.h. */
#include "attachment_record.h"
#include "documents.h"
#include "validate.h"
#include <string.h>

#define RECORD_KIND "cniCacheV1"
#define ERROR_KIND "netpolRecordError"
#define ADDRESSES_MAX 64   /* of one interface */
#define INTERFACES_MAX 256 /* in one result */

typedef struct Record {
	Reader reader;
	Arena *scratch;
	Attachment attachment;
} Record;

bool attachment_record_is_read(const char *name)
{
	return name[0] != '.' && strncmp(name, "cni-loopback-", 13) != 0;
}

/* ---- Whose interface it is: cniArgs, a list of pairs [name, value] ---- */
static const char *pair_text(Record *r, const Node *pair, size_t i)
{
	const Node *text = pair && pair->items.n == 2 ? pair->items.at[i] : NULL;

	text = node_expect(&r->reader, text, NODE_STRING, "cniArgs");
	return text ? text->text : "";
}

/* As in the inventory: the API server has no pod with another name. Empty: it is no pod's record.
 */
static const char *take_name(
	Record *r, const Node *pair, const char *text, const char *(*validate)(const char *))
{
	const char *error = *text ? validate(text) : NULL;

	if (error)
		DIAG_ERROR(r->reader.diags, pair->origin, "attachment", NULL,
			"cniArgs: Invalid value: \"%s\": %s", text, error);
	return text;
}

static void read_argument(Record *r, const Node *pair)
{
	const char *name, *value;

	pair = node_expect(&r->reader, pair, NODE_LIST, "cniArgs");
	name = pair_text(r, pair, 0);
	value = pair_text(r, pair, 1);
	if (strcmp(name, "K8S_POD_NAMESPACE") == 0)
		r->attachment.namespace = take_name(r, pair, value, validate_label);
	else if (strcmp(name, "K8S_POD_NAME") == 0)
		r->attachment.pod = take_name(r, pair, value, validate_subdomain);
	else if (strcmp(name, "K8S_POD_UID") == 0)
		r->attachment.uid_text = value;
}

/* ---- What the plugins made: result ---- */
/* "10.244.1.10/24"; the length of the prefix says nothing about the pod. */
static void read_address(Record *r, const Node *text)
{
	const char *slash = text ? strchr(text->text, '/') : NULL;
	size_t n = slash ? (size_t)(slash - text->text) : 0;
	Address address;

	if (!text)
		return;
	if (!slash || !address_parse(arena_strndup(r->scratch, text->text, n), &address)) {
		DIAG_ERROR(r->reader.diags, text->origin, "attachment", NULL,
			"\"%s\" is no address with a prefix length", text->text);
		return;
	}
	address = address_unmapped(address);
	if (r->attachment.addresses.n < ADDRESSES_MAX &&
		!addresses_have(&r->attachment.addresses, address))
		VEC_PUSH(r->scratch, &r->attachment.addresses, address);
}

/* CNI 0.3.0 and later have `ips`; the versions before have `ip4` and `ip6`. */
static void read_addresses(Record *r, const Node *result)
{
	const Node *ips = node_field(&r->reader, result, "ips", NODE_LIST);
	static const char *const old[] = {"ip4", "ip6"};

	for (size_t i = 0; i < node_count(ips); i++) {
		const Node *ip = node_expect(&r->reader, ips->items.at[i], NODE_MAP, "ips");

		read_address(r, ip ? node_field(&r->reader, ip, "address", NODE_STRING) : NULL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(old); i++) {
		const Node *ip = node_field(&r->reader, result, old[i], NODE_MAP);

		read_address(r, ip ? node_field(&r->reader, ip, "ip", NODE_STRING) : NULL);
	}
}

static const char *text_or_empty(Record *r, const Node *map, const char *key)
{
	const char *text = node_field_text(&r->reader, map, key);

	return text ? text : "";
}

static void read_mac(Record *r, const Node *interface)
{
	const char *text = text_or_empty(r, interface, "mac");

	if (*text && !mac_parse(text, &r->attachment.mac))
		DIAG_ERROR(r->reader.diags, node_get(interface, "mac")->origin, "attachment", NULL,
			"\"%s\" is no MAC address", text);
}

/*
 * Interfaces with a sandbox are in a network namespace, the others are the host's. Plugins list the
 * host's end of a pair just before the pod's end: bridge [cni0, veth, eth0], ptp [veth, eth0]; what
 * follows serves something else (the bandwidth plugin's ifb). A plugin that lists only the host's
 * end lists just that.
 */
static void read_interfaces(Record *r, const Node *result)
{
	const Node *list = node_field(&r->reader, result, "interfaces", NODE_LIST);
	bool is_found = false;

	for (size_t i = 0; i < node_count(list) && i < INTERFACES_MAX && !is_found; i++) {
		const Node *one =
			node_expect(&r->reader, list->items.at[i], NODE_MAP, "interfaces");
		const char *name = one ? text_or_empty(r, one, "name") : "", *sandbox;

		if (!one)
			continue;
		sandbox = text_or_empty(r, one, "sandbox");
		if (!*sandbox) {
			r->attachment.port = name;
		} else if (strcmp(name, r->attachment.interface) == 0) {
			read_mac(r, one);
			if (!*r->attachment.netns) /* the record has it since libcni 1.2 only */
				r->attachment.netns = sandbox;
			is_found = true;
		}
	}
}

/* ---- The record ---- */
static bool is_whole(Record *r, const Node *root)
{
	const Attachment *a = &r->attachment;

	if (*a->interface && *a->container)
		return true;
	DIAG_ERROR(r->reader.diags, root->origin, "attachment", NULL, "%s: Required value",
		*a->interface ? "containerId" : "ifName");
	return false;
}

static void read_record(Record *r, const Node *root)
{
	const Node *arguments, *result;
	const char *kind = text_or_empty(r, root, "kind");

	if (strcmp(kind, ERROR_KIND) == 0) {
		DIAG_ERROR(r->reader.diags, root->origin, "attachment", NULL,
			"the record cannot be used: %s", text_or_empty(r, root, "error"));
		return;
	}
	if (strcmp(kind, RECORD_KIND) != 0) {
		DIAG_ERROR(r->reader.diags, root->origin, "attachment", NULL,
			"kind \"%s\": this is no record of libcni, whose kind is \"" RECORD_KIND
			"\"",
			kind);
		return;
	}
	r->attachment.origin = root->origin;
	r->attachment.container = text_or_empty(r, root, "containerId");
	r->attachment.interface = text_or_empty(r, root, "ifName");
	r->attachment.netns = text_or_empty(r, root, "netns");
	arguments = node_field(&r->reader, root, "cniArgs", NODE_LIST);
	for (size_t i = 0; i < node_count(arguments); i++)
		read_argument(r, arguments->items.at[i]);
	r->attachment.uid = uid_of(r->attachment.uid_text);
	result = node_field(&r->reader, root, "result", NODE_MAP);
	if (!is_whole(r, root) || !result)
		return;
	read_addresses(r, result);
	read_interfaces(r, result);
}

void attachment_record_read(Source *source, Arena *scratch, const char *text, size_t n)
{
	Record r = {.reader = {scratch, &source->diags},
		.scratch = scratch,
		.attachment = {.namespace = "",
			.uid_text = "",
			.pod = "",
			.container = "",
			.interface = "",
			.netns = "",
			.port = ""}};
	Documents documents = {};

	if (n == 0 || !documents_read(&r.reader, source->file, text, n, &documents))
		return;
	if (documents.n != 1) {
		DIAG_ERROR(&source->diags, ((Origin){.file = source->file}), "attachment", NULL,
			"%u JSON objects: a record is one", documents.n);
		return;
	}
	if (!node_expect(&r.reader, documents.at[0], NODE_MAP, "a record"))
		return;
	read_record(&r, documents.at[0]);
	if (source->diags.n_errors == 0 && *r.attachment.pod && *r.attachment.namespace &&
		strcmp(r.attachment.interface, "lo") != 0)
		VEC_PUSH(source->arena, &source->attachments,
			attachment_copy(source->arena, &r.attachment, source->file));
}

/* ---- Text ---- */
static void add_field(Buf *buf, const char *before, const char *text)
{
	buf_add(buf, before);
	text_add_json(buf, text);
}

static void add_argument(Buf *buf, const char *before, const char *value)
{
	add_field(buf, before, value);
	buf_add(buf, "]");
}

static void add_interfaces(Buf *buf, const Attachment *a)
{
	char text[MAC_TEXT_SIZE];

	buf_add(buf, "\"interfaces\":[");
	if (*a->port) {
		add_field(buf, "{\"name\":", a->port);
		buf_add(buf, *a->netns ? "}," : "}");
	}
	if (*a->netns) {
		add_field(buf, "{\"name\":", a->interface);
		add_field(buf, ",\"mac\":", mac_is_known(a->mac) ? mac_text(a->mac, text) : "");
		add_field(buf, ",\"sandbox\":", a->netns);
		buf_add(buf, "}");
	}
	buf_add(buf, "]");
}

const char *attachment_record_text(Arena *arena, const Attachment *a)
{
	Buf buf = {.arena = arena};
	char text[ADDRESS_TEXT_SIZE];

	buf_add(&buf, "{\"kind\":\"" RECORD_KIND "\"");
	add_field(&buf, ",\"containerId\":", a->container);
	add_field(&buf, ",\"ifName\":", a->interface);
	add_argument(&buf, ",\"cniArgs\":[[\"K8S_POD_NAMESPACE\",", a->namespace);
	add_argument(&buf, ",[\"K8S_POD_NAME\",", a->pod);
	add_argument(&buf, ",[\"K8S_POD_UID\",", a->uid_text);
	buf_add(&buf, "],\"result\":{");
	add_interfaces(&buf, a);
	buf_add(&buf, ",\"ips\":[");
	for (size_t i = 0; i < a->addresses.n; i++)
		buf_printf(&buf, "%s{\"address\":\"%s/%d\"}", i ? "," : "",
			address_text(a->addresses.at[i], text),
			a->addresses.at[i].family == FAMILY_IPV4 ? 32 : 128);
	buf_add(&buf, "]}}\n");
	return buf_text(&buf);
}

const char *attachment_record_error(Arena *arena, const char *why)
{
	Buf buf = {.arena = arena};

	add_field(&buf, "{\"kind\":\"" ERROR_KIND "\",\"error\":", why);
	buf_add(&buf, "}\n");
	return buf_text(&buf);
}
