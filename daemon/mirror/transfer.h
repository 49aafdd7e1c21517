/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * transfer: requests to the API server, by libcurl's multi interface in the event loop. Transfers
 * of one Connections share HTTP/2 connections.
 *
 * A transfer that is silent for too long is ended: a connection whose other end has gone without a
 * word is never reported by the kernel if we do not send.
 */
#include "mirror.h"
#include <systemd/sd-event.h>

typedef struct TransferHandler {
	void (*begin)(void *context, unsigned http_status, unsigned retry_after_s);
	bool (*feed)(void *context, const char *text, size_t n); /* false: end it */
	/* error: in words; NULL: the server has ended it. Another start is allowed. */
	void (*end)(void *context, const char *error);
	unsigned (*silence_s)(void *context); /* how long it may be silent now */
} TransferHandler;

typedef struct Connections Connections;
typedef struct Transfer Transfer;

/* NULL: curl has no memory. */
Connections *connections_new(sd_event *event);
Connections *connections_free(
	Connections *connections); /* after its transfers; NULL: returns NULL */
Transfer *transfer_new(Connections *connections, const TransferHandler *handler, void *context);
Transfer *transfer_free(Transfer *transfer);
/* The handler is called from the event loop; at once (end) if the kubeconfig is wrong. */
void transfer_start(Transfer *transfer, const char *kubeconfig, const char *path);
