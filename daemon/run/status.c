/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Status as text: status.json, netpol.prom, and one line for systemctl. Pure. */
#include "run.h"
#include <stdio.h>
#include <time.h>

typedef struct Totals {
	size_t policies, pods, namespaces, isolated, sets, chains, elements, errors;
} Totals;

static size_t count_isolated(const Ruleset *ruleset)
{
	size_t n = 0;

	for (size_t i = 0; i < ruleset->sets.n; i++)
		if (ruleset->sets.at[i]->kind == SET_SELF)
			n += ruleset->sets.at[i]->elements.n;
	return n;
}

static Totals count(const Status *status)
{
	Totals t = {.errors = status->diags ? status->diags->n_errors : 0};

	if (status->model) {
		ModelCounts counts = model_counts(status->model);

		t.policies = counts.policies;
		t.pods = counts.pods;
		t.namespaces = counts.namespaces;
	}
	if (status->ruleset) {
		t.isolated = count_isolated(status->ruleset);
		t.sets = status->ruleset->sets.n;
		t.chains = status->ruleset->chains.n;
		for (size_t i = 0; i < t.sets; i++)
			t.elements += status->ruleset->sets.at[i]->elements.n +
				      status->ruleset->sets.at[i]->ranges.n;
	}
	return t;
}

static void add_text(Buf *buf, const char *key, const char *text)
{
	buf_printf(buf, "  \"%s\": ", key);
	text_add_json(buf, text ? text : "");
	buf_add(buf, ",\n");
}

static const char *file_state(const SourceDirFile *file)
{
	if (file->current && file->current == file->accepted)
		return "in force";
	return file->accepted ? "last good version in force" : "not in force";
}

static void add_files(Buf *buf, const Status *status)
{
	bool is_first = true;

	buf_add(buf, "  \"files\": [");
	for (size_t d = 0; d < status->n_dirs; d++)
		for (size_t i = 0; i < source_dir_count(status->dirs[d]); i++) {
			SourceDirFile file = source_dir_file(status->dirs[d], i);

			buf_add(buf, is_first ? "\n    {\"file\": " : ",\n    {\"file\": ");
			text_add_json(buf, file.current ? file.current->file : file.name);
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

static const char *time_text(Arena *arena, int64_t seconds)
{
	struct tm tm;
	time_t at = (time_t)seconds;
	char text[32];

	if (seconds == 0 || !gmtime_r(&at, &tm))
		return "never";
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return arena_strdup(arena, text);
}

const char *status_json(Arena *arena, const Status *status)
{
	Buf buf = {.arena = arena};
	Totals t = count(status);

	buf_add(&buf, "{\n");
	add_text(&buf, "version", RUN_VERSION);
	add_text(&buf, "health", status->unhealthy ? "unhealthy" : "healthy");
	add_text(&buf, "unhealthy_why", status->unhealthy);
	add_text(&buf, "node", status->node);
	add_text(&buf, "table", status->table);
	add_text(&buf, "bridge", status->bridge);
	add_text(&buf, "bridge_why", status->bridge_why);
	add_text(&buf, "state", status->saving);
	buf_printf(&buf, "  \"generation\": %llu,\n  \"repairs\": %llu,\n  \"cut_flows\": %llu,\n",
		(unsigned long long)status->generation, (unsigned long long)status->repairs,
		(unsigned long long)status->killed);
	add_text(&buf, "applied_at", time_text(arena, status->applied_at));
	buf_printf(&buf,
		"  \"last_change\": {\"milliseconds\": %u, \"transactions\": %u, \"elements\": "
		"%u},\n",
		status->apply_ms, status->last.commits, status->last.elements);
	buf_printf(&buf,
		"  \"counts\": {\"policies\": %zu, \"pods\": %zu, \"namespaces\": %zu, "
		"\"isolated_addresses\": %zu, \"sets\": %zu, \"chains\": %zu, \"elements\": "
		"%zu},\n",
		t.policies, t.pods, t.namespaces, t.isolated, t.sets, t.chains, t.elements);
	buf_printf(&buf, "  \"errors\": %zu,\n", t.errors);
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

const char *status_metrics(Arena *arena, const Status *status)
{
	Buf buf = {.arena = arena};
	Totals t = count(status);

	add_metric(
		&buf, "healthy", "gauge", "1 if enforcement is as configured.", !status->unhealthy);
	add_metric(&buf, "generation", "counter", "Changes applied since the start.",
		status->generation);
	add_metric(&buf, "repairs", "counter", "Changes of the table by others that were undone.",
		status->repairs);
	add_metric(&buf, "cut_flows", "counter", "Established flows that a change forbade.",
		status->killed);
	add_metric(&buf, "applied_timestamp_seconds", "gauge", "When the last change was applied.",
		(unsigned long long)status->applied_at);
	add_metric(&buf, "policies", "gauge", "Policies in force.", t.policies);
	add_metric(&buf, "pods", "gauge", "Pods in the inventory.", t.pods);
	add_metric(&buf, "isolated_addresses", "gauge", "Addresses of isolated pods.", t.isolated);
	add_metric(&buf, "chains", "gauge", "Chain classes in the kernel.", t.chains);
	add_metric(&buf, "sets", "gauge", "Sets in the kernel.", t.sets);
	add_metric(&buf, "elements", "gauge", "Elements of all sets.", t.elements);
	add_metric(&buf, "file_errors", "gauge", "Errors in policy and inventory files.", t.errors);
	return buf_text(&buf);
}

const char *status_line(Arena *arena, const Status *status)
{
	Totals t = count(status);
	Buf buf = {.arena = arena};

	if (status->unhealthy)
		buf_printf(&buf, "UNHEALTHY: %s; ", status->unhealthy);
	buf_printf(&buf,
		"generation %llu: %zu policies, %zu pods, %zu isolated addresses, bridge %s",
		(unsigned long long)status->generation, t.policies, t.pods, t.isolated,
		status->bridge);
	for (size_t i = 0; t.errors && i < status->diags->list.n; i++) {
		if (status->diags->list.at[i].severity != SEVERITY_ERROR)
			continue;
		buf_printf(&buf, "; %zu error%s: %s", t.errors, t.errors > 1 ? "s, first" : "",
			diag_line(arena, &status->diags->list.at[i]));
		break;
	}
	return buf_text(&buf);
}
