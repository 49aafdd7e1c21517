/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* explainer: what explain_parse() and the answering functions share. Private to the module. */
#include "compile.h"

struct Explainer {
	Arena *arena; /* of this struct and of error texts */
	const Model *model;
	Compiler *compiler;
	Ruleset *ruleset; /* for all pods, wherever they run */
	Ruleset *trial;	  /* as if audited policies were in force; NULL: there are none */
};

/* ---- no_verdict.c ---- */
/* NULL, or why there is no verdict for this address, which is no pod's; in x->arena. */
const char *why_no_verdict(Explainer *x, Address address);
/* Whether an address that is no pod's may be a Service's. */
bool may_be_service(Address address);

/* ---- near_names.c: why there is no such name, and what was probably meant; in x->arena ---- */
const char *why_no_pod(Explainer *x, const char *namespace, const char *pod);
const char *why_no_endpoint(Explainer *x, const char *text);
/* destination may be NULL: it is no pod */
const char *why_no_port(Explainer *x, const char *text, Protocol protocol, const Pod *destination);
