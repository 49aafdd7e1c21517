/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * names: which file defines which name. Over all policy files in force, a NetworkPolicy's namespace
 * and name, and a cidr_set's name, may be defined once, like a symbol of a linked program.
 */
#include "source.h"

typedef struct Names {
	Arena *arena; /* of one pass: the messages and `sets` */
	/* Policy by namespace and name; the snapshot's, and updated incrementally */
	HashTable *policies;
	StrMap *sets; /* name -> const CidrSet *; built anew by each pass: there are few */
} Names;

/* By namespace, then name; of const Policy *const *, for qsort and merge_next. */
int names_compare_policies(const void *a, const void *b);
void names_add_policies(HashTable *policies, const Source *source);
/* The source's policies must be in the table. */
void names_remove_policies(HashTable *policies, const Source *source);
void names_add_sets(Names *names, const Source *source);
/*
 * For the version of a deleted file: a name that another file defines is that file's. First its
 * cidr_sets that nobody else defines; at last what others define is taken out of the source, and
 * the rest of its policies is added to the table. The policies taken out are appended to *lost.
 */
void names_add_missing_sets(Names *names, const Source *source);
void names_add_rest(Names *names, Source *source, Arena *arena, Policies *lost);
/*
 * The first policy or cidr_set of the source whose name is defined already: its place, and a
 * message in names->arena. NULL: there is none.
 */
const char *names_find_duplicate(const Names *names, const Source *source, Origin *ret_origin);
