/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kubeconfig as options of curl: see server.h. */
#include "server.h"
#include <errno.h>
#include <unistd.h>

void server_lists_free(ServerLists *lists)
{
	curl_slist_free_all(lists->headers);
	curl_slist_free_all(lists->connect_to);
	*lists = (ServerLists){};
}

/* NULL, or what is wrong. */
static const char *read_file(Arena *arena, const char *path, const char **ret_text, size_t *ret_n)
{
	int r = source_text_read(arena, path, KUBECONFIG_BYTES_MAX, ret_text, ret_n);

	if (r == -EINVAL)
		return "no regular file";
	if (r == -EFBIG)
		return "larger than 1 MiB";
	return r < 0 ? strerror(-r) : NULL;
}

/* 0 or PARSE_E_INVALID. */
static int load(Arena *arena, const char *path, Kubeconfig *ret_config, Diags *diags)
{
	Origin origin = {.file = path};
	const char *text, *error;
	size_t n;
	int r;

	error = read_file(arena, path, &text, &n);
	if (!error && text_utf8_check(text, n) != n)
		error = "not UTF-8 text";
	if (error) {
		DIAG_ERROR(diags, origin, "unreadable", NULL, "the kubeconfig cannot be read: %s",
			error);
		return PARSE_E_INVALID;
	}
	r = kubeconfig_parse(arena, path, text, n, ret_config, diags);
	diags_excerpt(diags, text, n);
	return r;
}

/*
 * kubectl merges the files of a list. A service has one file, of which one can say who may read it
 * and when it is renewed. False: the list has several, which is said in diags.
 */
static bool take_only_one(Arena *arena, const char *list, const char **ret_path, Diags *diags)
{
	const char *separator = ":";
	char *rest, *path = strtok_r(arena_strdup(arena, list), separator, &rest);

	*ret_path = path;
	for (const char *other = path; other; other = strtok_r(NULL, separator, &rest))
		if (strcmp(path, other) != 0) {
			DIAG_ERROR(diags, ((Origin){.file = "$KUBECONFIG"}), "refused",
				"\"kubectl config view --flatten --raw\" makes one of them",
				"it names several files, and netpol-mirror reads one: %s", list);
			return false;
		}
	return true;
}

const char *server_choose_kubeconfig(
	Arena *arena, const char *option, const char *setting, Diags *diags)
{
	const char *list = getenv("KUBECONFIG"), *credentials = getenv("CREDENTIALS_DIRECTORY");
	const char *path = NULL;

	if (option)
		return option;
	if (list && !take_only_one(arena, list, &path, diags))
		return NULL;
	if (path)
		return path;
	path = credentials ? arena_printf(arena, "%s/kubeconfig", credentials) : NULL;
	return path && access(path, R_OK) == 0 ? path : setting;
}

int server_check(Arena *arena, const char *kubeconfig, Diags *diags, const char **ret_server)
{
	Kubeconfig config;
	int r = load(arena, kubeconfig, &config, diags);

	if (r == 0)
		*ret_server = config.server;
	return r;
}

static void set_blob(CURL *easy, CURLoption of_data, CURLoption of_file, const KubeconfigBlob *blob)
{
	struct curl_blob data = {
		.data = (void *)blob->text, .len = blob->n, .flags = CURL_BLOB_COPY};

	if (blob->text)
		curl_easy_setopt(easy, of_data, &data);
	else if (blob->file)
		curl_easy_setopt(easy, of_file, blob->file);
}

/*
 * tls-server-name: the URL has the name that the certificate must have, and curl connects to the
 * host that the kubeconfig names.
 */
static const char *set_url(
	Arena *arena, const Kubeconfig *config, const char *path, CURL *easy, ServerLists *lists)
{
	const char *whole = arena_printf(arena, "%s%s", config->server, path);
	char *host = NULL, *port = NULL, *renamed = NULL;
	CURLU *url = curl_url();
	bool is_good = url && curl_url_set(url, CURLUPART_URL, whole, 0) == 0;

	if (is_good && config->server_name)
		is_good = curl_url_get(url, CURLUPART_HOST, &host, 0) == 0 &&
			  curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == 0 &&
			  curl_url_set(url, CURLUPART_HOST, config->server_name, 0) == 0 &&
			  curl_url_get(url, CURLUPART_URL, &renamed, 0) == 0;
	if (is_good)
		curl_easy_setopt(easy, CURLOPT_URL, renamed ? renamed : whole);
	if (is_good && renamed) {
		lists->connect_to =
			curl_slist_append(NULL, arena_printf(arena, "::%s:%s", host, port));
		curl_easy_setopt(easy, CURLOPT_CONNECT_TO, lists->connect_to);
	}
	curl_free(host);
	curl_free(port);
	curl_free(renamed);
	curl_url_cleanup(url);
	return is_good ? NULL : arena_printf(arena, "server: \"%s\" is no URL", config->server);
}

/* NULL, or what is wrong. A token must not have what would begin another header. */
static const char *set_token(Arena *arena, const Kubeconfig *config, ServerLists *lists)
{
	const char *token = config->token, *error;
	size_t n;

	if (config->token_file) {
		error = read_file(arena, config->token_file, &token, &n);
		if (!error && (strcspn(token, " \t\r\n") == 0 || strlen(token) != n))
			error = "no token is in it";
		if (error)
			return arena_printf(arena, "tokenFile %s: %s", config->token_file, error);
		token = arena_strndup(arena, token, strcspn(token, " \t\r\n"));
	}
	if (token)
		lists->headers = curl_slist_append(
			lists->headers, arena_printf(arena, "Authorization: Bearer %s", token));
	return NULL;
}

const char *server_prepare(
	Arena *arena, const char *kubeconfig, const char *path, CURL *easy, ServerLists *lists)
{
	Diags diags = {.arena = arena};
	Kubeconfig config;
	const char *error;

	if (load(arena, kubeconfig, &config, &diags) != 0)
		return diag_line(arena, &diags.list.at[0]);
	lists->headers = curl_slist_append(NULL, "Accept: application/json");
	error = set_token(arena, &config, lists);
	if (!error)
		error = set_url(arena, &config, path, easy, lists);
	if (error)
		return error;
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, lists->headers);
	if (config.ca.text || config.ca.file)
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* nobody else's certificates */
	set_blob(easy, CURLOPT_CAINFO_BLOB, CURLOPT_CAINFO, &config.ca);
	set_blob(easy, CURLOPT_SSLCERT_BLOB, CURLOPT_SSLCERT, &config.certificate);
	set_blob(easy, CURLOPT_SSLKEY_BLOB, CURLOPT_SSLKEY, &config.key);
	if (config.proxy)
		curl_easy_setopt(easy, CURLOPT_PROXY, config.proxy);
	return NULL;
}
