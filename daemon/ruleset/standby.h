/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* standby: make-before-break plans. The proof is at the head of plan.c. Private to the module. */
#include "steps.h"

void plan_standby(Steps *steps, const Difference *d);
