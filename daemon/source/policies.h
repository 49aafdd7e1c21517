/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * policies: updates the model's policies after versions_choose() chose which version of each file
 * is in force. Only policies of files that have another version now are compared with the model,
 * and those that name a cidr_set whose ranges have changed.
 */
#include "versions.h"

/*
 * old: the previous choice, empty at first. Afterwards each entry's `merged` is its version in
 * `new`. New versions are not accepted yet: policies_accept does that, when `old` is not needed any
 * more.
 */
void policies_merge(Model *model, const Versions *old, const Versions *new, SourceDir *const *dirs,
	size_t n, Changes *changes);
void policies_accept(const Versions *versions);
