/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netpol.conf: every key is optional, and checked by itself. */
#include "conf_tree.h"
#include "fields.h"
#include <string.h>
#include <strings.h>

const char *const BRIDGE_MODE_TEXT[] = {"auto", "br_netfilter", "conntrack", "off", NULL};
const char *const SENDERS_MODE_TEXT[] = {"check", "every", "listed", "off", NULL};
static const char *const ENFORCE_TEXT[] = {"local", "all", NULL};
static const char *const UNKNOWN_TEXT[] = {"isolate", "allow", NULL};
static const char *const DENY_TEXT[] = {"reject", "drop", NULL};
static const char *const POD_TUNNELS_TEXT[] = {"drop", "allow", NULL};

#define SETTLE_MS_MAX 10000
#define WITHDRAW_MS_MAX 60000
#define LOG_GROUP_MAX UINT16_MAX
#define BUDGET_MAX 1000000000 /* of elements, and of rules */

static const Schema MIRROR = {(const Field[]){{.key = "kubeconfig"}, {.key = "directory"}, {}}};
static const Schema SCHEMA = {(const Field[]){
	{.key = "node"},
	{.key = "policies"},
	{.key = "inventory"},
	{.key = "attachments"},
	{.key = "unknown_pods"},
	{.key = "state"},
	{.key = "runtime"},
	{.key = "table"},
	{.key = "enforce"},
	{.key = "deny"},
	{.key = "bridge"},
	{.key = "service_cidrs"},
	{.key = "settle_ms"},
	{.key = "withdraw_ms"},
	{.key = "namespace_elements"},
	{.key = "namespace_rules"},
	{.key = "senders"},
	{.key = "senders_free"},
	{.key = "pod_tunnels"},
	{.key = "log_denied"},
	{.key = "log_group"},
	{.key = "mirror", .child = &MIRROR},
	{},
}};

void settings_default(Arena *arena, const char *node, Settings *ret_settings)
{
	*ret_settings = (Settings){.node = arena_strdup(arena, node),
		.is_host_name = true,
		.attachments = ATTACHMENTS_AUTO,
		.state = "/var/lib/netpol",
		.runtime = "/run/netpol",
		.table = "netpol",
		.settle_ms = 10,
		.withdraw_ms = 1000,
		.namespace_elements = 1000000,
		.namespace_rules = 100000,
		.is_log_denied = true,
		.log_group = 6443,
		.mirror_kubeconfig = "/etc/netpol/kubeconfig",
		.mirror_directory = "/run/netpol/mirror"};
	VEC_PUSH(arena, &ret_settings->policies, SETTINGS_POLICIES_DEFAULT);
	VEC_PUSH(arena, &ret_settings->inventory, SETTINGS_INVENTORY_DEFAULT);
}

/* "on" resembles "off", its opposite: who wants a protection must not be told to turn it off. */
static const char *choice_hint(Reader *reader, const char *text, const char *const *words)
{
	return strcasecmp(text, "on") == 0 ? NULL : node_nearest_hint(reader, text, words);
}

/* One of the NULL-terminated words; *choice becomes its index. */
static void read_choice(
	Reader *reader, const Node *root, const char *key, const char *const *words, int *choice)
{
	const Node *node = node_field(reader, root, key, NODE_STRING);
	Buf buf = {.arena = reader->arena};

	if (!node)
		return;
	for (int i = 0; words[i]; i++) {
		if (strcmp(words[i], node->text) == 0) {
			*choice = i;
			return;
		}
		buf_printf(&buf, "%s\"%s\"", i ? ", " : "", words[i]);
	}
	DIAG_ERROR(reader->diags, node->origin, "invalid-value",
		choice_hint(reader, node->text, words),
		"%s: Unsupported value: \"%s\": supported values: %s", key, node->text,
		buf_text(&buf));
}

/* A path is absolute, since netpold's working directory is not the user's; a text is not empty. */
static void read_text(
	Reader *reader, const Node *root, const char *key, bool is_path, const char **text)
{
	const Node *node = node_field(reader, root, key, NODE_STRING);

	if (!node)
		return;
	if (is_path ? node->text[0] != '/' : !*node->text)
		DIAG_ERROR(reader->diags, node->origin, "invalid-value", NULL,
			"%s: Invalid value: \"%s\": must be %s", key, node->text,
			is_path ? "an absolute path" : "not empty");
	else
		*text = node->text;
}

/* ---- Directories ---- */
/* The path without slashes at its end, so that one directory has one name. */
static const char *trim_slashes(Arena *arena, const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	return path[n] ? arena_printf(arena, "%.*s", (int)n, path) : path;
}

bool settings_add_directory(
	Arena *arena, Texts *directories, const char *path, Origin origin, Diags *diags)
{
	path = trim_slashes(arena, path);
	for (size_t i = 0; i < directories->n; i++)
		if (strcmp(directories->at[i], path) == 0) {
			DIAG_ERROR(diags, origin, "invalid-value", "list each directory once",
				"the directory \"%s\" is on the list already", path);
			return false;
		}
	if (directories->n >= SETTINGS_DIRECTORIES_MAX) {
		DIAG_ERROR(diags, origin, "limit", NULL, "more than %d directories on one list",
			SETTINGS_DIRECTORIES_MAX);
		return false;
	}
	VEC_PUSH(arena, directories, path);
	return true;
}

/* False: there was an error, so that one more need not be told. */
static bool read_directory(Reader *reader, const Node *node, const char *what, Texts *directories)
{
	if (!node_expect(reader, node, NODE_STRING, what))
		return false;
	if (node->text[0] != '/') {
		DIAG_ERROR(reader->diags, node->origin, "invalid-value", NULL,
			"%s: Invalid value: \"%s\": must be an absolute path", what, node->text);
		return false;
	}
	return settings_add_directory(
		reader->arena, directories, node->text, node->origin, reader->diags);
}

/* One path, or a list of them. An empty list would take everything away, as if by accident. */
static void read_directories(Reader *reader, const Node *root, const char *key, Texts *directories)
{
	const Node *node = node_get(root, key);
	bool is_good = true;
	Texts read = {};

	if (!node)
		return;
	if (node->kind == NODE_LIST) {
		for (size_t i = 0; is_good && i < node_count(node); i++)
			is_good = read_directory(reader, node->items.at[i],
				arena_printf(reader->arena, "%s[%zu]", key, i), &read);
	} else {
		is_good = read_directory(reader, node, key, &read);
	}
	if (is_good && read.n == 0)
		DIAG_ERROR(reader->diags, node->origin, "invalid-value",
			"leave the key out for the default",
			"%s: Invalid value: must have at least one directory", key);
	else if (is_good)
		*directories = read;
}

/* ---- Other values ---- */
static void read_attachments(Reader *reader, const Node *root, const char **text)
{
	const Node *node = node_field(reader, root, "attachments", NODE_STRING);

	if (!node)
		return;
	if (*node->text && node->text[0] != '/' && strcmp(node->text, ATTACHMENTS_AUTO) != 0)
		DIAG_ERROR(reader->diags, node->origin, "invalid-value", NULL,
			"attachments: Invalid value: \"%s\": must be an absolute path, "
			"\"" ATTACHMENTS_AUTO "\", or empty",
			node->text);
	else
		*text = node->text;
}

/* An nft identifier that needs no quotes, so that it cannot end the name in a ruleset's text. */
static void read_table(Reader *reader, const Node *root, Settings *settings)
{
	const Node *node = node_field(reader, root, "table", NODE_STRING);
	const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

	if (!node)
		return;
	if (!*node->text || strspn(node->text, allowed) != strlen(node->text) ||
		strlen(node->text) > 64 || strspn(node->text, "0123456789") > 0)
		DIAG_ERROR(reader->diags, node->origin, "invalid-value", NULL,
			"table: Invalid value: \"%s\": must be a name of letters, digits and '_', "
			"at "
			"most 64, not starting with a digit",
			node->text);
	else
		settings->table = node->text;
}

/* Earlier versions let packets to these addresses pass `input`, so that IPVS could translate them.
 */
static void check_service_cidrs(Reader *reader, const Node *root)
{
	const Node *node = node_get(root, "service_cidrs");

	if (node)
		DIAG_WARNING(reader->diags, node->origin, "obsolete", NULL,
			"service_cidrs is ignored: Services by IPVS are filtered without it, by "
			"their backends; remove the line");
}

/* "namespace/pod", where "*" stands for any characters but "/". */
static bool is_pod_pattern(const char *text)
{
	const char *slash = strchr(text, '/'), *allowed = "abcdefghijklmnopqrstuvwxyz0123456789-.*";

	return slash && slash > text && slash[1] &&
	       strspn(text, allowed) == (size_t)(slash - text) &&
	       slash[1 + strspn(slash + 1, allowed)] == '\0';
}

static void read_senders_free(Reader *reader, const Node *root, Settings *settings)
{
	const Node *node = node_field(reader, root, "senders_free", NODE_LIST);
	Texts patterns = {};

	for (size_t i = 0; i < node_count(node); i++) {
		const Node *item = node->items.at[i];

		if (item->kind == NODE_STRING && is_pod_pattern(item->text))
			VEC_PUSH(reader->arena, &patterns, item->text);
		else
			DIAG_ERROR(reader->diags, item->origin, "invalid-value",
				"for example \"kube-system/vpn-*\"",
				"senders_free[%zu]: Invalid value: must be \"NAMESPACE/POD\", of "
				"lower case letters, digits, '-', '.', and '*' for any characters",
				i);
	}
	if (node)
		settings->senders_free = patterns;
}

static void read_truth(Reader *reader, const Node *root, const char *key, bool *truth)
{
	const Node *node = node_field(reader, root, key, NODE_BOOL);

	if (node)
		*truth = node->truth;
}

static void read_number(
	Reader *reader, const Node *root, const char *key, int min, int max, int *number)
{
	const Node *node = node_field(reader, root, key, NODE_INT);

	if (!node)
		return;
	if (node->number < min || node->number > max)
		DIAG_ERROR(reader->diags, node->origin, "invalid-value", NULL,
			"%s: Invalid value: %lld: must be between %d and %d", key, node->number,
			min, max);
	else
		*number = (int)node->number;
}

static void read_mirror(Reader *reader, const Node *root, Settings *settings)
{
	const Node *mirror = node_field(reader, root, "mirror", NODE_MAP);

	if (!mirror)
		return;
	node_check_keys(reader, mirror, &MIRROR);
	read_text(reader, mirror, "kubeconfig", true, &settings->mirror_kubeconfig);
	read_text(reader, mirror, "directory", true, &settings->mirror_directory);
}

int settings_parse(
	Arena *arena, const char *file, const char *text, Settings *settings, Diags *diags)
{
	Reader reader = {arena, diags};
	size_t errors = diags->n_errors;
	const Node *root = conf_tree_read(&reader, file, text + text_bom_size(text, strlen(text)));

	if (!root)
		return PARSE_E_INVALID;
	node_check_keys(&reader, root, &SCHEMA);
	read_text(&reader, root, "node", false, &settings->node);
	settings->is_host_name &= !node_get(root, "node");
	read_directories(&reader, root, "policies", &settings->policies);
	read_directories(&reader, root, "inventory", &settings->inventory);
	read_attachments(&reader, root, &settings->attachments);
	read_choice(&reader, root, "unknown_pods", UNKNOWN_TEXT, &settings->unknown_pods);
	read_text(&reader, root, "state", true, &settings->state);
	read_text(&reader, root, "runtime", true, &settings->runtime);
	read_table(&reader, root, settings);
	read_choice(&reader, root, "enforce", ENFORCE_TEXT, &settings->enforce);
	read_choice(&reader, root, "deny", DENY_TEXT, &settings->deny);
	read_choice(&reader, root, "bridge", BRIDGE_MODE_TEXT, &settings->bridge);
	read_choice(&reader, root, "senders", SENDERS_MODE_TEXT, &settings->senders);
	read_choice(&reader, root, "pod_tunnels", POD_TUNNELS_TEXT, &settings->pod_tunnels);
	read_senders_free(&reader, root, settings);
	check_service_cidrs(&reader, root);
	read_number(&reader, root, "settle_ms", 0, SETTLE_MS_MAX, &settings->settle_ms);
	read_number(&reader, root, "withdraw_ms", 0, WITHDRAW_MS_MAX, &settings->withdraw_ms);
	read_number(
		&reader, root, "namespace_elements", 0, BUDGET_MAX, &settings->namespace_elements);
	read_number(&reader, root, "namespace_rules", 0, BUDGET_MAX, &settings->namespace_rules);
	read_mirror(&reader, root, settings);
	read_truth(&reader, root, "log_denied", &settings->is_log_denied);
	/* group 0 is the one that other programs take by default */
	read_number(&reader, root, "log_group", 1, LOG_GROUP_MAX, &settings->log_group);
	return diags->n_errors == errors ? 0 : PARSE_E_INVALID;
}
