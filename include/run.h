#pragma once
/*
 * control: netpold's loop, and what it tells netpolctl: runtime/status.json, replaced by rename
 * whenever something changed. (runtime/netpol.prom has the numbers for the node exporter.)
 */
#include "nft.h"
#include "source.h"

enum {
	RUN_E_REFUSED = 1, /* said on standard error or in the journal */
};

#define RUN_STATUS_FILE "status.json"
#define RUN_METRICS_FILE "netpol.prom"
#define RUN_CONF_DEFAULT "/etc/netpol/netpol.conf"
#define RUN_VERSION NETPOL_VERSION /* by the compiler's options, from meson.build */

typedef struct DaemonOptions {
	const char *conf;     /* netpol.conf */
	bool is_conf_default; /* then it may be absent */
	bool is_remove;	      /* take the tables out of the kernel and exit */
	bool is_once;	      /* apply and exit: 0 clean, 1 with errors in files */
	bool is_naive;	      /* whole-table transactions, for the test that shows the leak */
	/* over what netpol.conf says; NULL: not given */
	const char *policies, *inventory, *node, *runtime;
} DaemonOptions;

/* Runs until SIGTERM or SIGINT (or once). The exit status. The kernel's table stays. */
int daemon_run(const DaemonOptions *options);

/* ---- Status ---- */
typedef struct Status {
	uint64_t generation; /* transactions' worth of changes applied since the start */
	uint64_t repairs;    /* how often somebody else's change was undone */
	uint64_t cut;	     /* established flows that a change forbade */
	int64_t applied_at;  /* seconds since the epoch; 0: never */
	unsigned apply_ms;   /* how long the last change took */
	NftCounts last;	     /* of the last change */
	const char *node, *table, *bridge, *bridge_why;
	const char *unhealthy; /* why, or NULL: healthy */
	const char *saving;    /* of what a restart needs: "saved", "saving", or why it cannot be */
	const Model *model;
	const Ruleset *ruleset; /* in force; may be NULL */
	const SourceDir *dirs[2];
	const Diags *diags;
} Status;

const char *status_json(Arena *arena, const Status *status);
const char *status_metrics(Arena *arena, const Status *status);
/* One line for systemctl status. */
const char *status_line(Arena *arena, const Status *status);
