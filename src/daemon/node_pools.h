/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_NODE_POOLS_H
#define LARDER_DAEMON_NODE_POOLS_H

#include <stdbool.h>

struct node;

/* The groups with a pool of groupcache that is found in the store (cluster/pool_member.h), each with a machine on the control
 * thread. A node without such groups has nothing of it, and all of this does nothing. */
struct node_pools;

/* Once the store is open; what is wrong is said in the log. */
bool node_pools_open(struct node *node);

/* Once clients are served. */
void node_pools_start(struct node *node);

/* The node leaves its pools; `done` is called when it has. False: there are none, and it is not called. */
bool node_pools_leave(struct node *node, void (*done)(struct node *node));

void node_pools_stop(struct node *node); /* before the store is closed */
void node_pools_end(struct node *node);  /* after that, before its mailbox goes */
void node_pools_free(struct node *node); /* when nobody wakes it any more */

#endif
