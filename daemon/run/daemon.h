#pragma once
/* daemon: what the loop holds. Private to the room. */
#include "bridge.h"
#include "log.h"
#include "watch.h"

/* Our tables in the kernel. */
typedef enum Ours { OURS_INET, OURS_BRIDGE, OURS_N } Ours;

typedef struct Daemon {
	const DaemonOptions *options;
	Arena *settings_arena;
	Settings settings;
	SourceDir *dirs[2]; /* policies, inventory */
	Nft *nft;
	/* what the kernel holds of each table, if it is known; NULL: no table */
	Ruleset *applied[OURS_N];
	bool is_known[OURS_N];
	bool is_restored;   /* the state directory was asked, once */
	Snapshot *snapshot; /* of the last reconciliation; NULL while directories are refreshed */
	Arena *diag_arena;
	Diags diags;			      /* of the last reconciliation */
	char shown[2 * DIGEST_NAME_LENGTH];   /* digest of the diagnostics that were logged last */
	char written[2 * DIGEST_NAME_LENGTH]; /* digest of the status that was written last */
	BridgeState bridge;
	uint64_t generation, repairs;
	int64_t applied_at;
	unsigned apply_ms;
	NftCounts last;
	NftCounts counts;    /* of the reconciliation under way */
	char unhealthy[512]; /* "" when healthy */
	sd_event *event;
	sd_event_source *settle, *retry, *table, *tick;
	Watch *watch;
} Daemon;

/* reconcile.c: files -> kernel, once. 0, CONTROL_E_REFUSED (the kernel refused) or -errno. */
int daemon_reconcile(Daemon *daemon);
/*
 * enforce.c: makes each table what it shall be; new[t] is taken over, NULL: no such table. Same
 * errors.
 */
int daemon_enforce(Daemon *daemon, Ruleset *new[OURS_N]);
/* What the kernel holds is not known any more. */
void daemon_forget(Daemon *daemon);
/* report.c: status.json, netpol.prom, journal, STATUS=; each only when it has changed. */
void daemon_report(Daemon *daemon);
/* settings, over which the options go; what is wrong is logged. */
int daemon_load_settings(Daemon *daemon);
