/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* totals: how much of everything a Status has. */
#include "run.h"

typedef struct Totals {
	size_t policies, pods, namespaces, isolated, sets, chains, elements, errors, warnings;
} Totals;

Totals totals_of(const Status *status);
