/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* totals: how much of everything a Status has; for status_summarize(). */
#include "run.h"

Totals totals_of(const Status *status);
