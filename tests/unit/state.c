/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state directory: a load returns the whole text that was stored, or the whole version before
 * it, or nothing, but never a part of a text.
 */
#include "source.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char state[] = "/tmp/netpol-state-XXXXXX";

static void set_up(void)
{
	cr_assert(mkdtemp(state));
}

static void tear_down(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -r %s", state);
	cr_expect_eq(system(command), 0);
}

static const char *path(const char *name)
{
	static char text[200];

	snprintf(text, sizeof(text), "%s/%s", state, name);
	return text;
}

static void store(const char *name, const char *bytes, size_t n, uint64_t stamp)
{
	StateText text = {.name = (char *)name, .text = (char *)bytes, .n = n, .stamp = stamp};

	cr_assert_eq(state_store(state, &text), 0);
}

/* The text, or NULL; and the number of warnings. */
static char *load(const char *name, size_t *ret_n, size_t *ret_warnings)
{
	Arena *arena = arena_new();
	Diags diags = {.arena = arena};
	char *text = NULL;
	int r = state_load(state, name, &diags, &text, ret_n);

	cr_assert(r == 0 || r == -ENOENT);
	cr_assert(r == 0 || !text);
	*ret_warnings = diags.list.n;
	arena_free(arena);
	return text;
}

static void expect(const char *name, const char *wanted, size_t n, size_t warnings)
{
	size_t found_n = 0, found_warnings;
	char *found = load(name, &found_n, &found_warnings);

	cr_expect_eq(found_warnings, warnings, "%s: %zu warnings", name, found_warnings);
	cr_expect_eq(!found, !wanted, "%s", name);
	if (found && wanted) {
		cr_expect_eq(found_n, n);
		cr_expect_eq(memcmp(found, wanted, n), 0);
		cr_expect_eq(found[n], '\0');
	}
	free(found);
}

/* The file with its trailer. Returns its bytes. */
static size_t read_file(const char *name, char *ret_bytes, size_t capacity)
{
	int fd = open(path(name), O_RDONLY);
	ssize_t n = read(fd, ret_bytes, capacity);

	cr_assert_gt(n, 0);
	close(fd);
	return (size_t)n;
}

static void write_file(const char *name, const char *bytes, size_t n)
{
	int fd = open(path(name), O_WRONLY | O_TRUNC | O_CREAT, 0644);

	cr_assert_eq(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

Test(state, load_returns_what_was_stored, .init = set_up, .fini = tear_down)
{
	static const char unusual[] = "a\0b\n\n# netpol state, sha256 x";

	expect("policies/a.yaml", NULL, 0, 0);
	store("policies/a.yaml", unusual, sizeof(unusual), 0);
	store("boot", "", 0, 0);
	expect("policies/a.yaml", unusual, sizeof(unusual), 0);
	expect("boot", "", 0, 0);
	store("policies/a.yaml", "new", 3, 0);
	expect("policies/a.yaml", "new", 3, 0);
}

Test(state, removing_a_text_removes_its_older_version, .init = set_up, .fini = tear_down)
{
	StateText none = {.name = (char *)"policies/a.yaml"};

	store("policies/a.yaml", "one", 3, 0);
	store("policies/a.yaml", "two", 3, 0);
	cr_expect_eq(access(path("policies/a.yaml~"), F_OK), 0);
	cr_expect_eq(state_store(state, &none), 0);
	expect("policies/a.yaml", NULL, 0, 0);
	cr_expect_neq(access(path("policies/a.yaml~"), F_OK), 0);
	cr_expect_eq(state_store(state, &none), 0, "removing it again is no error");
}

Test(state, a_truncated_text_is_replaced_by_the_older_one, .init = set_up, .fini = tear_down)
{
	char whole[1000];
	size_t n;

	store("ruleset/inet.nft", "older", 5, 0);
	store("ruleset/inet.nft", "newer", 5, 0);
	n = read_file("ruleset/inet.nft", whole, sizeof(whole));
	for (size_t length = 0; length < n; length++) {
		write_file("ruleset/inet.nft", whole, length);
		expect("ruleset/inet.nft", "older", 5, 1);
	}
	write_file("ruleset/inet.nft~", whole, n / 2);
	expect("ruleset/inet.nft", NULL, 0, 1);
}

Test(state, a_change_of_any_byte_is_detected, .init = set_up, .fini = tear_down)
{
	char whole[1000];
	size_t n, harmless = 0;

	store("boot", "older", 5, 0x1234);
	store("boot", "newer", 5, 0x1234);
	n = read_file("boot", whole, sizeof(whole));
	for (size_t i = 0; i < n; i++) {
		size_t found_n = 0, warnings;
		char *found;

		whole[i] ^= 1;
		write_file("boot", whole, n);
		whole[i] ^= 1;
		found = load("boot", &found_n, &warnings);
		cr_assert_eq(found_n, 5);
		/* the checksum does not cover the stamp, which has 16 digits */
		harmless += strcmp(found, "newer") == 0 && warnings == 0;
		cr_assert_str_eq(found, warnings ? "older" : "newer", "byte %zu", i);
		free(found);
	}
	cr_expect_leq(harmless, 16);
}

Test(state, a_world_writable_text_or_a_link_is_not_used, .init = set_up, .fini = tear_down)
{
	store("boot", "mine", 4, 0);
	cr_assert_eq(chmod(path("boot"), 0666), 0);
	expect("boot", NULL, 0, 1);
	cr_assert_eq(chmod(path("boot"), 0644), 0);
	cr_assert_eq(renameat(AT_FDCWD, path("boot"), open(state, O_PATH), "elsewhere"), 0);
	cr_assert_eq(symlink("elsewhere", path("boot")), 0);
	expect("boot", NULL, 0, 1);
}

/* A text that cannot be opened now was stored all the same. After a reboot, to take it for missing
 * would leave pods without their policies. */
Test(state, without_descriptors_a_text_is_not_taken_for_missing, .init = set_up, .fini = tear_down)
{
	struct rlimit all, none;
	Arena *arena = arena_new();
	Diags diags = {.arena = arena};
	char *text = NULL;
	size_t n;

	store("policies/web.yaml", "x", 1, 0);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	for (none = all, none.rlim_cur = 0; none.rlim_cur < 64; none.rlim_cur++) {
		int r;

		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
		r = state_load(state, "policies/web.yaml", &diags, &text, &n);
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
		cr_assert(r == -EMFILE || r == 0, "limit %lu: %d", none.rlim_cur, r);
		if (r == 0)
			break;
	}
	cr_assert_gt(none.rlim_cur, 1);
	cr_assert_str_eq(text, "x");
	cr_assert_eq(diags.list.n, 0);
	free(text);
	arena_free(arena);
}

Test(state, a_directory_that_cannot_be_written_is_an_error, .init = set_up, .fini = tear_down)
{
	StateText text = {.name = (char *)"boot/x", .text = (char *)"x", .n = 1};

	store("boot", "a file", 6, 0);
	cr_expect_eq(state_store(state, &text), -ENOTDIR);
	expect("boot", "a file", 6, 0);
}
