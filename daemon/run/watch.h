/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * watch: inotify on the feeds' directories. It marks in each SourceDir the names that an event
 * concerned, and which files are being written at this moment, and calls on_change() once for all
 * events that were read together. What changed, if anything, is found out by the refresh.
 *
 * Of each directory the nearest ancestor that exists is watched too, since the directory may be
 * missing, or be replaced by another one of the same path. That can happen at any time, so
 * watch_arm() is called before every reading of the directories: what changes during the reading is
 * an event again. A watch that is in place already stays.
 *
 * What may go wrong: the event queue overflows. Then everything is marked. An event that the kernel
 * does not report (a mount over the directory) is found by the health check. A limit of inotify or
 * of descriptors is reached: then watch_trouble() says so, run.c looks at all files every second,
 * and each watch_arm() tries again.
 */
#include "run.h"
#include <systemd/sd-event.h>

typedef struct Watch Watch;

/* Watches nothing before watch_arm(). Borrows the event loop. is_urgent: records of the container
 * runtime are among what has changed. */
Watch *watch_new(sd_event *event, void (*on_change)(void *context, bool is_urgent), void *context);
Watch *watch_free(Watch *watch);
/*
 * Watches these n directories, which are borrowed until the next call. After an error with one of
 * them the others are watched all the same.
 */
void watch_arm(Watch *watch, SourceDir *const *dirs, size_t n);
/* Why the last watch_arm() could not watch everything; NULL: it could. A static text. */
const char *watch_trouble(const Watch *watch);
/* Whether each watch still is on the directory that its path names. */
bool watch_is_alive(const Watch *watch);
/* Whether there are events that the loop has not read yet. */
bool watch_has_events(const Watch *watch);
