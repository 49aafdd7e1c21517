/* One file: opened without trusting it, then read by the reader that its suffix names. */
#include "directory.h"
#include "node.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef enum Format { FORMAT_NONE, FORMAT_CONF, FORMAT_YAML, FORMAT_JSON } Format;

static Format format_of(const char *name)
{
	if (text_has_suffix(name, ".conf"))
		return FORMAT_CONF;
	if (text_has_suffix(name, ".yaml") || text_has_suffix(name, ".yml"))
		return FORMAT_YAML;
	return text_has_suffix(name, ".json") ? FORMAT_JSON : FORMAT_NONE;
}

bool source_name_is_read(SourceKind kind, const char *name)
{
	Format format = format_of(name);

	if (name[0] == '.' || format == FORMAT_NONE)
		return false;
	return kind == SOURCE_POLICIES || format != FORMAT_CONF;
}

Source *source_free(Source *source)
{
	if (source)
		arena_free(source->arena);
	return NULL;
}

static Source *source_new(Arena *arena, const char *file)
{
	Source *source = ARENA_NEW(arena, Source);

	source->arena = arena;
	source->file = arena_strdup(arena, file);
	source->diags.arena = arena;
	return source;
}

/* ---- Parsing ---- */
typedef struct Parsing {
	Arena *arena, *scratch; /* scratch: of what is only needed meanwhile */
	SourceKind kind;
	const char *file, *text;
	size_t n;
	const char *error; /* instead of a text: why there is none */
	Source *source;
} Parsing;

static bool is_blank(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strchr(" \t\r\n", text[i]))
			return false;
	return true;
}

static void parse_text(const Parsing *p, Source *source)
{
	Format format = format_of(p->file);
	size_t valid = text_utf8_check(p->text, p->n);

	if (valid != p->n)
		DIAG_ERROR(&source->diags, ((Origin){.file = source->file}), "binary", NULL,
			"not UTF-8 text: byte 0x%02x at offset %zu", (unsigned char)p->text[valid],
			valid);
	else if (p->kind == SOURCE_INVENTORY && is_blank(p->text, p->n))
		DIAG_ERROR(&source->diags, ((Origin){.file = source->file}), "inventory", NULL,
			"an empty file is no inventory: the export has failed");
	else if (format == FORMAT_CONF)
		policy_conf_read(source, p->text);
	else if (p->kind == SOURCE_POLICIES)
		manifest_read(source, p->text, p->n);
	else if (format == FORMAT_JSON)
		inventory_read_json(source, p->scratch, p->text, p->n);
	else
		inventory_read_yaml(source, p->scratch, p->text, p->n);
}

/* One name twice in one file: the second is the mistake. */
static void check_duplicates(Source *source)
{
	StrMap *seen = source->policies.n ? strmap_new(source->arena) : NULL;

	for (size_t i = 0; i < source->policies.n; i++) {
		const Policy *policy = source->policies.at[i], *first;
		const char *key = arena_printf(source->arena, "%s/%s", policy->space, policy->name);

		first = strmap_get(seen, key);
		if (first && *policy->name)
			DIAG_ERROR(&source->diags, policy->origin, "duplicate-policy", NULL,
				"NetworkPolicy \"%s\" is defined twice; the first is on line %u",
				key, first->origin.line);
		strmap_put(seen, key, (void *)policy);
	}
}

static void parse_whole(const Parsing *p, Source *source)
{
	if (p->error) {
		DIAG_ERROR(&source->diags, ((Origin){.file = source->file}), "unreadable", NULL,
			"%s", p->error);
		return;
	}
	parse_text(p, source);
	check_duplicates(source);
	diags_sort(&source->diags);
	diags_excerpt(&source->diags, p->text, p->n);
}

static bool names_sets(const Source *source)
{
	for (size_t i = 0; i < source->policies.n; i++)
		if (policy_next_set(source->policies.at[i], &(PeerCursor){}))
			return true;
	return false;
}

/* Policies are read by way of trees, many times their size, which go when they were read. */
static void parse_policies(const Parsing *p)
{
	Source *draft = source_new(p->scratch, p->file), *source = p->source;

	parse_whole(p, draft);
	diags_append(&source->diags, &draft->diags);
	for (size_t i = 0; i < draft->policies.n; i++)
		VEC_PUSH(source->arena, &source->policies,
			policy_copy(source->arena, draft->policies.at[i], source->file));
	source->names_sets = names_sets(draft);
	for (size_t i = 0; i < draft->sets.n; i++)
		VEC_PUSH(source->arena, &source->sets,
			cidr_set_copy(source->arena, draft->sets.at[i], source->file));
}

static int parse(void *context)
{
	Parsing *p = context;

	p->source = source_new(p->arena, p->file);
	if (p->kind == SOURCE_POLICIES)
		parse_policies(p);
	else
		parse_whole(p, p->source);
	return 0;
}

static int parse_kept(void *context)
{
	Parsing *p = context;

	return arena_try(p->arena, parse, p);
}

static int run_parse(Parsing *p, Source **ret_source)
{
	int r;

	p->arena = arena_new();
	if (!p->arena)
		return -ENOMEM;
	r = arena_try(p->scratch, parse_kept, p);
	arena_clear(p->scratch);
	if (r < 0) {
		arena_free(p->arena);
		return r;
	}
	*ret_source = p->source;
	return 0;
}

int source_parse(SourceKind kind, const char *file, const char *text, size_t n, Source **ret_source)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	Parsing p = {.scratch = scratch, .kind = kind, .file = file, .text = text, .n = n};

	return scratch ? run_parse(&p, ret_source) : -ENOMEM;
}

/* ---- Reading ---- */
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
	size_t most =
		kind == SOURCE_POLICIES ? SOURCE_POLICY_BYTES_MOST : SOURCE_INVENTORY_BYTES_MOST;

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

/* The file's content, or p->error says why there is none. 0, or -errno of opening or reading. */
static int read_found(Parsing *p, int found, SourceFile *ret_file)
{
	int fd, error;

	if (fstat(found, &ret_file->stamp) < 0) {
		p->error = strerror(errno);
		return 0;
	}
	p->error = stat_error(&ret_file->stamp, p->kind);
	if (p->error)
		return 0;
	fd = open_found(found);
	if (fd < 0) {
		p->error = open_error(-fd);
		return fd;
	}
	ret_file->text = read_whole(fd, (size_t)ret_file->stamp.st_size, &ret_file->n);
	error = ret_file->text ? 0 : errno;
	close(fd);
	if (error)
		p->error = strerror(error);
	return -error;
}

int source_file_read(int directory, SourceKind kind, const char *file, const char *name,
	Arena *scratch, SourceFile *ret_file)
{
	Parsing p = {.scratch = scratch, .kind = kind, .file = file};
	int found = find_beneath(directory, name), r = found;
	SourceFile result = {};

	if (found < 0) {
		p.error = open_error(-found);
	} else {
		r = read_found(&p, found, &result);
		close(found);
	}
	p.text = result.text;
	p.n = result.n;
	if (!is_of_environment(-r)) /* what else went wrong is said of the file */
		r = run_parse(&p, &result.source);
	if (r < 0)
		free(result.text);
	else
		*ret_file = result;
	return r;
}
