/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_NODE_CLUSTER_H
#define LARDER_DAEMON_NODE_CLUSTER_H

#include "base/buf.h"
#include "daemon/options.h"

struct node_near;
struct store;

/* The near store in front of the etcd cluster that the options name; `near` outlives it. NULL: `why` has a sentence for
 * people. */
struct store *node_cluster_open(const struct options *o, const struct node_near *near, struct buf *why);

#endif
