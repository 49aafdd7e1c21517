/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The API server's rules for names: see validate.h. */
#include "validate.h"
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define SUBDOMAIN_WORDS                                                                            \
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' "  \
	"or '.', and must start and end with an alphanumeric character"
#define LABEL_WORDS                                                                                \
	"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "   \
	"and must start and end with an alphanumeric character"

const char *validate_port_name(const char *name)
{
	size_t n = strlen(name);
	bool has_letter = false;

	if (n > 15)
		return "must be no more than 15 characters";
	for (size_t i = 0; i < n; i++) {
		if (!islower((unsigned char)name[i]) && !isdigit((unsigned char)name[i]) &&
			name[i] != '-')
			return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens";
		has_letter |= islower((unsigned char)name[i]) != 0;
	}
	if (!has_letter)
		return "must contain at least one letter (a-z)";
	if (strstr(name, "--"))
		return "must not contain consecutive hyphens";
	if (name[0] == '-' || name[n - 1] == '-')
		return "must not begin or end with a hyphen";
	return NULL;
}

static const char *validate_dns(const char *name, bool is_subdomain)
{
	size_t most = is_subdomain ? 253 : 63, n = strlen(name);

	if (n == 0)
		return "must not be empty";
	if (n > most)
		return is_subdomain ? "must be no more than 253 characters"
				    : "must be no more than 63 characters";
	for (size_t i = 0; i < n; i++) {
		bool is_edge = i == 0 || i + 1 == n || name[i - 1] == '.' || name[i + 1] == '.';
		bool is_inner = name[i] == '-' || (is_subdomain && name[i] == '.');

		if (!islower((unsigned char)name[i]) && !isdigit((unsigned char)name[i]) &&
			(is_edge || !is_inner))
			return is_subdomain ? SUBDOMAIN_WORDS : LABEL_WORDS;
	}
	return NULL;
}

const char *validate_subdomain(const char *name)
{
	return validate_dns(name, true);
}

const char *validate_label(const char *name)
{
	return validate_dns(name, false);
}
