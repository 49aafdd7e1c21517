/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * kinds: what an object is, by its apiVersion and kind alone. The question behind each class is
 * whether its author believes that a policy is in the file: then it must not be skipped in silence.
 */
#include <stdbool.h>

typedef enum ObjectClass {
	OBJECT_POLICY, /* a NetworkPolicy that netpol reads */
	OBJECT_LIST,   /* List, or a list of one kind */
	/* errors */
	OBJECT_NO_VERSION,	/* NetworkPolicy without apiVersion */
	OBJECT_UNKNOWN_VERSION, /* NetworkPolicy, of a version that Kubernetes does not have */
	OBJECT_MISSPELT,	/* almost NetworkPolicy, NetworkPolicyList or List */
	OBJECT_UNKNOWN_KIND,	/* a kind that networking.k8s.io/v1 does not have */
	OBJECT_FAILED_EXPORT,	/* Status, Table, ...: an answer of the API server, no object */
	/* skipped */
	OBJECT_NOT_ENFORCED, /* another engine's policy */
	OBJECT_KUSTOMIZATION,
	OBJECT_OTHER
} ObjectClass;

/* version: NULL if there is none. */
ObjectClass kinds_classify(const char *version, const char *kind);
bool kinds_is_list(const char *kind); /* NULL: no */
/* The nearest of NetworkPolicy, NetworkPolicyList and List, or NULL. */
const char *kinds_nearest(const char *kind);
/* What an OBJECT_FAILED_EXPORT is, in words; NULL for other kinds, and for NULL. */
const char *kinds_failed_export(const char *kind);
