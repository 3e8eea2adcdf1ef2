/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_NODE_RPC_H
#define LARDER_DAEMON_NODE_RPC_H

#include <stdbool.h>

struct node;

/* What etcd's API knows of the node. */

/* When the store is open, and before the workers start: who this node is, who may use it. False: said in the log. */
bool node_rpc_open(struct node *node);

/* When the listeners are open: where clients reach it. False: out of memory, said in the log. */
bool node_rpc_announce(struct node *node);

/* Ends slow work. When the workers have ended, and before the store is closed. Twice is fine. */
void node_rpc_stop(struct node *node);

void node_rpc_free(struct node *node);

#endif
