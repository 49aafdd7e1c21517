/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fields of one object: see inventory_item.h. */
#include "inventory_item.h"
#include <string.h>

/* Interned bytes are compared with memcmp: no padding. */
_Static_assert(
	sizeof(NamedPort) == sizeof(char *) + sizeof(Protocol) + sizeof(unsigned), "padding");
_Static_assert(sizeof(Address) == sizeof(AddressValue) + sizeof(Family), "padding");
_Static_assert(sizeof(Host) == sizeof(char *) + sizeof(Addresses), "padding");

ItemReader item_reader_make(Arena *arena, Arena *scratch)
{
	return (ItemReader){.arena = arena,
		.scratch = scratch,
		.interner = interner_new(scratch, arena),
		.token = {.arena = scratch}};
}

/* ---- Values ---- */
static const char *add_address(ItemReader *r, const char *text, bool is_host)
{
	Addresses *list = is_host ? &r->item->host.addresses : &r->item->pod.addresses;
	Address address;

	if (!*text)
		return NULL; /* a pod without an address yet */
	if (!address_parse(text, &address))
		return arena_printf(r->scratch, "\"%s\" is no address", text);
	address = address_unmapped(address); /* as the kernel sees its packets */
	if (!addresses_have(list, address))  /* podIPs repeats podIP */
		VEC_PUSH(r->scratch, list, address);
	return NULL;
}

static Phase phase_of(const char *text)
{
	static const char *const names[] = {"Pending", "Running", "Succeeded", "Failed"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], text) == 0)
			return (Phase)i;
	return PHASE_UNKNOWN;
}

static const char *set_port(ItemReader *r, PathKind field, const char *text)
{
	NamedPort *port = &r->item->pod.ports.at[r->item->pod.ports.n - 1];
	unsigned long number;
	char *end;

	assert(r->item->pod.ports.n > r->n_ports_before);
	switch (field) {
	case PATH_PORT_NAME:
		port->name = text;
		return NULL;
	case PATH_PORT_NUMBER:
		number = strtoul(text, &end, 10);
		if (*end || number < 1 || number > 65535)
			return arena_printf(r->scratch,
				"containerPort %s: must be between 1 and 65535, inclusive", text);
		port->number = (uint16_t)number;
		return NULL;
	default:
		if (!protocol_parse(text, &port->protocol))
			return arena_printf(
				r->scratch, "protocol \"%s\" is not TCP, UDP or SCTP", text);
		return NULL;
	}
}

static const char *set_value(ItemReader *r, PathKind field, const char *text)
{
	Item *item = r->item;

	switch (field) {
	case PATH_KIND:
		item->kind = text;
		return NULL;
	case PATH_NAME:
		item->pod.name = text;
		return NULL;
	case PATH_CONTINUE:
		item->has_more = *text;
		return NULL;
	case PATH_NAMESPACE:
		item->pod.namespace = text;
		return NULL;
	case PATH_VERSION:
		item->pod.version = strtoull(text, NULL, 10);
		return NULL;
	case PATH_UID:
		if (!item->has_config_hash)
			item->pod.uid = uid_of(text);
		return NULL;
	case PATH_CONFIG_HASH: /* ConfigHashAnnotationKey, pkg/kubelet/types/pod_update.go */
		item->has_config_hash = true;
		item->pod.uid = uid_of(text);
		return NULL;
	case PATH_LABEL:
		VEC_PUSH(r->scratch, &item->pod.labels.list, (Label){r->label, text});
		return NULL;
	case PATH_CONFIG_SOURCE: /* ConfigSourceAnnotationKey, pkg/kubelet/types/pod_update.go */
		item->is_static = strcmp(text, "file") == 0 || strcmp(text, "http") == 0;
		return NULL;
	case PATH_SENDERS:
		item->senders = text;
		return NULL;
	case PATH_NODE:
		item->host.name = text;
		return NULL;
	case PATH_HOST_NETWORK:
		item->pod.is_host_network = strcmp(text, "true") == 0;
		return NULL;
	case PATH_RESTART_POLICY:
		r->is_sidecar = strcmp(text, "Always") == 0;
		return NULL;
	case PATH_PORT_NAME:
	case PATH_PORT_NUMBER:
	case PATH_PORT_PROTOCOL:
		return set_port(r, field, text);
	case PATH_PHASE:
		item->pod.phase = phase_of(text);
		return NULL;
	case PATH_ADDRESS:
	case PATH_HOST_ADDRESS:
		return add_address(r, text, field == PATH_HOST_ADDRESS);
	case PATH_STARTED:
		item->pod.started = text;
		return NULL;
	default:
		assert(!"a path of shape scalar");
		return NULL;
	}
}

/* Fields that are stored as text; of the others only what the text means is stored. */
static bool is_text_stored(PathKind field)
{
	switch (field) {
	case PATH_KIND:
	case PATH_NAME:
	case PATH_NAMESPACE:
	case PATH_LABEL:
	case PATH_SENDERS:
	case PATH_NODE:
	case PATH_PORT_NAME:
	case PATH_STARTED:
		return true;
	default:
		return false;
	}
}

/* The text with a NUL at its end, valid until the next call. */
static const char *terminate(ItemReader *r, const char *text, size_t n)
{
	r->token.n = 0;
	buf_add_n(&r->token, text, n);
	return buf_text(&r->token);
}

const char *item_set(ItemReader *r, PathKind field, const char *text, size_t n)
{
	return set_value(r, field,
		is_text_stored(field) ? intern_text(r->interner, text, n) : terminate(r, text, n));
}

void item_set_label_key(ItemReader *r, const char *text, size_t n)
{
	r->label = intern_text(r->interner, text, n);
}

/* ---- Containers ---- */
void item_begin_container(ItemReader *r, bool is_init)
{
	r->n_ports_before = r->item->pod.ports.n;
	r->is_init = is_init;
	r->is_sidecar = false;
}

/*
 * An init container has ended before the pod serves anything, so its ports do not count; but one
 * with restartPolicy Always is a sidecar, and runs as long as the pod.
 */
void item_end_container(ItemReader *r)
{
	if (r->is_init && !r->is_sidecar)
		r->item->pod.ports.n = r->n_ports_before;
}

void item_begin_port(ItemReader *r)
{
	/* TCP is the API's default: ContainerPort in k8s.io/api/core/v1/types.go */
	VEC_PUSH(r->scratch, &r->item->pod.ports, (NamedPort){.protocol = PROTOCOL_TCP});
}

/* ---- Items ---- */
void item_begin(ItemReader *r, Item *item, Origin origin)
{
	Pod *pod = &item->pod;

	r->item = item;
	*item = (Item){.pod = {.origin = origin, .phase = PHASE_UNKNOWN, .started = ""}};
	pod->labels = r->buffers.pod.labels;
	pod->addresses = r->buffers.pod.addresses;
	pod->ports = r->buffers.pod.ports;
	item->host.addresses = r->buffers.host.addresses;
	pod->labels.list.n = pod->addresses.n = pod->ports.n = item->host.addresses.n = 0;
}

/* Policies refer to ports by name; a port without a name cannot be referred to. */
static void remove_unnamed_ports(Pod *pod)
{
	uint32_t n_named = 0;

	for (size_t i = 0; i < pod->ports.n; i++)
		if (pod->ports.at[i].name && pod->ports.at[i].number)
			pod->ports.at[n_named++] = pod->ports.at[i];
	pod->ports.n = n_named;
}

/* The list with its content interned: shared with other pods, and from now on read-only. */
#define INTERN_LIST(interner, list)                                                                \
	((__typeof__(list)){.at = (__typeof__((list).at))intern_bytes((interner), (list).at,       \
				    (list).n * sizeof(*(list).at), __alignof__(*(list).at)),       \
		.n = (list).n,                                                                     \
		.capacity = (list).n})

void item_end(ItemReader *r)
{
	Pod *pod = &r->item->pod;
	Host host = r->item->host;

	labels_sort(&pod->labels);
	remove_unnamed_ports(pod);
	r->buffers = *r->item;
	pod->labels.list = VEC_COPY(r->arena, pod->labels.list);
	pod->addresses = VEC_COPY(r->arena, pod->addresses);
	pod->ports = INTERN_LIST(r->interner, pod->ports);
	host.addresses = INTERN_LIST(r->interner, host.addresses);
	pod->host = intern_bytes(r->interner, &host, sizeof(host), _Alignof(Host));
}
