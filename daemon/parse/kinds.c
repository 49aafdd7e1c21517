/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kinds of objects: see kinds.h. */
#include "kinds.h"
#include "base.h"
#include <string.h>
#include <strings.h>

bool kinds_is_list(const char *kind)
{
	return kind && text_has_suffix(kind, "List");
}

const char *kinds_failed_export(const char *kind)
{
	static const char *const failed[][2] = {
		{"Status", "the API server's answer to a request that failed"},
		{"Table", "the columns that kubectl shows, without the objects"},
		{"PartialObjectMetadata", "the metadata of an object, without the rest"},
		{"PartialObjectMetadataList", "the metadata of objects, without the rest"}};

	for (size_t i = 0; kind && i < ARRAY_SIZE(failed); i++)
		if (strcmp(kind, failed[i][0]) == 0)
			return failed[i][1];
	return NULL;
}

const char *kinds_nearest(const char *kind)
{
	static const char *const words[] = {"NetworkPolicy", "NetworkPolicyList", NULL};
	static const char *const others[][2] = {{"NetPol", "NetworkPolicy"},
		{"NetworkPolicies", "NetworkPolicy"}, {"NetPols", "NetworkPolicy"}};

	if (strcasecmp(kind, "List") == 0)
		return "List";
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcasecmp(kind, others[i][0]) == 0)
			return others[i][1];
	return text_nearest(kind, words);
}

/* That netpol reads a NetworkPolicy of. */
static const char *const VERSIONS[] = {"networking.k8s.io/v1", "extensions/v1beta1", NULL};

static bool is_known_version(const char *version)
{
	return text_is_equal(version, VERSIONS[0]) || text_is_equal(version, VERSIONS[1]);
}

/*
 * Whether the API group may be one of Kubernetes' own, or is one that was misspelt: groups of
 * custom resources have a dot, and *.k8s.io needs an approval. policy.networking.k8s.io, of
 * AdminNetworkPolicy, has it.
 */
static bool is_builtin_group(const char *version)
{
	size_t n = version ? strcspn(version, "/") : 0;

	if (!version || !version[n] || !memchr(version, '.', n))
		return true;
	if (strncmp(version, "policy.networking.k8s.io/", n + 1) == 0)
		return false;
	return (n >= 7 && memcmp(version + n - 7, ".k8s.io", 7) == 0) ||
	       text_nearest(version, VERSIONS);
}

/* Of networking.k8s.io/v1 all kinds are known (Kubernetes 1.36): another one is a mistake. */
static bool is_unknown_of_networking(const char *version, const char *kind)
{
	static const char *const kinds[] = {
		"NetworkPolicy", "Ingress", "IngressClass", "IPAddress", "ServiceCIDR"};
	size_t n = strlen(kind);

	if (!text_is_equal(version, "networking.k8s.io/v1"))
		return false;
	n -= kinds_is_list(kind) ? strlen("List") : 0;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strlen(kinds[i]) == n && memcmp(kinds[i], kind, n) == 0)
			return false;
	return true;
}

/* Custom resources that isolate pods, too. Nearly all are called ...NetworkPolicy. */
static bool is_other_policy(const char *kind)
{
	static const char suffix[] = "NetworkPolicy";
	size_t n = strlen(kind), m = sizeof(suffix) - 1;

	return (n >= m && strcasecmp(kind + n - m, suffix) == 0) ||
	       strcmp(kind, "EgressFirewall") == 0; /* k8s.ovn.org */
}

ObjectClass kinds_classify(const char *version, const char *kind)
{
	if (kinds_failed_export(kind))
		return OBJECT_FAILED_EXPORT;
	if (strcmp(kind, "NetworkPolicy") == 0 && is_known_version(version))
		return OBJECT_POLICY;
	if (strcmp(kind, "NetworkPolicy") == 0 && !version)
		return OBJECT_NO_VERSION;
	if (strcmp(kind, "NetworkPolicy") == 0 && is_builtin_group(version))
		return OBJECT_UNKNOWN_VERSION;
	if (strcmp(kind, "NetworkPolicyList") == 0 || strcmp(kind, "List") == 0)
		return OBJECT_LIST;
	if (is_builtin_group(version) && kinds_nearest(kind))
		return OBJECT_MISSPELT;
	if (is_unknown_of_networking(version, kind))
		return OBJECT_UNKNOWN_KIND;
	if (kinds_is_list(kind))
		return OBJECT_LIST;
	if (is_other_policy(kind))
		return OBJECT_NOT_ENFORCED;
	return strcmp(kind, "Kustomization") == 0 ? OBJECT_KUSTOMIZATION : OBJECT_OTHER;
}
