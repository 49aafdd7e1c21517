/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* empty_list: finds out Source.says_nothing (parse.h), for readers of policies and inventories. */
#include "parse.h"

/* A reader calls it for each list without items. */
static inline void empty_list_note(Source *source, Origin origin)
{
	if (!source->empty_list.line)
		source->empty_list = origin;
}

/* Sets says_nothing if it is so, with a warning. Called when the whole file is read. */
void empty_list_check(Source *source, SourceKind kind);
