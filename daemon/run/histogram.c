/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Histograms of durations. See histogram.h. */
#include "histogram.h"

/* The upper bounds of the buckets in microseconds; one more bucket has no bound. */
static const uint64_t BOUND_USEC[HISTOGRAM_BOUNDS] = {500, 1000, 2500, 5000, 10000, 25000, 50000,
	100000, 250000, 500000, 1000000, 2500000, 10000000};

void histogram_add(Histogram *histogram, uint64_t usec)
{
	size_t i = 0;

	while (i < HISTOGRAM_BOUNDS && usec > BOUND_USEC[i])
		i++;
	histogram->counts[i]++;
	histogram->sum_usec += usec;
}

void histogram_render(Buf *buf, const char *name, const char *help, const Histogram *histogram)
{
	unsigned long long n = 0;

	buf_printf(buf, "# HELP netpol_%s %s\n# TYPE netpol_%s histogram\n", name, help, name);
	for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
		n += histogram->counts[i];
		buf_printf(buf, "netpol_%s_bucket{le=\"%g\"} %llu\n", name,
			(double)BOUND_USEC[i] / 1e6, n);
	}
	n += histogram->counts[HISTOGRAM_BOUNDS];
	buf_printf(buf,
		"netpol_%s_bucket{le=\"+Inf\"} %llu\nnetpol_%s_sum %.6f\n"
		"netpol_%s_count %llu\n",
		name, n, name, (double)histogram->sum_usec / 1e6, name, n);
}
