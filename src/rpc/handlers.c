/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/handlers.h"

/* Which store a method needs. */
enum need {
    NEEDS_STORE,
    NEEDS_OWN_STORE, /* one that this node keeps itself: users, alarms, snapshots and members of an etcd cluster are the
                      * cluster's business, which is asked as we are */
    NEEDS_NOTHING,
};

/* What a method is: its handler, what it is counted as, and what it needs. */
static const struct rpc_entry {
    const struct rpc_handler *handler;
    enum command command;
    enum need need;
} entries[ETCD_METHOD_COUNT] = {
    [ETCD_METHOD_KV_RANGE] = {&rpc_range, COMMAND_RANGE, NEEDS_STORE},
    [ETCD_METHOD_KV_PUT] = {&rpc_put, COMMAND_PUT, NEEDS_STORE},
    [ETCD_METHOD_KV_DELETE_RANGE] = {&rpc_delete_range, COMMAND_DELETE_RANGE, NEEDS_STORE},
    [ETCD_METHOD_KV_TXN] = {&rpc_txn, COMMAND_TXN, NEEDS_STORE},
    [ETCD_METHOD_KV_COMPACT] = {&rpc_compact, COMMAND_COMPACT, NEEDS_STORE},
    [ETCD_METHOD_WATCH] = {&rpc_watch, COMMAND_WATCH, NEEDS_STORE},
    [ETCD_METHOD_LEASE_GRANT] = {&rpc_lease_grant, COMMAND_LEASE, NEEDS_STORE},
    [ETCD_METHOD_LEASE_REVOKE] = {&rpc_lease_revoke, COMMAND_LEASE, NEEDS_STORE},
    [ETCD_METHOD_LEASE_KEEP_ALIVE] = {&rpc_lease_keep_alive, COMMAND_LEASE, NEEDS_STORE},
    [ETCD_METHOD_LEASE_TIME_TO_LIVE] = {&rpc_lease_time_to_live, COMMAND_LEASE, NEEDS_STORE},
    [ETCD_METHOD_LEASE_LEASES] = {&rpc_lease_leases, COMMAND_LEASE, NEEDS_STORE},
    [ETCD_METHOD_MEMBER_ADD] = {&rpc_one_node, COMMAND_CLUSTER, NEEDS_OWN_STORE},
    [ETCD_METHOD_MEMBER_REMOVE] = {&rpc_one_node, COMMAND_CLUSTER, NEEDS_OWN_STORE},
    [ETCD_METHOD_MEMBER_UPDATE] = {&rpc_one_node, COMMAND_CLUSTER, NEEDS_OWN_STORE},
    [ETCD_METHOD_MEMBER_LIST] = {&rpc_member_list, COMMAND_CLUSTER, NEEDS_OWN_STORE},
    [ETCD_METHOD_MEMBER_PROMOTE] = {&rpc_one_node, COMMAND_CLUSTER, NEEDS_OWN_STORE},
    [ETCD_METHOD_ALARM] = {&rpc_alarm, COMMAND_MAINTENANCE, NEEDS_OWN_STORE},
    [ETCD_METHOD_STATUS] = {&rpc_status, COMMAND_MAINTENANCE, NEEDS_OWN_STORE},
    [ETCD_METHOD_DEFRAGMENT] = {&rpc_defragment, COMMAND_MAINTENANCE, NEEDS_OWN_STORE},
    [ETCD_METHOD_HASH] = {&rpc_hash, COMMAND_MAINTENANCE, NEEDS_OWN_STORE},
    [ETCD_METHOD_HASH_KV] = {&rpc_hash_kv, COMMAND_MAINTENANCE, NEEDS_OWN_STORE},
    [ETCD_METHOD_SNAPSHOT] = {&rpc_snapshot, COMMAND_MAINTENANCE, NEEDS_OWN_STORE},
    [ETCD_METHOD_MOVE_LEADER] = {&rpc_one_node, COMMAND_MAINTENANCE, NEEDS_OWN_STORE},
    [ETCD_METHOD_AUTH_ENABLE] = {&rpc_auth_change, COMMAND_AUTH, NEEDS_OWN_STORE},
    [ETCD_METHOD_AUTH_DISABLE] = {&rpc_auth_change, COMMAND_AUTH, NEEDS_OWN_STORE},
    [ETCD_METHOD_AUTH_STATUS] = {&rpc_auth_ask, COMMAND_AUTH, NEEDS_OWN_STORE},
    [ETCD_METHOD_AUTHENTICATE] = {&rpc_authenticate, COMMAND_AUTH, NEEDS_OWN_STORE},
    [ETCD_METHOD_USER_ADD] = {&rpc_auth_change, COMMAND_AUTH, NEEDS_OWN_STORE},
    [ETCD_METHOD_USER_GET] = {&rpc_auth_ask, COMMAND_AUTH, NEEDS_OWN_STORE},
    [ETCD_METHOD_USER_LIST] = {&rpc_auth_ask, COMMAND_AUTH, NEEDS_OWN_STORE},
    [ETCD_METHOD_USER_DELETE] = {&rpc_auth_change, COMMAND_AUTH, NEEDS_OWN_STORE},
    [ETCD_METHOD_USER_CHANGE_PASSWORD] = {&rpc_auth_change, COMMAND_AUTH, NEEDS_OWN_STORE},
    [ETCD_METHOD_USER_GRANT_ROLE] = {&rpc_auth_change, COMMAND_AUTH, NEEDS_OWN_STORE},
    [ETCD_METHOD_USER_REVOKE_ROLE] = {&rpc_auth_change, COMMAND_AUTH, NEEDS_OWN_STORE},
    [ETCD_METHOD_ROLE_ADD] = {&rpc_auth_change, COMMAND_AUTH, NEEDS_OWN_STORE},
    [ETCD_METHOD_ROLE_GET] = {&rpc_auth_ask, COMMAND_AUTH, NEEDS_OWN_STORE},
    [ETCD_METHOD_ROLE_LIST] = {&rpc_auth_ask, COMMAND_AUTH, NEEDS_OWN_STORE},
    [ETCD_METHOD_ROLE_DELETE] = {&rpc_auth_change, COMMAND_AUTH, NEEDS_OWN_STORE},
    [ETCD_METHOD_ROLE_GRANT_PERMISSION] = {&rpc_auth_change, COMMAND_AUTH, NEEDS_OWN_STORE},
    [ETCD_METHOD_ROLE_REVOKE_PERMISSION] = {&rpc_auth_change, COMMAND_AUTH, NEEDS_OWN_STORE},
    [ETCD_METHOD_LOCK] = {&rpc_lock, COMMAND_LOCK, NEEDS_STORE},
    [ETCD_METHOD_UNLOCK] = {&rpc_unlock, COMMAND_LOCK, NEEDS_STORE},
    [ETCD_METHOD_CAMPAIGN] = {&rpc_campaign, COMMAND_ELECTION, NEEDS_STORE},
    [ETCD_METHOD_PROCLAIM] = {&rpc_proclaim, COMMAND_ELECTION, NEEDS_STORE},
    [ETCD_METHOD_LEADER] = {&rpc_leader, COMMAND_ELECTION, NEEDS_STORE},
    [ETCD_METHOD_OBSERVE] = {&rpc_observe, COMMAND_ELECTION, NEEDS_STORE},
    [ETCD_METHOD_RESIGN] = {&rpc_resign, COMMAND_ELECTION, NEEDS_STORE},
    [ETCD_METHOD_HEALTH_CHECK] = {&rpc_health_check, COMMAND_HEALTH, NEEDS_NOTHING},
    [ETCD_METHOD_HEALTH_WATCH] = {&rpc_health_watch, COMMAND_HEALTH, NEEDS_NOTHING},
};

const struct rpc_handler *rpc_handler_of(enum etcd_method_id id, const struct rpc_node *node) {
    if (node->is_remote && entries[id].need == NEEDS_OWN_STORE) {
        return id == ETCD_METHOD_SNAPSHOT ? &rpc_forward_snapshot : &rpc_forward;
    }
    return entries[id].handler;
}

enum command rpc_handler_command(enum etcd_method_id id) {
    return entries[id].command;
}

bool rpc_handler_needs_store(enum etcd_method_id id) {
    return entries[id].need != NEEDS_NOTHING;
}
