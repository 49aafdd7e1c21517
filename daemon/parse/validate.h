/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * validate: the API server's rules for names. Each function follows the one of Kubernetes that it
 * cites, in k8s.io/apimachinery/pkg/util/validation, and returns that function's message, or NULL
 * for a valid name. (Label keys and values: selector.c of the module model.)
 */

/* IsValidPortName: an IANA service name, RFC 6335 section 5.1. */
const char *validate_port_name(const char *name);
/* IsDNS1123Subdomain: names of policies. */
const char *validate_subdomain(const char *name);
/* IsDNS1123Label: names of namespaces. */
const char *validate_label(const char *name);
