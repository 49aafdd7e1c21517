/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* histogram: how often something took how long, as Prometheus counts it. Pure. */
#include "run.h"

void histogram_add(Histogram *histogram, uint64_t usec);
/* The lines of one metric, with HELP and TYPE. name: without "netpol_". */
void histogram_render(Buf *buf, const char *name, const char *help, const Histogram *histogram);
