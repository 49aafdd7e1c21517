/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * local_pods: the pods of this node that have addresses of their own, kept up to date by the
 * changes of the model, so that nobody has to look through the pods of a whole cluster. Owned by
 * the pipeline. The pods are borrowed from the model.
 */
#include "model.h"

typedef struct LocalPods LocalPods;

LocalPods *local_pods_new(const char *node); /* copies the name; empty */
LocalPods *local_pods_free(LocalPods *pods); /* takes NULL; returns NULL */
/* Each Changes since the empty model, in order. */
void local_pods_update(LocalPods *pods, const Changes *changes);
/* Sorted by namespace, then name. Valid until the model's next update. */
const Pods *local_pods_list(const LocalPods *pods);
