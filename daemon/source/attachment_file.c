/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of the container runtime, compared with what exists: see attachment_file.h. */
#include "attachment_file.h"
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

/* Of other paths, such as /proc/PID/ns/net, the unit's sandbox hides some. */
static bool is_visible(const char *netns)
{
	return text_has_prefix(netns, "/run/netns/") || text_has_prefix(netns, "/var/run/netns/");
}

/*
 * Only what is known to be gone: in doubt the isolation of the pod stands. A port alone does not
 * tell, since plugins may move it into the pod; it has to do if the namespace cannot be seen.
 */
static bool is_gone(const Attachment *attachment)
{
	if (is_visible(attachment->netns))
		return access(attachment->netns, F_OK) < 0 && errno == ENOENT;
	return *attachment->port && if_nametoindex(attachment->port) == 0 && errno == ENODEV;
}

bool attachment_file_is_doubtful(const Source *source)
{
	for (size_t i = 0; i < source->attachments.n; i++)
		if (is_gone(source->attachments.at[i]))
			return true;
	return source->stale && !is_gone(source->stale);
}

static void warn_stale(Source *source, const Attachment *attachment)
{
	bool has_netns = is_visible(attachment->netns);

	DIAG_WARNING(&source->diags, attachment->origin, "stale-attachment",
		"the container runtime removes the file with the pod's sandbox; if it does not, "
		"remove it",
		"pod %s/%s: its %s %s is gone, so this attachment does not count",
		attachment->namespace, attachment->pod,
		has_netns ? "network namespace" : "port on the host",
		has_netns ? attachment->netns : attachment->port);
}

void attachment_file_finish(Source *source, const struct stat *st)
{
	uint64_t made_at =
		(uint64_t)st->st_mtim.tv_sec * 1000000000 + (uint64_t)st->st_mtim.tv_nsec;

	/* constant once it is finished: nobody else has this version yet */
	for (size_t i = 0; i < source->attachments.n; i++)
		((Attachment *)source->attachments.at[i])->made_at = made_at;
	if (source->attachments.n == 0 || !is_gone(source->attachments.at[0]))
		return;
	source->stale = source->attachments.at[0];
	warn_stale(source, source->stale);
	source->attachments.n = 0;
}
