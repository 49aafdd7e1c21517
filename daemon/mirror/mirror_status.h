/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * mirror_status: what netpol-mirror says of itself, as status.json (one key a line), mirror.prom
 * (for Prometheus' textfile collector) and one line for systemctl.
 */
#include "mirror.h"

typedef struct KindStatus {
	const Reflector *reflector;
	const Store *store;
	int64_t heard_at; /* of the server's last word on this kind; seconds since 1970; 0: never */
} KindStatus;

typedef struct MirrorStatus {
	const char *server, *files;	       /* files: NULL, or why they cannot be written */
	int64_t now, started_at, connected_at; /* connected_at: 0: not now */
	int64_t heard_at; /* the oldest of all kinds, forbidden ones too; 0: never */
	uint64_t files_written;
	bool is_ready;
	KindStatus kinds[API_KIND_N];
} MirrorStatus;

const char *mirror_status_json(Arena *arena, const MirrorStatus *status);
const char *mirror_status_metrics(Arena *arena, const MirrorStatus *status);
const char *mirror_status_line(Arena *arena, const MirrorStatus *status);
