/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that say nothing: see empty_list.h. */
#include "empty_list.h"

void empty_file_report(Source *source, SourceKind kind)
{
	Origin origin = {.file = source->file};

	if (kind == SOURCE_POLICIES)
		DIAG_ERROR(&source->diags, origin, "empty",
			"has the writing failed? to take the policies away delete the file",
			"an empty file is no policy");
	else
		DIAG_ERROR(&source->diags, origin, PARSE_CODE_NO_INVENTORY, NULL,
			"an empty file is no inventory: the export has failed");
}

void empty_list_check(Source *source, SourceKind kind)
{
	bool is_policies = kind == SOURCE_POLICIES;

	source->says_nothing = source->empty_list.line && source_count_objects(source) == 0 &&
			       source->diags.n_errors == 0;
	if (source->says_nothing)
		DIAG_WARNING(&source->diags, source->empty_list, PARSE_CODE_EMPTY_LIST,
			is_policies ? "kubectl prints one when it fails: has the export failed? to "
				      "take the policies away delete the file"
				    : "kubectl prints one when it fails: has the export failed? to "
				      "take the pods away delete the file",
			"an empty list: this file has no %s",
			is_policies ? "policies" : "pods and namespaces");
}
