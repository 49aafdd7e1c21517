/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * sender_report: what the status says of the sender check: how many pods' ports are known, which
 * pods may send from other addresses, what was refused, which pods no rule reaches. Pure.
 */
#include "sender_facts.h"

/*
 * Lists and texts are in the arena, so that they outlive the model that the findings borrow from;
 * but the forged totals are borrowed. senders: what was made of the findings; NULL: no pod's
 * packets are checked.
 */
SenderReport sender_report_make(Arena *arena, const SenderFindings *found, const Senders *senders,
	const char *mode, ForgedTotals forged);
