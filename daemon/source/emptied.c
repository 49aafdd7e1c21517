/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New versions that say too little: see emptied.h. */
#include "emptied.h"

#define HINT "the previous content stays in force; if its objects are really gone, delete the file"

static bool has_only_static_pods(const Source *source)
{
	return source->pods.n > 0 && source->n_static_pods == source->pods.n;
}

void emptied_check(const Source *accepted, Source *next)
{
	if (next->diags.n_errors > 0)
		return;
	if (next->says_nothing && source_count_objects(accepted) > 0) {
		diags_remove(&next->diags, PARSE_CODE_EMPTY_LIST);
		DIAG_ERROR(&next->diags, next->empty_list, "emptied", HINT,
			"the list is empty, as when kubectl fails; before, the file had %zu "
			"objects",
			source_count_objects(accepted));
	} else if (next->list.line && source_count_objects(next) == 0 && accepted->policies.n > 0) {
		DIAG_ERROR(&next->diags, next->list, "emptied", HINT,
			"a list without NetworkPolicies; before, the file had %u",
			accepted->policies.n);
	} else if (has_only_static_pods(next) && accepted->n_static_pods < accepted->pods.n) {
		DIAG_ERROR(&next->diags, next->pods.at[0]->origin, "emptied", HINT,
			"only static pods, as kubelet lists them just after its start; before, the "
			"file had %u pods",
			accepted->pods.n);
	}
}
