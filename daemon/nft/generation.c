/* The books of transactions, and the deafness that needs them. */
#include "kernel.h"
#include <time.h>

/* What is constant while nothing escapes us. */
static bool read_foreign(Nft *nft, uint32_t *ret_start)
{
	uint32_t generation;

	if (!nft->watch || netlink_generation(nft->netlink, &generation) < 0)
		return false;
	table_watch_read(nft->watch);
	*ret_start = generation - nft->commits - table_watch_count_foreign(nft->watch);
	return true;
}

void nft_generation_mark(Nft *nft)
{
	nft->has_mark = read_foreign(nft, &nft->marked);
}

/* A transaction that is just being made has its number before it is told of: wait for that. */
bool nft_generation_is_accounted(Nft *nft)
{
	const struct timespec pause = {.tv_nsec = 1000 * 1000};
	uint32_t start;

	for (int i = 0; nft->has_mark && i < 20; i++) {
		if (read_foreign(nft, &start) && start == nft->marked)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* ---- Not listening ---- */
/*
 * While anybody listens the kernel makes a message of every element that changes, also of those
 * that are filtered out: ten times the work of the change itself. So the watch is deaf to large
 * changes of our own, and the kernel's count of transactions tells afterwards whether all of them
 * were ours.
 */
Unsubscribed generation_unsubscribe(Nft *nft, bool is_large)
{
	Unsubscribed unsubscribed = {};

	if (!nft->watch || !is_large)
		return unsubscribed;
	nft_generation_is_accounted(nft); /* what is being told just now is still heard */
	if (netlink_generation(nft->netlink, &unsubscribed.before) < 0)
		return unsubscribed;
	table_watch_listen(nft->watch, false);
	unsubscribed.is_on = true;
	return unsubscribed;
}

void generation_resubscribe(Nft *nft, Unsubscribed unsubscribed, unsigned commits)
{
	uint32_t after = 0;

	if (!unsubscribed.is_on)
		return;
	table_watch_listen(nft->watch, true);
	if (netlink_generation(nft->netlink, &after) < 0 || after - unsubscribed.before != commits)
		nft->has_missed = true;
}

bool nft_has_missed(Nft *nft)
{
	bool has_missed = nft->has_missed;

	nft->has_missed = false;
	return has_missed;
}
