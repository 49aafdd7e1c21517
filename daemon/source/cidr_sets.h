/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * cidr_sets: resolves the cidr_sets that policies name in their peers. A file may name a set that
 * another file defines. If that definition goes away later, the policies that name the set must not
 * change: so each accepted source keeps a copy of the definitions that it was resolved with
 * (Source.resolved), and the copy stands in for a definition that is missing.
 */
#include "source.h"

typedef VEC(const CidrSet *) CidrSets;

/* The first peer of the source that names an undefined set; NULL: there is none. definitions: name
 * -> const CidrSet *. */
const Peer *cidr_sets_find_undefined(const StrMap *definitions, const Source *source);

typedef struct CidrSetResolver {
	StrMap *definitions; /* name -> const CidrSet *; copies are added for missing definitions */
	StrMap *resolved;    /* those that are in `sets` already; empty at first */
	Arena *arena;	     /* of `sets` */
	CidrSets sets;	     /* the result: each set that a policy names, once */
	Diags *diags;	     /* an error for each set that is not defined any more */
} CidrSetResolver;

/* Adds the sets that the source names; updates the copies that it keeps. */
void cidr_sets_resolve(CidrSetResolver *resolver, Source *source);
void cidr_sets_sort(CidrSets *sets); /* by name */
/* Whether a set that the policy names has other ranges in `new`. Both lists are sorted. */
bool cidr_sets_differ(const CidrSets *old, const CidrSets *new, const Policy *policy);
