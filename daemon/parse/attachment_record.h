/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * attachment_record: a record of libcni, kind "cniCacheV1" -> the attachment of a Source.
 * libcni/api.go in github.com/containernetworking/cni has its fields (cachedInfo), pkg/types those
 * of the plugins' result, and the container runtime says in cniArgs whose pod it is.
 */
#include "parse.h"

/* Not hidden, and not the record of a loopback interface, which each pod has too. */
bool attachment_record_is_read(const char *name);
/*
 * Appends to source->attachments, and to source->diags. None, without an error: an empty file (the
 * record is being written), a loopback interface, or a container that is not a pod's.
 */
void attachment_record_read(Source *source, Arena *scratch, const char *text, size_t n);
