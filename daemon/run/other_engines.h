/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * other_engines: chains of other policy engines in the kernel, as they were at the last look. Two
 * engines both refuse; and one that was turned off leaves its chains behind, which go on refusing.
 * netpold does not touch them. It looks at its start and at each health check, since nobody is told
 * of them otherwise.
 */
#include "base.h"

typedef struct OtherEngines OtherEngines;

OtherEngines *other_engines_new(void); /* nothing was found yet */
OtherEngines *other_engines_free(OtherEngines *engines);
/* If the kernel does not answer, what was found before stands. */
void other_engines_look(OtherEngines *engines);
/* A warning for each table that has chains of one. */
void other_engines_add_diags(const OtherEngines *engines, Diags *diags);
