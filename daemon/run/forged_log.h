/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * forged_log: how many packets the sender check has refused, for each pod, since the start; and the
 * line in the journal about them, at most once a minute. The tables count by interface, and begin
 * anew when they are written anew.
 */
#include "model.h"
#include "run.h"

typedef struct ForgedPort {
	unsigned port;
	const Pod *pod;
} ForgedPort;

typedef VEC(ForgedPort) ForgedPorts;

/* "": no pod is known at the port. */
typedef struct PortPod {
	const char *namespace, *pod;
} PortPod;

typedef struct ForgedLog ForgedLog;

ForgedLog *forged_log_new(void);
ForgedLog *forged_log_free(ForgedLog *log); /* takes NULL; returns NULL */
/* Which pod is at which port now. Copied. */
void forged_log_set_ports(ForgedLog *log, const ForgedPorts *ports);
/* Borrowed until the next forged_log_set_ports(). */
PortPod forged_log_pod_at(const ForgedLog *log, unsigned port);
/* What the tables have counted; now: clock_usec(). */
void forged_log_add(ForgedLog *log, const NftForgedCounts *counts, uint64_t now);
/* At most FORGED_PODS_MAX pods; what is of others, or of no pod, is in one entry without a name. */
#define FORGED_PODS_MAX 1000
ForgedTotals forged_log_totals(const ForgedLog *log); /* borrowed until the next forged_log_add() */
