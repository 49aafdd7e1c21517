/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* empty_list: empty files, and Source.says_nothing (parse.h), for readers of policies and
 * inventories. */
#include "parse.h"

/* A reader calls it for each list without items. */
static inline void empty_list_note(Source *source, Origin origin)
{
	if (!source->empty_list.line)
		source->empty_list = origin;
}

/* An error: the file is empty, by accident as far as one can tell. */
void empty_file_report(Source *source, SourceKind kind);
/* Sets says_nothing if it is so, with a warning. Called when the whole file is read. */
void empty_list_check(Source *source, SourceKind kind);
