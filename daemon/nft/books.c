/* The books of transactions, and the deafness that needs them. */
#include "kernel.h"
#include <time.h>

/* What is constant while nothing escapes us. */
static bool read_books(Nft *nft, uint32_t *ret_start)
{
	uint32_t generation;

	if (!nft->watch || netlink_generation(nft->netlink, &generation) < 0)
		return false;
	table_watch_read(nft->watch);
	*ret_start = generation - nft->commits - table_watch_heard(nft->watch);
	return true;
}

void nft_open_books(Nft *nft)
{
	nft->has_books = read_books(nft, &nft->book_start);
}

/* A transaction that is just being made has its number before it is told of: wait for that. */
bool nft_do_books_balance(Nft *nft)
{
	const struct timespec pause = {.tv_nsec = 1000 * 1000};
	uint32_t start;

	for (int i = 0; nft->has_books && i < 20; i++) {
		if (read_books(nft, &start) && start == nft->book_start)
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
Deafness books_stop_listening(Nft *nft, bool is_large)
{
	Deafness deafness = {};

	if (!nft->watch || !is_large)
		return deafness;
	nft_do_books_balance(nft); /* what is being told just now is still heard */
	if (netlink_generation(nft->netlink, &deafness.before) < 0)
		return deafness;
	table_watch_listen(nft->watch, false);
	deafness.is_on = true;
	return deafness;
}

void books_listen_again(Nft *nft, Deafness deafness, unsigned commits)
{
	uint32_t after = 0;

	if (!deafness.is_on)
		return;
	table_watch_listen(nft->watch, true);
	if (netlink_generation(nft->netlink, &after) < 0 || after - deafness.before != commits)
		nft->has_missed = true;
}

bool nft_has_missed(Nft *nft)
{
	bool has_missed = nft->has_missed;

	nft->has_missed = false;
	return has_missed;
}
