/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kubeconfigs: what is read, and the sentence about each that cannot be used. */
#include "parse.h"
#include <criterion/criterion.h>
#include <string.h>

static Arena *arena;

static void set_up(void)
{
	arena = arena_new();
}

static void tear_down(void)
{
	arena_free(arena);
}

TestSuite(kubeconfig, .init = set_up, .fini = tear_down);

/* A kubeconfig whose cluster and user have these fields, in YAML's flow form. */
static const char *config_of(const char *cluster, const char *user)
{
	return arena_printf(arena,
		"apiVersion: v1\nkind: Config\n"
		"clusters: [{name: c, cluster: {%s}}]\n"
		"users: [{name: u, user: {%s}}]\n"
		"contexts: [{name: x, context: {cluster: c, user: u, namespace: n}}]\n"
		"current-context: x\n",
		cluster, user);
}

static Kubeconfig read_good(const char *text)
{
	Diags diags = {.arena = arena};
	Kubeconfig config = {};

	cr_assert_eq(kubeconfig_parse(arena, "/etc/k/config", text, strlen(text), &config, &diags),
		0, "%s", diags.list.n ? diag_line(arena, &diags.list.at[0]) : "");
	return config;
}

/* The first diagnostic. */
static const char *read_bad(const char *text)
{
	Diags diags = {.arena = arena};
	Kubeconfig config;

	cr_assert_eq(kubeconfig_parse(arena, "f", text, strlen(text), &config, &diags),
		PARSE_E_INVALID, "%s", text);
	return diag_line(arena, &diags.list.at[0]);
}

Test(kubeconfig, files_are_beside_it)
{
	Kubeconfig config = read_good(
		config_of("server: \"https://10.0.0.1:6443//\", certificate-authority: ca.crt, "
			  "tls-server-name: kubernetes, proxy-url: \"http://proxy:3128\"",
			"client-certificate: /pki/c.crt, client-key: c.key, tokenFile: token"));

	cr_assert_str_eq(config.server, "https://10.0.0.1:6443");
	cr_assert_str_eq(config.ca.file, "/etc/k/ca.crt");
	cr_assert_str_eq(config.server_name, "kubernetes");
	cr_assert_str_eq(config.proxy, "http://proxy:3128");
	cr_assert_str_eq(config.certificate.file, "/pki/c.crt");
	cr_assert_str_eq(config.key.file, "/etc/k/c.key");
	cr_assert_str_eq(config.token_file, "/etc/k/token");
}

Test(kubeconfig, data_is_base64)
{
	static const char *const texts[][2] = {
		{"YQ==", "a"}, {"YWI=", "ab"}, {"YWJj", "abc"}, {"YWJj\\n  ZA==", "abcd"}};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		Kubeconfig config = read_good(
			config_of(arena_printf(arena,
					  "server: \"https://a\", certificate-authority: ignored, "
					  "certificate-authority-data: \"%s\"",
					  texts[i][0]),
				"token: t"));

		cr_assert_eq(config.ca.n, strlen(texts[i][1]));
		cr_assert_str_eq(config.ca.text, texts[i][1]);
		cr_assert_null(config.ca.file);
	}
}

Test(kubeconfig, json_is_read_too)
{
	Kubeconfig config = read_good(
		"{\"clusters\":[{\"name\":\"c\",\"cluster\":{\"server\":\"http://127.0.0.1:8001\"}}"
		"],"
		"\"users\":[{\"name\":\"u\",\"user\":{\"token\":\"t\"}}],\"contexts\":[{\"name\":"
		"\"x\","
		"\"context\":{\"cluster\":\"c\",\"user\":\"u\"}}],\"current-context\":\"x\"}");

	cr_assert_str_eq(config.server, "http://127.0.0.1:8001");
	cr_assert_str_eq(config.token, "t");
}

Test(kubeconfig, http_is_for_this_machine)
{
	static const char *const servers[] = {"http://localhost", "http://localhost:1",
		"http://127.0.0.2:80", "http://[::1]", "http://[::1]:8001"};

	for (size_t i = 0; i < ARRAY_SIZE(servers); i++)
		cr_assert_str_eq(
			read_good(config_of(arena_printf(arena, "server: \"%s\"", servers[i]),
					  "token: t"))
				.server,
			servers[i]);
}

Test(kubeconfig, each_mistake_is_a_sentence)
{
	const char *good = "server: \"https://a\"";
	const char *const cases[][2] = {
		{"", "no kubeconfig: expected one map"},
		{"- a\n", "no kubeconfig: expected one map"},
		{"a: [", "f:"},
		{"current-context: x\n", "contexts has no \"x\""},
		{"contexts: []\n", "current-context: Required value"},
		{"contexts: [{name: prod, context: {}}]\ncurrent-context: prot\n",
			"did you mean \"prod\"?"},
		{"contexts: [{name: x, context: {}}]\ncurrent-context: x\n",
			"it needs a cluster and a user"},
		{"contexts: [{name: x}]\ncurrent-context: x\n", "contexts \"x\" has no context"},
		{"contexts: 7\ncurrent-context: x\n", "contexts: expected a list"},
		{config_of("", "token: t"), "server: Required value"},
		{config_of("server: 7", "token: t"), "server: expected a string"},
		{config_of("server: \"a:6443\"", "token: t"), "must be https://HOST:PORT"},
		{config_of("server: \"http://10.0.0.1\"", "token: t"),
			"whoever is between could take away every policy"},
		{config_of("server: \"http://127.evil.example/\"", "token: t"),
			"whoever is between could take away every policy"},
		{config_of("server: \"http://127.0.0.1.evil.example\"", "token: t"),
			"whoever is between could take away every policy"},
		{config_of("server: \"http://127.0.0.1:80@evil.example\"", "token: t"),
			"whoever is between could take away every policy"},
		{config_of("server: \"http://localhost:80@evil.example\"", "token: t"),
			"whoever is between could take away every policy"},
		{config_of("server: \"http://[::1]evil.example\"", "token: t"),
			"whoever is between could take away every policy"},
		{config_of("server: \"http://[::1\"", "token: t"),
			"whoever is between could take away every policy"},
		{config_of("server: \"https://a\", insecure-skip-tls-verify: true", "token: t"),
			"insecure-skip-tls-verify: netpol-mirror does not do this"},
		{config_of(
			 "server: \"https://a\", certificate-authority-data: /ca.crt", "token: t"),
			"certificate-authority-data: not base64; a path goes into "
			"certificate-authority"},
		{config_of("server: \"https://a\", certificate-authority-data: YWJ", "token: t"),
			"not base64"},
		{config_of(good, "exec: {command: aws}"), "it runs no programs"},
		{config_of(good, "auth-provider: {name: gcp}"), "Kubernetes has none any more"},
		{config_of(good, "username: a, password: b"), "takes no passwords"},
		{config_of(good, "token: t, as: admin"), "it acts as itself"},
		{config_of(good, "token: \"a\\r\\nX: y\""), "another character that no token has"},
		{config_of(good, "client-certificate: a"), "one of them is missing"},
		{config_of(good, "token: 7"), "token: expected a string"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		cr_assert(strstr(read_bad(cases[i][0]), cases[i][1]), "%zu: %s", i,
			read_bad(cases[i][0]));
}

Test(kubeconfig, no_credential_is_a_warning)
{
	Diags diags = {.arena = arena};
	Kubeconfig config;
	const char *text = config_of("server: \"https://a\", insecure-skip-tls-verify: false", "");

	cr_assert_eq(kubeconfig_parse(arena, "f", text, strlen(text), &config, &diags), 0);
	cr_assert_eq(diags.n_warnings, 1);
}
