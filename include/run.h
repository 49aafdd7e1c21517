/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * run: the daemon's event loop, and what netpold and netpolctl have in common: the options that
 * replace settings of netpol.conf, and the files that netpold writes for others to read.
 *
 * daemon_run() is all of netpold after its command line. It reads the settings, opens netlink, and
 * runs the loop until SIGTERM or SIGINT. Its components are private to the module (daemon/run/);
 * run.c there owns them and says what happens on which event:
 *
 *     inotify -> debounce -> feeds -> pipeline -> enforcer -> state keeper, stale flows, report
 *
 * The tables stay in the kernel when netpold ends: enforcement does not depend on this process.
 *
 * netpold writes to the runtime directory, and only netpold does: status.json, one key a line;
 * netpol.prom, for the textfile collector of Prometheus' node exporter; denied.jsonl, the last
 * refused flows. Each is replaced by rename, so that a reader sees a complete file. A Status is the
 * content of the first two.
 *
 * What may go wrong: the kernel refuses a change (RUN_E_REFUSED; it is tried again every second), a
 * directory cannot be read, the state directory cannot be written. All of it is in the Status.
 */
#include "compile.h"
#include "links.h"
#include "nft.h"
#include "senders.h"
#include "source.h"

enum {
	RUN_E_REFUSED = 1, /* the kernel refused a change; the log says which and why */
};

#define RUN_STATUS_FILE "status.json"
#define RUN_METRICS_FILE "netpol.prom"
#define RUN_DENIED_FILE "denied.jsonl"
#define RUN_CONF_DEFAULT "/etc/netpol/netpol.conf"
#define RUN_VERSION NETPOL_VERSION /* by the compiler's options, from meson.build */

/* ---- Options that both programs have ---- */
/* Directories, in the order of the command line; n may be more than there is room for. */
typedef struct DirectoryOptions {
	const char *at[SETTINGS_DIRECTORIES_MAX + 1];
	size_t n;
} DirectoryOptions;

/*
 * Which netpol.conf, and what replaces its settings; NULL, or no directory: the setting stays.
 * Borrowed texts.
 */
typedef struct SettingsOptions {
	const char *conf;
	bool is_conf_default; /* then the file may be absent */
	DirectoryOptions policies, inventory;
	const char *attachments, *node, *runtime;
} SettingsOptions;

#define SETTINGS_OPTIONS_DEFAULT                                                                   \
	((SettingsOptions){.conf = RUN_CONF_DEFAULT, .is_conf_default = true})

/* The values that getopt_long() returns for them; a program's own options begin at OPTION_OWN. */
enum {
	OPTION_CONF = 'c',
	OPTION_POLICIES = 256,
	OPTION_INVENTORY,
	OPTION_ATTACHMENTS,
	OPTION_NODE,
	OPTION_RUNTIME,
	OPTION_OWN
};

/* Their rows in the array for getopt_long(). */
#define SETTINGS_OPTIONS_LONG                                                                      \
	{"conf", required_argument, NULL, OPTION_CONF},                                            \
		{"policies", required_argument, NULL, OPTION_POLICIES},                            \
		{"inventory", required_argument, NULL, OPTION_INVENTORY},                          \
		{"attachments", required_argument, NULL, OPTION_ATTACHMENTS},                      \
		{"node", required_argument, NULL, OPTION_NODE},                                    \
	{                                                                                          \
		"runtime", required_argument, NULL, OPTION_RUNTIME                                 \
	}

/* Takes an option of getopt_long(), with its argument. False: it is none of these. */
bool settings_option_set(SettingsOptions *options, int option, const char *argument);
/*
 * netpol.conf with the options applied. *ret_settings lives in the arena and borrows the options'
 * texts; it is set also on failure. Errors go to diags, also those of the options. 0 or
 * PARSE_E_INVALID.
 */
int settings_read(
	Arena *arena, const SettingsOptions *options, Settings *ret_settings, Diags *diags);
/* What the settings mean for the compiler. Borrows their texts. */
CompileOptions settings_compile_options(const Settings *settings);

/* ---- Standard output ---- */
#define OUTPUT_FAILED 2 /* the exit status of both programs if it could not be written */

/* Call it before the first byte is printed. */
void output_begin(void);
/*
 * Call it last: writes what is buffered and closes standard output. Returns the exit status; if not
 * all could be written, prints why and returns OUTPUT_FAILED.
 */
int output_end(const char *program, int exit_status);

/* ---- netpold ---- */
typedef struct DaemonOptions {
	SettingsOptions settings;
	bool is_remove; /* take the tables out of the kernel and exit */
	bool is_once;	/* apply and exit: 0 clean, 1 with errors in files */
	bool is_naive;	/* whole-table transactions, for the test that shows that they leak */
} DaemonOptions;

/* Runs until SIGTERM or SIGINT, or once. Returns the exit status of the process. */
int daemon_run(const DaemonOptions *options);

/*
 * The process id of the netpold that has this runtime directory; 0: none runs. Returns 0, or
 * -EACCES: only root may ask.
 */
int run_holder(const char *runtime, pid_t *ret_pid);

/*
 * Whether what the state directory has is from before a reboot: source_dir_restore() wants to know.
 * Returns 0, or -errno as state_load(): call it again.
 */
int run_find_new_boot(const char *state, Diags *diags, bool *ret_is_new);

/* ---- Status ---- */
/*
 * What an operator must know first. Degraded: the tables are as netpold wants them, but something
 * that somebody wrote, or the inventory, is not what it was meant to be.
 */
typedef enum Health { HEALTH_OK, HEALTH_DEGRADED, HEALTH_UNHEALTHY } Health;

extern const char *const HEALTH_TEXT[]; /* "ok", "degraded", "unhealthy" */

typedef struct Totals {
	size_t policies, pods, namespaces, isolated, sets, chains, elements, errors, warnings;
	size_t audited; /* of the policies: those that are not in force */
	/* pods of this node that are known by a record of the container runtime and the inventory,
	   by a record alone, by the inventory alone */
	size_t by_both, by_record, by_inventory;
} Totals;

/* What the sender check does and has refused (daemon/run/sender_check.h). */
typedef struct ForgedCount {
	const char *namespace, *pod; /* the pod at the port; "": none is known there */
	uint64_t packets;	     /* since the start */
} ForgedCount;

typedef VEC(ForgedCount) ForgedTotals;

/* An address of a pod of this node whose packets do not pass the node's hooks, or not as they do.
 */
typedef struct UnreachedAddress {
	Address address;
	const char *words; /* "NAMESPACE/NAME (ADDRESS): why" */
} UnreachedAddress;

typedef VEC(UnreachedAddress) Unreached;

typedef struct SenderReport {
	const char *mode; /* the setting's text */
	size_t pods;	  /* of this node: */
	size_t placed;	  /* those whose port is known */
	Texts free;	  /* "namespace/name" of those that may send from other addresses, too */
	ForgedTotals forged;
	Unreached unreached;
} SenderReport;

/* How often something took how long; daemon/run/histogram.c has the bounds. */
#define HISTOGRAM_BOUNDS 13
typedef struct Histogram {
	uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* the last one: longer than every bound */
	uint64_t sum_usec;
} Histogram;

/* What became of the kernel's messages about refused flows. */
typedef struct DenialFigures {
	uint64_t flows[DENIAL_KIND_N]; /* that are in the ring, and in the journal; ever */
	uint64_t forged;   /* what the sender check dropped, likewise, since the start */
	uint64_t unlogged; /* of all these: the journal did not take them */
	uint64_t lost;	   /* that netpold did not read in time, or could not read */
} DenialFigures;

/* What a pod has refused, or would have refused, since netpol counts it on this node. */
typedef struct DenialTotal {
	const char *namespace, *pod; /* "": the address was no pod's */
	DenialKind kind;
	uint64_t packets, bytes;
} DenialTotal;

typedef VEC(DenialTotal) DenialTotalList;

/* Borrows everything that it points to. */
typedef struct Status {
	uint64_t generation;	     /* changes applied since the start */
	uint64_t repairs;	     /* how often a foreign change of our tables was undone */
	const DenialFigures *denied; /* NULL: not known */
	DenialTotalList denied_totals;
	uint64_t killed;    /* established flows that were reset because a change forbids them */
	int64_t applied_at; /* of the last change, seconds since the epoch; 0: none yet */
	int64_t checked_at; /* of the last look at kernel and files; 0: none yet */
	unsigned check_s;   /* the next look is at most that many seconds later; 0: there is none */
	unsigned apply_ms;  /* how long the last change took */
	NftCounts last;	    /* of the last change */
	/* NULL: not known. From the first event of a file to the commit; commits; repairs */
	const Histogram *changes, *commits, *repair_times;
	int64_t error_at; /* when an error was logged last; 0: none was */
	const char *node, *table, *bridge, *bridge_why;
	const SenderReport *senders; /* NULL: none yet */
	const char *unhealthy;	     /* why; NULL: healthy */
	const char *saving;	 /* the state directory: "saved", "saving", or why saving fails */
	const Model *model;	 /* NULL: none yet */
	const Pods *local_pods;	 /* of this node; NULL: none yet */
	const char *attachments; /* the directory of records; "": none are read */
	const Ruleset *ruleset;	 /* in force in the inet table; NULL: none yet */
	SourceDir *const *dirs;	 /* n_dirs of them */
	size_t n_dirs;
	const Diags *diags;
	/* by status_summarize() */
	Totals totals;
	Health health;
	Texts reasons; /* why it is not HEALTH_OK, the most important first */
} Status;

#define HEALTH_REASONS_MAX 20
/* Sets the last three, out of all the others. At most HEALTH_REASONS_MAX reasons, in the arena. */
void status_summarize(Arena *arena, Status *status);
/* Of a Status with its summary. The texts are in the arena. */
const char *status_json(Arena *arena, const Status *status);
const char *status_metrics(Arena *arena, const Status *status);
const char *status_line(Arena *arena, const Status *status); /* for systemctl status */
