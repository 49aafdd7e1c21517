/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A text for the state directory: made at once, or later in the thread that stores it. */
#include "source.h"
#include <assert.h>

StateText *state_text_new(const char *name, char *text, size_t n)
{
	StateText *new = MEMORY_NEW(StateText);

	*new = (StateText){.name = memory_copy_text(name), .text = text, .n = n};
	return new;
}

StateText *state_text_deferred(const char *name, char *(*make)(const void *from),
	void (*drop)(const void *from), const void *from)
{
	StateText *new = state_text_new(name, NULL, 0);

	assert(from);
	new->make = make;
	new->drop = drop;
	new->from = from;
	return new;
}

void state_text_make(StateText *text)
{
	if (!text->from)
		return;
	assert(!text->text);
	text->text = text->make(text->from);
	text->n = strlen(text->text);
	text->drop(text->from);
	text->from = NULL;
}

StateText *state_text_free(StateText *text)
{
	if (text) {
		if (text->from)
			text->drop(text->from);
		free(text->name);
		free(text->text);
		free(text);
	}
	return NULL;
}
