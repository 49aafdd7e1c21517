/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pending names and prefetched files: a refresh reads what is on disk, whatever was prefetched. Two
 * writes within one tick of the file system's clock leave the same times. To do that, the tests
 * write to a mapped page: only the first write after the mapping updates the times.
 */
#include "source.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_NAME "pods.json"
#define TEXT                                                                                       \
	"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p%c\"},\"status\":{\"podIP\":\"10.0.0.1\"}}"
#define NAME_AT (sizeof("{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p") - 1)

static char root[] = "/tmp/netpol-pending-XXXXXX";
static SourceDir *dir;
static char *page; /* the file */

/*
 * readdir() returns FILE_NAME twice, as it may if the file is replaced during the scan. The linker
 * replaces calls by this (tests/meson.build); meson builds with 64-bit file offsets, hence the
 * name.
 */
static bool is_duplicating;
static struct dirent *last_read; /* of this scan */

struct dirent *__real_readdir64(DIR *stream);
struct dirent *__wrap_readdir64(DIR *stream);
struct dirent *__wrap_readdir64(DIR *stream)
{
	if (is_duplicating && last_read && strcmp(last_read->d_name, FILE_NAME) == 0) {
		is_duplicating = false;
		return last_read;
	}
	return last_read = __real_readdir64(stream);
}

static const char *path(const char *name)
{
	static char text[2][100];
	static int i;

	i = !i;
	snprintf(text[i], sizeof(text[i]), "%s/%s", root, name);
	return text[i];
}

static void put(char version)
{
	FILE *file = fopen(path(".new"), "w");

	cr_assert(file);
	fprintf(file, TEXT, version);
	fclose(file);
	cr_assert_eq(rename(path(".new"), path(FILE_NAME)), 0);
}

static void map(void)
{
	int fd = open(path(FILE_NAME), O_RDWR);

	page = mmap(NULL, sizeof(TEXT), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert_neq(page, MAP_FAILED);
	close(fd);
}

/* The first write after map() changes the file's times, later ones do not. */
static void write_mapped(char version)
{
	page[NAME_AT] = version;
}

static struct stat stamp(void)
{
	struct stat st;

	cr_assert_eq(stat(path(FILE_NAME), &st), 0);
	return st;
}

/* Of the file's current version; 0: no file is known. */
static char version(void)
{
	const Source *source = source_dir_count(dir) ? source_dir_file(dir, 0).current : NULL;

	return source ? source->pods.at[0]->name[1] : '\0';
}

static void refresh(void)
{
	cr_assert_eq(source_dir_refresh(dir, 0), 0);
}

static void set_up(void)
{
	cr_assert(mkdtemp(root));
	dir = source_dir_new(SOURCE_INVENTORY, root, false);
	put('1');
	refresh();
	cr_assert_eq(version(), '1');
}

static void tear_down(void)
{
	char command[100];

	source_dir_free(dir);
	snprintf(command, sizeof(command), "rm -r %s", root);
	cr_expect_eq(system(command), 0);
}

Test(pending, a_prefetched_file_is_used_by_the_next_refresh, .init = set_up, .fini = tear_down)
{
	put('2');
	source_dir_mark(dir, FILE_NAME);
	source_dir_prefetch(dir);
	cr_expect_eq(version(), '1');
	refresh();
	cr_expect_eq(version(), '2');
}

Test(pending, a_prefetched_file_is_not_read_again, .init = set_up, .fini = tear_down)
{
	map();
	write_mapped('2');
	source_dir_mark(dir, FILE_NAME);
	source_dir_prefetch(dir);
	write_mapped('3'); /* no event follows */
	refresh();
	cr_expect_eq(version(), '2');
}

Test(pending, an_event_discards_the_prefetched_file, .init = set_up, .fini = tear_down)
{
	struct stat before, after;

	map();
	write_mapped('2');
	source_dir_mark(dir, FILE_NAME);
	source_dir_prefetch(dir);
	before = stamp();
	write_mapped('3');
	after = stamp();
	cr_assert_eq(memcmp(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim)), 0);
	source_dir_mark(dir, FILE_NAME);
	source_dir_prefetch(dir);
	refresh();
	cr_expect_eq(version(), '3');
	write_mapped('4');
	source_dir_mark(dir, FILE_NAME);
	refresh();
	cr_expect_eq(version(), '4', "an event suffices: the times are not compared");
}

Test(pending, a_file_that_was_replaced_since_is_read, .init = set_up, .fini = tear_down)
{
	put('2');
	source_dir_mark(dir, FILE_NAME);
	source_dir_prefetch(dir);
	put('3'); /* its event was not read yet */
	refresh();
	cr_expect_eq(version(), '3');
}

Test(pending, files_that_are_created_and_deleted, .init = set_up, .fini = tear_down)
{
	unlink(path(FILE_NAME));
	source_dir_mark(dir, FILE_NAME);
	source_dir_prefetch(dir);
	refresh();
	cr_expect_eq(source_dir_count(dir), 0);
	put('2');
	source_dir_mark(dir, FILE_NAME);
	source_dir_prefetch(dir);
	refresh();
	cr_expect_eq(version(), '2');
	put('3');
	source_dir_mark(dir, FILE_NAME);
	source_dir_prefetch(dir);
	unlink(path(FILE_NAME));
	refresh();
	cr_expect_eq(source_dir_count(dir), 0);
}

Test(pending, a_file_being_written_is_not_read, .init = set_up, .fini = tear_down)
{
	put('2');
	source_dir_mark(dir, FILE_NAME);
	source_dir_prefetch(dir);
	source_dir_set_being_written(dir, FILE_NAME, true);
	refresh();
	cr_expect_eq(version(), '1');
	source_dir_set_being_written(dir, FILE_NAME, false);
	source_dir_mark(dir, FILE_NAME);
	refresh();
	cr_expect_eq(version(), '2');
}

/* Two entries of one file would each have a version, and the next scan would remove one. */
Test(pending, a_name_that_readdir_returns_twice_is_one_file, .init = set_up, .fini = tear_down)
{
	SourceDir *other = source_dir_new(SOURCE_INVENTORY, root, false);

	last_read = NULL;
	is_duplicating = true;
	cr_assert_eq(source_dir_refresh(other, 0), 0);
	cr_assert_not(is_duplicating, "readdir() returned the name twice");
	cr_expect_eq(source_dir_count(other), 1);
	cr_expect_eq(source_dir_file(other, 0).current->pods.n, 1);
	source_dir_free(other);
}
