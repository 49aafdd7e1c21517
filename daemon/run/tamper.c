/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Foreign changes of our tables: notification -> repair. */
#include "tamper.h"
#include "log.h"
#include <assert.h>
#include <string.h>
#include <sys/epoll.h>
#include <syslog.h>

struct Tamper {
	Nft *nft;
	Enforcer *enforcer;
	char *table;		 /* its name */
	sd_event_source *source; /* NULL: the notifications could not be subscribed */
	void (*on_readable)(void *context);
	void *context;
};

static int on_io(sd_event_source *source, int fd, uint32_t events, void *context)
{
	Tamper *tamper = context;

	(void)source, (void)fd, (void)events;
	tamper->on_readable(tamper->context);
	return 0;
}

Tamper *tamper_new(sd_event *event, Nft *nft, Enforcer *enforcer, const char *table,
	void (*on_readable)(void *context), void *context)
{
	Tamper *tamper = MEMORY_NEW(Tamper);
	int r = nft_watch(nft, table);

	assert(enforcer_record(enforcer)->generation == 0);
	*tamper = (Tamper){.nft = nft,
		.enforcer = enforcer,
		.table = memory_copy_text(table),
		.on_readable = on_readable,
		.context = context};
	if (r >= 0)
		r = sd_event_add_io(event, &tamper->source, r, EPOLLIN, on_io, tamper);
	if (r >= 0)
		r = sd_event_source_set_priority(tamper->source, SD_EVENT_PRIORITY_IMPORTANT);
	nft_generation_mark(nft);
	if (r < 0)
		log_line(LOG_WARNING, "watch",
			"cannot subscribe to nftables notifications, so the periodic check has to "
			"find changes of the table by other programs: %s",
			strerror(-r));
	return tamper;
}

Tamper *tamper_free(Tamper *tamper)
{
	if (!tamper)
		return NULL;
	sd_event_source_unref(tamper->source);
	free(tamper->table);
	free(tamper);
	return NULL;
}

/* True: the tables differed and were repaired. ret_who: as nft_watch_read(). */
static bool repair(Tamper *tamper, char ret_who[NFT_WHO_SIZE], bool *ret_is_refused)
{
	NftNotice notice = tamper->source ? nft_watch_read(tamper->nft, ret_who) : NFT_NOTICE_NONE;
	uint64_t before = enforcer_record(tamper->enforcer)->repairs;

	if (notice == NFT_NOTICE_NONE || !enforcer_applied(tamper->enforcer, KERNEL_INET))
		return false;
	if (enforcer_repair(tamper->enforcer, notice == NFT_NOTICE_TAMPERED) != 0)
		*ret_is_refused = true;
	return enforcer_record(tamper->enforcer)->repairs != before;
}

/*
 * The kernel names the process in a transaction's last message, which often arrives only after the
 * repair: so the notifications are read once more before the log line.
 */
TamperResult tamper_undo(Tamper *tamper)
{
	const EnforcerRecord *record = enforcer_record(tamper->enforcer);
	TamperResult result = {};
	char who[NFT_WHO_SIZE] = "";

	result.is_undone = repair(tamper, who, &result.is_refused);
	if (!result.is_undone)
		return result;
	repair(tamper, who, &result.is_refused);
	log_line(LOG_WARNING, "repaired",
		"another program%s%s%s changed table \"%s\": isolated pods were protected again "
		"after %u ms, the table was repaired after %u ms",
		*who ? " (" : "", who, *who ? ")" : "", tamper->table, record->safe_ms,
		record->apply_ms);
	return result;
}
