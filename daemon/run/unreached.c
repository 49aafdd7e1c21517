/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link that leads to a pod -> whether the pod's packets pass the hooks. See unreached.h. */
#include "unreached.h"
#include "gateways.h"

/*
 * NULL: the pod's packets pass our hooks. Packets of macvlan and ipvlan interfaces go between a pod
 * and the node's card without passing a hook; the node has no route of its own to such a pod. In a
 * VRF they do pass, but in place of the veth the hooks see the VRF's device.
 */
static const char *why_unreached(const Links *links, const Texts *gateways, const Place *place)
{
	const Link *master = place->port ? links_find(links, place->port->master) : NULL;

	if (place->certainty == PLACE_OTHER_LINK && gateways_have(gateways, place->route->name))
		return "is reached by the node's uplink, as macvlan, ipvlan and SR-IOV pods are: "
		       "no policy is enforced for it";
	if (master && master->kind != LINK_BRIDGE)
		return "is in a VRF or bond: its link-local packets to the node are not filtered";
	return NULL;
}

void unreached_add(Arena *arena, const Links *links, const Texts *gateways, const Pod *pod,
	Address address, const Place *place, Unreached *list)
{
	const char *why = why_unreached(links, gateways, place);
	char text[ADDRESS_TEXT_SIZE];

	if (why)
		VEC_PUSH(arena, list,
			(UnreachedAddress){address,
				arena_printf(arena, "%s (%s) %s on %s", pod_text(arena, pod),
					address_text(address, text), why, place->route->name)});
}
