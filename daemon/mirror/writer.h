/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * writer: when the files are written.
 *
 * Nothing is written before all kinds were listed: a part of the cluster is not the cluster. From
 * then on
 *
 *     an answer brings something -> writer_start() -> (timer: a debounce) -> files -> written()
 *
 * A write that fails is tried again each second. After a write there is a pause in proportion to
 * what it took, so that a server that changes all the time leaves us time for its answers.
 * writer_check() finds what somebody else has changed or deleted on the disk.
 */
#include "kind.h"

typedef struct Writer Writer;

typedef struct WriterHandler {
	/*
	 * All was written for the first time, but the folders are not marked as complete yet: what
	 * netpold must know before it believes that this is all is to be written now.
	 */
	void (*complete)(void *context);
	void (*written)(void *context); /* after each write, also one that has failed */
} WriterHandler;

typedef struct WriterStatus {
	bool is_ready;		/* all was listed and written once */
	int error;		/* -errno of the last write; 0: none */
	uint64_t files_written; /* and deleted */
} WriterStatus;

/* Borrows all. Takes what the files have into the kinds' stores. 0 or -errno. */
int writer_new(sd_event *event, const char *directory, Kind *const kinds[API_KIND_N],
	const WriterHandler *handler, void *context, Writer **ret_writer);
Writer *writer_free(Writer *writer); /* takes NULL; returns NULL. The stores may be gone. */
/* Writes soon, if all was listed. */
void writer_start(Writer *writer);
/* To be called again and again: compares a part of the files with the disk, every few seconds. */
void writer_check(Writer *writer);
WriterStatus writer_status(const Writer *writer);
