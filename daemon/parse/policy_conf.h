/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * policy_conf: policies in libconfig syntax, netpol's own format, -> the same policies that a
 * manifest becomes. What the API does not have: `cidr_sets`, named lists of CIDRs that peers refer
 * to by name (`cidr_set`), and selectors as one string in kubectl's grammar ("role=db,!canary").
 */
#include "parse.h"

/* Appends to source->policies, source->sets and source->diags; text is NUL-terminated. The tree is
 * left in the Source's arena, as by manifest_read. */
void policy_conf_read(Source *source, const char *text);
