/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CMD_STATS_CLUSTER_H
#define LARDER_CMD_STATS_CLUSTER_H

#include "cmd/cmd.h"

/* Whether the node's groups are kept in a cluster. */
bool cmd_stats_has_cluster(const struct cmd_node *node);

/* The topic "cluster": how it is, its members ("member:0:name"), and the requests that went there ("request:Put:ok:count"), by
 * kind and result. Nothing without a cluster. False: there is no memory, or `emit` has failed. */
bool cmd_stats_cluster(const struct cmd_node *node, cmd_stat_fn *emit, void *ctx);

#endif
