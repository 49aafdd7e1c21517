#pragma once
/*
 * watch: inotify on the two directories. It says that something may have changed, of which names,
 * and which files are being written at this moment; what changed, refresh finds out.
 */
#include "run.h"
#include <systemd/sd-event.h>

typedef struct Watch Watch;
typedef void (*WatchNotify)(void *context);

int watch_new(sd_event *event, WatchNotify notify, void *context, Watch **ret_watch);
Watch *watch_free(Watch *watch);
/*
 * Watches each directory, and the nearest ancestor that exists, for its coming or being replaced.
 * To be called again after every notification: what is watched already stays watched.
 */
int watch_arm(Watch *watch, SourceDir *const dirs[2]);
/* Whether what is watched is still what the paths name. */
bool watch_is_alive(Watch *watch, SourceDir *const dirs[2]);
/* Whether something was told that the loop has not come to yet. */
bool watch_has_news(const Watch *watch);
