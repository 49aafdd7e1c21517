/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into netpold (LD_PRELOAD): a disk that takes NETPOL_FSYNC_MS milliseconds to sync. The
 * saving thread then holds its references while the main loop makes many changes.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int fsync(int fd)
{
	const char *text = getenv("NETPOL_FSYNC_MS");
	long ms = text ? strtol(text, NULL, 10) : 0;
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
	return (int)syscall(SYS_fsync, fd);
}
