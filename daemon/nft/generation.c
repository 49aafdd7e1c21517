/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Accounting of transactions by the kernel's generation number. See generation.h. */
#include "generation.h"
#include <assert.h>
#include <time.h>

/*
 * The kernel increments the generation number some microseconds before it sends the notification
 * of the transaction, so we may read the number first: then we try again.
 */
#define RETRIES 20
#define RETRY_NSEC (1000 * 1000)

static bool read_unaccounted(Nft *nft, uint32_t *ret_unaccounted)
{
	uint32_t number;

	if (!nft->watch || netlink_read_generation(nft->netlink, &number) < 0)
		return false;
	table_watch_read(nft->watch);
	*ret_unaccounted = number - nft->commits - table_watch_count_foreign(nft->watch);
	return true;
}

void nft_generation_mark(Nft *nft)
{
	nft->has_mark = read_unaccounted(nft, &nft->mark);
}

bool nft_generation_is_accounted(Nft *nft)
{
	const struct timespec pause = {.tv_nsec = RETRY_NSEC};
	uint32_t unaccounted;

	for (int i = 0; nft->has_mark && i < RETRIES; i++) {
		if (read_unaccounted(nft, &unaccounted) && unaccounted == nft->mark)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* ---- Large changes ---- */
Unsubscribed generation_unsubscribe(Nft *nft, bool is_large)
{
	Unsubscribed unsubscribed = {.commits = nft->commits};

	if (!nft->watch || !is_large)
		return unsubscribed;
	/* waits for the notification of a foreign transaction that was made just now: after
	   unsubscribing it would be lost */
	nft_generation_is_accounted(nft);
	if (netlink_read_generation(nft->netlink, &unsubscribed.number) < 0)
		return unsubscribed;
	table_watch_subscribe(nft->watch, false);
	unsubscribed.is_on = true;
	return unsubscribed;
}

void generation_resubscribe(Nft *nft, Unsubscribed unsubscribed)
{
	uint32_t own = nft->commits - unsubscribed.commits, number = 0;

	if (!unsubscribed.is_on)
		return;
	assert(nft->watch);
	table_watch_subscribe(nft->watch, true);
	if (netlink_read_generation(nft->netlink, &number) < 0 ||
		number - unsubscribed.number != own)
		nft->has_missed = true;
}

bool nft_has_missed(Nft *nft)
{
	bool has_missed = nft->has_missed;

	nft->has_missed = false;
	return has_missed;
}
