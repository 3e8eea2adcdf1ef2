/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/etcd/operation.h"

#include <string.h>

#include "base/clock.h"
#include "proto/etcd/rpc.pb-c.h"

static bool send_template(struct worker_caller *caller) {
    struct etcd_worker *worker = caller->worker;

    return etcd_worker_send(worker, caller->link, caller->call, &worker->load->request, callers_draw_key(worker)) !=
           NULL;
}

/* The value begins with the time, for whoever gets the event. */
static bool send_timed_put(struct worker_caller *caller) {
    struct etcd_worker *worker = caller->worker;
    const struct template *request = &worker->load->request;
    int64_t now = clock_monotonic_ns();
    char *at;

    caller->key = callers_draw_key(worker);
    at = etcd_worker_send(worker, caller->link, caller->call, request, caller->key);
    if (at != NULL) {
        memcpy(at + request->value_at, &now, sizeof(now));
    }
    return at != NULL;
}

static bool send_keepalive(struct worker_caller *caller) {
    Etcdserverpb__LeaseKeepAliveRequest request = ETCDSERVERPB__LEASE_KEEP_ALIVE_REQUEST__INIT;
    char *at;

    request.id = caller->lease;
    at = grpc_call_message(caller->call, protobuf_c_message_get_packed_size(&request.base));
    if (at == NULL) {
        etcd_worker_fail(caller->worker, caller->link, "out of memory");
        return false;
    }
    protobuf_c_message_pack(&request.base, (uint8_t *)at);
    return true;
}

static bool check_header(struct worker_caller *caller, struct slice message, const char **ret_why) {
    (void)caller;
    *ret_why = "an answer without a header";
    return glance_is_answer(message);
}

static bool check_txn(struct worker_caller *caller, struct slice message, const char **ret_why) {
    (void)caller;
    *ret_why = "a transaction that did not succeed";
    return glance_txn_succeeded(message);
}

static bool check_range(struct worker_caller *caller, struct slice message, const char **ret_why) {
    const struct etcd_load *load = caller->worker->load;
    const struct glance_range *model = &load->model;
    struct glance_range glance;

    if (!glance_range(message, &glance)) {
        *ret_why = "an answer that cannot be read";
        return false;
    }
    caller->keys = glance.keys;
    *ret_why = "another number of keys, or a value of another size, than was expected";
    return !load->compared ||
           (glance.keys == model->keys && glance.count == model->count && glance.first_value == model->first_value);
}

static bool check_grant(struct worker_caller *caller, struct slice message, const char **ret_why) {
    *ret_why = "a lease without an ID";
    return glance_lease(message, &caller->lease);
}

static bool check_keepalive(struct worker_caller *caller, struct slice message, const char **ret_why) {
    int64_t ttl;

    (void)caller;
    *ret_why = "a lease that has run out; a longer --ttl may help";
    return glance_keepalive(message, &ttl) && ttl > 0;
}

const struct operation *operation_of(enum etcd_kind kind) {
    static const struct operation operations[] = {
        [ETCD_PUT] = {SLICE("/etcdserverpb.KV/Put"), false, send_template, check_header},
        [ETCD_RANGE] = {SLICE("/etcdserverpb.KV/Range"), false, send_template, check_range},
        [ETCD_TXN] = {SLICE("/etcdserverpb.KV/Txn"), false, send_template, check_txn},
        [ETCD_WATCH] = {SLICE("/etcdserverpb.KV/Put"), false, send_timed_put, check_header},
        [ETCD_LEASE_GRANT] = {SLICE("/etcdserverpb.Lease/LeaseGrant"), false, send_template, check_grant},
        [ETCD_LEASE_KEEPALIVE] = {SLICE("/etcdserverpb.Lease/LeaseKeepAlive"), true, send_keepalive, check_keepalive},
    };

    return &operations[kind];
}
