/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_NODE_H
#define LARDER_DAEMON_NODE_H

#include <stdatomic.h>

#include "cmd/context.h"
#include "daemon/listeners.h"
#include "daemon/options.h"
#include "daemon/worker.h"
#include "net/signal.h"
#include "rpc/node.h"

/* A running larderd: the control thread with listeners, signals and sweeping, and the workers. Members belong to the
 * control thread unless they say otherwise. */
struct node {
    const struct options *options;
    struct loop *loop;
    struct mailbox *mailbox; /* to the control thread */
    struct signal_watch *signals;
    struct timer *sweep_timer;
    struct timer *drain_timer;
    struct listeners listeners;
    struct table table;
    struct telemetry *telemetry;
    struct cmd_node shared;
    struct node_near *near; /* NULL: the store is not in a cluster */
    struct group_set *groups;
    struct origin origin; /* all workers' */
    struct rpc_node rpc;
    char *rpc_name;
    struct slice rpc_urls[OPTIONS_LISTENS_MAX];
    struct worker *workers;
    unsigned worker_count;
    unsigned started;
    unsigned next_worker; /* whose turn the next connection is */
    uint32_t swept_at;    /* table second of the last sweep */
    bool ending;          /* it was asked to */
    atomic_uint connections;
    atomic_uint undrained; /* workers that still have connections */
    struct mailbox_message drained_message;
    struct node_ring *ring;       /* NULL: there are no other nodes */
    struct node_pools *pools;     /* NULL: no pool of groupcache is found in the store */
    struct reload *reload;        /* NULL: none is under way */
    struct larder_tracer *tracer; /* NULL: nothing is traced */
    int argc;
    char *const *argv;
    char *const *environment;
};

/* Starts everything, serves until SIGTERM or SIGINT, drains and ends. Returns the exit status. */
int node_run(const struct options *options, int argc, char *const *argv, char *const *environment);

/* On the control thread: deals an accepted socket to a worker, or turns it away. */
void node_deal(struct node *node, int fd);

/* Any thread: a dealt socket is closed. */
void node_connection_gone(struct node *node);

/* A worker's thread: its last connection has gone while draining. */
void node_worker_drained(struct node *node);

/* The control thread's own counters. */
struct worker_telemetry *node_telemetry(struct node *node);

#endif
