/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * policies: brings the model from one choice of versions to the next. Only the policies of files
 * that have another version now are compared, and those that name a cidr_set with other ranges.
 */
#include "versions.h"

/*
 * old: the choice before, empty at first. Afterwards each entry's `merged` is what `new` has. The
 * versions that are new are not accepted yet: that is policies_accept, once nothing looks at `old`.
 */
void policies_merge(Model *model, const Versions *old, const Versions *new, SourceDir *const *dirs,
	size_t n, Changes *changes);
void policies_accept(const Versions *versions);
