/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Protocols and directions, and their spelling in the Kubernetes API. */
#include "base.h"

static const struct {
	Protocol protocol;
	const char *text;
} PROTOCOLS[] = {{PROTOCOL_ANY, "any"}, {PROTOCOL_TCP, "TCP"}, {PROTOCOL_UDP, "UDP"},
	{PROTOCOL_SCTP, "SCTP"}};

bool protocol_has_ports(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_SCTP;
}

const char *protocol_text(Protocol protocol)
{
	for (size_t i = 0; i < ARRAY_SIZE(PROTOCOLS); i++)
		if (PROTOCOLS[i].protocol == protocol)
			return PROTOCOLS[i].text;
	return "any";
}

bool protocol_parse(const char *text, Protocol *ret_protocol)
{
	for (size_t i = 1; i < ARRAY_SIZE(PROTOCOLS); i++) { /* not "any" */
		if (strcmp(PROTOCOLS[i].text, text) == 0) {
			*ret_protocol = PROTOCOLS[i].protocol;
			return true;
		}
	}
	return false;
}

const char *direction_text(Direction direction)
{
	return direction == INGRESS ? "ingress" : "egress";
}
