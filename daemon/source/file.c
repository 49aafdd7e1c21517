/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One file: opened, checked, read whole and parsed. The directory may have anything in it: a FIFO,
 * a device, a link to a file elsewhere or a file that everybody may write is refused, and open() of
 * such a file never blocks.
 */
#include "file.h"
#include "attachment_file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- Stat ---- */
bool file_stat_is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mode == b->st_mode && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

uint64_t file_stat_stamp(const struct stat *st)
{
	uint64_t parts[] = {st->st_dev, st->st_ino, (uint64_t)st->st_size,
		(uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec,
		(uint64_t)st->st_ctim.tv_sec, (uint64_t)st->st_ctim.tv_nsec};
	uint8_t hash[32];
	Digest digest;
	uint64_t stamp;

	digest_start(&digest);
	digest_add(&digest, parts, sizeof(parts));
	digest_end(&digest, hash);
	memcpy(&stamp, hash, sizeof(stamp));
	return stamp ? stamp : 1;
}

/* ---- Messages ---- */
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
	static const size_t most[] = {
		PARSE_POLICY_BYTES_MAX, PARSE_INVENTORY_BYTES_MAX, PARSE_RECORD_BYTES_MAX};
	static const char *const too_large[] = {"larger than 16 MiB, the most a policy file may be",
		"larger than 2 GiB, the most an inventory may be",
		"larger than 1 MiB, the most a record may be"};

	if (S_ISDIR(st->st_mode))
		return "it is a directory, not a file";
	if (!S_ISREG(st->st_mode))
		return "it is not a regular file (a FIFO, device or socket)";
	if (st->st_mode & S_IWOTH)
		return "it is world-writable, and netpold reads no file that anyone may change "
		       "(chmod o-w)";
	return (uint64_t)st->st_size > most[kind] ? too_large[kind] : NULL;
}

/* ---- Reading ---- */
/* Texts take whole pages, so that after free() the allocator can return all of them to the kernel,
 * whatever it has allocated in neighbouring pages. */
#define PAGE ((size_t)4096)

char *file_read_whole(int fd, size_t size, size_t *ret_n)
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

int source_file_write(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t put = write(fd, text, n);

		if (put < 0 && errno != EINTR)
			return -errno;
		text += put > 0 ? put : 0;
		n -= put > 0 ? (size_t)put : 0;
	}
	return 0;
}

int source_file_replace(int directory, const char *path, const char *text, size_t n,
	const struct timespec *modified)
{
	const char *slash = strrchr(path, '/');
	int n_folder = slash ? (int)(slash - path) + 1 : 0, r, fd;
	char temp[PATH_MAX];

	if (snprintf(temp, sizeof(temp), "%.*s.new", n_folder, path) >= (int)sizeof(temp))
		return -ENAMETOOLONG;
	fd = openat(directory, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	r = fchmod(fd, 0644) < 0 ? -errno : source_file_write(fd, text, n);
	if (r == 0 && modified && futimens(fd, (struct timespec[]){*modified, *modified}) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(directory, temp, directory, path) < 0)
		r = -errno;
	return r;
}

int source_text_read(
	Arena *arena, const char *path, size_t n_max, const char **ret_text, size_t *ret_n)
{
	struct stat st;
	ssize_t n = -1;
	char *text = NULL;
	int r = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	else if ((size_t)st.st_size > n_max)
		r = -EFBIG;
	if (r == 0) {
		text = arena_alloc(arena, (size_t)st.st_size + 1);
		n = read(fd, text, (size_t)st.st_size);
		r = n < 0 ? -errno : 0;
	}
	close(fd);
	if (r < 0)
		return r;
	*ret_text = text;
	*ret_n = (size_t)n;
	return 0;
}

/* The path of an open file, with all symbolic links resolved by the kernel. 0 or -errno. */
static int resolve_path(int fd, char ret_path[PATH_MAX])
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
 * An O_PATH descriptor of the file that `name` leads to; -EXDEV if that is not beneath the
 * directory. O_PATH does not open the file itself, so a FIFO does not block.
 * openat2(RESOLVE_BENEATH) would do the check, but systemd's RestrictSUIDSGID= makes openat2 fail
 * with ENOSYS.
 */
static int find_beneath(int directory, const char *name)
{
	char base[PATH_MAX], path[PATH_MAX];
	int r, fd = openat(directory, name, O_PATH | O_CLOEXEC);
	size_t n;

	if (fd < 0)
		return -errno;
	r = resolve_path(directory, base);
	if (r == 0)
		r = resolve_path(fd, path);
	n = r == 0 ? strlen(base) : 0;
	if (r == 0 && (strncmp(path, base, n) != 0 || (path[n] != '/' && strcmp(base, "/") != 0)))
		r = -EXDEV;
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

/* Opens for reading the very file of the O_PATH descriptor, even if its name was renamed since. */
static int open_found(int found)
{
	char link[64];
	int fd;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", found);
	fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

bool file_error_is_transient(int error)
{
	return error == ENOMEM || error == EMFILE || error == ENFILE;
}

/*
 * Reads stat and text. On failure *ret_why is the message for the user, and the result is -errno of
 * open or read, or 0 if the file was refused.
 */
static int read_found(SourceKind kind, int found, SourceFile *file, const char **ret_why)
{
	int fd, error;

	if (fstat(found, &file->stat) < 0) {
		*ret_why = strerror(errno);
		return 0;
	}
	*ret_why = stat_error(&file->stat, kind);
	if (*ret_why)
		return 0;
	fd = open_found(found);
	if (fd < 0) {
		*ret_why = open_error(-fd);
		return fd;
	}
	file->text = file_read_whole(fd, (size_t)file->stat.st_size, &file->n);
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
	if (file_error_is_transient(-r))
		return r;
	if (why) { /* any other error is a diagnostic of the file */
		result.source = source_make_failed(file, why);
		r = 0;
	} else {
		r = source_parse(kind, file, result.text, result.n, scratch, &result.source);
		if (r == 0)
			attachment_file_finish(result.source, &result.stat);
	}
	if (r < 0)
		free(result.text);
	else
		*ret_file = result;
	return r;
}
