/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_NODE_H
#define LARDER_RPC_NODE_H

#include <stdatomic.h>

#include "base/background.h"
#include "store/store.h"

struct auth;

/* What the RPCs know of their node: made at start, shared by all workers. */
struct rpc_node {
    struct store *store;           /* NULL: the node keeps none, and every RPC says so */
    struct auth *auth;             /* who may do what */
    struct background *background; /* for slow work */
    atomic_uint background_jobs;   /* that it has */
    bool is_remote;                /* it keeps its keys in an etcd cluster */
    struct store *cluster;         /* if so, the engine below that speaks with it (store/etcd); else NULL */
    bool shows_itself;             /* if so: clients that ask where the members are are told where this node is */
    atomic_uint permit_epoch;      /* counts the changes of users and roles that came this way, see permit.h */
    uint64_t cluster_id;           /* drawn when the store was made; of a remote one: see rpc_header */
    uint64_t member_id;
    struct slice name;               /* for people: the host's name unless it is configured */
    const struct slice *client_urls; /* where clients reach this node */
    size_t client_url_count;
    atomic_uint alarms;           /* that are raised; see alarm.c */
    int64_t progress_interval_ns; /* how often a watch that wants it is told that nothing has happened */
};

#endif
