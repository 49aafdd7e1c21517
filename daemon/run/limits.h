/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* limits: an errno as text. Where it stands for a limit, the text names it and how to raise it. */

/* Of a system call that makes a descriptor, or of any other. A static text, or that of strerror().
 */
const char *error_text(int error);
/* Of inotify_init1() and inotify_add_watch(). The same. */
const char *inotify_error_text(int error);
