/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * versions: which version of each policy file is in force. A file's own errors are found when it is
 * parsed; what only shows across files (a name that two files define, a cidr_set that no file
 * defines) is found here, for all policy files together, whenever one of them has changed.
 *
 *     for each file that is there:
 *
 *        current has no errors? --yes--> candidate: current  ("new" unless it is accepted already)
 *                  |
 *                  no -----------------> candidate: accepted, or none
 *
 *     repeat until a round rejects nothing:
 *
 *        1. the accepted candidates define their names
 *        2. each new candidate, in the files' order:
 *              one of its names is defined already --> rejected, "duplicate-policy"
 *              else                                --> defines its names
 *        3. each new candidate:
 *              names a cidr_set that is undefined  --> rejected, "unknown-set"
 *
 *        rejected: the candidate becomes the file's accepted version, or none
 *
 *     for each file that was deleted, and is withdrawn (entry.h):
 *
 *        of its accepted version stays what no file above defines, policy by policy. So it is never
 *        the reason of a "duplicate-policy"; but its cidr_sets count as defined in step 3
 *
 * It ends: each round but the last turns a new candidate into an accepted one, and accepted ones
 * are never rejected. They need not be: the accepted versions were in force together, so that they
 * do not contradict each other (for a set that went away since see cidr_sets.h). Only those of the
 * state directory may: of several that define one policy the first does, as in step 1.
 */
#include "cidr_sets.h"
#include "directory.h"
#include "names.h"

typedef struct Version {
	SourceDir *dir;
	Entry *entry;
	Source *source; /* the candidate, and in the end what is in force; NULL: nothing */
	bool has_names; /* its policies are in the table of names */
} Version;

typedef struct Versions {
	Arena *arena;
	VEC(Version) list; /* of each file of the policy directories, in their order */
	CidrSets sets;	   /* that the policies in force name, by name */
	/* merged policies of deleted files that another file defines from now on */
	Policies lost;
	Diags diags; /* why versions were rejected */
} Versions;

/*
 * Chooses the versions of the files of n directories; those of policies count. `policies` is the
 * table of the policies' names that are in force, and is updated. The arena is a child of `parent`
 * and owns the result; entries and sources are borrowed.
 */
Versions versions_choose(Arena *parent, HashTable *policies, SourceDir *const *dirs, size_t n);
/* Whether the version was not in force before. */
bool version_is_new(const Version *version);
