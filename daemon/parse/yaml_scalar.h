/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * yaml_scalar: the type of an unquoted YAML scalar. The rules are those of YAML 1.1 as the API
 * server's decoder applies them (sigs.k8s.io/yaml; resolve.go of its go-yaml): `yes`, `On` and
 * `true` are booleans, 0x50 and 0120 are whole numbers, `~` and the empty scalar are null. JSON's
 * literals are a subset, so json_tree uses the same function.
 */
#include "node.h"

/* Sets kind, number and truth of the node from its text. */
void yaml_scalar_resolve(Node *node);
