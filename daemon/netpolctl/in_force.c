/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What explain, matrix and ruleset answer from: the versions of the files that netpold has in
 * force. It keeps the last good version of a file that is broken now, and after a reboot the saved
 * inventory; both are in the state directory, from where netpold itself takes them at a start. So
 * the same is done here. Without netpold, or if the state directory cannot be read, the files as
 * they are have to do, and the answer says so.
 */
#include "netpolctl.h"
#include "report.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 20 /* of files that differ, one a line */

/* ---- Which of the two ---- */
static bool reads_our_directories(const Ctl *ctl, const Report *report)
{
	const Texts *policies = &ctl->settings.policies, *inventory = &ctl->settings.inventory;
	const Texts *told = &report->directories;

	Texts ours = {};

	for (size_t i = 0; i < policies->n; i++)
		VEC_PUSH(ctl->arena, &ours, policies->at[i]);
	for (size_t i = 0; i < inventory->n; i++)
		VEC_PUSH(ctl->arena, &ours, inventory->at[i]);
	if (*ctl->settings.attachments)
		VEC_PUSH(ctl->arena, &ours, ctl->settings.attachments);
	for (size_t i = 0; told->n == ours.n && i < ours.n; i++)
		if (!text_is_equal(told->at[i], ours.at[i]))
			return false;
	return told->n == ours.n;
}

/* NULL, or why the saved copies of these directories cannot be read. Without a folder there are
 * none. */
static const char *why_unreadable_of(const Ctl *ctl, SourceKind kind, const Texts *paths)
{
	for (size_t i = 0; i < paths->n; i++) {
		char folder[NAME_MAX + 1];
		const char *path;
		int fd;

		source_state_folder(kind, paths->at[i], folder);
		path = arena_printf(ctl->arena, "%s/%s", ctl->settings.state, folder);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && errno != ENOENT)
			return arena_printf(ctl->arena, "%s: %s%s", path, strerror(errno),
				errno == EACCES ? " (only root may read it)" : "");
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

static const char *why_unreadable(const Ctl *ctl)
{
	const char *why = why_unreadable_of(ctl, SOURCE_POLICIES, &ctl->settings.policies);

	return why ? why : why_unreadable_of(ctl, SOURCE_INVENTORY, &ctl->settings.inventory);
}

/* NULL, or why what netpold has in force is not known. */
static const char *why_unknown(Ctl *ctl, Report *report)
{
	int r = report_read(ctl->arena, ctl->settings.runtime, report);

	if (r < 0 && r != -ENOENT)
		return arena_printf(ctl->arena, "%s: %s", report->path, report_error_text(r));
	if (r < 0 || !report_is_running(report, ctl->settings.runtime))
		return "netpold does not run";
	if (!reads_our_directories(ctl, report))
		return arena_printf(ctl->arena,
			"netpold, process %d, reads other directories than these", report->pid);
	return why_unreadable(ctl);
}

/* ---- Reading ---- */
/* As netpold does at a start. 0 or -errno. */
static int restore(Ctl *ctl, Diags *diags)
{
	bool is_new_boot;
	int r = run_find_new_boot(ctl->settings.state, diags, &is_new_boot);

	for (size_t i = 0; r == 0 && i < ctl->n_dirs; i++)
		if (source_dir_kind(ctl->dirs[i]) != SOURCE_ATTACHMENTS)
			r = source_dir_restore(
				ctl->dirs[i], ctl->settings.state, is_new_boot, diags);
	return r;
}

static int load_snapshot(Ctl *ctl, bool is_in_force)
{
	Diags diags = {.arena = ctl->arena};
	int r = ctl_read_directories(ctl);

	if (r == 0)
		r = ctl_read_attachments(ctl);
	if (r == 0 && is_in_force)
		r = restore(ctl, &diags);
	if (r < 0)
		return ctl_fail(strerror(-r));
	ctl->snapshot = ctl_merge(ctl->dirs, ctl->n_dirs);
	ctl_print_diags(ctl, &diags, SEVERITY_WARNING, stderr);
	ctl_print_diags(ctl, snapshot_diags(ctl->snapshot), SEVERITY_WARNING, stderr);
	return 0;
}

/* A directory that cannot be read makes any answer wrong, unless its files are known otherwise. */
static bool is_known(const Ctl *ctl, bool is_in_force)
{
	for (size_t i = 0; i < ctl->n_dirs; i++)
		if (source_dir_diags(ctl->dirs[i])->n_errors &&
			(!is_in_force || source_dir_count(ctl->dirs[i]) == 0))
			return false;
	return true;
}

/* ---- Saying so ---- */
/* NULL: the file is in force as it is. */
static const char *word_of(const SourceDirFile *file)
{
	if (file->current && file->current == file->accepted)
		return NULL;
	if (!file->current)
		return file->accepted ? "its saved version, there is no file to read"
				      : "left out, it was not read";
	return file->accepted ? "its last good version" : "left out, it has an error";
}

static void list_differences(const Ctl *ctl, Texts *ret_words)
{
	for (size_t i = 0; i < ctl->n_dirs; i++)
		for (size_t k = 0; k < source_dir_count(ctl->dirs[i]); k++) {
			SourceDirFile file = source_dir_file(ctl->dirs[i], k);
			const char *word = word_of(&file);

			if (word)
				VEC_PUSH(ctl->arena, ret_words,
					arena_printf(ctl->arena, "%s/%s: %s",
						source_dir_path(ctl->dirs[i]), file.name, word));
		}
}

static void print_differences(const Texts *words)
{
	for (size_t i = 0; i < words->n && i < WORDS_MAX; i++)
		fprintf(stderr, "  %s\n", words->at[i]);
	if (words->n > WORDS_MAX)
		fprintf(stderr, "  and %u files more\n", words->n - WORDS_MAX);
}

/* Why the kernel may have something else than what the answer is from. */
static void print_doubts(const Report *report)
{
	bool is_saved = !report->state || strcmp(report->state, "saved") == 0 ||
			strcmp(report->state, "saving") == 0;

	assert(report->health); /* it was read: see why_unknown() */
	if (!is_saved)
		fprintf(stderr, "netpolctl: netpold may have newer versions in force: %s\n",
			report->state);
	if (strcmp(report->health, HEALTH_TEXT[HEALTH_UNHEALTHY]) == 0)
		fprintf(stderr,
			"netpolctl: netpold is unhealthy, the kernel may have something else in "
			"force: %s\n",
			report->reasons.n ? report->reasons.at[0] : "no reason is told");
}

static void print_version(const Ctl *ctl, const Report *report, const char *why_files)
{
	Texts words = {};

	list_differences(ctl, &words);
	if (why_files)
		fprintf(stderr, "netpolctl: answered from the files alone: %s%s\n", why_files,
			words.n ? "; but for:" : "");
	else
		fprintf(stderr,
			"netpolctl: answered from what netpold, process %d, has in force%s\n",
			report->pid, words.n ? "; the files say something else:" : "");
	print_differences(&words);
	if (!why_files)
		print_doubts(report);
}

int ctl_load(Ctl *ctl)
{
	const char *why_files = NULL;
	Report report = {};
	bool is_in_force;
	int r;

	if (ctl_load_settings(ctl) != 0)
		return CTL_ERROR;
	if (!ctl->is_files)
		why_files = why_unknown(ctl, &report);
	is_in_force = !ctl->is_files && !why_files;
	r = load_snapshot(ctl, is_in_force);
	if (r != 0)
		return r;
	if (!is_known(ctl, is_in_force))
		return CTL_ERROR;
	if (!ctl->is_files)
		print_version(ctl, &report, why_files);
	return 0;
}
