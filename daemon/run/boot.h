/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * boot: tells a restart of netpold from one of the machine. The state directory has the id of the
 * boot that its content is of; run_find_new_boot() in run.h compares, and netpolctl needs it too.
 */
#define BOOT_NAME "boot" /* in the state directory */
#define BOOT_TEXT_SIZE 33

/* The id of this boot; "" if there is none. */
const char *boot_text(char ret_text[BOOT_TEXT_SIZE]);
