/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Splitting and comparing nft's listings. See listing.h. */
#include "listing.h"
#include <assert.h>
#include <string.h>

/* `header` is "KEYWORD NAME". */
static void add_block(Listing *listing, const char *header, const char *text)
{
	ListingBlock *block = strmap_get(listing->by_key, header);
	size_t n = strcspn(header, " ");

	if (!block) {
		block = ARENA_NEW(listing->arena, ListingBlock);
		block->keyword = arena_strndup(listing->arena, header, n);
		block->name = header + n + (header[n] == ' ');
		VEC_PUSH(listing->arena, &listing->blocks, block);
		strmap_put(listing->by_key, header, block);
	}
	block->text = text;
}

void listing_add(Listing *listing, const char *text)
{
	static const char closing[] = "\n\t}\n", opening[] = " {\n";

	for (const char *line = text, *next; *line; line = next) {
		const char *end;

		next = strchr(line, '\n');
		if (!next)
			return;
		next++;
		if (line[0] != '\t' || line[1] == '\t' || line[1] == '}' || next[-2] != '{')
			continue;
		end = strstr(line, closing);
		if (!end)
			return;
		end += strlen(closing);
		add_block(listing,
			arena_strndup(listing->arena, line + 1,
				(size_t)(next - line) - 1 - strlen(opening)),
			arena_strndup(listing->arena, line, (size_t)(end - line)));
		next = end;
	}
}

Listing listing_parse(Arena *arena, const char *text)
{
	Listing listing = {.arena = arena, .by_key = strmap_new(arena)};

	listing_add(&listing, text);
	return listing;
}

const char *listing_find(const Listing *listing, const char *keyword, const char *name)
{
	const ListingBlock *block =
		strmap_get(listing->by_key, arena_printf(listing->arena, "%s %s", keyword, name));

	return block ? block->text : NULL;
}

/* Skips white space and the default that some versions of nft print after "reject". */
static const char *skip_insignificant(const char *text)
{
	static const char reject_default[] = "with icmpx port-unreachable";

	text += strspn(text, " \t\n");
	if (strncmp(text, reject_default, strlen(reject_default)) == 0)
		text += strlen(reject_default);
	return text + strspn(text, " \t\n");
}

bool listing_is_equal(const char *block, const char *rendered)
{
	for (;;) {
		block = skip_insignificant(block);
		rendered = skip_insignificant(rendered);
		if (*block != *rendered)
			return false;
		if (!*block)
			return true;
		block++;
		rendered++;
	}
}
