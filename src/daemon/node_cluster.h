/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_NODE_CLUSTER_H
#define LARDER_DAEMON_NODE_CLUSTER_H

#include "base/buf.h"
#include "daemon/options.h"

struct store;

/* The store in an etcd cluster that the options name. NULL: `why` has a sentence for people. */
struct store *node_cluster_open(const struct options *o, struct buf *why);

#endif
