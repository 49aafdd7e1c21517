/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * emptied: whether a new version of a file looks like a failed export. Such versions have been seen
 * to remove all isolation: kubectl prints an empty list when the API server does not answer; a list
 * of other objects is what the wrong command exports; and kubelet, just after it was started, lists
 * the static pods of its node alone. Such a version is an error, so that the last good one stays in
 * force. To take away what a file says, delete the file.
 */
#include "parse.h"

/* Adds the error to `next` if it would empty what `accepted`, the version in force, says. */
void emptied_check(const Source *accepted, Source *next);
