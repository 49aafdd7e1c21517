/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * kind: one kind of object (pods, namespaces, NetworkPolicies) that is kept equal to what the API
 * server has. It asks for ever:
 *
 *     the reflector says what to ask -> (timer: the delay) -> transfer -> begin, feed, ... -> end
 *            ^                                                                            |
 *            +----------------------------------------------------------------------------+
 *
 * It owns the kind's store, reflector and transfer. Errors are logged, once each; none of them ends
 * anything, or removes an object.
 */
#include "mirror_status.h"
#include "transfer.h"

typedef struct Kind Kind;

typedef struct KindHandler {
	/* A part of an answer was taken. is_served: the server has accepted the request (200). */
	void (*fed)(void *context, bool is_served);
	/* An answer is over. is_cut: no connection was possible, or it broke. */
	void (*ended)(void *context, bool is_cut);
} KindHandler;

/* Borrows all. Nothing is asked before kind_start(). 0 or -errno. */
int kind_new(sd_event *event, Connections *connections, ApiKind api_kind, const char *kubeconfig,
	const KindHandler *handler, void *context, Kind **ret_kind);
Kind *kind_free(Kind *kind); /* takes NULL; returns NULL */
void kind_start(Kind *kind);

Store *kind_store(const Kind *kind);
bool kind_is_listed(const Kind *kind);	  /* all was there once */
bool kind_is_forbidden(const Kind *kind); /* by RBAC, at the last request */
KindStatus kind_status(const Kind *kind);
