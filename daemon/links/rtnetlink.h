/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * rtnetlink: the module's socket for questions. Two forms: a dump of a whole table, and many single
 * questions, several of which go in one message.
 *
 * The kernel answers within the system call that asks, so nothing here blocks: an answer that is
 * not there after the question was sent never comes. Links owns one Rtnetlink.
 */
#include "base.h"
#include <libmnl/libmnl.h>

typedef struct Rtnetlink {
	struct mnl_socket *socket;
	uint32_t sequence; /* of the next message */
} Rtnetlink;

/* Opens the socket in the caller's network namespace. 0 or -errno. */
int rtnetlink_open(Rtnetlink *ret_rtnetlink);
void rtnetlink_close(Rtnetlink *rtnetlink); /* does nothing if it is not open */

/* A request of that type with `size` zeroed bytes for its own header, which *ret_own points to. */
struct nlmsghdr *rtnetlink_request(void *buffer, int type, size_t size, void **ret_own);

/* take() gets each message of the answer. 0, or -errno: the answer is not whole. */
int rtnetlink_dump(
	Rtnetlink *rtnetlink, struct nlmsghdr *request, mnl_cb_t take, void *take_context);

/* The size that one question may have. */
#define QUESTION_SIZE 128

typedef struct Questions {
	size_t n;
	/* Writes question i, at most QUESTION_SIZE bytes, by rtnetlink_request(buffer, ...). */
	struct nlmsghdr *(*write)(void *context, size_t i, void *buffer);
	/* Takes the answer to question i; not called if there is none, or an error. */
	void (*take)(void *context, size_t i, const struct nlmsghdr *answer);
	void *context;
} Questions;

/* 0, or -errno: not all questions were asked. */
int rtnetlink_ask(Rtnetlink *rtnetlink, const Questions *questions);

/* ---- Attributes ---- */
/*
 * ret_at[type], for each type up to `max`: the attribute or NULL. `size` is that of the message's
 * own header. An attribute that is shorter than its type's values need is left out by the readers
 * below, so no message of whatever form leads outside of its bytes.
 */
void rtnetlink_attributes(
	const struct nlmsghdr *message, size_t size, const struct nlattr **ret_at, unsigned max);
uint32_t rtnetlink_number(const struct nlattr *at); /* 0: absent */
/* Copies at most size - 1 bytes and a NUL; "": absent. */
void rtnetlink_text(const struct nlattr *at, char *ret_text, size_t size);
/* Copies exactly `size` bytes. False: absent, or of another size. */
bool rtnetlink_bytes(const struct nlattr *at, void *ret_bytes, size_t size);
/* False: absent, or not of the family's size. */
bool rtnetlink_address(const struct nlattr *at, Family family, Address *ret_address);
void rtnetlink_put_address(struct nlmsghdr *message, uint16_t type, Address address);
int rtnetlink_family(Family family); /* AF_INET, AF_INET6 */
/* False: neither of both. */
bool rtnetlink_read_family(int af, Family *ret_family);
