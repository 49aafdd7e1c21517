/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The id of the boot: see boot.h. */
#include "boot.h"
#include "run.h"
#include <errno.h>
#include <string.h>
#include <systemd/sd-id128.h>

_Static_assert(BOOT_TEXT_SIZE == SD_ID128_STRING_MAX, "the text of an id has another length");

const char *boot_text(char ret_text[BOOT_TEXT_SIZE])
{
	sd_id128_t boot;

	return sd_id128_get_boot(&boot) < 0 ? "" : sd_id128_to_string(boot, ret_text);
}

int run_find_new_boot(const char *state, Diags *diags, bool *ret_is_new)
{
	char now[BOOT_TEXT_SIZE], *then;
	size_t n;
	int r = state_load(state, BOOT_NAME, diags, &then, &n);

	*ret_is_new = false;
	if (r < 0)
		return r == -ENOENT ? 0 : r; /* none: the first start */
	*ret_is_new = strcmp(then, boot_text(now)) != 0;
	free(then);
	return 0;
}
