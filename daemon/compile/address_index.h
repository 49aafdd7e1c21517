/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * address_index: which pod each address belongs to. If several pods have one address (a pod that
 * was replaced and is still in the inventory), one of them wins: the one that runs, then the one
 * that started last, then a fixed order. Pods on the host's network and finished pods have no
 * address here. Pods are borrowed. Private to the module.
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
/* Whether the address, one of the pod's, belongs to it. The pod has been added. */
bool address_index_holds(const AddressIndex *index, const Pod *pod, Address address);
/* Warns of each pod whose address belongs to another pod. */
void address_index_warn(const AddressIndex *index, Diags *diags);
