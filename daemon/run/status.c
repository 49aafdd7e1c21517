/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Status as text: status.json, netpol.prom, and one line for systemctl. Pure. */
#include "run.h"
#include "histogram.h"
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

static void add_metric(
	Buf *buf, const char *name, const char *type, const char *help, unsigned long long value)
{
	buf_printf(buf, "# HELP netpol_%s %s\n# TYPE netpol_%s %s\nnetpol_%s %llu\n", name, help,
		name, type, name, value);
}

static void add_attached_metric(Buf *buf, const Totals *t)
{
	buf_printf(buf,
		"# HELP netpol_local_pods Pods of this node, by what they are known from: a record "
		"of the container runtime, the inventory.\n# TYPE netpol_local_pods gauge\n"
		"netpol_local_pods{known=\"both\"} %zu\nnetpol_local_pods{known=\"record\"} %zu\n"
		"netpol_local_pods{known=\"inventory\"} %zu\n",
		t->by_both, t->by_record, t->by_inventory);
}

/* ---- Refused packets ---- */
static void add_head(Buf *buf, const char *name, const char *type, const char *help)
{
	buf_printf(buf, "# HELP netpol_%s %s\n# TYPE netpol_%s %s\n", name, help, name, type);
}

/* Names of pods and namespaces were checked: no character of theirs needs an escape. */
static void add_total(Buf *buf, const char *name, const DenialTotal *total, uint64_t value)
{
	buf_printf(buf, "netpol_%s{namespace=\"%s\",pod=\"%s\",direction=\"%s\"} %llu\n", name,
		total->namespace, total->pod, direction_text(denial_direction(total->kind)),
		(unsigned long long)value);
}

static void add_totals(
	Buf *buf, const char *name, const char *help, const Status *status, bool is_audit)
{
	const DenialTotalList *list = &status->denied_totals;
	bool is_bytes = text_has_suffix(name, "bytes_total");

	add_head(buf, name, "counter", help);
	for (size_t i = 0; i < list->n; i++)
		if (denial_is_audit(list->at[i].kind) == is_audit)
			add_total(buf, name, &list->at[i],
				is_bytes ? list->at[i].bytes : list->at[i].packets);
}

static void add_flows(
	Buf *buf, const char *name, const char *help, const DenialFigures *figures, bool is_audit)
{
	add_head(buf, name, "counter", help);
	for (int d = INGRESS; d < DIRECTION_N; d++)
		buf_printf(buf, "netpol_%s{direction=\"%s\"} %llu\n", name,
			direction_text((Direction)d),
			(unsigned long long)figures->flows[denial_kind((Direction)d, is_audit)]);
}

static void add_denied(Buf *buf, const Status *status)
{
	add_totals(buf, "denied_packets_total", "Packets that a pod's policies refused.", status,
		false);
	add_totals(buf, "denied_bytes_total", "Bytes of packets that a pod's policies refused.",
		status, false);
	add_flows(buf, "denied_flows_total",
		"Refused flows that were logged, each at most once a minute.", status->denied,
		false);
	add_totals(buf, "would_deny_packets_total",
		"Packets that passed, and that a pod's audited policies would refuse.", status,
		true);
	add_totals(buf, "would_deny_bytes_total",
		"Bytes of packets that passed, and that a pod's audited policies would refuse.",
		status, true);
	add_flows(buf, "would_deny_flows_total",
		"Flows that audited policies would refuse and that were logged, each at most once "
		"a "
		"minute.",
		status->denied, true);
	add_metric(buf, "forged_flows_total", "counter",
		"Flows of packets with a source address that is not their sender's that were "
		"logged, each at most once a minute.",
		status->denied->forged);
	add_metric(buf, "denied_flows_lost_total", "counter",
		"Refused flows that the kernel reported and netpold could not read.",
		status->denied->lost);
	add_metric(buf, "denied_flows_unlogged_total", "counter",
		"Refused flows that the journal did not take.", status->denied->unlogged);
}

static void add_histograms(Buf *buf, const Status *status)
{
	histogram_render(buf, "change_duration_seconds",
		"From the first event of a changed file to the commit in the kernel.",
		status->changes);
	histogram_render(buf, "commit_duration_seconds",
		"How long it took to apply a change to the kernel.", status->commits);
	histogram_render(buf, "repair_duration_seconds",
		"How long it took to undo a change of the tables by others.", status->repair_times);
}

static void add_health_metric(Buf *buf, Health health)
{
	buf_add(buf, "# HELP netpol_health Whether netpold is in that state: 1, or 0.\n"
		     "# TYPE netpol_health gauge\n");
	for (int i = 0; HEALTH_TEXT[i]; i++)
		buf_printf(
			buf, "netpol_health{state=\"%s\"} %d\n", HEALTH_TEXT[i], i == (int)health);
}

static void add_forged_metric(Buf *buf, const SenderReport *senders)
{
	buf_add(buf,
		"# HELP netpol_forged_packets_total Packets that were dropped because their source "
		"address is not their sender's.\n"
		"# TYPE netpol_forged_packets_total counter\n");
	for (size_t i = 0; i < senders->forged.n; i++)
		buf_printf(buf, "netpol_forged_packets_total{namespace=\"%s\",pod=\"%s\"} %llu\n",
			senders->forged.at[i].namespace, senders->forged.at[i].pod,
			(unsigned long long)senders->forged.at[i].packets);
}

const char *status_metrics(Arena *arena, const Status *status)
{
	Buf buf = {.arena = arena};
	Totals t = status->totals;

	add_health_metric(&buf, status->health);
	add_metric(&buf, "last_check_timestamp_seconds", "gauge",
		"When netpold last looked at the kernel and the files.",
		(unsigned long long)status->checked_at);
	add_metric(&buf, "applied_timestamp_seconds", "gauge", "When the last change was applied.",
		(unsigned long long)status->applied_at);
	add_metric(&buf, "changes_total", "counter", "Changes applied since the start.",
		status->generation);
	add_metric(&buf, "repairs_total", "counter",
		"Changes of the table by others that were undone.", status->repairs);
	add_metric(&buf, "killed_flows_total", "counter",
		"Established flows that a change forbade.", status->killed);
	add_metric(&buf, "policies", "gauge", "Policies in force.", t.policies - t.audited);
	add_metric(&buf, "audited_policies", "gauge",
		"Policies that are audited, and not in force.", t.audited);
	add_metric(&buf, "pods", "gauge", "Pods in the inventory.", t.pods);
	add_attached_metric(&buf, &t);
	add_metric(&buf, "isolated_addresses", "gauge", "Addresses of isolated pods.", t.isolated);
	add_metric(&buf, "chains", "gauge", "Chain classes in the kernel.", t.chains);
	add_metric(&buf, "sets", "gauge", "Sets in the kernel.", t.sets);
	add_metric(&buf, "elements", "gauge", "Elements of all sets.", t.elements);
	add_metric(&buf, "file_errors", "gauge", "Errors in policy and inventory files.", t.errors);
	add_metric(&buf, "file_warnings", "gauge", "Warnings about policy and inventory files.",
		t.warnings);
	if (status->senders)
		add_forged_metric(&buf, status->senders);
	buf_add(&buf, "# HELP netpol_build_info The version of netpold that runs.\n"
		      "# TYPE netpol_build_info gauge\n"
		      "netpol_build_info{version=\"" RUN_VERSION "\"} 1\n");
	add_metric(&buf, "last_error_timestamp_seconds", "gauge",
		"When netpold last logged an error; 0: it did not since its start.",
		(unsigned long long)status->error_at);
	if (status->changes)
		add_histograms(&buf, status);
	if (status->denied)
		add_denied(&buf, status);
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
