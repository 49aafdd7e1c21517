/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state directory: texts that outlive a restart, and a power failure at any instant. A text is
 * written to a temp file, followed by a trailer with its checksum; the file is fsynced and renamed
 * over the name; then the directory is fsynced. The version before stays as NAME~, and is loaded if
 * the newer one is damaged.
 *
 *     policies/web.yaml       the text, then the trailer: a line of a fixed length
 *     policies/web.yaml~      the version before
 *     policies/.new           the temp file of a write that did not end
 *     policies-DIGEST/...     of a directory with another path than the default; of that path
 */
#include "state.h"
#include "file.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMP_NAME ".new" /* one name is enough: there is one writer */
#define OLDER_SUFFIX "~"

/*
 * The trailer, "# netpol state, sha256 HEX of STAMP". It is found by its length from the end, so
 * the text before it may be anything. The checksum is of the text.
 */
#define TRAILER_HEAD "\n# netpol state, sha256 "
#define TRAILER_SIZE (sizeof(TRAILER_HEAD) - 1 + 64 + sizeof(" of 0123456789abcdef\n") - 1)
#define STAMP_AT (TRAILER_SIZE - 17)

static void write_trailer(const char *text, size_t n, uint64_t stamp, char ret[TRAILER_SIZE + 1])
{
	uint8_t hash[32];
	Digest digest;
	char hex[65];

	digest_start(&digest);
	digest_add(&digest, text, n);
	digest_end(&digest, hash);
	for (size_t i = 0; i < sizeof(hash); i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	snprintf(ret, TRAILER_SIZE + 1, TRAILER_HEAD "%s of %016llx\n", hex,
		(unsigned long long)stamp);
}

/* ---- Directories ---- */
/* Opens STATE, or STATE/FOLDER if `folder` is not empty. Returns a descriptor, or -errno. */
static int open_folder(const char *state, const char *folder, bool is_to_be_made)
{
	int parent, fd, error;

	if (is_to_be_made && mkdir(state, 0755) < 0 && errno != EEXIST)
		return -errno;
	parent = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0 || !*folder)
		return parent < 0 ? -errno : parent;
	if (is_to_be_made && mkdirat(parent, folder, 0755) < 0 && errno != EEXIST) {
		error = errno;
		close(parent);
		return -error;
	}
	fd = openat(parent, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	error = errno;
	close(parent);
	return fd < 0 ? -error : fd;
}

static const char *plain_folder(SourceKind kind)
{
	return kind == SOURCE_POLICIES ? "policies" : "inventory";
}

void source_state_folder(SourceKind kind, const char *path, char ret_folder[NAME_MAX + 1])
{
	const char *usual =
		kind == SOURCE_POLICIES ? SETTINGS_POLICIES_DEFAULT : SETTINGS_INVENTORY_DEFAULT;
	char digest[DIGEST_NAME_LENGTH + 1];
	Digest of_path;

	if (strcmp(path, usual) == 0) {
		snprintf(ret_folder, NAME_MAX + 1, "%s", plain_folder(kind));
		return;
	}
	digest_start(&of_path);
	digest_add_text(&of_path, path);
	digest_end_name(&of_path, digest);
	snprintf(ret_folder, NAME_MAX + 1, "%s-%s", plain_folder(kind), digest);
}

void source_state_adopt(const char *state, SourceKind kind, const char *path)
{
	char folder[NAME_MAX + 1];
	int fd = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return; /* nothing was ever saved */
	source_state_folder(kind, path, folder);
	renameat2(fd, plain_folder(kind), fd, folder, RENAME_NOREPLACE);
	close(fd);
}

int state_open_folder(const char *state, const char *folder)
{
	return open_folder(state, folder, false);
}

/* Of "policies/web.yaml": opens the folder; *ret_base is "web.yaml", within `name`. */
static int open_parent(
	const char *state, const char *name, bool is_to_be_made, const char **ret_base)
{
	const char *slash = strchr(name, '/');
	char folder[NAME_MAX + 1] = "";

	if (slash)
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - name), name);
	*ret_base = slash ? slash + 1 : name;
	return open_folder(state, folder, is_to_be_made);
}

/* False: the name would be too long, so no older version is stored. */
static bool older_name(const char *base, char ret_older[NAME_MAX + 1])
{
	int n = snprintf(ret_older, NAME_MAX + 1, "%s" OLDER_SUFFIX, base);

	return n > 0 && n <= NAME_MAX;
}

/* ---- Store ---- */
static int write_temp(int folder, const StateText *text)
{
	char trailer[TRAILER_SIZE + 1];
	int r, fd;

	write_trailer(text->text, text->n, text->stamp, trailer);
	fd = openat(folder, TEMP_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	r = source_file_write(fd, text->text, text->n);
	if (r == 0)
		r = source_file_write(fd, trailer, TRAILER_SIZE);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	close(fd);
	if (r < 0)
		unlinkat(folder, TEMP_NAME, 0);
	return r;
}

static int rename_temp(int folder, const char *base)
{
	char older[NAME_MAX + 1];

	if (older_name(base, older)) {
		unlinkat(folder, older, 0);
		/* the first version has none before it; without hard links (vfat) none is kept */
		if (linkat(folder, base, folder, older, 0) < 0 && errno != ENOENT && errno != EPERM)
			return -errno;
	}
	if (renameat(folder, TEMP_NAME, folder, base) < 0)
		return -errno;
	return 0;
}

static void remove_versions(int folder, const char *base)
{
	char older[NAME_MAX + 1];

	unlinkat(folder, base, 0);
	if (older_name(base, older))
		unlinkat(folder, older, 0);
}

int state_store(const char *state, const StateText *text)
{
	const char *base;
	int r = 0, folder = open_parent(state, text->name, text->text != NULL, &base);

	assert(!text->from); /* a deferred text is made first */
	if (folder < 0)
		return text->text ? folder : 0; /* without the folder there is nothing to remove */
	if (text->text) {
		r = write_temp(folder, text);
		if (r == 0)
			r = rename_temp(folder, base);
	} else {
		remove_versions(folder, base);
	}
	if (r == 0 && fsync(folder) < 0)
		r = -errno;
	close(folder);
	return r;
}

/* ---- Load ---- */
/* NULL if the trailer is whole and its checksum right, or the reason why not. */
static const char *check_trailer(const char *text, size_t n, size_t *ret_n)
{
	char trailer[TRAILER_SIZE + 1];
	const char *last;
	uint64_t stamp;

	if (n < TRAILER_SIZE)
		return "it is truncated";
	last = text + n - TRAILER_SIZE;
	if (strncmp(last, TRAILER_HEAD, sizeof(TRAILER_HEAD) - 1) != 0 || text[n - 1] != '\n')
		return "it is truncated";
	stamp = strtoull(last + STAMP_AT, NULL, 16);
	write_trailer(text, n - TRAILER_SIZE, stamp, trailer);
	if (memcmp(last, trailer, TRAILER_SIZE) != 0)
		return "its checksum is wrong";
	*ret_n = n - TRAILER_SIZE;
	return NULL;
}

/*
 * Returns NULL and the text without its trailer, or the reason why there is none. *ret_error is the
 * errno of opening and reading, or 0.
 */
static const char *read_checked(
	int folder, const char *base, char **ret_text, size_t *ret_n, int *ret_error)
{
	int fd = openat(folder, base, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	const char *why = NULL;
	char *text = NULL;
	struct stat st;
	size_t n = 0;

	*ret_error = fd < 0 ? errno : 0;
	if (fd < 0)
		return strerror(errno);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_mode & S_IWOTH)
		why = "it is not a regular file, or it is world-writable";
	else if ((uint64_t)st.st_size > PARSE_INVENTORY_BYTES_MAX + TRAILER_SIZE)
		why = "it is too large";
	else
		text = file_read_whole(fd, (size_t)st.st_size, &n);
	if (!why && !text)
		*ret_error = errno;
	close(fd);
	if (text)
		why = check_trailer(text, n, ret_n);
	if (!text || why) {
		free(text);
		return why ? why : "it cannot be read";
	}
	text[*ret_n] = '\0';
	*ret_text = text;
	return NULL;
}

static void warn_damaged(Diags *diags, const char *state, const char *name, const char *why,
	const char *what_instead)
{
	DIAG_WARNING(diags, ((Origin){.file = arena_printf(diags->arena, "%s/%s", state, name)}),
		"state", what_instead, "this saved copy is damaged: %s", why);
}

int state_load(const char *state, const char *name, Diags *diags, char **ret_text, size_t *ret_n)
{
	const char *base, *why, *why_older = "its name is too long";
	char older[NAME_MAX + 1];
	int error, error_older = 0, folder = open_parent(state, name, false, &base);

	if (folder < 0)
		return file_error_is_transient(-folder) ? folder : -ENOENT;
	why = read_checked(folder, base, ret_text, ret_n, &error);
	if (why && !file_error_is_transient(error) && older_name(base, older))
		why_older = read_checked(folder, older, ret_text, ret_n, &error_older);
	if (file_error_is_transient(error) || file_error_is_transient(error_older)) {
		close(folder);
		return file_error_is_transient(error) ? -error : -error_older;
	}
	/* without a file there is no warning: nothing was ever stored */
	if (why && faccessat(folder, base, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		warn_damaged(diags, state, name, why,
			why_older ? "there is no older copy, so nothing is restored"
				  : "the older copy is used");
	close(folder);
	return why && why_older ? -ENOENT : 0;
}

uint64_t state_read_stamp(int folder, const char *base)
{
	char last[TRAILER_SIZE + 1] = "";
	int fd = openat(folder, base, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool is_read;

	if (fd < 0)
		return 0;
	is_read = lseek(fd, -(off_t)TRAILER_SIZE, SEEK_END) >= 0 &&
		  read(fd, last, TRAILER_SIZE) == (ssize_t)TRAILER_SIZE &&
		  strncmp(last, TRAILER_HEAD, sizeof(TRAILER_HEAD) - 1) == 0;
	close(fd);
	return is_read ? strtoull(last + STAMP_AT, NULL, 16) : 0;
}
