/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the status goes. See report.h. */
#include "report.h"
#include "notify.h"
#include <fcntl.h>
#include <time.h>

#define PROMISE_S 120 /* docs/service.md, .alive: netpold warns if we are silent for so long */

static void write_text(const char *folder, const char *name, const char *text)
{
	ARENA_CLEANUP Arena *arena = arena_new();

	source_file_replace(
		AT_FDCWD, arena_printf(arena, "%s/%s", folder, name), text, strlen(text), NULL);
}

/* As old as what the server said last of the kind that is silent longest: see docs/service.md. */
static void write_promise(const char *directory, int64_t heard_at)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	const struct timespec modified = {.tv_sec = heard_at};

	files_write_promise(AT_FDCWD, arena_printf(arena, "%s/inventory", directory),
		arena_printf(arena, "%d\n", PROMISE_S), &modified);
}

bool report_write(const char *directory, const MirrorStatus *status, bool owes_ready)
{
	ARENA_CLEANUP Arena *arena = arena_new();

	write_text(directory, MIRROR_STATUS_FILE, mirror_status_json(arena, status));
	write_text(directory, MIRROR_METRICS_FILE, mirror_status_metrics(arena, status));
	if (status->is_ready && !status->files)
		write_promise(directory, status->heard_at ? status->heard_at : status->started_at);
	if (owes_ready)
		owes_ready = !notify_send("READY=1");
	notify_send("STATUS=%s", mirror_status_line(arena, status));
	notify_send("WATCHDOG=1");
	return owes_ready;
}
