/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/kv_response.h"

#include "proto/etcd/message.h"

void kv_message(const struct kv *kv, Mvccpb__KeyValue *ret) {
    mvccpb__key_value__init(ret);
    ret->key = etcd_bytes(kv->key);
    ret->value = etcd_bytes(kv->value);
    ret->create_revision = kv->create_revision;
    ret->mod_revision = kv->mod_revision;
    ret->version = kv->version;
    ret->lease = kv->lease;
}

/* An array of pointers to messages, as protobuf-c wants it. */
static bool kv_messages(const struct kv *kvs, size_t count, struct arena *arena, Mvccpb__KeyValue ***ret) {
    Mvccpb__KeyValue **pointers = arena_calloc(arena, count, sizeof(Mvccpb__KeyValue *));
    Mvccpb__KeyValue *messages = arena_calloc(arena, count, sizeof(Mvccpb__KeyValue));

    if (pointers == NULL || messages == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        kv_message(&kvs[i], &messages[i]);
        pointers[i] = &messages[i];
    }
    *ret = pointers;
    return true;
}

bool kv_range_response(const struct store_result *result, struct arena *arena, Etcdserverpb__RangeResponse *ret) {
    etcdserverpb__range_response__init(ret);
    ret->count = result->count;
    ret->more = result->more;
    ret->n_kvs = result->kv_count;
    return kv_messages(result->kvs, result->kv_count, arena, &ret->kvs);
}

bool kv_put_response(const struct store_result *result, struct arena *arena, Etcdserverpb__PutResponse *ret) {
    Mvccpb__KeyValue **previous = NULL;

    etcdserverpb__put_response__init(ret);
    if (result->kv_count > 0) {
        if (!kv_messages(result->kvs, 1, arena, &previous)) {
            return false;
        }
        ret->prev_kv = previous[0];
    }
    return true;
}

bool kv_delete_response(const struct store_result *result, struct arena *arena,
                        Etcdserverpb__DeleteRangeResponse *ret) {
    etcdserverpb__delete_range_response__init(ret);
    ret->deleted = result->count;
    ret->n_prev_kvs = result->kv_count;
    return kv_messages(result->kvs, result->kv_count, arena, &ret->prev_kvs);
}

/* --- transactions --- */

/* Which revision the header of an operation within a transaction has: the one before it, until something was changed, and
 * then the new one. */
struct inner {
    struct arena *arena;
    int64_t before;
    bool changed;
};

static bool changes(const struct store_result *result) {
    if (result->kind == STORE_OP_TXN) {
        for (size_t i = 0; i < result->result_count; i++) {
            if (changes(&result->results[i])) {
                return true;
            }
        }
        return false;
    }
    return result->kind == STORE_OP_PUT || (result->kind == STORE_OP_DELETE && result->count > 0);
}

static Etcdserverpb__ResponseHeader *inner_header(struct inner *inner, const struct store_result *result) {
    Etcdserverpb__ResponseHeader *header = arena_alloc(inner->arena, sizeof(*header));

    inner->changed |= changes(result);
    if (header != NULL) {
        etcdserverpb__response_header__init(header);
        header->revision = inner->changed ? inner->before + 1 : inner->before;
    }
    return header;
}

static bool inner_range(const struct store_result *result, struct inner *inner, Etcdserverpb__ResponseOp *ret) {
    Etcdserverpb__RangeResponse *response = arena_alloc(inner->arena, sizeof(*response));

    if (response == NULL || !kv_range_response(result, inner->arena, response)) {
        return false;
    }
    response->header = inner_header(inner, result);
    ret->response_case = ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_RANGE;
    ret->response_range = response;
    return response->header != NULL;
}

static bool inner_put(const struct store_result *result, struct inner *inner, Etcdserverpb__ResponseOp *ret) {
    Etcdserverpb__PutResponse *response = arena_alloc(inner->arena, sizeof(*response));

    if (response == NULL || !kv_put_response(result, inner->arena, response)) {
        return false;
    }
    response->header = inner_header(inner, result);
    ret->response_case = ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_PUT;
    ret->response_put = response;
    return response->header != NULL;
}

static bool inner_delete(const struct store_result *result, struct inner *inner, Etcdserverpb__ResponseOp *ret) {
    Etcdserverpb__DeleteRangeResponse *response = arena_alloc(inner->arena, sizeof(*response));

    if (response == NULL || !kv_delete_response(result, inner->arena, response)) {
        return false;
    }
    response->header = inner_header(inner, result);
    ret->response_case = ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_DELETE_RANGE;
    ret->response_delete_range = response;
    return response->header != NULL;
}

static bool fill_txn(const struct store_result *result, struct inner *inner, Etcdserverpb__TxnResponse *ret);

/* Its header is there and says nothing, as in etcd. */
static bool inner_txn(const struct store_result *result, struct inner *inner, Etcdserverpb__ResponseOp *ret) {
    Etcdserverpb__TxnResponse *response = arena_alloc(inner->arena, sizeof(*response));
    Etcdserverpb__ResponseHeader *header = arena_alloc(inner->arena, sizeof(*header));

    if (response == NULL || header == NULL || !fill_txn(result, inner, response)) {
        return false;
    }
    etcdserverpb__response_header__init(header);
    response->header = header;
    ret->response_case = ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_TXN;
    ret->response_txn = response;
    return true;
}

static bool response_op(const struct store_result *result, struct inner *inner, Etcdserverpb__ResponseOp *ret) {
    etcdserverpb__response_op__init(ret);
    switch (result->kind) {
    case STORE_OP_RANGE:
        return inner_range(result, inner, ret);
    case STORE_OP_PUT:
        return inner_put(result, inner, ret);
    case STORE_OP_DELETE:
        return inner_delete(result, inner, ret);
    default:
        return inner_txn(result, inner, ret);
    }
}

static bool fill_txn(const struct store_result *result, struct inner *inner, Etcdserverpb__TxnResponse *ret) {
    size_t count = result->result_count;
    Etcdserverpb__ResponseOp *responses = arena_calloc(inner->arena, count, sizeof(*responses));

    etcdserverpb__txn_response__init(ret);
    ret->succeeded = result->succeeded;
    ret->n_responses = count;
    ret->responses = arena_calloc(inner->arena, count, sizeof(Etcdserverpb__ResponseOp *));
    if (responses == NULL || ret->responses == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!response_op(&result->results[i], inner, &responses[i])) {
            return false;
        }
        ret->responses[i] = &responses[i];
    }
    return true;
}

bool kv_txn_response(const struct store_result *result, int64_t revision, struct arena *arena,
                     Etcdserverpb__TxnResponse *ret) {
    struct inner inner = {.arena = arena, .before = changes(result) ? revision - 1 : revision};

    return fill_txn(result, &inner, ret);
}
