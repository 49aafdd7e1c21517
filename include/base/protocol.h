/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Directions and IP protocols, as policies, rulesets and packets name them. */
#include <stdbool.h>
#include <stdint.h>

/* Seen from the isolated pod: INGRESS are packets to it, EGRESS packets from it. */
typedef enum Direction { INGRESS, EGRESS, DIRECTION_N } Direction;
const char *direction_text(Direction direction); /* "ingress", "egress" */

/* IANA's protocol numbers. */
typedef enum Protocol {
	PROTOCOL_ANY = 0,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_SCTP = 132
} Protocol;

/* Whether packets of the protocol, by IANA's number, have ports: TCP, UDP, SCTP. */
bool protocol_has_ports(uint8_t protocol);
const char *protocol_text(Protocol protocol); /* "TCP"; "any" for PROTOCOL_ANY */
/* Upper case only, as the Kubernetes API writes it. "any" is no protocol. */
bool protocol_parse(const char *text, Protocol *ret_protocol);
