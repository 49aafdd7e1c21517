/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * manifest: Kubernetes manifests in YAML or JSON -> the policies of a Source.
 *
 * Read: networking.k8s.io/v1 and extensions/v1beta1 NetworkPolicy, alone, in a NetworkPolicyList or
 * in a List, any number of documents in a file. Objects of other kinds are skipped with a note, so
 * that the manifests of an application can be used as they are.
 */
#include "parse.h"

/* Appends to source->policies and source->diags. The trees, which are large, stay in the Source's
 * arena: the caller passes a Source in a temporary arena and copies the policies. */
void manifest_read(Source *source, const char *text, size_t n);
