/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attachments as values, and MAC addresses as text. */
#include "model.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

Uid uid_of(const char *text)
{
	Uid hash = *text ? 0xcbf29ce484222325u : 0;

	for (const char *at = text; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 0x100000001b3u;
	return hash;
}

bool uid_may_be(Uid a, Uid b)
{
	return a == b || a == 0 || b == 0;
}

bool attachment_is_of_cluster(const Attachment *attachment)
{
	return strcmp(attachment->interface, CLUSTER_INTERFACE) == 0;
}

int attachment_compare_p(const void *a, const void *b)
{
	const Attachment *x = *(const Attachment *const *)a, *y = *(const Attachment *const *)b;
	int r = strcmp(x->interface, y->interface);

	if (r == 0)
		r = strcmp(x->container, y->container);
	if (r == 0)
		r = strcmp(x->origin.file, y->origin.file);
	return r;
}

bool attachment_is_equal(const Attachment *a, const Attachment *b)
{
	return a->made_at == b->made_at && strcmp(a->namespace, b->namespace) == 0 &&
	       strcmp(a->pod, b->pod) == 0 && a->uid == b->uid &&
	       strcmp(a->container, b->container) == 0 && strcmp(a->interface, b->interface) == 0 &&
	       strcmp(a->netns, b->netns) == 0 && strcmp(a->port, b->port) == 0 &&
	       memcmp(&a->mac, &b->mac, sizeof(Mac)) == 0 &&
	       addresses_are_equal(&a->addresses, &b->addresses);
}

const Attachment *attachment_copy(Arena *arena, const Attachment *attachment, const char *file)
{
	Attachment *copy = ARENA_NEW(arena, Attachment);

	*copy = (Attachment){.origin = attachment->origin,
		.namespace = arena_strdup(arena, attachment->namespace),
		.pod = arena_strdup(arena, attachment->pod),
		.uid_text = arena_strdup(arena, attachment->uid_text),
		.uid = attachment->uid,
		.container = arena_strdup(arena, attachment->container),
		.interface = arena_strdup(arena, attachment->interface),
		.netns = arena_strdup(arena, attachment->netns),
		.port = arena_strdup(arena, attachment->port),
		.mac = attachment->mac,
		.addresses = VEC_COPY(arena, attachment->addresses),
		.made_at = attachment->made_at};
	copy->origin.file = file;
	return copy;
}

/* ---- MAC addresses ---- */
static int hex_value(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

bool mac_parse(const char *text, Mac *ret_mac)
{
	Mac mac = {};

	for (size_t i = 0; i < MAC_BYTES; i++, text += 3) {
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) ||
			text[2] != (i + 1 < MAC_BYTES ? ':' : '\0'))
			return false;
		mac.bytes[i] = (uint8_t)(hex_value(text[0]) << 4 | hex_value(text[1]));
	}
	*ret_mac = mac;
	return true;
}

const char *mac_text(Mac mac, char ret_text[MAC_TEXT_SIZE])
{
	const uint8_t *b = mac.bytes;

	snprintf(ret_text, MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3],
		b[4], b[5]);
	return ret_text;
}

bool mac_is_known(Mac mac)
{
	return memcmp(&mac, &(Mac){}, sizeof(mac)) != 0;
}
