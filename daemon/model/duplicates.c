/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pods of one name that several files, or several places of one file, have. Where they differ, one
 * of the files is usually an old inventory that nobody removed: a warning.
 */
#include "namespace_index.h"
#include <stdlib.h>

typedef struct Duplicate {
	const Pod *winner;
	const ConflictGroup *group;
} Duplicate;

bool model_is_duplicate(const Model *model, const Pod *pod)
{
	const NamespaceIndex *namespace =
		model->counts.duplicates ? model_namespace_index(model, pod->namespace) : NULL;

	return namespace && conflict_map_has_conflict(&namespace->pods, pod->name);
}

static int compare_duplicates(const void *a, const void *b)
{
	const Duplicate *x = a, *y = b;

	return pod_compare_p(&x->winner, &y->winner);
}

/* For qsort() of Pod *: by the rule that chooses the winner, the best one first. */
static int compare_rank(const void *a, const void *b)
{
	return pod_is_later(*(const Pod *const *)a, *(const Pod *const *)b) ? -1 : 1;
}

static void warn_of(const Duplicate *duplicate, Diags *diags)
{
	const Pod *winner = duplicate->winner;
	size_t n;
	const void *const *losers =
		conflict_group_losers(duplicate->group, winner, diags->arena, compare_rank, &n);

	for (size_t i = 0; i < n; i++) {
		const Pod *pod = losers[i];

		/* a file was renamed, say; or two exports overlap, of one cluster at one time */
		if (pod->withdrawn_at || pod_is_equal(pod, winner))
			continue;
		DIAG_WARNING(diags, winner->origin, "duplicate", NULL,
			"pod \"%s/%s\" is also at %s:%u; this one is used: its "
			"resourceVersion is higher, or its file sorts last",
			winner->namespace, winner->name, pod->origin.file, pod->origin.line);
	}
}

/* Sorted, so that equal files give equal warnings: the order of the hash tables is arbitrary. */
void model_warn_duplicates(const Model *model, Diags *diags)
{
	VEC(Duplicate) all = {};
	const NamespaceIndex *namespace;
	const ConflictGroup *group;

	for (size_t i = 0;
		model->counts.duplicates && (namespace = model_next_namespace(model, &i));)
		for (size_t k = 0; (group = conflict_map_next_group(&namespace->pods, &k));)
			VEC_PUSH(diags->arena, &all,
				(Duplicate){conflict_map_winner(
						    &namespace->pods, conflict_group_key(group)),
					group});
	if (all.n)
		qsort(all.at, all.n, sizeof(Duplicate), compare_duplicates);
	for (size_t i = 0; i < all.n && i < DIAGS_MAX; i++)
		warn_of(&all.at[i], diags);
	if (all.n > DIAGS_MAX)
		diags_count_dropped(diags, SEVERITY_WARNING, all.n - DIAGS_MAX);
}
