/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netpolctl denied: the refused flows of netpold's denied.jsonl, equal ones counted together, the
 * newest last. --follow goes on with each new one as it comes.
 *
 * The file has one flat JSON object a line, as denial_entry.c writes it. A quote inside a string is
 * escaped there, so `"KEY":` is found in a line only where the key is.
 */
#include "netpolctl.h"
#include "report.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FOLLOW_NSEC (500 * 1000 * 1000)

typedef struct Entry {
	const char *line; /* as it is in the file, with its line break */
	unsigned long long number;
	time_t time;
	bool is_audit;	       /* it passed: audited policies would refuse it */
	const char *direction; /* of the policies that refused; NULL: the sender check did */
	const char *interface; /* at which it came in; NULL: policies refused */
	const char *source, *destination, *service;	       /* "TCP 6379" */
	const char *sender_pod, *source_pod, *destination_pod; /* "namespace/pod"; NULL: no pod */
	Texts policies;
	const char *reason;
	size_t count; /* of entries that are alike: this is the newest one */
} Entry;

typedef VEC(Entry) Entries;

/* ---- Reading a line ---- */
/* What follows the key and its colon; NULL: the line has no such key. */
static const char *value_of(const char *line, const char *key)
{
	size_t n = strlen(key);

	for (const char *at = strchr(line, '"'); at; at = strchr(at + 1, '"'))
		if (strncmp(at + 1, key, n) == 0 && strncmp(at + 1 + n, "\":", 2) == 0)
			return at + 1 + n + 2;
	return NULL;
}

/* The JSON string that *json begins with, and *json behind it. NULL: it begins with none. */
static const char *take_string(Arena *arena, const char **json)
{
	const char *from = *json;
	char *text, *to;

	if (*from != '"')
		return NULL;
	text = to = arena_strdup(arena, ++from);
	for (; *from && *from != '"'; from++) {
		bool is_escaped = *from == '\\' && from[1];

		from += is_escaped;
		*to++ = *from;
	}
	*to = '\0';
	*json = *from ? from + 1 : from;
	return text_printable(text);
}

static const char *text_of_key(Arena *arena, const char *line, const char *key)
{
	const char *value = value_of(line, key);

	return value ? take_string(arena, &value) : NULL;
}

static unsigned long long number_of_key(const char *line, const char *key)
{
	const char *value = value_of(line, key);

	return value ? strtoull(value, NULL, 10) : 0;
}

/* False if there is no such key, as in lines of a version that had no audited policies. */
static bool is_true(const char *line, const char *key)
{
	const char *value = value_of(line, key);

	return value && strncmp(value, "true", 4) == 0;
}

static const char *pod_of(Arena *arena, const char *line, const char *key)
{
	const char *namespace = text_of_key(arena, line, arena_printf(arena, "%s_namespace", key));
	const char *pod = text_of_key(arena, line, arena_printf(arena, "%s_pod", key));

	return namespace && pod ? arena_printf(arena, "%s/%s", namespace, pod) : NULL;
}

static void take_policies(Arena *arena, const char *line, Texts *policies)
{
	const char *value = value_of(line, "policies"), *text;

	while (value && (*value == '[' || *value == ',')) {
		value++;
		text = take_string(arena, &value);
		if (!text)
			return;
		VEC_PUSH(arena, policies, text);
	}
}

/* False: it is no line of ours. */
static bool read_entry(Arena *arena, const char *line, Entry *ret_entry)
{
	const char *time = text_of_key(arena, line, "time");
	const char *protocol = text_of_key(arena, line, "protocol");
	unsigned long long port = number_of_key(line, "port");
	Entry entry = {.line = line, .number = number_of_key(line, "number"), .count = 1};
	struct tm tm = {};

	if (!time || !protocol || !strptime(time, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return false;
	entry.time = timegm(&tm);
	entry.service =
		port ? arena_printf(arena, "%s %llu", protocol, port)
		     : arena_printf(arena, "%s%s",
			       isdigit((unsigned char)*protocol) ? "protocol " : "", protocol);
	entry.is_audit = is_true(line, "audit");
	entry.direction = text_of_key(arena, line, "direction");
	entry.interface = text_of_key(arena, line, "interface");
	entry.source = text_of_key(arena, line, "source");
	entry.destination = text_of_key(arena, line, "destination");
	entry.sender_pod = pod_of(arena, line, "sender");
	entry.source_pod = pod_of(arena, line, "source");
	entry.destination_pod = pod_of(arena, line, "destination");
	entry.reason = text_of_key(arena, line, "reason");
	take_policies(arena, line, &entry.policies);
	*ret_entry = entry;
	return (entry.direction || entry.interface) && entry.source && entry.destination;
}

/* ---- Which entries ---- */
static bool is_pod(const Ctl *ctl, const char *pod)
{
	return pod && strcmp(pod, ctl->pod) == 0;
}

static bool is_wanted(const Ctl *ctl, const Entry *entry)
{
	if (ctl->since_s && entry->time < time(NULL) - ctl->since_s)
		return false;
	if (entry->is_audit ? ctl->is_refused : ctl->is_audit)
		return false;
	return !ctl->pod || is_pod(ctl, entry->sender_pod) || is_pod(ctl, entry->source_pod) ||
	       is_pod(ctl, entry->destination_pod);
}

/* Those with a number above `after`, and the highest number of the file. 0 or -errno. */
static int read_file(const Ctl *ctl, Arena *arena, unsigned long long after, Entries *ret_entries,
	unsigned long long *ret_last)
{
	FILE *file = fopen(arena_printf(arena, "%s/" RUN_DENIED_FILE, ctl->settings.runtime), "re");
	char *line = NULL;
	size_t capacity = 0;
	Entry entry;

	*ret_last = 0;
	if (!file)
		return -errno;
	while (getline(&line, &capacity, file) > 0) {
		unsigned long long number = number_of_key(line, "number");

		if (number && number <= after) { /* seen: the rest of the line is not decoded */
			*ret_last = number;
			continue;
		}
		if (!read_entry(arena, arena_strdup(arena, line), &entry))
			continue;
		*ret_last = entry.number;
		if (entry.number > after && is_wanted(ctl, &entry))
			VEC_PUSH(arena, ret_entries, entry);
	}
	free(line);
	fclose(file);
	return 0;
}

/* ---- Counting equal ones together ---- */
static const char *kind_of(const Entry *entry)
{
	return entry->interface ? "forged" : entry->direction;
}

static const char *key_of(Arena *arena, const Entry *entry)
{
	Buf buf = {.arena = arena};

	buf_printf(&buf, "%d %s %s %s %s %s", entry->is_audit, kind_of(entry),
		entry->interface ? entry->interface : "",
		entry->source_pod ? entry->source_pod : entry->source,
		entry->destination_pod ? entry->destination_pod : entry->destination,
		entry->service);
	for (size_t i = 0; i < entry->policies.n; i++)
		buf_printf(&buf, " %s", entry->policies.at[i]);
	return buf_text(&buf);
}

/* Of equal entries the last one stays, with their number: so the newest are last. */
static void group(Arena *arena, Entries *entries)
{
	StrMap *newest = strmap_new(arena);
	size_t n = 0;

	for (size_t i = 0; i < entries->n; i++) {
		const char *key = key_of(arena, &entries->at[i]);
		Entry *before = strmap_get(newest, key);

		if (before) {
			entries->at[i].count += before->count;
			before->count = 0;
		}
		strmap_put(newest, key, &entries->at[i]);
	}
	for (size_t i = 0; i < entries->n; i++)
		if (entries->at[i].count)
			entries->at[n++] = entries->at[i];
	entries->n = (uint32_t)n;
}

/* ---- Printing ---- */
static void print_end(const char *pod, const char *address)
{
	printf("%s (%s)", pod ? pod : "no pod", address);
}

static void print_entry(const Ctl *ctl, Arena *arena, const Entry *entry)
{
	if (ctl->is_json) {
		fputs(entry->line, stdout);
		return;
	}
	printf("%s  ", text_of_time(arena, entry->time));
	if (entry->count > 1)
		printf("%zu times  ", entry->count);
	printf("%s%s  ", entry->is_audit ? "would deny " : "", kind_of(entry));
	if (entry->interface)
		printf("port of %s (%s) claims ", entry->sender_pod ? entry->sender_pod : "no pod",
			entry->interface);
	print_end(entry->source_pod, entry->source);
	fputs(" -> ", stdout);
	print_end(entry->destination_pod, entry->destination);
	printf(" %s\n", entry->service);
	for (size_t i = 0; i < entry->policies.n; i++)
		printf("%s%s",
			i		  ? ", "
			: entry->is_audit ? "    audited by "
					  : "    isolated by ",
			entry->policies.at[i]);
	printf("%s    %s\n", entry->policies.n ? "\n" : "",
		entry->reason && *entry->reason ? entry->reason : "the reason is not known");
}

static void print_entries(const Ctl *ctl, Arena *arena, const Entries *entries)
{
	for (size_t i = 0; i < entries->n; i++)
		print_entry(ctl, arena, &entries->at[i]);
}

/* ---- The command ---- */
/* Until standard output is closed, or a signal ends the program. */
static void follow(const Ctl *ctl, unsigned long long last)
{
	const struct timespec pause = {.tv_nsec = FOLLOW_NSEC};

	while (fflush(stdout) == 0) {
		ARENA_CLEANUP Arena *arena = arena_new();
		unsigned long long now;
		Entries entries = {};

		nanosleep(&pause, NULL);
		if (read_file(ctl, arena, last, &entries, &now) < 0)
			continue; /* the runtime directory is being made again */
		if (now < last) { /* another ring: all of it is new */
			last = 0;
			continue;
		}
		print_entries(ctl, arena, &entries);
		last = now;
	}
}

/* Without the file: none was refused yet, or nobody writes it. */
static int no_file(Ctl *ctl, int error)
{
	Report report = {};

	if (error == -ENOENT && report_read(ctl->arena, ctl->settings.runtime, &report) == 0 &&
		report_is_running(&report, ctl->settings.runtime)) {
		fprintf(stderr, "netpolctl: no refused flow was logged yet%s\n",
			ctl->settings.is_log_denied ? "" : ": log_denied is false");
		return CTL_OK;
	}
	fprintf(stderr, "netpolctl: %s/" RUN_DENIED_FILE ": %s%s\n", ctl->settings.runtime,
		strerror(-error), error == -ENOENT ? "; netpold does not run" : "");
	return CTL_ERROR;
}

int run_denied(Ctl *ctl)
{
	unsigned long long last = 0;
	Entries entries = {};
	int r;

	if (ctl_load_settings(ctl) != 0)
		return CTL_ERROR;
	r = read_file(ctl, ctl->arena, 0, &entries, &last);
	if (r < 0) {
		r = no_file(ctl, r);
		if (r != CTL_OK || !ctl->is_follow)
			return r;
	}
	if (!ctl->is_json)
		group(ctl->arena, &entries);
	print_entries(ctl, ctl->arena, &entries);
	if (ctl->is_follow)
		follow(ctl, last);
	return CTL_OK;
}
