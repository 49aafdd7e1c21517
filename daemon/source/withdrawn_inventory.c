/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pods and namespaces of a deleted file are marked as such. */
#include "withdrawn_inventory.h"
#include <assert.h>

/* In lists of their own, too: the model's caller still needs the unmarked ones. */
static void mark_pods(Source *source)
{
	source->pods = VEC_COPY(source->arena, source->pods);
	for (size_t i = 0; i < source->pods.n; i++) {
		Pod *pod = ARENA_NEW(source->arena, Pod);

		*pod = *source->pods.at[i];
		pod->withdrawn_at = source->withdrawn_at;
		source->pods.at[i] = pod;
	}
}

static void mark_namespaces(Source *source)
{
	source->namespaces = VEC_COPY(source->arena, source->namespaces);
	for (size_t i = 0; i < source->namespaces.n; i++) {
		Namespace *namespace = ARENA_NEW(source->arena, Namespace);

		*namespace = *source->namespaces.at[i];
		namespace->withdrawn_at = source->withdrawn_at;
		source->namespaces.at[i] = namespace;
	}
}

void withdrawn_inventory_mark(Source *source, uint64_t gone_at_ms)
{
	assert(source->withdrawn_at == 0);
	source->withdrawn_at = gone_at_ms + 1; /* 0 is for files that are there */
	mark_pods(source);
	mark_namespaces(source);
}
