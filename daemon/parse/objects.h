/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * objects: a file of Kubernetes manifests, YAML or JSON -> the policies of a Source.
 *
 * Read: NetworkPolicies alone, in a NetworkPolicyList or in a List, any number of documents in a
 * file. Objects of other kinds are skipped, so that the manifests of an application can be used as
 * they are: with a note, or with a warning if it is another engine's policy. What a failed export
 * leaves (an empty file, a Status, a list without items or of other objects, one page of a list) is
 * an error and never a file without policies, since that would open the pods.
 */
#include "parse.h"

/* Appends to source->policies and source->diags. The trees are left in the Source's arena, so the
 * caller passes a Source in a temporary arena. */
void objects_read(Source *source, const char *text, size_t n);
