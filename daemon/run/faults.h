/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * faults: why netpold is unhealthy, as one line of text. Every component adds what it finds wrong
 * to the text that run.c passes to it; an empty text means healthy. run.c clears it before each
 * reconciliation.
 */
#include <stdbool.h>

typedef struct Faults {
	char text[512]; /* separated by "; "; cut off at the end where it is longer */
} Faults;

void faults_clear(Faults *faults);
void faults_add(Faults *faults, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool faults_is_empty(const Faults *faults);
