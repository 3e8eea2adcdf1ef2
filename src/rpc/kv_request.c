/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/kv_request.h"

#include "proto/etcd/message.h"

static struct store_span span_of(ProtobufCBinaryData key, ProtobufCBinaryData range_end) {
    return (struct store_span){.key = etcd_bytes_slice(key), .range_end = etcd_bytes_slice(range_end)};
}

/* A number that names no order or target means the first, as an enum of protobuf does that nobody knows. */
static enum store_sort_order order_of(const Etcdserverpb__RangeRequest *r) {
    switch (r->sort_order) {
    case ETCDSERVERPB__RANGE_REQUEST__SORT_ORDER__ASCEND:
        return STORE_SORT_ASCEND;
    case ETCDSERVERPB__RANGE_REQUEST__SORT_ORDER__DESCEND:
        return STORE_SORT_DESCEND;
    default:
        return STORE_SORT_NONE;
    }
}

static enum store_sort_target target_of(const Etcdserverpb__RangeRequest *r) {
    switch (r->sort_target) {
    case ETCDSERVERPB__RANGE_REQUEST__SORT_TARGET__VERSION:
        return STORE_SORT_VERSION;
    case ETCDSERVERPB__RANGE_REQUEST__SORT_TARGET__CREATE:
        return STORE_SORT_CREATE;
    case ETCDSERVERPB__RANGE_REQUEST__SORT_TARGET__MOD:
        return STORE_SORT_MOD;
    case ETCDSERVERPB__RANGE_REQUEST__SORT_TARGET__VALUE:
        return STORE_SORT_VALUE;
    default:
        return STORE_SORT_KEY;
    }
}

void kv_range_op(const Etcdserverpb__RangeRequest *r, struct store_op *ret_op) {
    *ret_op = (struct store_op){
        .kind = STORE_OP_RANGE,
        .range =
            {
                .span = span_of(r->key, r->range_end),
                .revision = r->revision,
                .limit = r->limit,
                .order = order_of(r),
                .target = target_of(r),
                .serializable = r->serializable,
                .keys_only = r->keys_only,
                .count_only = r->count_only,
                .min_mod_revision = r->min_mod_revision,
                .max_mod_revision = r->max_mod_revision,
                .min_create_revision = r->min_create_revision,
                .max_create_revision = r->max_create_revision,
            },
    };
}

void kv_put_op(const Etcdserverpb__PutRequest *r, struct store_op *ret_op) {
    *ret_op = (struct store_op){
        .kind = STORE_OP_PUT,
        .put =
            {
                .key = etcd_bytes_slice(r->key),
                .value = etcd_bytes_slice(r->value),
                .lease = r->lease,
                .want_previous = r->prev_kv,
                .ignore_value = r->ignore_value,
                .ignore_lease = r->ignore_lease,
            },
    };
}

void kv_delete_op(const Etcdserverpb__DeleteRangeRequest *r, struct store_op *ret_op) {
    *ret_op = (struct store_op){
        .kind = STORE_OP_DELETE,
        .delete = {.span = span_of(r->key, r->range_end), .want_previous = r->prev_kv},
    };
}

/* --- transactions --- */

static enum store_compare_result result_of(const Etcdserverpb__Compare *c) {
    switch (c->result) {
    case ETCDSERVERPB__COMPARE__COMPARE_RESULT__GREATER:
        return STORE_GREATER;
    case ETCDSERVERPB__COMPARE__COMPARE_RESULT__LESS:
        return STORE_LESS;
    case ETCDSERVERPB__COMPARE__COMPARE_RESULT__NOT_EQUAL:
        return STORE_NOT_EQUAL;
    default:
        return STORE_EQUAL;
    }
}

/* What is compared with belongs to another target, or is missing: it is 0, or empty, as in etcd. */
static void compare_of(const Etcdserverpb__Compare *c, struct store_compare *ret_compare) {
    *ret_compare = (struct store_compare){.span = span_of(c->key, c->range_end), .result = result_of(c)};
    switch (c->target) {
    case ETCDSERVERPB__COMPARE__COMPARE_TARGET__CREATE:
        ret_compare->target = STORE_COMPARE_CREATE;
        if (c->target_union_case == ETCDSERVERPB__COMPARE__TARGET_UNION_CREATE_REVISION) {
            ret_compare->number = c->create_revision;
        }
        break;
    case ETCDSERVERPB__COMPARE__COMPARE_TARGET__MOD:
        ret_compare->target = STORE_COMPARE_MOD;
        if (c->target_union_case == ETCDSERVERPB__COMPARE__TARGET_UNION_MOD_REVISION) {
            ret_compare->number = c->mod_revision;
        }
        break;
    case ETCDSERVERPB__COMPARE__COMPARE_TARGET__VALUE:
        ret_compare->target = STORE_COMPARE_VALUE;
        if (c->target_union_case == ETCDSERVERPB__COMPARE__TARGET_UNION_VALUE) {
            ret_compare->value = etcd_bytes_slice(c->value);
        }
        break;
    case ETCDSERVERPB__COMPARE__COMPARE_TARGET__LEASE:
        ret_compare->target = STORE_COMPARE_LEASE;
        if (c->target_union_case == ETCDSERVERPB__COMPARE__TARGET_UNION_LEASE) {
            ret_compare->number = c->lease;
        }
        break;
    default:
        ret_compare->target = STORE_COMPARE_VERSION;
        if (c->target_union_case == ETCDSERVERPB__COMPARE__TARGET_UNION_VERSION) {
            ret_compare->number = c->version;
        }
        break;
    }
}

static bool request_op(const Etcdserverpb__RequestOp *r, struct arena *arena, struct store_op *ret_op) {
    switch (r->request_case) {
    case ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_RANGE:
        kv_range_op(r->request_range, ret_op);
        return true;
    case ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT:
        kv_put_op(r->request_put, ret_op);
        return true;
    case ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_DELETE_RANGE:
        kv_delete_op(r->request_delete_range, ret_op);
        return true;
    case ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_TXN:
        return kv_txn_op(r->request_txn, arena, ret_op);
    default:
        *ret_op = (struct store_op){.kind = STORE_OP_NONE};
        return true;
    }
}

/* One branch; *ret_ops is NULL if there is nothing in it. */
static bool branch_of(Etcdserverpb__RequestOp *const *requests, size_t count, struct arena *arena,
                      const struct store_op **ret_ops) {
    struct store_op *ops = arena_calloc(arena, count, sizeof(*ops));

    if (ops == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!request_op(requests[i], arena, &ops[i])) {
            return false;
        }
    }
    *ret_ops = ops;
    return true;
}

bool kv_txn_op(const Etcdserverpb__TxnRequest *r, struct arena *arena, struct store_op *ret_op) {
    struct store_compare *compares = arena_calloc(arena, r->n_compare, sizeof(*compares));
    struct store_txn txn = {
        .compares = compares,
        .compare_count = r->n_compare,
        .success_count = r->n_success,
        .failure_count = r->n_failure,
    };

    if (compares == NULL || !branch_of(r->success, r->n_success, arena, &txn.success) ||
        !branch_of(r->failure, r->n_failure, arena, &txn.failure)) {
        return false;
    }
    for (size_t i = 0; i < r->n_compare; i++) {
        compare_of(r->compare[i], &compares[i]);
    }
    *ret_op = (struct store_op){.kind = STORE_OP_TXN, .txn = txn};
    return true;
}
