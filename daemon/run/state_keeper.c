/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What survives netpold: restored at the start, saved after each change. */
#include "state_keeper.h"
#include "boot.h"
#include "log.h"
#include "saver.h"
#include "timer.h"
#include <errno.h>
#include <string.h>
#include <syslog.h>

/* How long after a change its tables are saved: a second, and 50 us for each ruleset_cost(). */
#define TABLES_USEC (1000 * 1000)
#define TABLES_USEC_COST 50
#define TABLES_ACCURACY_USEC (50 * 1000)

static const char *const TABLE_FILE[KERNEL_TABLE_N] = {"ruleset/inet.nft", "ruleset/bridge.nft"};
static const char *const TABLE_FAMILY[KERNEL_TABLE_N] = {"inet", "bridge"};

struct StateKeeper {
	Nft *nft;
	const Settings *settings;
	Feeds *feeds;
	const Enforcer *enforcer;
	void (*on_progress)(void *context);
	void *context;
	Saver *saver;
	Timer *timer;		/* armed until the marked tables go to the saver */
	bool are_tables_marked; /* not handed to the saver yet */
	bool are_files_restored;
	bool is_boot_saved;
};

/* ---- The start: tables ---- */
static bool has_table(const StateKeeper *k, Arena *arena, KernelTable table)
{
	BaseOptions base = {.table = k->settings->table,
		.kind = table == KERNEL_BRIDGE ? TABLE_BRIDGE : TABLE_INET};
	BaseOptions fallback = base;

	fallback.table = object_name_table(arena, base.table, TABLE_FALLBACK);
	return nft_has_table(k->nft, &base) || nft_has_table(k->nft, &fallback);
}

/* Without what logs, if this kernel refuses it with: other than the last one it may lack NFLOG. */
static int load_text(const StateKeeper *k, const char *text)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	int r = nft_load(k->nft, text);

	return r == 0 ? 0 : nft_load(k->nft, nft_text_without_log(arena, text));
}

static void load_table(const StateKeeper *k, KernelTable table, const char *text)
{
	if (load_text(k, text) == 0)
		log_line(LOG_NOTICE, "restored",
			"table %s %s was restored from the state directory; it is in force until "
			"the files are read",
			TABLE_FAMILY[table], k->settings->table);
	else
		log_line(LOG_WARNING, "restored",
			"cannot restore a table from %s/%s: %s; the table is missing until the "
			"files are read",
			k->settings->state, TABLE_FILE[table], nft_error(k->nft));
}

/* A saved text that begins with another table's name is from before the setting `table` changed. */
static void restore_table(const StateKeeper *k, Arena *arena, KernelTable table)
{
	const char *head =
		arena_printf(arena, "table %s %s {\n", TABLE_FAMILY[table], k->settings->table);
	Diags diags = {.arena = arena};
	char *text = NULL;
	size_t n;

	if (has_table(k, arena, table))
		return;
	if (state_load(k->settings->state, TABLE_FILE[table], &diags, &text, &n) == 0 &&
		strncmp(text, head, strlen(head)) == 0)
		load_table(k, table, text);
	log_diags(&diags);
	free(text);
}

void state_keeper_restore_tables(StateKeeper *k)
{
	ARENA_CLEANUP Arena *arena = arena_new();

	for (int t = 0; t < KERNEL_TABLE_N; t++)
		restore_table(k, arena, (KernelTable)t);
}

/* ---- The start: files ---- */
int state_keeper_restore_files(StateKeeper *k)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Diags diags = {.arena = arena};
	bool is_new_boot;
	int r;

	if (k->are_files_restored)
		return 0;
	feeds_adopt_saved(k->settings);
	r = run_find_new_boot(k->settings->state, &diags, &is_new_boot);
	if (r == 0)
		r = feeds_restore(k->feeds, k->settings->state, is_new_boot, &diags);
	log_diags(&diags);
	k->are_files_restored = r == 0;
	return r;
}

/* ---- Saving files ---- */
static void append(StateText **list, StateText *text)
{
	while (*list)
		list = &(*list)->next;
	*list = text;
}

/*
 * If the saved boot id is not the present one, the saved files are from before a reboot. So while
 * some restored file was not written again, the id is not replaced: the next start, in this boot
 * too, must restore that file again.
 */
static void add_boot(StateKeeper *k, StateText **list)
{
	char boot[BOOT_TEXT_SIZE];
	char *text;

	if (k->is_boot_saved || feeds_have_restored(k->feeds))
		return;
	text = memory_copy_text(boot_text(boot));
	append(list, state_text_new(BOOT_NAME, text, strlen(text)));
	k->is_boot_saved = true;
}

void state_keeper_save_files(StateKeeper *k)
{
	StateText *list = NULL;

	feeds_take_unsaved(k->feeds, &list);
	add_boot(k, &list);
	saver_add(k->saver, k->settings->state, list);
}

/* ---- Saving tables ---- */
/* Printing takes a while: the saver's thread does it, with a reference to the ruleset. */
static char *table_text(const void *from)
{
	ARENA_CLEANUP Arena *arena = arena_new();

	return memory_copy_text(nft_saved_text(arena, from));
}

static void drop_table(const void *from)
{
	ruleset_unref(from);
}

/* Where no table was applied, the text that deletes the saved one. */
static StateText *state_text_of(const StateKeeper *k, KernelTable table)
{
	const Ruleset *applied = enforcer_applied(k->enforcer, table);

	if (!applied)
		return state_text_new(TABLE_FILE[table], NULL, 0);
	return state_text_deferred(TABLE_FILE[table], table_text, drop_table, ruleset_ref(applied));
}

static void save_tables(StateKeeper *k)
{
	StateText *list = NULL;

	if (!k->are_tables_marked)
		return;
	k->are_tables_marked = false;
	for (int t = 0; t < KERNEL_TABLE_N; t++)
		append(&list, state_text_of(k, (KernelTable)t));
	saver_add(k->saver, k->settings->state, list);
}

static void on_due(void *context)
{
	StateKeeper *k = context;

	save_tables(k);
	k->on_progress(k->context);
}

void state_keeper_mark_tables(StateKeeper *k)
{
	k->are_tables_marked = true;
}

void state_keeper_schedule_tables(StateKeeper *k)
{
	const Ruleset *inet = enforcer_applied(k->enforcer, KERNEL_INET);
	uint64_t usec = TABLES_USEC + (inet ? TABLES_USEC_COST * ruleset_cost(inet) : 0);

	if (k->are_tables_marked)
		timer_start(k->timer, usec);
}

void state_keeper_save_text(StateKeeper *k, const char *name, const char *text)
{
	saver_add(k->saver, k->settings->state,
		state_text_new(name, memory_copy_text(text), strlen(text)));
}

/* ---- Progress ---- */
void state_keeper_retry(StateKeeper *k)
{
	saver_add(k->saver, k->settings->state, NULL);
}

bool state_keeper_is_saved(StateKeeper *k)
{
	return !k->are_tables_marked && saver_is_done(k->saver);
}

const char *state_keeper_error(StateKeeper *k, Arena *arena)
{
	char words[256];

	saver_error(k->saver, words, sizeof(words));
	return *words ? arena_strdup(arena, words) : NULL;
}

/* ---- Lifetime ---- */
int state_keeper_new(sd_event *event, Nft *nft, const Settings *settings, Feeds *feeds,
	const Enforcer *enforcer, void (*on_progress)(void *context), void *context,
	StateKeeper **ret_keeper)
{
	StateKeeper *k = MEMORY_NEW(StateKeeper);
	int r;

	*k = (StateKeeper){.nft = nft,
		.settings = settings,
		.feeds = feeds,
		.enforcer = enforcer,
		.on_progress = on_progress,
		.context = context};
	r = saver_new(event, on_progress, context, &k->saver);
	if (r < 0) {
		free(k);
		return r;
	}
	k->timer = timer_new(event, TABLES_ACCURACY_USEC, SD_EVENT_PRIORITY_NORMAL, on_due, k);
	*ret_keeper = k;
	return 0;
}

StateKeeper *state_keeper_free(StateKeeper *k)
{
	if (!k)
		return NULL;
	save_tables(k);
	saver_free(k->saver);
	timer_free(k->timer);
	free(k);
	return NULL;
}
