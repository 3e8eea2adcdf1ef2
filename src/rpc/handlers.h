/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_HANDLERS_H
#define LARDER_RPC_HANDLERS_H

#include "model/command.h"
#include "rpc/rpc.h"

/* Who does the work of which method; the table is in handlers.c. */

const struct rpc_handler *rpc_handler_of(enum etcd_method_id id, const struct rpc_node *node);

/* What the method is counted as. */
enum command rpc_handler_command(enum etcd_method_id id);

/* Whether it can do nothing on a node without a store. */
bool rpc_handler_needs_store(enum etcd_method_id id);

/* kv.c */
extern const struct rpc_handler rpc_range;
extern const struct rpc_handler rpc_put;
extern const struct rpc_handler rpc_delete_range;
extern const struct rpc_handler rpc_txn;
extern const struct rpc_handler rpc_compact;

/* watch.c */
extern const struct rpc_handler rpc_watch;

/* lease.c */
extern const struct rpc_handler rpc_lease_grant;
extern const struct rpc_handler rpc_lease_revoke;
extern const struct rpc_handler rpc_lease_keep_alive;
extern const struct rpc_handler rpc_lease_time_to_live;
extern const struct rpc_handler rpc_lease_leases;

/* cluster.c */
extern const struct rpc_handler rpc_member_list;
extern const struct rpc_handler rpc_one_node; /* what needs a cluster of several members */

/* maintenance.c, snapshot.c */
extern const struct rpc_handler rpc_status;
extern const struct rpc_handler rpc_alarm;
extern const struct rpc_handler rpc_defragment;
extern const struct rpc_handler rpc_hash;
extern const struct rpc_handler rpc_hash_kv;
extern const struct rpc_handler rpc_snapshot;

/* auth_change.c, auth_ask.c: the method says which of the changes and questions it is; authenticate.c */
extern const struct rpc_handler rpc_auth_change;
extern const struct rpc_handler rpc_auth_ask;
extern const struct rpc_handler rpc_authenticate;

/* forward.c, forward_stream.c: what a node in front of an etcd cluster leaves to that cluster */
extern const struct rpc_handler rpc_forward;
extern const struct rpc_handler rpc_forward_snapshot;

/* lock.c, election.c */
extern const struct rpc_handler rpc_lock;
extern const struct rpc_handler rpc_unlock;
extern const struct rpc_handler rpc_campaign;
extern const struct rpc_handler rpc_proclaim;
extern const struct rpc_handler rpc_leader;
extern const struct rpc_handler rpc_observe;
extern const struct rpc_handler rpc_resign;

/* health.c */
extern const struct rpc_handler rpc_health_check;
extern const struct rpc_handler rpc_health_watch;

#endif
