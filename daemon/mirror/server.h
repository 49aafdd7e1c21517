/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * server: the kubeconfig -> what curl needs for a request. It is read again for each request, and
 * so are the token and the certificates that it names: whoever renews them need not tell us.
 */
#include "mirror.h"
#include <curl/curl.h>

/* Lists that a request borrows; they are freed after it. */
typedef struct ServerLists {
	struct curl_slist *headers, *connect_to;
} ServerLists;

void server_lists_free(ServerLists *lists);
/*
 * The path of the kubeconfig: the command line's option (NULL: none), else $KUBECONFIG, else
 * systemd's LoadCredential=, else the setting. NULL: $KUBECONFIG names several, said in diags.
 */
const char *server_choose_kubeconfig(
	Arena *arena, const char *option, const char *setting, Diags *diags);
/*
 * Sets where the request for this path goes, whom it trusts and who we are. Returns NULL, or what
 * is wrong, in the arena.
 */
const char *server_prepare(
	Arena *arena, const char *kubeconfig, const char *path, CURL *easy, ServerLists *lists);
/* Reads the kubeconfig as a check. 0, or PARSE_E_INVALID with the reasons in diags. */
int server_check(Arena *arena, const char *kubeconfig, Diags *diags, const char **ret_server);
