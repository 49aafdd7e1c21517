/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netpolctl status: the status.json that netpold writes. */
#include "netpolctl.h"
#include <errno.h>
#include <string.h>

/* status.json has one key a line; people get it without the punctuation. */
static void print_status_line(const char *line)
{
	size_t n = strcspn(line, "\n");
	const char *inner = line + strspn(line, " {}[],\n");

	if (!*inner)
		return; /* brackets only */
	if (n > 0 && line[n - 1] == ',')
		n--;
	if (n > 2 && strncmp(line, "  ", 2) == 0) {
		line += 2;
		n -= 2;
	}
	for (size_t i = 0; i < n; i++) {
		bool is_empty = line[i] == '"' || line[i] == '{' || line[i] == '}';

		if (line[i] == '\\' && i + 1 < n)
			putchar(line[++i]);
		else if (!is_empty)
			putchar(line[i]);
	}
	putchar('\n');
}

int run_status(Ctl *ctl)
{
	bool is_healthy = false;
	const char *path;
	char *line = NULL;
	size_t capacity = 0;
	FILE *file;

	if (ctl->n != 0)
		return CTL_USAGE;
	if (ctl_load_settings(ctl) != 0)
		return CTL_ERROR;
	path = arena_printf(ctl->arena, "%s/" RUN_STATUS_FILE, ctl->settings.runtime);
	file = fopen(path, "re");
	if (!file) {
		fprintf(stderr, "netpolctl: %s: %s (is netpold running?)\n", path, strerror(errno));
		return CTL_ERROR;
	}
	while (getline(&line, &capacity, file) > 0) {
		is_healthy |= strncmp(line, "  \"health\": \"healthy\"", 21) == 0;
		if (ctl->is_json)
			fputs(line, stdout);
		else
			print_status_line(line);
	}
	free(line);
	fclose(file);
	return is_healthy ? CTL_OK : CTL_NO;
}
