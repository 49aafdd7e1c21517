/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * denial_ring: the file denied.jsonl in the runtime directory: the last refused flows, one JSON
 * object a line, oldest first. `netpolctl denied` reads it.
 *
 * The file is replaced as a whole, at most once a second, and takes at most a tenth of the time. A
 * restarted netpold goes on with the lines and the numbers of the one before.
 */
#include <stdint.h>
#include <systemd/sd-event.h>

#define DENIAL_RING_MAX 4096	    /* lines */
#define DENIAL_LINE_MAX (64 * 1024) /* bytes */

typedef struct DenialRing DenialRing;

/* Reads what is there. Borrows the event loop; copies the path of the directory. */
DenialRing *denial_ring_new(sd_event *event, const char *runtime);
DenialRing *denial_ring_free(DenialRing *ring);	   /* writes what is not written yet */
uint64_t denial_ring_next(const DenialRing *ring); /* the number of the next entry */
/* The line of an entry; NULL: the ring does not have it. */
const char *denial_ring_line(const DenialRing *ring, uint64_t number);
void denial_ring_add(DenialRing *ring, const char *line); /* without its line break; copied */
