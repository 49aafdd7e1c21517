/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* explainer: what explain_parse() and the answering functions share. Private to the module. */
#include "compile.h"

struct Explainer {
	Arena *arena; /* of this struct and of error texts */
	const Model *model;
	Compiler *compiler;
	Ruleset *ruleset; /* for all pods, wherever they run */
};

/* Whether flows of the protocol have port numbers. */
bool flow_has_ports(uint8_t protocol);
