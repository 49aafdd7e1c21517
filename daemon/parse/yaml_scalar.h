/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * yaml_scalar: the type of an unquoted YAML scalar. The rules are those of the API server's decoder
 * (sigs.k8s.io/yaml; resolve.go of go.yaml.in/yaml/v2): YAML 1.1, so `y`, `On` and `true` are
 * booleans, `~` and the empty scalar are null, and 0x50, 0120, 0o120, 0b1010000, 8_0, 080, 80.0 and
 * 8e1 are all the number 80. A number that overflows is a string.
 */
#include "node.h"

/*
 * Sets kind, number and truth of the node from its text. A number without a fraction is NODE_INT,
 * however it is written: the decoder's way to the API goes through JSON, where 80.0 becomes 80.
 */
void yaml_scalar_resolve(Node *node);
/*
 * What the decoder makes of an unquoted map key, if that is not the key's own text: "\"true\"" of
 * `on`, "\"8\"" of `010`; "no string" of `~`, which it refuses. NULL: the key is as it is written.
 */
const char *yaml_key_read_as(Arena *arena, const char *key);
