/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base: arenas, text, merging, tables, digests, ranges, diagnostics. */
#include "base.h"
#include "seed.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static Arena *arena;

static void set_up(void)
{
	arena = arena_new();
}

static void tear_down(void)
{
	seed_report();
	arena_free(arena);
}

TestSuite(base, .init = set_up, .fini = tear_down);

static void ask_too_much(void *context)
{
	arena_alloc(arena, SIZE_MAX / 2);
	*(bool *)context = true; /* not reached */
}

static void ask_for_little(void *context)
{
	*(char **)context = arena_strdup(arena, "there");
}

Test(base, running_out_of_memory_unwinds_to_the_try)
{
	bool is_reached = false;
	char *text = NULL;

	cr_assert_eq(arena_try(arena, ask_too_much, &is_reached), -ENOMEM);
	cr_assert_not(is_reached);
	cr_assert_eq(arena_try(arena, ask_for_little, &text), 0);
	cr_assert_str_eq(text, "there");
	cr_assert_str_eq(arena_printf(arena, "%d", 5), "5"); /* the arena is still usable */
}

static char order[8];
static void append_order(void *handle)
{
	strcat(order, handle);
}

Test(base, deferred_calls_run_last_first)
{
	Arena *other = arena_new();
	char first[] = "a", second[] = "b";

	arena_defer(other, append_order, first);
	arena_defer(other, append_order, second);
	arena_free(other);
	cr_assert_str_eq(order, "ba");
}

static const char *sha256(const char *text, size_t times)
{
	uint8_t hash[32];
	Buf buf = {.arena = arena};
	Digest digest;

	digest_start(&digest);
	for (size_t i = 0; i < times; i++)
		digest_add(&digest, text, strlen(text));
	digest_end(&digest, hash);
	for (int i = 0; i < 32; i++)
		buf_printf(&buf, "%02x", hash[i]);
	return buf_text(&buf);
}

Test(base, digest_is_sha256) /* the vectors of FIPS 180-4 */
{
	cr_assert_str_eq(
		sha256("", 1), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	cr_assert_str_eq(sha256("abc", 1),
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	cr_assert_str_eq(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1),
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	cr_assert_str_eq(sha256("aaaaaaaaaa", 100000),
		"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

Test(base, digests_of_texts_include_their_lengths)
{
	char one[DIGEST_NAME_LENGTH + 1], two[DIGEST_NAME_LENGTH + 1];
	Digest digest;

	digest_start(&digest);
	digest_add_text(&digest, "a");
	digest_add_text(&digest, "bc");
	digest_end_name(&digest, one);
	digest_start(&digest);
	digest_add_text(&digest, "ab");
	digest_add_text(&digest, "c");
	digest_end_name(&digest, two);
	cr_assert_str_neq(one, two);
}

Test(base, utf8)
{
	static const struct {
		const char *text;
		size_t n, wanted;
	} cases[] = {{"abc", 3, 3}, {"\xc3\xa9", 2, 2}, {"a\xc3", 2, 1}, {"\xc0\x80", 2, 0},
		{"\xed\xa0\x80", 3, 0}, {"\xf0\x9f\x98\x80", 4, 4}, {"\xf4\x90\x80\x80", 4, 0},
		{"a\0b", 3, 1}, {"\xff", 1, 0}, {"\xe2\x82\xac!", 4, 4}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		cr_expect_eq(
			text_utf8_check(cases[i].text, cases[i].n), cases[i].wanted, "case %zu", i);
}

Test(base, nearest_word)
{
	static const char *const known[] = {
		"podSelector", "policyTypes", "ingress", "egress", NULL};

	cr_expect_str_eq(text_nearest("podSelectr", known), "podSelector");
	cr_expect_str_eq(text_nearest("Ingress", known), "ingress");
	cr_expect_null(text_nearest("something", known));
}

Test(base, strmap_finds_thousands_of_keys)
{
	StrMap *map = strmap_new(arena);

	for (size_t i = 1; i <= 5000; i++)
		strmap_put(map, arena_printf(arena, "key-%zu", i), (void *)i);
	cr_assert_eq(strmap_count(map), 5000);
	for (size_t i = 1; i <= 5000; i++)
		cr_assert_eq((size_t)strmap_get(map, arena_printf(arena, "key-%zu", i)), i);
	cr_assert_null(strmap_get(map, "key-0"));
}

/* ---- Addresses ---- */
/* The results of ParseCIDRSloppy in k8s.io/utils/net, as IPNet.String() prints them. */
Test(base, legacy_cidrs_are_read_as_api_servers_did)
{
	static const struct {
		const char *text, *read_as; /* NULL: refused */
	} cases[] = {{"10.1.2.3/8", "10.0.0.0/8"}, {"010.0.0.0/8", "10.0.0.0/8"},
		{"0000010.01.00.0/016", "10.1.0.0/16"}, {"10.0.0.0/08", "10.0.0.0/8"},
		{"10.0.0.0/0000000000008", "10.0.0.0/8"}, {"1.2.3.4/0", "0.0.0.0/0"},
		{"10.0.0.1/31", "10.0.0.0/31"}, {"2001:db8::1/32", "2001:db8::/32"},
		{"2001:00000db8::/32", "2001:db8::/32"}, {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
		{"::FFFF:10.1.2.3/104", "10.0.0.0/8"}, {"::ffff:0:0/96", "0.0.0.0/0"},
		{"::ffff:10.0.0.0/95", "::fffe:0:0/95"}, {"::ffff:10.0.0.0/8", "::/8"},
		{"::ffff:010.0.0.0/104", "10.0.0.0/8"}, {"10.0.0.0/8", "10.0.0.0/8"},
		{"fd00::1/128", "fd00::1"}, {"10.0.0.0", NULL}, {"10.0.0/8", NULL},
		{"10.0.0.0/33", NULL}, {"10.0.0.0/", NULL}, {"10.0.0.0/-1", NULL},
		{"10.0.0.0/+8", NULL}, {"10.0.0.0/8 ", NULL}, {"10.0.0.0/0x8", NULL},
		{"256.0.0.0/8", NULL}, {"0x10.0.0.0/8", NULL}, {"::ffff:10.0.0.0/129", NULL},
		{"/8", NULL}, {"", NULL}, {"fe80::1%eth0/64", NULL}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[RANGE_TEXT_SIZE];
		Range range;
		bool is_read = range_parse_legacy_cidr(cases[i].text, &range);

		cr_expect_eq(is_read, cases[i].read_as != NULL, "%s", cases[i].text);
		if (is_read && cases[i].read_as)
			cr_expect_str_eq(range_text(range, text), cases[i].read_as);
	}
}

Test(base, cidr_text)
{
	static const struct {
		const char *text;
		bool is_good;
	} cases[] = {{"10.0.0.0/8", true}, {"0.0.0.0/0", true}, {"::/0", true},
		{"10.0.0.1/32", true}, {"fd00::/8", true}, {"10.0.0.1/8", false},
		{"10.0.0.0/33", false}, {"10.0.0.0", false}, {"10.0.0/8", false},
		{"10.0.0.0/", false}, {"10.0.0.0/08", false}, {"10.0.0.0/8 ", false},
		{"010.0.0.0/8", false}, {"::1/64", false}, {"::ffff:1.2.3.4/128", false},
		{"", false}, {"/8", false}, {"fe80::1%eth0/128", false}, {"10.0.0.0/-1", false}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		Range range;

		cr_expect_eq(range_parse_cidr(cases[i].text, &range) == NULL, cases[i].is_good,
			"%s", cases[i].text);
	}
}

Test(base, range_text_is_what_nft_prints)
{
	static const char *const texts[] = {
		"10.0.0.0/8", "10.0.0.1", "::/0", "fd00::1", "fd00::/64"};
	char text[RANGE_TEXT_SIZE];
	Range range;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *cidr = strchr(texts[i], '/')   ? texts[i]
				   : strchr(texts[i], ':') ? "fd00::1/128"
							   : "10.0.0.1/32";

		cr_assert_null(range_parse_cidr(cidr, &range));
		cr_expect_str_eq(range_text(range, text), texts[i]);
	}
	range = (Range){0x0a000001, 0x0a000003, FAMILY_IPV4};
	cr_expect_str_eq(range_text(range, text), "10.0.0.1-10.0.0.3");
}

static Range random_block(unsigned *seed)
{
	int bits = rand_r(seed) % 7; /* within 0..63 of either end of the address space */
	AddressValue base = rand_r(seed) % 2 ? family_last(FAMILY_IPV4) - 63 : 0;
	AddressValue first = base + ((AddressValue)(rand_r(seed) % 64) >> bits << bits);

	return (Range){first, first + ((AddressValue)1 << bits) - 1, FAMILY_IPV4};
}

/* Compares with a check of every address, at both ends of the address space. */
Test(base, subtracting_agrees_with_a_check_of_every_address)
{
	unsigned seed = seed_of_round(1, 0);

	for (int round = 0; round < 3000; round++) {
		Range block = random_block(&seed), except[4];
		Ranges result = {};
		size_t n = (size_t)(rand_r(&seed) % 5);

		if (round % 10 == 0)
			block = (Range){0, family_last(FAMILY_IPV4), FAMILY_IPV4};
		for (size_t i = 0; i < n; i++)
			except[i] = random_block(&seed);
		ranges_subtract(arena, block, except, n, &result);
		for (int i = 0; i < 128; i++) {
			AddressValue value =
				i < 64 ? (AddressValue)i : family_last(FAMILY_IPV4) - 127 + i;
			bool wanted = range_has(block, value);

			for (size_t k = 0; k < n; k++)
				wanted = wanted && !range_has(except[k], value);
			cr_assert_eq(ranges_have(&result, (Address){value, FAMILY_IPV4}), wanted);
			cr_assert_eq(ranges_find(&result, (Address){value, FAMILY_IPV4}), wanted);
		}
		for (size_t i = 1; i < result.n; i++)
			cr_assert(result.at[i].first > result.at[i - 1].last, "overlap");
	}
	seed_end();
}

Test(base, excepts_that_cover_the_block_leave_nothing)
{
	Range all = {0, ~(AddressValue)0, FAMILY_IPV6};
	Range halves[2] = {
		{0, all.last >> 1, FAMILY_IPV6}, {(all.last >> 1) + 1, all.last, FAMILY_IPV6}};
	Ranges result = {};

	ranges_subtract(arena, all, halves, 2, &result);
	cr_assert_eq(result.n, 0);
	VEC_PUSH(arena, &result, halves[0]);
	VEC_PUSH(arena, &result, halves[1]);
	ranges_normalise(&result);
	cr_assert_eq(result.n, 1);
	cr_assert(range_is_everything(result.at[0]));
}

Test(base, diagnostics_are_bounded_and_cannot_write_escapes)
{
	Diags diags = {.arena = arena};
	const char *text;

	for (int i = 0; i < 500; i++)
		DIAG_ERROR(&diags, ((Origin){"f\033\n\xff", 1, 1}), "x", NULL,
			"\033[31m%d \xc2\x9b\x80 \xc2\xa7", i);
	cr_assert_eq(diags.list.n, DIAGS_MAX);
	cr_assert_eq(diags.n_errors, 500);
	cr_assert_eq(diags.n_dropped, 500 - DIAGS_MAX);
	diags_excerpt(&diags, "a\033b", 3);
	text = diag_block(arena, &diags.list.at[0], false);
	cr_assert_str_eq(text, "f???:1:1: error: ?[31m0 ??? §\n     1 | a?b\n       | ^\n");
	cr_assert_str_eq(diag_line(arena, &diags.list.at[0]), "f???:1:1: error: ?[31m0 ??? §");
	diags_excerpt(&diags, "a: b\r\nc", 7);
	cr_assert_str_eq(diags.list.at[0].excerpt, "a: b");
}

Test(base, a_full_list_drops_notes_before_warnings_before_errors)
{
	Diags diags = {.arena = arena}, all = {.arena = arena};
	Origin origin = {"f", 1, 1};

	for (int i = 0; i < 150; i++)
		diag_add(&diags, SEVERITY_NOTE, origin, "n", NULL, "note %d", i);
	DIAG_WARNING(&diags, origin, "w", NULL, "warning");
	DIAG_ERROR(&diags, origin, "e", NULL, "error");
	diag_add(&diags, SEVERITY_NOTE, origin, "n", NULL, "too late");
	cr_assert_eq(diags.list.n, DIAGS_MAX);
	cr_assert_eq(diags.n_dropped, 53);
	cr_assert_eq(diags.n_errors, 1);
	cr_assert_eq(diags.n_warnings, 1);
	cr_assert_str_eq(diags.list.at[97].message, "note 97");
	cr_assert_str_eq(diags.list.at[98].message, "warning");
	cr_assert_str_eq(diags.list.at[99].message, "error");
	diags_append_most_severe(&all, &diags, 3);
	cr_assert_eq(all.list.n, 3);
	cr_assert_str_eq(all.list.at[0].message, "note 0");
	cr_assert_str_eq(all.list.at[2].message, "error");
	cr_assert_eq(all.n_dropped, 53 + 97);
	cr_assert_eq(all.n_errors, 1);
}

/* A copy counts the errors that did not fit into the original list. */
Test(base, errors_beyond_the_limit_are_counted_in_copies)
{
	Diags diags = {.arena = arena}, copy = {.arena = arena};

	for (int i = 0; i < 300; i++)
		DIAG_ERROR(&diags, ((Origin){"f", 1, 1}), "e", NULL, "%d", i);
	diags_append(&copy, &diags);
	diags_append(&copy, &diags);
	cr_assert_eq(copy.n_errors, 600);
	cr_assert_eq(copy.list.n, DIAGS_MAX);
	cr_assert_eq(copy.n_dropped, 500);
}

Test(base, a_fair_share_leaves_room_for_each_list)
{
	Diags noisy = {.arena = arena}, quiet = {.arena = arena};
	const Diags *lists[] = {&noisy, &quiet, &noisy};

	for (int i = 0; i < 90; i++)
		DIAG_ERROR(&noisy, ((Origin){"f", 1, 1}), "e", NULL, "%d", i);
	DIAG_ERROR(&quiet, ((Origin){"g", 1, 1}), "e", NULL, "quiet");
	cr_assert_eq(diags_fair_share(lists, 3, 1000), 1000);
	cr_assert_eq(diags_fair_share(lists, 3, 100), 25);
	cr_assert_eq(diags_fair_share(lists, 3, 2), 1);
}

Test(base, json_strings_are_valid_for_any_bytes)
{
	Buf buf = {.arena = arena};

	text_add_json(&buf, "a\"\\\n\t\033\177 \xff\xc3( é\xe2\x82");
	cr_assert_str_eq(buf_text(&buf),
		"\"a\\\"\\\\\\u000a\\u0009\\u001b\\u007f \\ufffd\\ufffd( é\\ufffd\\ufffd\"");
}

/* ---- Merge ---- */
static int compare_ints(const void *left, const void *right)
{
	return *(const int *)left - *(const int *)right;
}

/* Each step as text: l (left), r (right) or b (both), and the item. */
static const char *merged(const int *left, size_t n_left, const int *right, size_t n_right)
{
	Merge walk = {.compare = compare_ints, .size = sizeof(int)};
	Buf buf = {.arena = arena};

	merge_start(&walk, left, n_left, right, n_right);
	while (merge_next(&walk)) {
		const int *item = walk.left ? walk.left : walk.right;

		cr_assert_not_null(item);
		buf_printf(&buf, "%s%d", !walk.right ? "l" : !walk.left ? "r" : "b", *item);
		cr_assert(!walk.left || !walk.right ||
			  *(const int *)walk.left == *(const int *)walk.right);
	}
	cr_assert(!walk.left && !walk.right);
	cr_assert_not(merge_next(&walk), "a walk that has ended does not continue");
	return buf_text(&buf);
}

Test(base, merge_walks_both_arrays_in_order)
{
	static const int a[] = {1, 3, 5}, b[] = {1, 2, 5, 7}, high[] = {8, 9};

	cr_expect_str_eq(merged(a, 3, b, 4), "b1r2l3b5r7");
	cr_expect_str_eq(merged(b, 4, a, 3), "b1l2r3b5l7");
	cr_expect_str_eq(merged(a, 3, a, 3), "b1b3b5");
	cr_expect_str_eq(merged(a, 3, high, 2), "l1l3l5r8r9");
	cr_expect_str_eq(merged(high, 2, a, 3), "r1r3r5l8l9");
}

Test(base, merge_takes_empty_arrays)
{
	static const int a[] = {4, 6};

	cr_expect_str_eq(merged(NULL, 0, NULL, 0), "");
	cr_expect_str_eq(merged(a, 2, NULL, 0), "l4l6");
	cr_expect_str_eq(merged(NULL, 0, a, 2), "r4r6");
	cr_expect_str_eq(merged(a, 0, a + 1, 1), "r6");
}

/* Compares with two bit sets. */
Test(base, merge_agrees_with_sets)
{
	unsigned seed = seed_of_round(11, 0);

	for (int round = 0; round < 1000; round++) {
		int in_left = rand_r(&seed) & 0x3ff, in_right = rand_r(&seed) & 0x3ff;
		int left[10], right[10];
		size_t n_left = 0, n_right = 0;
		Buf wanted = {.arena = arena};

		for (int i = 0; i < 10; i++) {
			bool is_left = in_left >> i & 1, is_right = in_right >> i & 1;

			if (is_left)
				left[n_left++] = i;
			if (is_right)
				right[n_right++] = i;
			if (is_left || is_right)
				buf_printf(&wanted, "%s%d",
					!is_right  ? "l"
					: !is_left ? "r"
						   : "b",
					i);
		}
		cr_assert_str_eq(merged(left, n_left, right, n_right), buf_text(&wanted));
	}
	seed_end();
}

Test(base, merge_asserts_that_the_left_array_is_sorted, .signal = SIGABRT)
{
	static const int a[] = {2, 1}, b[] = {3};

	merged(a, 2, b, 1);
}

Test(base, merge_asserts_that_the_right_array_is_sorted, .signal = SIGABRT)
{
	static const int a[] = {0}, b[] = {3, 2};

	merged(a, 1, b, 2);
}

Test(base, merge_asserts_that_no_item_is_in_one_array_twice, .signal = SIGABRT)
{
	static const int a[] = {1, 1};

	merged(a, 2, NULL, 0);
}

/* ---- HashTable ---- */
/* Compares with an array of flags. Items share hashes, and are added and removed at random. */
Test(base, a_hash_table_has_what_was_added_and_not_removed)
{
	static int items[64];
	bool is_there[ARRAY_SIZE(items)] = {};
	Arena *own = arena_new();
	HashTable *table = hash_table_new(own);
	unsigned seed = seed_of_round(5, 0);
	size_t n = 0;

	for (int round = 0; round < 20000; round++) {
		size_t i = (size_t)rand_r(&seed) % ARRAY_SIZE(items);
		uint32_t hash = (uint32_t)i % 7;
		size_t cursor = 0, found = 0;
		const void *item;

		if (is_there[i])
			hash_table_remove(table, hash, &items[i]);
		else
			hash_table_add(table, hash, &items[i]);
		is_there[i] = !is_there[i];
		n += is_there[i] ? 1 : (size_t)-1;
		cr_assert_eq(hash_table_count(table), n);
		while ((item = hash_table_find(table, hash, &cursor))) {
			size_t k = (size_t)((const int *)item - items);

			cr_assert(is_there[k] && k % 7 == hash);
			found++;
		}
		for (size_t k = hash; k < ARRAY_SIZE(items); k += 7)
			found -= is_there[k];
		cr_assert_eq(found, 0);
	}
	arena_free(own);
	seed_end();
}

Test(base, a_hash_table_asserts_that_a_removed_item_is_in_it, .signal = SIGABRT)
{
	static int items[2];
	HashTable *table = hash_table_new(arena);

	hash_table_add(table, 1, &items[0]);
	hash_table_remove(table, 1, &items[1]);
}

/* ---- ConflictMap ---- */
typedef struct Claimant {
	char keys[2][2]; /* that it claims, a letter each */
	int rank;
} Claimant;

static size_t key_size(const void *key)
{
	return strlen(key) + 1;
}

static bool has_key(const void *item, const void *key)
{
	const Claimant *claimant = item;

	return strcmp(claimant->keys[0], key) == 0 || strcmp(claimant->keys[1], key) == 0;
}

static bool ranks_higher(const void *a, const void *b)
{
	return ((const Claimant *)a)->rank > ((const Claimant *)b)->rank;
}

static const ConflictKind BY_LETTER = {key_size, has_key, ranks_higher};

/* The highest-ranking item that claims the key, and how many claim it. at[i] may be NULL. */
static const Claimant *winner_of(Claimant *const *at, size_t n, const char *key, size_t *ret_n)
{
	const Claimant *best = NULL;

	*ret_n = 0;
	for (size_t i = 0; i < n; i++) {
		if (!at[i] || !has_key(at[i], key))
			continue;
		++*ret_n;
		best = !best || ranks_higher(at[i], best) ? at[i] : best;
	}
	return best;
}

static void expect_winners(const ConflictMap *map, Claimant *const *at, size_t n)
{
	size_t keys = 0, groups = 0, winners = 0, n_claims;

	for (char key[2] = "a"; *key <= 'h'; ++*key) {
		cr_assert_eq(conflict_map_winner(map, key), winner_of(at, n, key, &n_claims));
		cr_assert_eq(conflict_map_has_conflict(map, key), n_claims > 1);
		keys += n_claims > 0;
		groups += n_claims > 1;
	}
	cr_assert_eq(conflict_map_count(map), keys);
	cr_assert_eq(conflict_map_count_groups(map), groups);
	for (size_t cursor = 0; conflict_map_next(map, &cursor);)
		winners++;
	cr_assert_eq(winners, keys);
}

Test(base, the_highest_ranking_item_wins_after_any_changes)
{
	static Claimant items[2][24];
	Claimant *at[ARRAY_SIZE(items[0])] = {};
	Arena *own = arena_new();
	ConflictMap map;
	unsigned seed = seed_of_round(7, 0);

	conflict_map_init(&map, own, &BY_LETTER);
	for (int i = 0; i < (int)ARRAY_SIZE(at); i++)
		items[0][i] = items[1][i] = (Claimant){{{"abcde"[i % 5]}, {"abcdefgh"[i / 3]}}, i};
	for (int round = 0; round < 20000; round++) {
		size_t i = (size_t)rand_r(&seed) % ARRAY_SIZE(at);
		Claimant *was = at[i], *twin = was == &items[0][i] ? &items[1][i] : &items[0][i];
		bool is_replaced = was && rand_r(&seed) % 2;

		for (int k = 0; k < 2 && !(k && strcmp(twin->keys[0], twin->keys[1]) == 0); k++)
			if (is_replaced)
				conflict_map_replace(&map, twin->keys[k], was, twin);
			else if (was)
				conflict_map_remove(&map, was->keys[k], was);
			else
				conflict_map_add(&map, twin->keys[k], twin);
		at[i] = was && !is_replaced ? NULL : twin;
		if (round % 3)
			continue; /* so that some winners are removed before they are cached */
		expect_winners(&map, at, ARRAY_SIZE(at));
	}
	arena_free(own);
	seed_end();
}

static void exhaust_child(void *context)
{
	Arena *child = arena_child(context);

	arena_alloc(child, SIZE_MAX / 2);
}

Test(base, a_child_arena_unwinds_to_its_parents_try_and_is_freed_with_it)
{
	Arena *parent = arena_new(), *child;

	cr_assert_eq(arena_try(parent, exhaust_child, parent), -ENOMEM);
	child = arena_child(parent);
	arena_free(arena_child(parent));
	arena_free(child);
	arena_strdup(arena_child(arena_child(parent)), "freed with its parents");
	arena_free(parent);
}

Test(base, a_child_that_is_detached_outlives_its_parent)
{
	Arena *parent = arena_new(), *child = arena_child(parent), *sibling = arena_child(parent);
	char *text = arena_strdup(child, "still there");

	arena_detach(child);
	arena_free(sibling);
	arena_free(parent);
	cr_assert_str_eq(text, "still there");
	arena_free(child);
}

static void try_again(void *context)
{
	char *text;

	arena_try(context, ask_for_little, &text);
}

Test(base, a_try_asserts_that_it_does_not_nest, .signal = SIGABRT)
{
	arena_try(arena, try_again, arena);
}

static void try_in_child(void *context)
{
	try_again(arena_child(context));
}

Test(base, a_try_asserts_that_no_parent_is_in_one, .signal = SIGABRT)
{
	arena_try(arena, try_in_child, arena);
}

/* ---- Without a try the process ends ---- */
Test(base, an_arena_without_memory_ends_the_process, .signal = SIGABRT)
{
	arena_alloc(arena, SIZE_MAX / 2);
}

Test(base, a_try_that_is_over_catches_nothing, .signal = SIGABRT)
{
	char *text;

	arena_try(arena, ask_for_little, &text);
	arena_alloc(arena, SIZE_MAX / 2);
}

Test(base, a_detached_child_does_not_unwind_to_its_parents_try, .signal = SIGABRT)
{
	Arena *child = arena_child(arena);
	bool is_reached = false;

	arena_try(arena, ask_too_much, &is_reached);
	arena_detach(child);
	arena_alloc(child, SIZE_MAX / 2);
}
