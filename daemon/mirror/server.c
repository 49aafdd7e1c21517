/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kubeconfig as options of curl: see server.h. */
#include "server.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

void server_lists_free(ServerLists *lists)
{
	curl_slist_free_all(lists->headers);
	curl_slist_free_all(lists->connect_to);
	*lists = (ServerLists){};
}

/* Reads a file of at most KUBECONFIG_BYTES_MAX into the arena. NULL, or what is wrong. */
static const char *read_file(Arena *arena, const char *path, const char **ret_text, size_t *ret_n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	const char *error = NULL;
	char *text;
	ssize_t n;

	if (fd < 0)
		return strerror(errno);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		error = "no regular file";
	else if ((size_t)st.st_size > KUBECONFIG_BYTES_MAX)
		error = "larger than 1 MiB";
	if (error) {
		close(fd);
		return error;
	}
	text = arena_alloc(arena, (size_t)st.st_size + 1);
	n = read(fd, text, (size_t)st.st_size);
	if (n < 0)
		error = strerror(errno);
	close(fd);
	*ret_text = text;
	*ret_n = n < 0 ? 0 : (size_t)n;
	return error;
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
