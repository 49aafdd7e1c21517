/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * kubeconfig: which API server, and with what credential, as kubectl reads it (the current context
 * of k8s.io/client-go/tools/clientcmd/api/v1, Config). What kubectl can do and a service should not
 * is refused with words: programs that make credentials (exec, auth-provider), passwords, another
 * identity (as), a server that is not verified.
 */
#include "model.h"

/* What is given as data, or in a file; neither: text and file are NULL. */
typedef struct KubeconfigBlob {
	const char *text; /* n bytes, and a NUL */
	size_t n;
	const char *file; /* relative to the kubeconfig's folder, or absolute: made to work as is */
} KubeconfigBlob;

typedef struct Kubeconfig {
	const char *server;	 /* https://host:port/prefix, without a slash at its end */
	const char *server_name; /* that its certificate must have; NULL: the host of `server` */
	const char *proxy;	 /* URL; NULL: none, or as the environment says */
	KubeconfigBlob ca, certificate, key;
	const char *token, *token_file; /* one of them, or neither */
} Kubeconfig;

#define KUBECONFIG_BYTES_MAX ((size_t)1 << 20)

/*
 * Parses the text, YAML or JSON, NUL-terminated. *ret_kubeconfig lives in the arena. Returns 0, or
 * PARSE_E_INVALID, with the reasons in diags.
 */
int kubeconfig_parse(Arena *arena, const char *file, const char *text, size_t n,
	Kubeconfig *ret_kubeconfig, Diags *diags);
