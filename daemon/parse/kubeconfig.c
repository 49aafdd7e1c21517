/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kubeconfig: see parse/kubeconfig.h. Unknown keys mean nothing, as to kubectl. */
#include "documents.h"
#include <arpa/inet.h>
#include <string.h>

/* What kubectl can do and netpol-mirror does not, with the reason. */
typedef struct Refusal {
	const char *key, *why;
} Refusal;

static const Refusal OF_CLUSTER[] = {
	{"insecure-skip-tls-verify", "whoever answers could take away every policy; give "
				     "certificate-authority, or certificate-authority-data"},
	{}};
static const Refusal OF_USER[] = {
	{"exec", "it runs no programs; make a token of a ServiceAccount, or a client certificate"},
	{"auth-provider", "Kubernetes has none any more; make a token of a ServiceAccount"},
	{"username", "the API server takes no passwords; make a token of a ServiceAccount"},
	{"as", "it acts as itself; make a token of the account that it should be"}, {}};

static void refuse(Reader *reader, const Node *map, const Refusal *refusals)
{
	for (; refusals->key; refusals++) {
		const Node *node = node_get(map, refusals->key);

		if (node && !(node->kind == NODE_BOOL && !node->truth))
			DIAG_ERROR(reader->diags, node->origin, "refused", refusals->why,
				"%s: netpol-mirror does not do this", refusals->key);
	}
}

/* The map `key` of the item with that name in the list `plural`; NULL after an error. */
static const Node *find_named(Reader *reader, const Node *root, const char *plural, const char *key,
	const char *name, Origin origin)
{
	const Node *list = node_field(reader, root, plural, NODE_LIST);
	Texts names = {};

	for (size_t i = 0; i < node_count(list); i++) {
		const Node *item = list->items.at[i];
		const char *found =
			item->kind == NODE_MAP ? node_field_text(reader, item, "name") : NULL;

		if (found && strcmp(found, name) == 0) {
			const Node *map = node_field(reader, item, key, NODE_MAP);

			if (!map)
				DIAG_ERROR(reader->diags, item->origin, "required", NULL,
					"%s \"%s\" has no %s", plural, name, key);
			return map;
		}
		if (found)
			VEC_PUSH(reader->arena, &names, found);
	}
	VEC_PUSH(reader->arena, &names, NULL);
	DIAG_ERROR(reader->diags, origin, "required", node_nearest_hint(reader, name, names.at),
		"%s has no \"%s\"", plural, name);
	return NULL;
}

/* ---- Data and files ---- */
static const char *path_beside(Reader *reader, const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');

	if (*path == '/' || !slash)
		return path;
	return arena_printf(reader->arena, "%.*s/%s", (int)(slash - file), file, path);
}

static int base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* RFC 4648, section 4, with its padding; line breaks mean nothing. False: it is not. */
static bool decode_base64(Arena *arena, const char *text, KubeconfigBlob *ret)
{
	char *bytes = arena_alloc(arena, strlen(text) + 1);
	unsigned bits = 0, n_digits = 0, n_padding = 0;
	size_t n = 0;

	for (; *text; text++) {
		int digit = base64_digit(*text);

		if (strchr(" \t\r\n", *text))
			continue;
		if (*text == '=') {
			n_padding++;
			continue;
		}
		if (digit < 0 || n_padding)
			return false;
		bits = bits << 6 | (unsigned)digit;
		if (n_digits++ % 4)
			bytes[n++] = (char)(bits >> (6 - 2 * ((n_digits - 1) % 4)));
	}
	*ret = (KubeconfigBlob){.text = bytes, .n = n};
	return (n_digits + n_padding) % 4 == 0 && n_padding < 3 && n > 0;
}

/* "key" and "key-data"; data counts first, as to kubectl. */
static KubeconfigBlob read_blob(Reader *reader, const Node *map, const char *file, const char *key)
{
	const char *data_key = arena_printf(reader->arena, "%s-data", key);
	const Node *data = node_field(reader, map, data_key, NODE_STRING);
	const Node *path = node_field(reader, map, key, NODE_STRING);
	KubeconfigBlob blob = {};

	if (!node_is_empty(data)) {
		if (!decode_base64(reader->arena, data->text, &blob))
			DIAG_ERROR(reader->diags, data->origin, "invalid-value",
				arena_printf(reader->arena, "a path goes into %s", key),
				"%s: not base64", data_key);
	} else if (!node_is_empty(path)) {
		blob.file = path_beside(reader, file, path->text);
	}
	return blob;
}

/* ---- Cluster and user ---- */
/* Whether everything between us and that address is this machine. */
static bool is_loopback(const char *authority)
{
	size_t n = strcspn(authority, "/?#");
	bool is_bracketed = *authority == '[';
	size_t n_host = strcspn(authority, is_bracketed ? "]" : ":/?#");
	char host[64];
	struct in_addr address;

	/* user info may look like a host: http://127.0.0.1:80@evil.example */
	if (memchr(authority, '@', n) || memchr(authority, '\\', n) || n_host >= sizeof(host) ||
		n_host > n)
		return false;
	memcpy(host, authority + is_bracketed, n_host - is_bracketed);
	host[n_host - is_bracketed] = '\0';
	if (is_bracketed)
		return strcmp(host, "::1") == 0 && authority[n_host] &&
		       strchr(":/", authority[n_host + 1]);
	return strcmp(host, "localhost") == 0 ||
	       (inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127);
}

static const char *read_server(Reader *reader, const Node *cluster)
{
	const Node *node = node_field(reader, cluster, "server", NODE_STRING);
	const char *https = "https://", *http = "http://";
	size_t n;

	if (node_is_empty(node)) {
		DIAG_ERROR(reader->diags, cluster->origin, "required", NULL,
			"server: Required value: the API server's URL");
		return NULL;
	}
	if (strncmp(node->text, https, strlen(https)) != 0 &&
		(strncmp(node->text, http, strlen(http)) != 0 ||
			!is_loopback(node->text + strlen(http)))) {
		DIAG_ERROR(reader->diags, node->origin, "invalid-value",
			"http:// only to this machine itself: whoever is between could take away "
			"every policy",
			"server: Invalid value: \"%s\": must be https://HOST:PORT", node->text);
		return NULL;
	}
	for (n = strlen(node->text); node->text[n - 1] == '/'; n--)
		;
	return arena_strndup(reader->arena, node->text, n);
}

static void read_cluster(Reader *reader, const Node *cluster, const char *file, Kubeconfig *config)
{
	refuse(reader, cluster, OF_CLUSTER);
	config->server = read_server(reader, cluster);
	config->server_name = node_field_text(reader, cluster, "tls-server-name");
	config->proxy = node_field_text(reader, cluster, "proxy-url");
	config->ca = read_blob(reader, cluster, file, "certificate-authority");
}

/* A header's line must end where the token ends. */
static bool is_token(const char *token)
{
	for (; *token; token++)
		if (*token <= ' ' || *token > '~')
			return false;
	return true;
}

static void read_user(Reader *reader, const Node *user, const char *file, Kubeconfig *config)
{
	const Node *token = node_field(reader, user, "token", NODE_STRING);
	const Node *token_file = node_field(reader, user, "tokenFile", NODE_STRING);
	size_t n_errors = reader->diags->n_errors;

	refuse(reader, user, OF_USER);
	config->certificate = read_blob(reader, user, file, "client-certificate");
	config->key = read_blob(reader, user, file, "client-key");
	/* tokenFile counts first: k8s.io/client-go/tools/clientcmd/client_config.go */
	if (!node_is_empty(token_file))
		config->token_file = path_beside(reader, file, token_file->text);
	else if (!node_is_empty(token))
		config->token = token->text;
	if (config->token && !is_token(config->token))
		DIAG_ERROR(reader->diags, token->origin, "invalid-value", NULL,
			"token: a blank, a line break or another character that no token has");
	if ((config->certificate.text || config->certificate.file) !=
		(config->key.text || config->key.file))
		DIAG_ERROR(reader->diags, user->origin, "required", NULL,
			"client-certificate and client-key: one of them is missing");
	else if (reader->diags->n_errors == n_errors && !config->token && !config->token_file &&
		 !config->key.text && !config->key.file)
		DIAG_WARNING(reader->diags, user->origin, "required",
			"it is tokenFile, token, or client-certificate and client-key",
			"the user has no credential: the API server will take us for anonymous");
}

static void read_config(Reader *reader, const Node *root, const char *file, Kubeconfig *config)
{
	const Node *current = node_field(reader, root, "current-context", NODE_STRING);
	const Node *context, *cluster, *user;
	const char *cluster_name, *user_name;

	if (node_is_empty(current)) {
		DIAG_ERROR(reader->diags, root->origin, "required",
			"kubectl config use-context NAME sets it",
			"current-context: Required value: which context counts");
		return;
	}
	context = find_named(reader, root, "contexts", "context", current->text, current->origin);
	if (!context)
		return;
	cluster_name = node_field_text(reader, context, "cluster");
	user_name = node_field_text(reader, context, "user");
	if (!cluster_name || !user_name) {
		DIAG_ERROR(reader->diags, context->origin, "required", NULL,
			"context \"%s\": it needs a cluster and a user", current->text);
		return;
	}
	cluster = find_named(reader, root, "clusters", "cluster", cluster_name, context->origin);
	user = find_named(reader, root, "users", "user", user_name, context->origin);
	if (cluster)
		read_cluster(reader, cluster, file, config);
	if (user)
		read_user(reader, user, file, config);
}

int kubeconfig_parse(Arena *arena, const char *file, const char *text, size_t n,
	Kubeconfig *ret_kubeconfig, Diags *diags)
{
	Reader reader = {arena, diags};
	size_t errors = diags->n_errors;
	Documents documents = {};
	Kubeconfig config = {};

	if (!documents_read(&reader, file, text, n, &documents))
		return PARSE_E_INVALID;
	if (documents.n != 1 || documents.at[0]->kind != NODE_MAP)
		DIAG_ERROR(diags, ((Origin){file, 1, 1}), "kubeconfig", NULL,
			"no kubeconfig: expected one map with clusters, users and contexts");
	else
		read_config(&reader, documents.at[0], file, &config);
	if (diags->n_errors != errors)
		return PARSE_E_INVALID;
	*ret_kubeconfig = config;
	return 0;
}
