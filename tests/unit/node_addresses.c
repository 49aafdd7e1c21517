/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The node's own addresses, and what is known when the kernel does not list them. */
#include "../../daemon/run/node_addresses.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <sys/resource.h>

Test(node_addresses, a_list_that_failed_is_not_an_empty_list)
{
	struct rlimit usual, none;
	NodeAddresses *addresses = node_addresses_read();
	int error;

	cr_assert(addresses != NULL);
	node_addresses_free(addresses);
	cr_assert(getrlimit(RLIMIT_NOFILE, &usual) == 0);
	none = (struct rlimit){0, usual.rlim_max};
	setrlimit(RLIMIT_NOFILE, &none);
	errno = 0;
	addresses = node_addresses_read();
	error = errno;
	setrlimit(RLIMIT_NOFILE, &usual); /* Criterion needs some */
	cr_expect(addresses == NULL, "without a descriptor for its socket");
	cr_expect_eq(error, EMFILE);
	node_addresses_free(addresses);
}
