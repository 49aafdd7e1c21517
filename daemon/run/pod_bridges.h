/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * pod_bridges: the bridges that lead to pods of this node, and the subnets configured on them.
 *
 * A pod that has just started is at a port of such a bridge before anybody has told netpold of it.
 * What its address can be, and that the port is likely to be a pod's, is known by the bridge alone.
 * So a bridge that has led to a pod counts until it is deleted, though no pod may be on it now.
 *
 *     pod_bridges_update          by where the pods are now
 *     pod_bridges_have, _subnets  of the bridges as of that update
 *
 * What can go wrong: the kernel does not list the addresses of interfaces. Then no subnet is known,
 * and unlisted addresses of pods that have just started are refused until they are listed.
 */
#include "links.h"
#include "senders.h"

typedef struct PodBridges PodBridges;

PodBridges *pod_bridges_new(void);		   /* none */
PodBridges *pod_bridges_free(PodBridges *bridges); /* takes NULL; returns NULL */
/* Takes in the bridges that these pods are on; drops those that exist no longer. */
void pod_bridges_update(PodBridges *bridges, const Links *links, const SenderFacts *facts);
bool pod_bridges_have(const PodBridges *bridges, unsigned index);
/* Fills in the subnets and gateways of the facts. Lists are in the arena. */
void pod_bridges_subnets(
	const PodBridges *bridges, const Links *links, Arena *arena, SenderFacts *facts);
