/*
 * noted: files that events told of are read ahead, and what counts in the end is what is there. A
 * mapped page, once it was written, is written again without a change of the file's times: as a
 * file is that is written twice within a tick of a clock that is not fine.
 */
#include "source.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_NAME "pods.json"
#define TEXT                                                                                       \
	"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p%c\"},\"status\":{\"podIP\":\"10.0.0.1\"}}"
#define NAME_AT (sizeof("{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p") - 1)

static char root[] = "/tmp/netpol-noted-XXXXXX";
static SourceDir *dir;
static char *page; /* the file */

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

/* The first time the file's times change, after that no more. */
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

/* The version that was read last; 0: no file is known. */
static char version(void)
{
	const Source *source = source_dir_count(dir) ? source_dir_file(dir, 0).current : NULL;

	return source ? source->pods.at[0]->name[1] : '\0';
}

static void refresh(void)
{
	cr_assert_eq(source_dir_refresh(dir), 0);
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

Test(pending, reading_ahead_shows_only_when_the_burst_ends, .init = set_up, .fini = tear_down)
{
	put('2');
	source_dir_mark(dir, FILE_NAME);
	source_dir_prefetch(dir);
	cr_expect_eq(version(), '1');
	refresh();
	cr_expect_eq(version(), '2');
}

Test(pending, what_was_read_ahead_is_not_read_again, .init = set_up, .fini = tear_down)
{
	map();
	write_mapped('2');
	source_dir_mark(dir, FILE_NAME);
	source_dir_prefetch(dir);
	write_mapped('3'); /* nobody tells */
	refresh();
	cr_expect_eq(version(), '2');
}

Test(pending, who_is_told_of_again_is_read_again, .init = set_up, .fini = tear_down)
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
	cr_expect_eq(version(), '4', "whatever its times say");
}

Test(pending, another_file_by_then_is_read, .init = set_up, .fini = tear_down)
{
	put('2');
	source_dir_mark(dir, FILE_NAME);
	source_dir_prefetch(dir);
	put('3'); /* the event is still on its way */
	refresh();
	cr_expect_eq(version(), '3');
}

Test(pending, new_ones_and_those_that_go, .init = set_up, .fini = tear_down)
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

Test(pending, who_is_being_written_waits, .init = set_up, .fini = tear_down)
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
