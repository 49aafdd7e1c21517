/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Status as text: status.json, and one line for systemctl. */
#include "run.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WITHOUT_RECORD_MAX 20 /* pods that are named; all are counted */
#define AUDITED_MAX 100	      /* that are listed; `counts` has how many there are */

static void add_text(Buf *buf, const char *key, const char *text)
{
	buf_printf(buf, "  \"%s\": ", key);
	text_add_json(buf, text ? text : "");
	buf_add(buf, ",\n");
}

/* One line, as every key of status.json but the files and the diagnostics. */
static void add_list(Buf *buf, const char *key, const Texts *texts)
{
	buf_printf(buf, "  \"%s\": [", key);
	for (size_t i = 0; i < texts->n; i++) {
		buf_add(buf, i ? ", " : "");
		text_add_json(buf, texts->at[i]);
	}
	buf_add(buf, "],\n");
}

static void add_directories(Buf *buf, const Status *status)
{
	Texts paths = {};

	for (size_t i = 0; i < status->n_dirs; i++)
		VEC_PUSH(buf->arena, &paths, source_dir_path(status->dirs[i]));
	add_list(buf, "directories", &paths);
}

static const char *file_state(const SourceDirFile *file)
{
	if (file->is_withdrawn)
		return "deleted, in force until withdraw_ms has passed";
	if (file->current && file->current == file->accepted)
		return "in force";
	return file->accepted ? "last good version in force" : "not in force";
}

/* Each pod has one: they are counted, not listed. */
static bool is_good_record(const SourceDir *dir, const SourceDirFile *file)
{
	return source_dir_kind(dir) == SOURCE_ATTACHMENTS && file->current &&
	       file->current == file->accepted && file->current->diags.list.n == 0;
}

static void add_attachments(Buf *buf, const Status *status)
{
	buf_add(buf, "  \"attachments\": {\"directory\": ");
	text_add_json(buf, status->attachments ? status->attachments : "");
	buf_printf(buf,
		", \"pods_by_record_and_inventory\": %zu, \"pods_by_record_alone\": %zu, "
		"\"pods_by_inventory_alone\": %zu},\n",
		status->totals.by_both, status->totals.by_record, status->totals.by_inventory);
}

/*
 * Where records are read, pods of this node that none names: their policies came only with the
 * inventory, and a record may have been lost. Pods that have just ended are among them, until they
 * leave the inventory, too; so this is no reason to be degraded.
 */
static void add_without_record(Buf *buf, const Status *status)
{
	const Pods *pods = status->local_pods;
	Texts names = {};

	if (!status->attachments || !*status->attachments)
		return;
	for (size_t i = 0; pods && i < pods->n && names.n < WITHOUT_RECORD_MAX; i++)
		if (!pods->at[i]->attached)
			VEC_PUSH(buf->arena, &names, pod_text(buf->arena, pods->at[i]));
	add_list(buf, "pods_without_record", &names);
}

static void add_files(Buf *buf, const Status *status)
{
	bool is_first = true;

	buf_add(buf, "  \"files\": [");
	for (size_t d = 0; d < status->n_dirs; d++)
		for (size_t i = 0; i < source_dir_count(status->dirs[d]); i++) {
			SourceDirFile file = source_dir_file(status->dirs[d], i);

			if (is_good_record(status->dirs[d], &file))
				continue;
			buf_add(buf, is_first ? "\n    {\"file\": " : ",\n    {\"file\": ");
			text_add_json(buf, arena_printf(buf->arena, "%s/%s",
						   source_dir_path(status->dirs[d]), file.name));
			buf_printf(buf,
				", \"state\": \"%s\", \"errors\": %zu, \"modified_ns\": %lld}",
				file_state(&file), file.current ? file.current->diags.n_errors : 0,
				(long long)file.modified_ns);
			is_first = false;
		}
	buf_add(buf, is_first ? "],\n" : "\n  ],\n");
}

static void add_diags(Buf *buf, const Diags *diags)
{
	buf_add(buf, "  \"diagnostics\": [");
	for (size_t i = 0; diags && i < diags->list.n; i++) {
		buf_add(buf, i ? ",\n    " : "\n    ");
		text_add_json(buf, diag_line(buf->arena, &diags->list.at[i]));
	}
	buf_printf(buf, "%s],\n  \"diagnostics_dropped\": %zu\n",
		diags && diags->list.n ? "\n  " : "", diags ? diags->n_dropped : 0);
}

static const char *time_or_never(Arena *arena, int64_t seconds)
{
	return seconds ? text_of_time(arena, seconds) : "never";
}

static void add_senders(Buf *buf, const SenderReport *senders)
{
	uint64_t forged = 0;

	if (!senders)
		return;
	for (size_t i = 0; i < senders->forged.n; i++)
		forged += senders->forged.at[i].packets;
	add_text(buf, "senders", senders->mode);
	buf_printf(buf,
		"  \"senders_pods\": {\"pods\": %zu, \"port_known\": %zu, \"port_unknown\": %zu, "
		"\"forged_packets\": %llu},\n",
		senders->pods, senders->placed, senders->pods - senders->placed,
		(unsigned long long)forged);
	add_list(buf, "senders_free", &senders->free);
}

static int policy_compare(const void *a, const void *b)
{
	const Policy *x = *(const Policy *const *)a, *y = *(const Policy *const *)b;
	int r = strcmp(x->namespace, y->namespace);

	return r ? r : strcmp(x->name, y->name);
}

/* The policies that are not in force, with their places. */
static void add_audited(Buf *buf, const Status *status)
{
	const NamespaceIndex *namespace;
	Policies audited = {};
	Texts texts = {};
	size_t cursor = 0;

	while (status->totals.audited && (namespace = model_next_namespace(status->model, &cursor)))
		for (size_t i = 0; i < namespace->policies.n; i++)
			if (namespace->policies.at[i]->is_audit)
				VEC_PUSH(buf->arena, &audited, namespace->policies.at[i]);
	if (audited.n)
		qsort(audited.at, audited.n, sizeof(*audited.at), policy_compare);
	for (size_t i = 0; i < audited.n && i < AUDITED_MAX; i++)
		VEC_PUSH(buf->arena, &texts,
			arena_printf(buf->arena, "%s/%s (%s:%u)", audited.at[i]->namespace,
				audited.at[i]->name, audited.at[i]->origin.file,
				audited.at[i]->origin.line));
	add_list(buf, "audited_policies", &texts);
}

const char *status_json(Arena *arena, const Status *status)
{
	Buf buf = {.arena = arena};
	Totals t = status->totals;

	buf_add(&buf, "{\n");
	add_text(&buf, "version", RUN_VERSION);
	add_text(&buf, "health", HEALTH_TEXT[status->health]);
	add_list(&buf, "reasons", &status->reasons);
	buf_printf(&buf, "  \"pid\": %d,\n", (int)getpid());
	add_text(&buf, "checked_at", time_or_never(arena, status->checked_at));
	buf_printf(&buf, "  \"check_seconds\": %u,\n", status->check_s);
	add_text(&buf, "node", status->node);
	add_text(&buf, "table", status->table);
	add_text(&buf, "bridge", status->bridge);
	add_text(&buf, "bridge_why", status->bridge_why);
	add_senders(&buf, status->senders);
	add_text(&buf, "state", status->saving);
	add_directories(&buf, status);
	buf_printf(&buf, "  \"generation\": %llu,\n  \"repairs\": %llu,\n  \"cut_flows\": %llu,\n",
		(unsigned long long)status->generation, (unsigned long long)status->repairs,
		(unsigned long long)status->killed);
	add_text(&buf, "applied_at", time_or_never(arena, status->applied_at));
	buf_printf(&buf,
		"  \"last_change\": {\"milliseconds\": %u, \"transactions\": %u, \"elements\": "
		"%u},\n",
		status->apply_ms, status->last.commits, status->last.elements);
	buf_printf(&buf,
		"  \"counts\": {\"policies\": %zu, \"audited\": %zu, \"pods\": %zu, "
		"\"namespaces\": %zu, \"isolated_addresses\": %zu, \"sets\": %zu, "
		"\"chains\": %zu, \"elements\": %zu},\n",
		t.policies, t.audited, t.pods, t.namespaces, t.isolated, t.sets, t.chains,
		t.elements);
	add_audited(&buf, status);
	add_attachments(&buf, status);
	add_without_record(&buf, status);
	buf_printf(&buf, "  \"errors\": %zu,\n  \"warnings\": %zu,\n", t.errors, t.warnings);
	add_files(&buf, status);
	add_diags(&buf, status->diags);
	buf_add(&buf, "}\n");
	return buf_text(&buf);
}

const char *status_line(Arena *arena, const Status *status)
{
	Totals t = status->totals;
	Buf buf = {.arena = arena};

	if (status->health != HEALTH_OK)
		buf_printf(&buf, "%s: %s", HEALTH_TEXT[status->health], status->reasons.at[0]);
	if (status->reasons.n > 1)
		buf_printf(&buf, " (and %u more)", status->reasons.n - 1);
	buf_printf(&buf,
		"%sgeneration %llu: %zu policies%s, %zu pods, %zu isolated addresses, bridge %s",
		status->health != HEALTH_OK ? "; " : "", (unsigned long long)status->generation,
		t.policies,
		t.audited ? arena_printf(arena, " (%zu of them audited)", t.audited) : "", t.pods,
		t.isolated, status->bridge);
	return buf_text(&buf);
}
