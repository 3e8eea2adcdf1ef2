/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "rpc/access.h"
#include "rpc/handlers.h"
#include "rpc/task.h"

/* etcd's Lease service. */

/* --- LeaseGrant --- */

static enum pending_next answer_grant(struct rpc_task *task) {
    const struct store_result *result = &task->pending.call.result;
    Etcdserverpb__LeaseGrantResponse response = ETCDSERVERPB__LEASE_GRANT_RESPONSE__INIT;
    Etcdserverpb__ResponseHeader header;

    if (rpc_task_failed(task)) {
        return rpc_task_refused(task);
    }
    header = rpc_task_header(task);
    response.header = &header;
    response.id = result->lease;
    response.ttl = result->ttl;
    return rpc_task_answer(task, &response.base);
}

static enum pending_next ask_grant(struct rpc_task *task) {
    const Etcdserverpb__LeaseGrantRequest *r = task->request;
    struct store_op op = {.kind = STORE_OP_LEASE_GRANT, .lease = {.id = r->id, .ttl = r->ttl}};

    return rpc_task_call(task, &op, answer_grant);
}

static void grant(struct rpc_call *call, const ProtobufCMessage *request) {
    if (rpc_may_ask(call)) {
        rpc_task_start(call, ask_grant, request);
    }
}

const struct rpc_handler rpc_lease_grant = {.message = grant};

/* --- LeaseRevoke --- */

static enum pending_next answer_revoke(struct rpc_task *task) {
    Etcdserverpb__LeaseRevokeResponse response = ETCDSERVERPB__LEASE_REVOKE_RESPONSE__INIT;
    Etcdserverpb__ResponseHeader header;

    if (rpc_task_failed(task)) {
        return rpc_task_refused(task);
    }
    header = rpc_task_header(task);
    response.header = &header;
    return rpc_task_answer(task, &response.base);
}

static enum pending_next revoke_it(struct rpc_task *task) {
    const Etcdserverpb__LeaseRevokeRequest *r = task->request;
    struct store_op op = {.kind = STORE_OP_LEASE_REVOKE, .lease.id = r->id};

    return rpc_task_call(task, &op, answer_revoke);
}

/* Its keys will be deleted: whoever asks must be allowed to. */
static enum pending_next check_revoke(struct rpc_task *task) {
    const struct store_result *result = &task->pending.call.result;

    if (rpc_task_failed(task)) {
        return rpc_task_refused(task);
    }
    if (task->call == NULL || !rpc_may_write_keys(task->call, result->keys, (size_t)result->count)) {
        return PENDING_DONE;
    }
    return revoke_it(task);
}

static enum pending_next ask_revoke(struct rpc_task *task) {
    const Etcdserverpb__LeaseRevokeRequest *r = task->request;
    struct store_op op = {.kind = STORE_OP_LEASE_TTL, .lease = {.id = r->id, .want_keys = true}};

    return rpc_access_is_open(task->call) ? revoke_it(task) : rpc_task_call(task, &op, check_revoke);
}

static void revoke(struct rpc_call *call, const ProtobufCMessage *request) {
    if (rpc_may_ask(call)) {
        rpc_task_start(call, ask_revoke, request);
    }
}

const struct rpc_handler rpc_lease_revoke = {.message = revoke};

/* --- LeaseTimeToLive --- */

static bool key_messages(struct rpc_task *task, Etcdserverpb__LeaseTimeToLiveResponse *response) {
    const struct store_result *result = &task->pending.call.result;
    size_t count = result->keys != NULL ? (size_t)result->count : 0;

    response->keys = arena_calloc(&task->arena, count, sizeof(*response->keys));
    if (response->keys == NULL) {
        return false;
    }
    response->n_keys = count;
    for (size_t i = 0; i < count; i++) {
        response->keys[i] = etcd_bytes(result->keys[i]);
    }
    return true;
}

static enum pending_next answer_time_to_live(struct rpc_task *task) {
    const struct store_result *result = &task->pending.call.result;
    Etcdserverpb__LeaseTimeToLiveResponse response = ETCDSERVERPB__LEASE_TIME_TO_LIVE_RESPONSE__INIT;
    Etcdserverpb__ResponseHeader header;

    if (rpc_task_failed(task)) {
        return rpc_task_refused(task);
    }
    if (!key_messages(task, &response)) {
        return rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
    }
    if (task->call == NULL || !rpc_may_read_keys(task->call, result->keys, response.n_keys)) {
        return PENDING_DONE;
    }
    header = rpc_task_header(task);
    response.header = &header;
    response.id = result->lease;
    response.ttl = result->ttl;
    response.grantedttl = result->granted_ttl;
    return rpc_task_answer(task, &response.base);
}

static enum pending_next ask_time_to_live(struct rpc_task *task) {
    const Etcdserverpb__LeaseTimeToLiveRequest *r = task->request;
    struct store_op op = {.kind = STORE_OP_LEASE_TTL, .lease = {.id = r->id, .want_keys = r->keys}};

    return rpc_task_call(task, &op, answer_time_to_live);
}

static void time_to_live(struct rpc_call *call, const ProtobufCMessage *request) {
    if (rpc_may_ask(call)) {
        rpc_task_start(call, ask_time_to_live, request);
    }
}

const struct rpc_handler rpc_lease_time_to_live = {.message = time_to_live};

/* --- LeaseLeases --- */

static bool lease_messages(struct rpc_task *task, Etcdserverpb__LeaseLeasesResponse *response) {
    const struct store_result *result = &task->pending.call.result;
    size_t count = (size_t)result->count;
    Etcdserverpb__LeaseStatus *leases = arena_calloc(&task->arena, count, sizeof(*leases));

    response->leases = arena_calloc(&task->arena, count, sizeof(Etcdserverpb__LeaseStatus *));
    if (leases == NULL || response->leases == NULL) {
        return false;
    }
    response->n_leases = count;
    for (size_t i = 0; i < count; i++) {
        etcdserverpb__lease_status__init(&leases[i]);
        leases[i].id = result->ids[i];
        response->leases[i] = &leases[i];
    }
    return true;
}

static enum pending_next answer_leases(struct rpc_task *task) {
    Etcdserverpb__LeaseLeasesResponse response = ETCDSERVERPB__LEASE_LEASES_RESPONSE__INIT;
    Etcdserverpb__ResponseHeader header;

    if (rpc_task_failed(task)) {
        return rpc_task_refused(task);
    }
    if (!lease_messages(task, &response)) {
        return rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
    }
    header = rpc_task_header(task);
    response.header = &header;
    return rpc_task_answer(task, &response.base);
}

static enum pending_next ask_leases(struct rpc_task *task) {
    struct store_op op = {.kind = STORE_OP_LEASE_LIST};

    return rpc_task_call(task, &op, answer_leases);
}

static void leases(struct rpc_call *call, const ProtobufCMessage *request) {
    if (rpc_may_ask(call)) {
        rpc_task_start(call, ask_leases, request);
    }
}

const struct rpc_handler rpc_lease_leases = {.message = leases};
