/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON or YAML: see documents.h. */
#include "documents.h"
#include "json_tree.h"
#include "yaml_tree.h"
#include <string.h>

bool documents_read(Reader *reader, const char *file, const char *text, size_t n, Documents *ret)
{
	Rest start = {.origin = {file, 1, 1}}, rest = start;
	Diags json = {.arena = reader->arena};

	if (text[strspn(text, " \t\r\n")] != '{')
		return yaml_tree_read(reader, text, n, start, ret);
	if (json_tree_read(&(Reader){reader->arena, &json}, text, n, &rest, ret))
		return true;
	if (ret->n > 0 && text[rest.at] == '{') {
		diags_append(reader->diags, &json);
		return json.n_errors == 0 && yaml_tree_read(reader, text, n, rest, ret);
	}
	if (ret->n > 1 && strncmp(text + rest.at, "---", 3) == 0)
		return yaml_tree_read(reader, text, n, rest, ret);
	if (ret->n > 1) {
		DIAG_ERROR(reader->diags, rest.origin, "syntax", NULL,
			"after a JSON object: expected another one, or \"---\"");
		return false;
	}
	ret->n = 0;
	return yaml_tree_read(reader, text, n, start, ret);
}
