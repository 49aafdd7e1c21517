/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * template: errors in a Helm chart's template, which is taken for a manifest by mistake. Its
 * "{{ ... }}" is a map in a map to YAML, and the errors about that help nobody.
 */
#include "base.h"

/* Adds to the errors that "{{ ... }}" causes what to do. text is NUL-terminated. */
void template_hint(Diags *diags, const char *text);
