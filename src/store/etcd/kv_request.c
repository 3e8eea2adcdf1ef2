/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/etcd/rpc.pb-c.h"
#include "store/etcd/kv.h"

/* Operations of the store as requests of etcd's API. */

static Etcdserverpb__RangeRequest__SortOrder order_of(enum store_sort_order order) {
    switch (order) {
    case STORE_SORT_ASCEND:
        return ETCDSERVERPB__RANGE_REQUEST__SORT_ORDER__ASCEND;
    case STORE_SORT_DESCEND:
        return ETCDSERVERPB__RANGE_REQUEST__SORT_ORDER__DESCEND;
    default:
        return ETCDSERVERPB__RANGE_REQUEST__SORT_ORDER__NONE;
    }
}

static Etcdserverpb__RangeRequest__SortTarget target_of(enum store_sort_target target) {
    switch (target) {
    case STORE_SORT_VERSION:
        return ETCDSERVERPB__RANGE_REQUEST__SORT_TARGET__VERSION;
    case STORE_SORT_CREATE:
        return ETCDSERVERPB__RANGE_REQUEST__SORT_TARGET__CREATE;
    case STORE_SORT_MOD:
        return ETCDSERVERPB__RANGE_REQUEST__SORT_TARGET__MOD;
    case STORE_SORT_VALUE:
        return ETCDSERVERPB__RANGE_REQUEST__SORT_TARGET__VALUE;
    default:
        return ETCDSERVERPB__RANGE_REQUEST__SORT_TARGET__KEY;
    }
}

static Etcdserverpb__RangeRequest *range_request(const struct store_range *range, struct arena *arena) {
    Etcdserverpb__RangeRequest *r = arena_alloc(arena, sizeof(*r));

    if (r != NULL) {
        etcdserverpb__range_request__init(r);
        r->key = etcd_bytes(range->span.key);
        r->range_end = etcd_bytes(range->span.range_end);
        r->revision = range->revision;
        r->limit = range->limit;
        r->sort_order = order_of(range->order);
        r->sort_target = target_of(range->target);
        r->serializable = range->serializable;
        r->keys_only = range->keys_only;
        r->count_only = range->count_only;
        r->min_mod_revision = range->min_mod_revision;
        r->max_mod_revision = range->max_mod_revision;
        r->min_create_revision = range->min_create_revision;
        r->max_create_revision = range->max_create_revision;
    }
    return r;
}

static Etcdserverpb__PutRequest *put_request(const struct store_put *put, struct arena *arena) {
    Etcdserverpb__PutRequest *r = arena_alloc(arena, sizeof(*r));

    if (r != NULL) {
        etcdserverpb__put_request__init(r);
        r->key = etcd_bytes(put->key);
        r->value = etcd_bytes(put->value);
        r->lease = put->lease;
        r->prev_kv = put->want_previous;
        r->ignore_value = put->ignore_value;
        r->ignore_lease = put->ignore_lease;
    }
    return r;
}

static Etcdserverpb__DeleteRangeRequest *delete_request(const struct store_delete *op, struct arena *arena) {
    Etcdserverpb__DeleteRangeRequest *r = arena_alloc(arena, sizeof(*r));

    if (r != NULL) {
        etcdserverpb__delete_range_request__init(r);
        r->key = etcd_bytes(op->span.key);
        r->range_end = etcd_bytes(op->span.range_end);
        r->prev_kv = op->want_previous;
    }
    return r;
}

/* --- transactions --- */

static Etcdserverpb__Compare__CompareResult result_of(enum store_compare_result result) {
    switch (result) {
    case STORE_GREATER:
        return ETCDSERVERPB__COMPARE__COMPARE_RESULT__GREATER;
    case STORE_LESS:
        return ETCDSERVERPB__COMPARE__COMPARE_RESULT__LESS;
    case STORE_NOT_EQUAL:
        return ETCDSERVERPB__COMPARE__COMPARE_RESULT__NOT_EQUAL;
    default:
        return ETCDSERVERPB__COMPARE__COMPARE_RESULT__EQUAL;
    }
}

static void fill_compare(const struct store_compare *compare, Etcdserverpb__Compare *ret) {
    etcdserverpb__compare__init(ret);
    ret->key = etcd_bytes(compare->span.key);
    ret->range_end = etcd_bytes(compare->span.range_end);
    ret->result = result_of(compare->result);
    switch (compare->target) {
    case STORE_COMPARE_CREATE:
        ret->target = ETCDSERVERPB__COMPARE__COMPARE_TARGET__CREATE;
        ret->target_union_case = ETCDSERVERPB__COMPARE__TARGET_UNION_CREATE_REVISION;
        ret->create_revision = compare->number;
        break;
    case STORE_COMPARE_MOD:
        ret->target = ETCDSERVERPB__COMPARE__COMPARE_TARGET__MOD;
        ret->target_union_case = ETCDSERVERPB__COMPARE__TARGET_UNION_MOD_REVISION;
        ret->mod_revision = compare->number;
        break;
    case STORE_COMPARE_VALUE:
        ret->target = ETCDSERVERPB__COMPARE__COMPARE_TARGET__VALUE;
        ret->target_union_case = ETCDSERVERPB__COMPARE__TARGET_UNION_VALUE;
        ret->value = etcd_bytes(compare->value);
        break;
    case STORE_COMPARE_LEASE:
        ret->target = ETCDSERVERPB__COMPARE__COMPARE_TARGET__LEASE;
        ret->target_union_case = ETCDSERVERPB__COMPARE__TARGET_UNION_LEASE;
        ret->lease = compare->number;
        break;
    default:
        ret->target = ETCDSERVERPB__COMPARE__COMPARE_TARGET__VERSION;
        ret->target_union_case = ETCDSERVERPB__COMPARE__TARGET_UNION_VERSION;
        ret->version = compare->number;
        break;
    }
}

static Etcdserverpb__TxnRequest *txn_request(const struct store_txn *txn, struct arena *arena);

/* An operation that was left out (STORE_OP_NONE) stays empty; etcd refuses it by its own words. */
static bool fill_op(const struct store_op *op, struct arena *arena, Etcdserverpb__RequestOp *ret) {
    etcdserverpb__request_op__init(ret);
    switch (op->kind) {
    case STORE_OP_RANGE:
        ret->request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_RANGE;
        ret->request_range = range_request(&op->range, arena);
        return ret->request_range != NULL;
    case STORE_OP_PUT:
        ret->request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT;
        ret->request_put = put_request(&op->put, arena);
        return ret->request_put != NULL;
    case STORE_OP_DELETE:
        ret->request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_DELETE_RANGE;
        ret->request_delete_range = delete_request(&op->delete, arena);
        return ret->request_delete_range != NULL;
    case STORE_OP_TXN:
        ret->request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_TXN;
        ret->request_txn = txn_request(&op->txn, arena);
        return ret->request_txn != NULL;
    default:
        return op->kind == STORE_OP_NONE;
    }
}

static bool fill_branch(const struct store_op *ops, size_t count, struct arena *arena, Etcdserverpb__RequestOp ***ret) {
    Etcdserverpb__RequestOp **pointers = arena_calloc(arena, count, sizeof(Etcdserverpb__RequestOp *));
    Etcdserverpb__RequestOp *requests = arena_calloc(arena, count, sizeof(*requests));

    if (pointers == NULL || requests == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!fill_op(&ops[i], arena, &requests[i])) {
            return false;
        }
        pointers[i] = &requests[i];
    }
    *ret = pointers;
    return true;
}

static Etcdserverpb__TxnRequest *txn_request(const struct store_txn *txn, struct arena *arena) {
    Etcdserverpb__TxnRequest *r = arena_alloc(arena, sizeof(*r));
    Etcdserverpb__Compare **pointers = arena_calloc(arena, txn->compare_count, sizeof(Etcdserverpb__Compare *));
    Etcdserverpb__Compare *compares = arena_calloc(arena, txn->compare_count, sizeof(*compares));

    if (r == NULL || pointers == NULL || compares == NULL) {
        return NULL;
    }
    etcdserverpb__txn_request__init(r);
    for (size_t i = 0; i < txn->compare_count; i++) {
        fill_compare(&txn->compares[i], &compares[i]);
        pointers[i] = &compares[i];
    }
    r->compare = pointers;
    r->n_compare = txn->compare_count;
    r->n_success = txn->success_count;
    r->n_failure = txn->failure_count;
    return fill_branch(txn->success, txn->success_count, arena, &r->success) &&
                   fill_branch(txn->failure, txn->failure_count, arena, &r->failure)
               ? r
               : NULL;
}

/* --- compaction and leases --- */

static ProtobufCMessage *compact_request(const struct store_op *op, struct arena *arena) {
    Etcdserverpb__CompactionRequest *r = arena_alloc(arena, sizeof(*r));

    if (r == NULL) {
        return NULL;
    }
    etcdserverpb__compaction_request__init(r);
    r->revision = op->compact_revision;
    r->physical = op->compact_physical;
    return &r->base;
}

static ProtobufCMessage *grant_request(const struct store_lease *lease, struct arena *arena) {
    Etcdserverpb__LeaseGrantRequest *r = arena_alloc(arena, sizeof(*r));

    if (r == NULL) {
        return NULL;
    }
    etcdserverpb__lease_grant_request__init(r);
    r->id = lease->id;
    r->ttl = lease->ttl;
    return &r->base;
}

static ProtobufCMessage *revoke_request(const struct store_lease *lease, struct arena *arena) {
    Etcdserverpb__LeaseRevokeRequest *r = arena_alloc(arena, sizeof(*r));

    if (r == NULL) {
        return NULL;
    }
    etcdserverpb__lease_revoke_request__init(r);
    r->id = lease->id;
    return &r->base;
}

static ProtobufCMessage *keep_alive_request(const struct store_lease *lease, struct arena *arena) {
    Etcdserverpb__LeaseKeepAliveRequest *r = arena_alloc(arena, sizeof(*r));

    if (r == NULL) {
        return NULL;
    }
    etcdserverpb__lease_keep_alive_request__init(r);
    r->id = lease->id;
    return &r->base;
}

static ProtobufCMessage *ttl_request(const struct store_lease *lease, struct arena *arena) {
    Etcdserverpb__LeaseTimeToLiveRequest *r = arena_alloc(arena, sizeof(*r));

    if (r == NULL) {
        return NULL;
    }
    etcdserverpb__lease_time_to_live_request__init(r);
    r->id = lease->id;
    r->keys = lease->want_keys;
    return &r->base;
}

static ProtobufCMessage *list_request(struct arena *arena) {
    Etcdserverpb__LeaseLeasesRequest *r = arena_alloc(arena, sizeof(*r));

    if (r == NULL) {
        return NULL;
    }
    etcdserverpb__lease_leases_request__init(r);
    return &r->base;
}

/* The message within a request of its type; `base` stands first in all of them. */
static ProtobufCMessage *base_of(void *request) {
    return request;
}

ProtobufCMessage *etcd_kv_request(const struct store_op *op, struct arena *arena, enum etcd_method_id *ret_method) {
    switch (op->kind) {
    case STORE_OP_RANGE:
        *ret_method = ETCD_METHOD_KV_RANGE;
        return base_of(range_request(&op->range, arena));
    case STORE_OP_PUT:
        *ret_method = ETCD_METHOD_KV_PUT;
        return base_of(put_request(&op->put, arena));
    case STORE_OP_DELETE:
        *ret_method = ETCD_METHOD_KV_DELETE_RANGE;
        return base_of(delete_request(&op->delete, arena));
    case STORE_OP_TXN:
        *ret_method = ETCD_METHOD_KV_TXN;
        return base_of(txn_request(&op->txn, arena));
    case STORE_OP_COMPACT:
        *ret_method = ETCD_METHOD_KV_COMPACT;
        return compact_request(op, arena);
    case STORE_OP_LEASE_GRANT:
        *ret_method = ETCD_METHOD_LEASE_GRANT;
        return grant_request(&op->lease, arena);
    case STORE_OP_LEASE_REVOKE:
        *ret_method = ETCD_METHOD_LEASE_REVOKE;
        return revoke_request(&op->lease, arena);
    case STORE_OP_LEASE_KEEP_ALIVE:
        *ret_method = ETCD_METHOD_LEASE_KEEP_ALIVE;
        return keep_alive_request(&op->lease, arena);
    case STORE_OP_LEASE_TTL:
        *ret_method = ETCD_METHOD_LEASE_TIME_TO_LIVE;
        return ttl_request(&op->lease, arena);
    case STORE_OP_LEASE_LIST:
        *ret_method = ETCD_METHOD_LEASE_LEASES;
        return list_request(arena);
    default:
        return NULL;
    }
}
