/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* empty_list: says_nothing (parse.h), for the readers of policies and of inventories. */
#include "parse.h"

/* A list at that place has no items. */
static inline void empty_list_note(Source *source, Origin origin)
{
	if (!source->empty_list.line)
		source->empty_list = origin;
}

/* Sets says_nothing, with a warning. Called when the whole file is read. */
void empty_list_check(Source *source, SourceKind kind);
