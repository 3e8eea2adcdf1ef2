/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_NODE_RING_H
#define LARDER_DAEMON_NODE_RING_H

#include "daemon/options.h"

struct node;
struct worker;

/* A node's part in a cluster of nodes that share memory groups (--cluster): on the control thread the cluster's machine
 * (cluster/cluster.h), on each worker the links to the others. Without --cluster there is none of it, and all functions here
 * do nothing. */
struct node_ring;

enum { ISOLATION_WORDS = 2 };

/* What on-isolation may say; the second is `serve`. */
extern const char *const isolation_words[ISOLATION_WORDS];

/* The first TCP address it listens on, or NULL if nobody can reach that. */
const struct address *ring_default_address(const struct options *o);

/* After the listeners have their ports and before there are workers. False: said in the log. */
bool node_ring_open(struct node *node);

/* The workers run: registers, and goes on by itself. */
void node_ring_start(struct node *node);

/* The node is about to end. True: it leaves, and `done` is called on the control thread when it has; it serves meanwhile. */
bool node_ring_leave(struct node *node, void (*done)(struct node *node));

/* Some of the sweep. True: there is more of it at once. */
bool node_ring_sweep(struct node *node, unsigned steps);

/* Workers have been joined, the store is still open: ends all waits. */
void node_ring_stop(struct node *node);

/* The store is closed: what waited for it ends. Workers take that in as they end; then it can be freed. */
void node_ring_end(struct node *node);
void node_ring_free(struct node *node);

/* --- of a worker --- */

/* On the thread that makes it. Errors: NO_MEMORY. */
enum larder_error worker_ring_init(struct worker *w);
void worker_ring_fini(struct worker *w);

/* Before a batch of requests, on its thread. What they ask of other nodes leaves before the loop rests. */
void worker_ring_begin(struct worker *w);

/* When worker_ring_expire is due, INT64_MAX: never; it ends what has waited too long. */
int64_t worker_ring_deadline(const struct worker *w);
void worker_ring_expire(struct worker *w);

#endif
