/* One file: opened without trusting it, read whole, and parsed. */
#include "directory.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *open_error(int error)
{
	switch (error) {
	case EXDEV:
		return "it is a symbolic link that leads out of the directory, and is not followed";
	case ELOOP:
		return "too many symbolic links";
	case EACCES:
		return "permission denied";
	default:
		return strerror(error);
	}
}

static const char *stat_error(const struct stat *st, SourceKind kind)
{
	size_t most = kind == SOURCE_POLICIES ? PARSE_POLICY_BYTES_MAX : PARSE_INVENTORY_BYTES_MAX;

	if (S_ISDIR(st->st_mode))
		return "it is a directory, not a file";
	if (!S_ISREG(st->st_mode))
		return "it is no regular file (a FIFO, device or socket)";
	if (st->st_mode & S_IWOTH)
		return "everybody may write to it; a firewall does not take its rules from just "
		       "anyone (chmod o-w)";
	if ((uint64_t)st->st_size > most)
		return kind == SOURCE_POLICIES ? "larger than 16 MiB, the most a policy file may be"
					       : "larger than 2 GiB, the most an inventory may be";
	return NULL;
}

/* Whole pages: when the text goes, nothing that stays keeps a part of it from the system. */
#define PAGE ((size_t)4096)

char *read_whole(int fd, size_t size, size_t *ret_n)
{
	char *text = aligned_alloc(PAGE, (size / PAGE + 1) * PAGE);
	size_t n = 0;

	if (!text)
		return NULL;
	while (n < size) {
		ssize_t got = read(fd, text + n, size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			free(text);
			return NULL;
		}
		if (got == 0)
			break;
		n += (size_t)got;
	}
	text[n] = '\0';
	*ret_n = n;
	return text;
}

/* Where an open file really lies; the kernel tells, whatever links led there. */
static int path_of(int fd, char ret_path[PATH_MAX])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret_path, PATH_MAX - 1);
	if (n < 0)
		return -errno;
	ret_path[n] = '\0';
	return 0;
}

/*
 * A handle on what NAME leads to (O_PATH: nothing is opened yet, no FIFO waits), if that lies
 * beneath the directory. Not openat2(RESOLVE_BENEATH): systemd's RestrictSUIDSGID= takes it away.
 */
static int find_beneath(int directory, const char *name)
{
	char base[PATH_MAX], path[PATH_MAX];
	int r, fd = openat(directory, name, O_PATH | O_CLOEXEC);
	size_t n;

	if (fd < 0)
		return -errno;
	r = path_of(directory, base);
	if (r == 0)
		r = path_of(fd, path);
	n = r == 0 ? strlen(base) : 0;
	if (r == 0 && (strncmp(path, base, n) != 0 || (path[n] != '/' && strcmp(base, "/") != 0)))
		r = -EXDEV;
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

/* Opens for reading what a handle stands for: the very file, wherever its name leads by now. */
static int open_found(int found)
{
	char link[64];
	int fd;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", found);
	fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

bool is_of_environment(int error)
{
	return error == ENOMEM || error == EMFILE || error == ENFILE;
}

/* Its content, or *ret_why says why there is none. 0, or -errno of opening or reading. */
static int read_found(SourceKind kind, int found, SourceFile *file, const char **ret_why)
{
	int fd, error;

	if (fstat(found, &file->stamp) < 0) {
		*ret_why = strerror(errno);
		return 0;
	}
	*ret_why = stat_error(&file->stamp, kind);
	if (*ret_why)
		return 0;
	fd = open_found(found);
	if (fd < 0) {
		*ret_why = open_error(-fd);
		return fd;
	}
	file->text = read_whole(fd, (size_t)file->stamp.st_size, &file->n);
	error = file->text ? 0 : errno;
	close(fd);
	if (error)
		*ret_why = strerror(error);
	return -error;
}

int source_file_read(int directory, SourceKind kind, const char *file, const char *name,
	Arena *scratch, SourceFile *ret_file)
{
	const char *why = NULL;
	int found = find_beneath(directory, name), r = found;
	SourceFile result = {};

	if (found < 0) {
		why = open_error(-found);
	} else {
		r = read_found(kind, found, &result, &why);
		close(found);
	}
	if (is_of_environment(-r))
		return r;
	if (why) { /* what else went wrong is said of the file */
		result.source = source_make_failed(file, why);
		r = 0;
	} else {
		r = source_parse(kind, file, result.text, result.n, scratch, &result.source);
	}
	if (r < 0)
		free(result.text);
	else
		*ret_file = result;
	return r;
}
