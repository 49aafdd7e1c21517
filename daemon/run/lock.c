/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lock: see lock.h. */
#include "lock.h"
#include "run.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <stdio.h>
#include <unistd.h>

#define LOCK_FILE "lock"

static int open_lock(const char *runtime, int flags)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/" LOCK_FILE, runtime) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* 0: nobody has it. */
static pid_t find_holder(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? lock.l_pid : 0;
}

/*
 * The lock belongs to whoever the directory belongs to. Root may run `netpold --once` in the
 * directory of the service, which must be able to open the file afterwards.
 */
static void give_to_owner(int fd, const char *runtime)
{
	struct stat st;

	/* the service's sandbox ends whoever calls fchown; but it does not run as root */
	if (geteuid() != 0 || stat(runtime, &st) < 0)
		return;
	if (fchown(fd, st.st_uid, st.st_gid) < 0)
		return; /* the service will go on without the lock, with a warning */
}

int lock_take(const char *runtime, pid_t *ret_holder)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd, error;

	if (mkdir(runtime, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = open_lock(runtime, O_RDWR | O_CREAT);
	if (fd < 0)
		return -errno;
	give_to_owner(fd, runtime);
	if (fcntl(fd, F_SETLK, &lock) == 0)
		return 0; /* closing the file would release the lock: it stays open */
	error = errno;
	*ret_holder = find_holder(fd);
	close(fd);
	return error == EACCES || error == EAGAIN ? -EWOULDBLOCK : -error;
}

int run_holder(const char *runtime, pid_t *ret_pid)
{
	int fd = open_lock(runtime, O_RDONLY);

	*ret_pid = 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	*ret_pid = find_holder(fd);
	close(fd);
	return 0;
}
