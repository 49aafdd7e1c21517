/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * listing: splits the output of `nft list table` into the objects of the table, and compares an
 * object with text that we rendered. Pure functions; all memory is in the listing's arena.
 */
#include "base.h"

typedef struct ListingBlock {
	const char *keyword; /* "set", "map", "chain", or another kind of object of nft's */
	const char *name;
	const char *text; /* from "\tKEYWORD NAME {" to "\t}", as render.h writes it */
} ListingBlock;

typedef struct Listing {
	Arena *arena;
	StrMap *by_key;		    /* "KEYWORD NAME" -> ListingBlock */
	VEC(ListingBlock *) blocks; /* in the order of the text */
} Listing;

Listing listing_parse(Arena *arena, const char *text);
/* Parses more text; an object that the listing already has gets the new text. */
void listing_add(Listing *listing, const char *text);
const char *listing_find(
	const Listing *listing, const char *keyword, const char *name); /* or NULL */
/*
 * Whether the listed object is the one that `rendered` describes. Ignores what versions of nft
 * print differently: white space, and the default of a `reject`.
 */
bool listing_is_equal(const char *block, const char *rendered);
