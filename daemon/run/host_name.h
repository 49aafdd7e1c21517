/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * host_name: tells that the host's name may have changed. It can come after the start of netpold
 * (cloud-init, DHCP), and it is the node's name where netpol.conf has none.
 *
 * The kernel reports a change by EPOLLPRI and EPOLLERR on /proc/sys/kernel/hostname, once, to
 * whoever polls it, and a change in any UTS namespace: so a container that sets its own name is
 * reported too, and the callback compares.
 */
#include <systemd/sd-event.h>

typedef struct HostName HostName;

/* If the name cannot be watched a warning is logged; only a reload reads it again then. */
HostName *host_name_new(sd_event *event, void (*on_change)(void *context), void *context);
HostName *host_name_free(HostName *name);
