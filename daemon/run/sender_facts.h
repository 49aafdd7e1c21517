/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * sender_facts: finds out what the sender check is made of: at which port each pod of this node is,
 * what the settings and namespaces allow it to send, and which other interfaces matter. The model
 * says which pods there are, links says what the kernel knows of their addresses, the container
 * runtime's records say at which veth it has put them.
 *
 * A record counts more than anything that can be seen of the pod, because the runtime wrote it: a
 * pod can forge its MAC and its ARP answers, but not its record.
 */
#include "forged_log.h"
#include "links.h"
#include "pipeline.h"
#include "pod_bridges.h"

/* Where the facts come from. All are borrowed. */
typedef struct SenderSources {
	const Settings *settings;
	const Pipeline *pipeline;
	Links *links;	     /* NULL: the node's interfaces cannot be read */
	PodBridges *bridges; /* updated, unless the settings turn the check off */
} SenderSources;

/* Lists and texts are in the arena, or borrowed from the model. */
typedef struct SenderFindings {
	SenderFacts facts;
	ForgedPorts ports;   /* which pod is at which port */
	Unreached unreached; /* pods for which no rule works, whatever the settings say */
} SenderFindings;

/*
 * False: the pods or the interfaces are not known, and *ret_findings is untouched. bridge,
 * log_group: of SenderFacts. With SENDERS_OFF there are only the pods and what is unreached.
 */
bool sender_facts_find(const SenderSources *sources, SendersBridge bridge, uint16_t log_group,
	Arena *arena, SenderFindings *ret_findings);
