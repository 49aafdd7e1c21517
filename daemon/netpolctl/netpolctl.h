/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * netpolctl: checks the files, and explains and prints what is in force. A command is one function
 * in one file (check.c, denied.c, explain.c, matrix.c, ruleset.c, status.c, trim.c) and one row in
 * netpolctl.c; what they share is in files.c (settings, directories), in_force.c (which versions of
 * the files), report.c (what netpold says of itself) and print.c (diagnostics, errors).
 *
 * netpolctl.c makes a Ctl from the command line, calls the command with it, and frees it. A command
 * loads what it needs, by ctl_load_settings() and ctl_read_directories(), or by ctl_load(). Nothing
 * here talks to the kernel: what is in force is known from the files, the state directory, and the
 * status file that netpold writes; netpold's lock says whether it runs.
 *
 * Output for programs is on standard output (-o json), diagnostics and errors on standard error.
 */
#include "compile.h"
#include "run.h"
#include <stdio.h>

/* Exit statuses; docs/service.md has the table. */
enum {
	CTL_OK = 0,
	CTL_NO = 1,	 /* errors in files, denied, unhealthy */
	CTL_ERROR = 2,	 /* no answer, wrong use, or netpold does not run; the reason is printed */
	CTL_DEGRADED = 3 /* status: degraded */
};

typedef struct Ctl {
	Arena *arena; /* of everything below that is not freed otherwise */
	SettingsOptions options;
	bool is_json, is_batch, is_strict, is_files, is_follow;
	bool is_audit, is_refused; /* of denied: which kind alone; neither: both */
	long since_s;		   /* of denied: seconds before now; 0: all */
	const char *pod;	   /* of denied: "namespace/pod"; NULL: all */
	char **arguments;	   /* of the command, n of them, as many as it takes */
	int n;
	/* by ctl_load_settings() */
	Settings settings;
	/* by ctl_read_directories(), ctl_load(); freed by ctl_free(), after the command */
	/* n_dirs: policies, then inventory, then attachments */
	SourceDir *dirs[2 * SETTINGS_DIRECTORIES_MAX + 1];
	size_t n_dirs;
	Snapshot *snapshot;
} Ctl;

/* ---- print.c ---- */
/* Those that are at least so severe. Notes are for `check` alone. */
void ctl_print_diags(Ctl *ctl, const Diags *diags, Severity least, FILE *to);
int ctl_fail(const char *words); /* prints the error; returns CTL_ERROR */

/* ---- files.c ---- */
/* Prints the diagnostics. 0 or PARSE_E_INVALID. */
int ctl_load_settings(Ctl *ctl);
/* A snapshot of the n directories, which the caller frees. */
Snapshot *ctl_merge(SourceDir *const *dirs, size_t n);
/* Reads the directories of policies and inventory. Prints nothing. 0 or -errno. */
int ctl_read_directories(Ctl *ctl);
/* The container runtime's records, if there are some. Likewise. */
int ctl_read_attachments(Ctl *ctl);
void ctl_free(Ctl *ctl);

/* ---- in_force.c ---- */
/*
 * Loads the settings, and a snapshot of the versions of the files that netpold has in force; with
 * is_files, or if these are not known, of the files alone, where one with an error is left out. The
 * diagnostics, and which of the two it is, are printed. A directory that cannot be read, and of
 * which nothing is saved, is a failure. Returns 0 or an exit status.
 */
int ctl_load(Ctl *ctl);

/* ---- The commands ---- */
int run_check(Ctl *ctl);
int run_denied(Ctl *ctl);
int run_explain(Ctl *ctl);
int run_matrix(Ctl *ctl);
int run_ruleset(Ctl *ctl);
int run_status(Ctl *ctl);
int run_trim(Ctl *ctl);
