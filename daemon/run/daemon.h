#pragma once
/* daemon: what the loop holds. Private to the room. */
#include "bridge.h"
#include "compile.h"
#include "log.h"
#include "saver.h"
#include "watch.h"

/* Our tables in the kernel. */
typedef enum Ours { OURS_INET, OURS_BRIDGE, OURS_N } Ours;

typedef struct Daemon {
	const DaemonOptions *options;
	Arena *settings_arena;
	Settings settings;
	SourceDir *dirs[2]; /* policies, inventory */
	Nft *nft;
	/* what was applied last of each table, NULL: none; is_known: the kernel holds just that */
	const Ruleset *applied[OURS_N];
	bool is_known[OURS_N];
	/* the state directory: its files were asked, once; what is not in it yet */
	bool is_restored, is_boot_saved, are_tables_unsaved;
	Saver *saver;
	bool has_garbage; /* of a large change: memory to be given back, some time */
	/* established flows */
	bool may_have_tightened;	   /* since they were looked through last */
	unsigned cut_now;		   /* of the look under way */
	uint64_t cut, cut_start, cut_next; /* when the look began; when the next may */
	bool has_cut_waited;		   /* the look that is due, for the end of a burst */
	Arena *own_arena;		   /* of: */
	Elements own;			   /* the node's addresses */
	bool is_ready;			   /* systemd was told */
	Snapshot *snapshot;		   /* NULL: to be begun anew, and so is: */
	Compiler *compiler;		   /* it borrows the settings, and the snapshot's model */
	Arena *diag_arena;
	Diags diags;			    /* of the last reconciliation */
	char shown[2 * DIGEST_NAME_LENGTH]; /* digest of the diagnostics that were logged last */
	char *written;			    /* the status that was written last */
	uint64_t reported, report_usec;	    /* when, and how long that took */
	BridgeState bridge;
	uint64_t generation, repairs;
	int64_t applied_at;
	unsigned apply_ms, safe_ms; /* safe: of a repair, until isolated pods were guarded */
	NftCounts last;
	NftCounts counts;    /* of the reconciliation under way */
	char refusal[512];   /* why the kernel does not hold what it should; "" if it does */
	char unhealthy[512]; /* "" when healthy */
	sd_event *event;
	sd_event_source *settle, *retry, *table, *tick, *health, *save, *flows, *cut_timer, *report;
	Watch *watch;
} Daemon;

/* daemon.c: reconcile, report, and try again later what failed. Errors as daemon_reconcile. */
int daemon_update(Daemon *daemon);
/* What others did to our tables is undone. Between the stages of whatever takes long. */
void daemon_take_news(Daemon *daemon);
bool daemon_is_gathering(const Daemon *daemon); /* a burst of file events */
/* reconcile.c: all files are looked at, and everything is compiled, by the next reconciliation. */
void daemon_begin_anew(Daemon *daemon);
/* Everything is compiled, by the next reconciliation. */
void daemon_drop_model(Daemon *daemon);
/* Files -> kernel, once. 0, RUN_E_REFUSED (the kernel refused) or -errno. */
int daemon_reconcile(Daemon *daemon);
/*
 * enforce.c: makes each table what it shall be; new[t] is taken over, NULL: no such table. Same
 * errors.
 */
int daemon_enforce(Daemon *daemon, Ruleset *new[OURS_N]);
/* What the kernel holds is not known any more. */
void daemon_forget(Daemon *daemon);
/*
 * Puts the tables back as they were applied last, reading no file. is_certain: they were changed,
 * and isolated pods are guarded first, by one small transaction. Same errors.
 */
int daemon_repair(Daemon *daemon, bool is_certain);
/* Takes our tables, and what is left of interrupted changes, out of the kernel. */
int daemon_remove(Daemon *daemon);
/* remember.c: with no table in the kernel, the one that stood last; then the last good files. */
void daemon_restore_tables(Daemon *daemon);
int daemon_restore_files(Daemon *daemon);
/* After a change: the files at once, the tables a little later, or now. */
void daemon_save_files(Daemon *daemon);
void daemon_schedule_saving(Daemon *daemon);
void daemon_save_tables(Daemon *daemon);
bool daemon_is_saved(Daemon *daemon);
/* cut.c: established flows that are forbidden now, a little later. */
void daemon_schedule_cut(Daemon *daemon);
/* And those that were cut and are allowed now, or have ended since. */
void daemon_review_cut(Daemon *daemon);
/* health.c */
uint64_t daemon_health_usec(void);
void daemon_check_health(Daemon *daemon);
uint64_t daemon_now_usec(void); /* CLOCK_MONOTONIC */
/*
 * report.c: status.json, netpol.prom, journal, STATUS=; each only when it has changed. Soon: the
 * larger the status, the longer after the one before.
 */
void daemon_report(Daemon *daemon);
void daemon_report_now(Daemon *daemon);
/* notify.c: to systemd; what it has no room for now is not said. */
void daemon_notify(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* settings, over which the options go; what is wrong is logged. */
int daemon_load_settings(Daemon *daemon);
