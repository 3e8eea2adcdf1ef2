/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/etcd/rpc.pb-c.h"
#include "store/etcd/kv.h"
#include "store/etcd/kv_message.h"

/* Answers of etcd's API as results of the store. Only the answer to the very operation is taken for one: another type, a
 * missing header, a branch with other operations than were asked for are PROTOCOL. */

/* Where a result goes; `status` says what was wrong. */
struct reading {
    struct arena *arena;
    enum store_status status;
};

static bool refuse(struct reading *reading, enum store_status status) {
    reading->status = status;
    return false;
}

static bool read_kvs(Mvccpb__KeyValue *const *messages, size_t count, struct reading *reading,
                     struct store_result *result) {
    result->kvs = arena_calloc(reading->arena, count, sizeof(*result->kvs));
    if (result->kvs == NULL) {
        return refuse(reading, STORE_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        result->kvs[i] = etcd_kv_of(messages[i]);
    }
    result->kv_count = count;
    return true;
}

static bool read_range(const Etcdserverpb__RangeResponse *r, struct reading *reading, struct store_result *result) {
    if (r->count < 0) {
        return refuse(reading, STORE_PROTOCOL);
    }
    result->count = r->count;
    result->more = r->more;
    return read_kvs(r->kvs, r->n_kvs, reading, result);
}

static bool read_put(const Etcdserverpb__PutResponse *r, struct reading *reading, struct store_result *result) {
    return r->prev_kv == NULL || read_kvs(&r->prev_kv, 1, reading, result);
}

static bool read_delete(const Etcdserverpb__DeleteRangeResponse *r, struct reading *reading,
                        struct store_result *result) {
    if (r->deleted < 0) {
        return refuse(reading, STORE_PROTOCOL);
    }
    result->count = r->deleted;
    return read_kvs(r->prev_kvs, r->n_prev_kvs, reading, result);
}

/* --- transactions --- */

static bool read_txn(const struct store_txn *txn, const Etcdserverpb__TxnResponse *r, struct reading *reading,
                     struct store_result *result);

/* What protobuf leaves out of a oneof is a NULL. */
static bool read_inner(const struct store_op *op, const Etcdserverpb__ResponseOp *r, struct reading *reading,
                       struct store_result *result) {
    result->kind = op->kind;
    switch (r->response_case) {
    case ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_RANGE:
        return op->kind == STORE_OP_RANGE && r->response_range != NULL ? read_range(r->response_range, reading, result)
                                                                       : refuse(reading, STORE_PROTOCOL);
    case ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_PUT:
        return op->kind == STORE_OP_PUT && r->response_put != NULL ? read_put(r->response_put, reading, result)
                                                                   : refuse(reading, STORE_PROTOCOL);
    case ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_DELETE_RANGE:
        return op->kind == STORE_OP_DELETE && r->response_delete_range != NULL
                   ? read_delete(r->response_delete_range, reading, result)
                   : refuse(reading, STORE_PROTOCOL);
    case ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_TXN:
        return op->kind == STORE_OP_TXN && r->response_txn != NULL
                   ? read_txn(&op->txn, r->response_txn, reading, result)
                   : refuse(reading, STORE_PROTOCOL);
    default:
        return refuse(reading, STORE_PROTOCOL);
    }
}

static bool read_txn(const struct store_txn *txn, const Etcdserverpb__TxnResponse *r, struct reading *reading,
                     struct store_result *result) {
    const struct store_op *ops = r->succeeded ? txn->success : txn->failure;
    size_t count = r->succeeded ? txn->success_count : txn->failure_count;

    if (r->n_responses != count) {
        return refuse(reading, STORE_PROTOCOL);
    }
    result->succeeded = r->succeeded;
    result->results = arena_calloc(reading->arena, count, sizeof(*result->results));
    if (result->results == NULL) {
        return refuse(reading, STORE_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        if (!read_inner(&ops[i], r->responses[i], reading, &result->results[i])) {
            return false;
        }
    }
    result->result_count = count;
    return true;
}

/* --- leases --- */

static bool read_grant(const Etcdserverpb__LeaseGrantResponse *r, const struct store_lease *lease,
                       struct reading *reading, struct store_result *result) {
    if (r->id == 0 || (lease->id != 0 && r->id != lease->id)) {
        return refuse(reading, STORE_PROTOCOL);
    }
    result->lease = r->id;
    result->ttl = r->ttl;
    result->granted_ttl = r->ttl;
    return true;
}

/* Of a lease that is not there, etcd says that no time is left. */
static bool read_keep_alive(const Etcdserverpb__LeaseKeepAliveResponse *r, const struct store_lease *lease,
                            struct reading *reading, struct store_result *result) {
    if (r->id != lease->id) {
        return refuse(reading, STORE_PROTOCOL);
    }
    if (r->ttl <= 0) {
        return refuse(reading, STORE_LEASE_NOT_FOUND);
    }
    result->lease = r->id;
    result->ttl = r->ttl;
    result->granted_ttl = r->ttl;
    return true;
}

static bool read_ttl(const Etcdserverpb__LeaseTimeToLiveResponse *r, const struct store_lease *lease,
                     struct reading *reading, struct store_result *result) {
    if (r->id != lease->id) {
        return refuse(reading, STORE_PROTOCOL);
    }
    result->lease = r->id;
    result->ttl = r->ttl;
    result->granted_ttl = r->grantedttl;
    result->keys = arena_calloc(reading->arena, r->n_keys, sizeof(*result->keys));
    if (result->keys == NULL) {
        return refuse(reading, STORE_NO_MEMORY);
    }
    for (size_t i = 0; i < r->n_keys; i++) {
        result->keys[i] = etcd_bytes_slice(r->keys[i]);
    }
    result->count = (int64_t)r->n_keys;
    return true;
}

static bool read_list(const Etcdserverpb__LeaseLeasesResponse *r, struct reading *reading,
                      struct store_result *result) {
    result->ids = arena_calloc(reading->arena, r->n_leases, sizeof(*result->ids));
    if (result->ids == NULL) {
        return refuse(reading, STORE_NO_MEMORY);
    }
    for (size_t i = 0; i < r->n_leases; i++) {
        result->ids[i] = r->leases[i]->id;
    }
    result->count = (int64_t)r->n_leases;
    return true;
}

/* --- any --- */

/* NULL: an operation without one. */
static const ProtobufCMessageDescriptor *type_of(enum store_op_kind kind) {
    switch (kind) {
    case STORE_OP_RANGE:
        return &etcdserverpb__range_response__descriptor;
    case STORE_OP_PUT:
        return &etcdserverpb__put_response__descriptor;
    case STORE_OP_DELETE:
        return &etcdserverpb__delete_range_response__descriptor;
    case STORE_OP_TXN:
        return &etcdserverpb__txn_response__descriptor;
    case STORE_OP_COMPACT:
        return &etcdserverpb__compaction_response__descriptor;
    case STORE_OP_LEASE_GRANT:
        return &etcdserverpb__lease_grant_response__descriptor;
    case STORE_OP_LEASE_REVOKE:
        return &etcdserverpb__lease_revoke_response__descriptor;
    case STORE_OP_LEASE_KEEP_ALIVE:
        return &etcdserverpb__lease_keep_alive_response__descriptor;
    case STORE_OP_LEASE_TTL:
        return &etcdserverpb__lease_time_to_live_response__descriptor;
    case STORE_OP_LEASE_LIST:
        return &etcdserverpb__lease_leases_response__descriptor;
    default:
        return NULL;
    }
}

/* All these responses begin with their header, right behind `base`. */
static const Etcdserverpb__ResponseHeader *header_of(const ProtobufCMessage *response) {
    return ((const Etcdserverpb__RangeResponse *)response)->header;
}

static bool read_any(const struct store_op *op, const ProtobufCMessage *response, struct reading *reading,
                     struct store_result *result) {
    const void *r = response;

    switch (op->kind) {
    case STORE_OP_RANGE:
        return read_range(r, reading, result);
    case STORE_OP_PUT:
        return read_put(r, reading, result);
    case STORE_OP_DELETE:
        return read_delete(r, reading, result);
    case STORE_OP_TXN:
        return read_txn(&op->txn, r, reading, result);
    case STORE_OP_LEASE_GRANT:
        return read_grant(r, &op->lease, reading, result);
    case STORE_OP_LEASE_KEEP_ALIVE:
        return read_keep_alive(r, &op->lease, reading, result);
    case STORE_OP_LEASE_TTL:
        return read_ttl(r, &op->lease, reading, result);
    case STORE_OP_LEASE_LIST:
        return read_list(r, reading, result);
    default:
        return true;
    }
}

bool etcd_kv_result(const struct store_op *op, const ProtobufCMessage *response, struct arena *arena,
                    struct store_result *result, int64_t *ret_revision, enum store_status *ret_status) {
    struct reading reading = {.arena = arena, .status = STORE_PROTOCOL};

    *result = (struct store_result){.kind = op->kind};
    *ret_status = STORE_PROTOCOL;
    if (response == NULL || response->descriptor != type_of(op->kind) || header_of(response) == NULL) {
        return false;
    }
    *ret_revision = header_of(response)->revision;
    if (!read_any(op, response, &reading, result)) {
        *result = (struct store_result){.kind = op->kind};
        *ret_status = reading.status;
        return false;
    }
    *ret_status = STORE_OK;
    return true;
}
