/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * mirror: netpol-mirror, the program that keeps the files that netpold reads equal to what the API
 * server has. The files are the contract: netpold knows nothing of this program, and goes on when
 * the API server is away, or when this program is.
 *
 *     API server -- transfer --> reflector --> store -- files --> rename --> netpold
 *                   (curl)       (one of each kind)
 *
 *     mirror/store.h       the objects of one kind, and the file that each belongs to
 *     mirror/reflector.h   list and watch of one kind: what to ask next, and what an answer means
 *     mirror/files.h       stores -> files, only those that differ
 *
 * Store and reflector are pure. mirror_run() is all of the program after its command line.
 */
#include "parse.h"
#include "source.h"
#include "mirror/store.h"
#include "mirror/reflector.h"
#include "mirror/files.h"

#define MIRROR_CONF_DEFAULT "/etc/netpol/netpol.conf"
#define MIRROR_METRICS_FILE "mirror.prom"

typedef struct MirrorOptions {
	const char *conf;
	bool is_conf_default;		    /* then the file may be absent */
	const char *kubeconfig, *directory; /* NULL: as the settings say */
} MirrorOptions;

/* Runs until SIGTERM or SIGINT. Returns the exit status of the process. */
int mirror_run(const MirrorOptions *options);
