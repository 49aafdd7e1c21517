/*
 * What outlives netpold: the files in force, the tables as they stand, and which boot that was.
 * After a reboot the tables stand again before anything is read.
 */
#include "daemon.h"
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <systemd/sd-id128.h>

/*
 * The tables are kept this long after a change, gathered: the files, kept at once, say the same.
 * Of large ones, which take a while to print, the longer.
 */
#define TABLES_USEC (1000 * 1000)
#define TABLES_USEC_ELEMENT 50
#define BOOT_NAME "boot"

static const char *const TABLE_FILE[OURS_N] = {"ruleset/inet.nft", "ruleset/bridge.nft"};
static const char *const TABLE_FAMILY[OURS_N] = {"inet", "bridge"};

/* ---- Start ---- */
static void log_diags(const Diags *diags)
{
	for (size_t i = 0; i < diags->list.n; i++)
		log_diag(&diags->list.at[i]);
}

static bool has_tables(Daemon *d, Arena *arena, Ours table)
{
	BaseOptions base = {.table = d->settings.table,
		.kind = table == OURS_BRIDGE ? TABLE_BRIDGE : TABLE_INET};
	BaseOptions fallback = base;

	fallback.table = object_name_table(arena, base.table, TABLE_FALLBACK);
	return nft_has_table(d->nft, &base) || nft_has_table(d->nft, &fallback);
}

static void restore_table(Daemon *d, Arena *arena, Ours table)
{
	const char *head =
		arena_printf(arena, "table %s %s {\n", TABLE_FAMILY[table], d->settings.table);
	Diags diags = {.arena = arena};
	char *text = NULL;
	size_t n;

	if (has_tables(d, arena, table))
		return;
	if (state_load(d->settings.state, TABLE_FILE[table], &diags, &text, &n) == 0 &&
		strncmp(text, head, strlen(head)) == 0) {
		if (nft_load(d->nft, text) == 0)
			log_line(LOG_NOTICE, "restored",
				"table %s %s stands as it did last, before any file is read",
				TABLE_FAMILY[table], d->settings.table);
		else
			log_line(LOG_WARNING, "restored", "%s/%s is not taken: %s",
				d->settings.state, TABLE_FILE[table], nft_error(d->nft));
	}
	log_diags(&diags);
	free(text);
}

void daemon_restore_tables(Daemon *d)
{
	ARENA_CLEANUP Arena *arena = arena_new();

	for (int t = 0; t < OURS_N; t++)
		restore_table(d, arena, (Ours)t);
}

static const char *boot_text(char ret[SD_ID128_STRING_MAX])
{
	sd_id128_t boot;

	return sd_id128_get_boot(&boot) < 0 ? "" : sd_id128_to_string(boot, ret);
}

static bool is_new_boot(Daemon *d, Diags *diags)
{
	char now[SD_ID128_STRING_MAX], *then;
	bool is_new;
	size_t n;

	if (state_load(d->settings.state, BOOT_NAME, diags, &then, &n) < 0)
		return false; /* the first start */
	is_new = strcmp(then, boot_text(now)) != 0;
	free(then);
	return is_new;
}

int daemon_restore_files(Daemon *d)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Diags diags = {.arena = arena};
	bool is_new;
	int r = 0;

	if (d->is_restored)
		return 0;
	is_new = is_new_boot(d, &diags);
	for (int i = 0; r == 0 && i < 2; i++)
		r = source_dir_restore(d->dirs[i], d->settings.state, is_new, &diags);
	log_diags(&diags);
	d->is_restored = r == 0;
	return r;
}

/* ---- Saving ---- */
static void push(StateText **list, const char *name, char *text)
{
	StateText *new = state_text_new(name, text, text ? strlen(text) : 0);

	while (*list)
		list = &(*list)->next;
	*list = new;
}

void daemon_save_files(Daemon *d)
{
	StateText *list = NULL;
	char boot[SD_ID128_STRING_MAX];

	for (int i = 0; i < 2; i++)
		source_dir_take_unsaved(d->dirs[i], &list);
	/* files from before a reboot that stand unwritten must be known as such at the next start
	 */
	if (!d->is_boot_saved && !source_dir_has_restored(d->dirs[1])) {
		push(&list, BOOT_NAME, memory_copy_text(boot_text(boot)));
		d->is_boot_saved = true;
	}
	saver_add(d->saver, d->settings.state, list);
}

/* In the saver's thread, which is an owner of the ruleset: printing takes a while. */
static char *table_text(const void *from)
{
	ARENA_CLEANUP Arena *arena = arena_new();

	return memory_copy_text(nft_ruleset_text(arena, from));
}

static void drop_table(const void *from)
{
	ruleset_unref(from);
}

/* As it stands, or, where there is none, that there is none. */
static StateText *text_of_table(const Daemon *d, Ours t)
{
	if (!d->applied[t])
		return state_text_new(TABLE_FILE[t], NULL, 0);
	return state_text_deferred(
		TABLE_FILE[t], table_text, drop_table, ruleset_ref(d->applied[t]));
}

void daemon_save_tables(Daemon *d)
{
	StateText *list = NULL;

	if (!d->are_tables_unsaved)
		return;
	d->are_tables_unsaved = false;
	for (int t = OURS_N - 1; t >= 0; t--) {
		StateText *text = text_of_table(d, (Ours)t);

		text->next = list;
		list = text;
	}
	saver_add(d->saver, d->settings.state, list);
}

static int on_save(sd_event_source *source, uint64_t at, void *context)
{
	(void)source, (void)at;
	daemon_save_tables(context);
	daemon_report(context);
	return 0;
}

void daemon_schedule_saving(Daemon *d)
{
	uint64_t usec = TABLES_USEC;
	int on = SD_EVENT_OFF;

	if (!d->are_tables_unsaved || !d->event ||
		(d->save && sd_event_source_get_enabled(d->save, &on) >= 0 && on != SD_EVENT_OFF))
		return;
	if (d->applied[OURS_INET])
		usec += TABLES_USEC_ELEMENT * ruleset_cost(d->applied[OURS_INET]);
	d->save = sd_event_source_unref(d->save);
	sd_event_add_time_relative(
		d->event, &d->save, CLOCK_MONOTONIC, usec, 50 * 1000, on_save, d);
}

bool daemon_is_saved(Daemon *d)
{
	return !d->are_tables_unsaved && saver_is_done(d->saver);
}
