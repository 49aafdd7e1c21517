/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * names: who defines what in the policy files in force. A NetworkPolicy's namespace and name, and a
 * cidr_set's name, may be defined once over all files, as symbols of a program that is linked.
 */
#include "source.h"

typedef struct Names {
	Arena *arena; /* of one pass: the messages and `sets` */
	HashTable
		*policies; /* Policy by namespace and name; the snapshot's, updated by difference */
	StrMap *sets;	   /* name -> const CidrSet *; built anew by each pass, there are few */
} Names;

/* By namespace, then name; of const Policy *const *, for qsort and merge_next. */
int names_compare_policies(const void *a, const void *b);
void names_add_policies(HashTable *policies, const Source *source);
/* The source's policies must be in the table. */
void names_remove_policies(HashTable *policies, const Source *source);
void names_add_sets(Names *names, const Source *source);
/*
 * The first policy or cidr_set of the source whose name is defined already: its place, and a
 * message in names->arena. NULL: there is none.
 */
const char *names_find_duplicate(const Names *names, const Source *source, Origin *ret_origin);
