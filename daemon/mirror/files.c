/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stores -> files: see mirror/files.h. */
#include "mirror.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char LIST_BEGIN[] = "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n";
static const char LIST_END[] = "\n]}\n";

static const char *const FOLDERS[] = {"policies", "inventory", "inventory"};

struct Files {
	char *directory;
	int folders[API_KIND_N]; /* descriptors */
	Store *const *stores;
	bool has_waiting_pods; /* at the last write */
	bool has_marked[2];    /* the folder of policies, that of the inventory */
};

/* ---- Folders ---- */
static int open_folder(const char *path)
{
	bool is_new = mkdir(path, 0755) == 0;
	int fd;

	if (!is_new && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && is_new)
		fchmod(fd, 0755); /* netpold is another user, whatever the umask is */
	return fd < 0 ? -errno : fd;
}

/* Those that are not open: all at first, then those that somebody has deleted. 0 or -errno. */
static int open_folders(Files *files)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	int fd = open_folder(files->directory);

	if (fd < 0)
		return fd;
	close(fd);
	for (int i = 0; i < API_KIND_N; i++) {
		if (files->folders[i] >= 0)
			continue;
		fd = open_folder(arena_printf(arena, "%s/%s", files->directory, FOLDERS[i]));
		if (fd < 0)
			return fd;
		files->folders[i] = fd;
	}
	return 0;
}

int files_write_promise(
	int directory, const char *inventory, const char *text, const struct timespec *modified)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	const char *folder = arena_printf(arena, "%s/" FILES_PROMISE_FOLDER, inventory);

	if (mkdirat(directory, folder, 0755) == 0)
		fchmodat(directory, folder, 0755, 0); /* whatever the umask is */
	return source_file_replace(directory, arena_printf(arena, "%s/" FILES_PROMISE, inventory),
		text, strlen(text), modified);
}

/*
 * To netpold a directory that is new and empty is a cluster without pods. So until the first
 * promise takes its place (report.c), .alive says that nothing was listed yet, and netpold is
 * degraded. A promise of an earlier process stays: its files are there, too. If it cannot be
 * written, neither can the files, and that is reported.
 */
static void say_not_listed(const Files *files)
{
	int folder = files->folders[API_PODS];

	if (faccessat(folder, FILES_PROMISE, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
		files_write_promise(folder, ".",
			"0 netpol-mirror has not listed the API server's objects yet\n", NULL);
}

int files_open(const char *directory, Store *const *stores, Files **ret_files)
{
	Files *files = MEMORY_NEW(Files);
	int r;

	files->stores = stores;
	files->directory = memory_copy_text(directory);
	for (int i = 0; i < API_KIND_N; i++)
		files->folders[i] = -1;
	r = open_folders(files);
	if (r < 0) {
		files_close(files);
		return r;
	}
	say_not_listed(files);
	*ret_files = files;
	return 0;
}

/* Closes the folders that somebody has deleted; whether there is one. */
static bool close_lost_folders(Files *files)
{
	bool is_lost = false;
	struct stat st;

	for (int i = 0; i < API_KIND_N; i++)
		if (files->folders[i] < 0) {
			is_lost = true; /* could not be made again yet */
		} else if (fstat(files->folders[i], &st) == 0 && st.st_nlink == 0) {
			close(files->folders[i]);
			files->folders[i] = -1;
			is_lost = true;
		}
	if (is_lost)
		files->has_marked[0] = files->has_marked[1] = false;
	return is_lost;
}

void files_check(Files *files, unsigned turn)
{
	/* a new folder gets all files in one write: netpold would withdraw those that come later */
	bool is_lost = close_lost_folders(files);
	unsigned n = 0;

	for (int i = 0; i < API_KIND_N; i++) {
		size_t cursor = 0;

		for (StoreFile *file; (file = store_next_file(files->stores[i], &cursor)); n++)
			file->is_changed |= is_lost || n % FILES_TURNS == turn % FILES_TURNS;
	}
	open_folders(files); /* if it fails the next write says so */
}

Files *files_close(Files *files)
{
	for (int i = 0; files && i < API_KIND_N; i++)
		if (files->folders[i] >= 0)
			close(files->folders[i]);
	if (files)
		free(files->directory);
	free(files);
	return NULL;
}

/* ---- Reading ---- */
/* The whole file, malloc's; NULL: there is none that can be read. */
static char *read_file(int folder, const char *name, size_t *ret_n)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char *text = NULL;
	struct stat st;
	size_t n = 0;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		(size_t)st.st_size < PARSE_INVENTORY_BYTES_MAX) {
		text = memory_alloc((size_t)st.st_size + 1);
		for (ssize_t got = 1; n < (size_t)st.st_size && got > 0; n += (size_t)got) {
			got = read(fd, text + n, (size_t)st.st_size - n);
			got = got < 0 ? 0 : got;
		}
		text[n] = '\0';
	}
	close(fd);
	*ret_n = n;
	return text;
}

static bool load_object(void *context, ApiEvent event, const ApiObject *object)
{
	return event == API_LISTED && store_take(context, event, object);
}

static void load_file(Files *files, ApiKind kind, const char *name)
{
	static const ApiHandler handler = {.object = load_object};
	ARENA_CLEANUP Arena *arena = arena_new();
	size_t n;
	char *text = read_file(files->folders[kind], name, &n);

	/* one that somebody else has put there is not ours to delete; whatever else is wrong with
	   one, it is compared with what the server says, and written anew */
	if (text && strncmp(text, LIST_BEGIN, strlen(LIST_BEGIN)) == 0) {
		api_reader_feed(
			api_reader_new(arena, kind, &handler, files->stores[kind]), text, n);
		store_mark_file(files->stores[kind], name);
	}
	free(text);
}

/* Of which kind a file is by its name; API_KIND_N: none of ours. */
static ApiKind kind_of_name(bool is_policies, const char *name)
{
	if (name[0] == '.' || !text_has_suffix(name, ".json"))
		return API_KIND_N;
	if (is_policies)
		return API_POLICIES;
	if (strcmp(name, "namespaces.json") == 0)
		return API_NAMESPACES;
	return strncmp(name, "node-", 5) == 0 ? API_PODS : API_KIND_N;
}

static void load_folder(Files *files, bool is_policies)
{
	int fd = fcntl(files->folders[is_policies ? API_POLICIES : API_PODS], F_DUPFD_CLOEXEC, 0);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;

	if (!stream) {
		if (fd >= 0)
			close(fd);
		return;
	}
	rewinddir(stream);
	for (struct dirent *d; (d = readdir(stream));) {
		ApiKind kind = kind_of_name(is_policies, d->d_name);

		if (kind != API_KIND_N)
			load_file(files, kind, d->d_name);
	}
	closedir(stream);
}

static void set_written(const StoreFile *file)
{
	for (StoreObject *object = file->first; object; object = object->next)
		object->is_written = true;
}

void files_load(Files *files)
{
	for (int i = 0; i < API_KIND_N; i++)
		store_begin_list(files->stores[i]);
	load_folder(files, true);
	load_folder(files, false);
	for (int i = 0; i < API_KIND_N; i++) {
		size_t cursor = 0;

		for (StoreFile *file; (file = store_next_file(files->stores[i], &cursor));)
			set_written(file);
	}
}

/* ---- Writing ---- */
static int compare_objects(const void *a, const void *b)
{
	const StoreObject *left = *(StoreObject *const *)a, *right = *(StoreObject *const *)b;
	int order = strcmp(left->namespace, right->namespace);

	return order ? order : strcmp(left->name, right->name);
}

typedef VEC(StoreObject *) Objects;

/* A pod that netpold knows stays, whatever becomes of its namespace. */
static bool has_to_wait(const Files *files, ApiKind kind, const StoreObject *object, bool can_wait)
{
	return kind == API_PODS && can_wait && !object->is_written &&
	       !store_has(files->stores[API_NAMESPACES], "", object->namespace);
}

static Objects choose_objects(
	Files *files, Arena *arena, ApiKind kind, const StoreFile *file, bool can_wait)
{
	Objects objects = {};

	for (StoreObject *object = file->first; object; object = object->next)
		if (has_to_wait(files, kind, object, can_wait))
			files->has_waiting_pods = true;
		else
			VEC_PUSH(arena, &objects, object);
	if (objects.n > 0)
		qsort(objects.at, objects.n, sizeof(*objects.at), compare_objects);
	return objects;
}

static const char *file_text(Arena *arena, ApiKind kind, const Objects *objects, size_t *ret_n)
{
	Buf buf = {.arena = arena};

	buf_add(&buf, LIST_BEGIN);
	for (size_t i = 0; i < objects->n; i++) {
		const StoreObject *object = objects->at[i];

		buf_add(&buf, i ? ",\n" : "");
		api_object_add_line(&buf, kind, object->text_version, object->text);
	}
	buf_add(&buf, LIST_END);
	*ret_n = buf.n;
	return buf_text(&buf);
}

static bool has_content(int folder, const char *name, const char *text, size_t n)
{
	size_t m = 0;
	char *old = read_file(folder, name, &m);
	bool is_same = old && n == m && memcmp(old, text, n) == 0;

	free(old);
	return is_same;
}

static int write_file(Files *files, ApiKind kind, StoreFile *file, bool can_wait, size_t *n_written)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Objects objects = choose_objects(files, arena, kind, file, can_wait);
	int r = 0, folder = files->folders[kind];
	const char *text;
	size_t n;

	if (folder < 0)
		return -ENOENT;
	if (objects.n == 0) {
		if (unlinkat(folder, file->name, 0) == 0)
			++*n_written;
		else if (errno != ENOENT)
			return -errno;
	} else {
		text = file_text(arena, kind, &objects, &n);
		if (!has_content(folder, file->name, text, n)) {
			r = source_file_replace(folder, file->name, text, n, NULL);
			*n_written += r == 0;
		}
	}
	if (r < 0)
		return r;
	file->is_changed = false;
	for (size_t i = 0; i < objects.n; i++)
		objects.at[i]->is_written = true; /* not those that wait */
	return 0;
}

static void forget_empty_files(Store *store)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	VEC(StoreFile *) empty = {};
	size_t cursor = 0;

	for (StoreFile *file; (file = store_next_file(store, &cursor));)
		if (!file->first && !file->is_changed)
			VEC_PUSH(arena, &empty, file);
	for (size_t i = 0; i < empty.n; i++)
		store_remove_file(store, empty.at[i]);
}

static int write_kind(Files *files, ApiKind kind, bool can_wait, size_t *n_written)
{
	Store *store = files->stores[kind];
	size_t cursor = 0;
	int r = 0;

	for (StoreFile *file; (file = store_next_file(store, &cursor));) {
		int failed =
			file->is_changed ? write_file(files, kind, file, can_wait, n_written) : 0;

		r = r ? r : failed; /* the others are written all the same */
	}
	forget_empty_files(store);
	return r;
}

/* Each file that a pod waits for is written again when there is another namespace. */
static void wake_waiting_pods(Files *files)
{
	const Store *pods = files->stores[API_PODS];
	size_t cursor = 0;

	if (!files->has_waiting_pods)
		return;
	files->has_waiting_pods = false;
	for (StoreFile *file; (file = store_next_file(pods, &cursor));)
		for (const StoreObject *object = file->first; object; object = object->next)
			if (!object->is_written) {
				file->is_changed = true;
				break;
			}
}

/* Tells netpold that what is not in the folder is gone, be it known from before a reboot. */
static int mark_complete(Files *files, bool is_inventory)
{
	int fd;

	if (files->has_marked[is_inventory])
		return 0;
	fd = openat(files->folders[is_inventory ? API_PODS : API_POLICIES], SOURCE_COMPLETE,
		O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	close(fd);
	files->has_marked[is_inventory] = true;
	return 0;
}

int files_write(Files *files, const bool is_ready[API_KIND_N], size_t *ret_n)
{
	int r = 0;

	*ret_n = 0;
	wake_waiting_pods(files);
	for (int kind = 0; kind < API_KIND_N; kind++) {
		int failed = is_ready[kind] ? write_kind(files, (ApiKind)kind,
						      is_ready[API_NAMESPACES], ret_n)
					    : 0;

		r = r ? r : failed;
	}
	return r;
}

int files_mark_complete(Files *files, const bool is_ready[API_KIND_N])
{
	int r = 0;

	if (is_ready[API_POLICIES])
		r = mark_complete(files, false);
	if (r == 0 && is_ready[API_NAMESPACES] && is_ready[API_PODS])
		r = mark_complete(files, true);
	return r;
}
