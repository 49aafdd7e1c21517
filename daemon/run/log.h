#pragma once
/* log: to the journal with fields when systemd started us, else to standard error. */
#include "run.h"

void log_line(int priority, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void log_generation(uint64_t generation, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void log_diag(const Diag *diag);
