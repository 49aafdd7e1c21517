/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * in_place: an inventory file that is read again mostly has the same pods. Instead of replacing the
 * accepted version by the current one as a whole, the accepted one is updated in place: pods that
 * are equal stay where they are in memory, so that the model and the compiler, which point at them,
 * need not look at them. New pods are copied into the accepted version's arena.
 */
#include "source.h"

typedef enum InPlace {
	IN_PLACE_NO,	 /* not done: nothing has changed, the caller replaces the whole version */
	IN_PLACE_SAME,	 /* done; no pod differed */
	IN_PLACE_CHANGED /* done; the model and `changes` have the pods that differ */
} InPlace;

/*
 * Updates `into`, an accepted version that the model has, to what `next` has. `next` stays the
 * caller's, and nothing points at it afterwards. Not done (IN_PLACE_NO) if the namespaces differ,
 * if either has diagnostics, if they are of two files (one is a saved copy), or if half of the
 * arena would be pods that were superseded.
 */
InPlace in_place_update(Source *into, const Source *next, Model *model, Changes *changes);
