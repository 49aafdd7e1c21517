/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chains of other policy engines, and the warnings about them. */
#include "other_engines.h"
#include "nft.h"

struct OtherEngines {
	Arena *arena; /* of what was found */
	NftForeigns found;
};

OtherEngines *other_engines_new(void)
{
	OtherEngines *engines = MEMORY_NEW(OtherEngines);

	engines->arena = arena_new();
	return engines;
}

OtherEngines *other_engines_free(OtherEngines *engines)
{
	if (engines)
		arena_free(engines->arena);
	free(engines);
	return NULL;
}

void other_engines_look(OtherEngines *engines)
{
	Arena *arena = arena_new();
	NftForeigns found = {};

	if (nft_find_foreign(arena, &found) < 0) {
		arena_free(arena);
		return;
	}
	arena_free(engines->arena);
	engines->arena = arena;
	engines->found = found;
}

void other_engines_add_diags(const OtherEngines *engines, Diags *diags)
{
	for (size_t i = 0; i < engines->found.n; i++) {
		const NftForeign *f = &engines->found.at[i];
		Origin origin = {
			.file = arena_printf(diags->arena, "table %s %s", f->family, f->table)};

		DIAG_WARNING(diags, origin, "other-engine",
			"if it was turned off, remove what it left: see docs/cluster.md",
			"chains of another policy engine, %s (%s%s): what they refuse is refused, "
			"whatever netpold allows",
			f->engine, f->chain,
			f->n > 1 ? arena_printf(diags->arena, " and %u more", f->n - 1) : "");
	}
}
