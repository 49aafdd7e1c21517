/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the status goes. See report.h. */
#include "report.h"
#include "notify.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#define PROMISE_S 120 /* docs/service.md, .alive: netpold warns if we are silent for so long */

/* modified_at: the file's time; 0: now. */
static void write_text(const char *folder, const char *name, const char *text, int64_t modified_at)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	const struct timespec modified = {.tv_sec = modified_at};

	source_file_replace(AT_FDCWD, arena_printf(arena, "%s/%s", folder, name), text,
		strlen(text), modified_at ? &modified : NULL);
}

/* As old as what the server said last of the kind that is silent longest: see docs/service.md. */
static void write_promise(const char *directory, int64_t heard_at)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	const char *inventory = arena_printf(arena, "%s/inventory", directory);
	const char *folder = arena_printf(arena, "%s/" FILES_PROMISE_FOLDER, inventory);

	if (mkdir(folder, 0755) == 0)
		chmod(folder, 0755); /* whatever the umask is */
	write_text(inventory, FILES_PROMISE, arena_printf(arena, "%d\n", PROMISE_S), heard_at);
}

bool report_write(const char *directory, const MirrorStatus *status, bool owes_ready)
{
	ARENA_CLEANUP Arena *arena = arena_new();

	write_text(directory, MIRROR_STATUS_FILE, mirror_status_json(arena, status), 0);
	write_text(directory, MIRROR_METRICS_FILE, mirror_status_metrics(arena, status), 0);
	if (status->is_ready && !status->files)
		write_promise(directory, status->heard_at ? status->heard_at : status->started_at);
	if (owes_ready)
		owes_ready = !notify_send("READY=1");
	notify_send("STATUS=%s", mirror_status_line(arena, status));
	notify_send("WATCHDOG=1");
	return owes_ready;
}
