/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_NODE_STORE_H
#define LARDER_DAEMON_NODE_STORE_H

#include <stdbool.h>

struct node;

/* Opens the store if a group is durable. The table and the groups are there. False: said in the log. */
bool node_store_open(struct node *node);

/* The workers' threads have ended: ends what they have handed in, lets them take in the replies, and closes the store.
 * Without a store it does nothing. */
void node_store_close(struct node *node);

/* Frees what groups had around the store; the workers are gone. */
void node_store_free(struct node *node);

#endif
