/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * in_place: when an inventory file is read again, most of its pods are as before. Instead of
 * replacing the accepted version as a whole by the current one, the accepted one is updated in
 * place: pods that are equal keep their addresses in memory, so that the model and the compiler,
 * which point at them, have no work with them. Other pods are copied into the accepted version's
 * arena.
 */
#include "source.h"

typedef enum InPlace {
	IN_PLACE_NO,	 /* not done: nothing has changed, the caller replaces the whole version */
	IN_PLACE_SAME,	 /* done; no pod differed */
	IN_PLACE_CHANGED /* done; the model and `changes` have the pods that differ */
} InPlace;

/*
 * Updates `into`, an accepted version that the model has, to the content of `next`. `next` stays
 * the caller's, and nothing points at it afterwards. Nothing is done (IN_PLACE_NO) if the
 * namespaces differ, if either version has diagnostics, if their paths differ (`into` is a saved
 * copy), if the file was deleted in between, or if too much of the arena would be pods that were
 * superseded.
 */
InPlace in_place_update(Source *into, const Source *next, Model *model, Changes *changes);
