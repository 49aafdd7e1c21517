/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * address_index: which pod each address belongs to: its owner. If several pods have one address (a
 * pod that was replaced may still be in the inventory), the owner is the one that was attached
 * last; if none is attached, one whose file is there (withdrawn_counts_first); of these the one
 * that runs; of these the one that started last; then a fixed order. Pods on the host's network and
 * finished pods are left out. Pods are borrowed. Private to the module.
 */
#include "compile.h"

typedef struct AddressIndex {
	ConflictMap pods; /* Pod by Address */
} AddressIndex;

void address_index_init(AddressIndex *index, Arena *arena);
void address_index_add(AddressIndex *index, const Pod *pod);
void address_index_remove(AddressIndex *index, const Pod *pod); /* added before */
/* `by` is equal to `pod`, at another place in memory. */
void address_index_replace(AddressIndex *index, const Pod *pod, const Pod *by);
/* The pod that the address belongs to; NULL: none. */
const Pod *address_index_owner(const AddressIndex *index, Address address);
/*
 * Whether the pod owns the address. The address must be one of the pod's, and the pod must have
 * been added: as long as no two pods share any address, the answer needs no lookup.
 */
bool address_index_holds(const AddressIndex *index, const Pod *pod, Address address);
/* The same of the pod's n-th address; false also if the pod lists the address before that. */
bool address_index_has_entry(const AddressIndex *index, const Pod *pod, size_t n);
size_t address_index_count(const AddressIndex *index); /* addresses that have an owner */
/* Warns of each pod that shares an address and is not its owner. */
void address_index_warn(const AddressIndex *index, Diags *diags);
