/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Status as netpol.prom: metrics in the text format that Prometheus reads. */
#include "run.h"
#include "histogram.h"

static void add_head(Buf *buf, const char *name, const char *type, const char *help)
{
	buf_printf(buf, "# HELP netpol_%s %s\n# TYPE netpol_%s %s\n", name, help, name, type);
}

static void add_metric(
	Buf *buf, const char *name, const char *type, const char *help, unsigned long long value)
{
	add_head(buf, name, type, help);
	buf_printf(buf, "netpol_%s %llu\n", name, value);
}

static void add_attached_metric(Buf *buf, const Totals *t)
{
	add_head(buf, "local_pods", "gauge",
		"Pods of this node, by what they are known from: a record of the container "
		"runtime, the inventory.");
	buf_printf(buf,
		"netpol_local_pods{known=\"both\"} %zu\nnetpol_local_pods{known=\"record\"} %zu\n"
		"netpol_local_pods{known=\"inventory\"} %zu\n",
		t->by_both, t->by_record, t->by_inventory);
}

/* ---- Refused packets ---- */
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
	add_head(buf, "health", "gauge", "Whether netpold is in that state: 1, or 0.");
	for (int i = 0; HEALTH_TEXT[i]; i++)
		buf_printf(
			buf, "netpol_health{state=\"%s\"} %d\n", HEALTH_TEXT[i], i == (int)health);
}

static void add_forged_metric(Buf *buf, const SenderReport *senders)
{
	add_head(buf, "forged_packets_total", "counter",
		"Packets that were dropped because their source address is not their sender's.");
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
	add_head(&buf, "build_info", "gauge", "The version of netpold that runs.");
	buf_add(&buf, "netpol_build_info{version=\"" RUN_VERSION "\"} 1\n");
	add_metric(&buf, "last_error_timestamp_seconds", "gauge",
		"When netpold last logged an error; 0: it did not since its start.",
		(unsigned long long)status->error_at);
	if (status->changes)
		add_histograms(&buf, status);
	if (status->denied)
		add_denied(&buf, status);
	return buf_text(&buf);
}
