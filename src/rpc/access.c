/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/access.h"

#include "auth/auth.h"

enum { TRIES_MAX = 3 /* users and roles may change between finding out who asks and what they may */ };

/* One question to auth about who asks. */
typedef enum etcd_error question_fn(struct auth *a, const struct auth_identity *who, const void *what);

static enum etcd_error ask(const struct rpc_call *call, question_fn *question, const void *what) {
    struct auth *a = call->worker->node->auth;
    enum etcd_error error = ETCD_OK;

    if (rpc_access_is_open(call)) {
        return ETCD_OK;
    }
    for (int i = 0; i < TRIES_MAX; i++) {
        struct auth_identity who;

        error = auth_identify(a, call->token, call->worker->context->now_ns, &who);
        if (error == ETCD_OK) {
            error = question(a, &who, what);
        }
        if (error != ETCD_ERROR_AUTH_OLD_REVISION) {
            break;
        }
    }
    return error;
}

static bool may(struct rpc_call *call, question_fn *question, const void *what) {
    enum etcd_error error = ask(call, question, what);

    if (error != ETCD_OK) {
        rpc_finish(call, error);
    }
    return error == ETCD_OK;
}

bool rpc_access_is_open(const struct rpc_call *call) {
    const struct auth *a = call->worker->node->auth;

    return a == NULL || !auth_enabled(a);
}

/* --- questions --- */

struct span_question {
    struct slice key;
    struct slice range_end;
};

static enum etcd_error may_range(struct auth *a, const struct auth_identity *who, const void *what) {
    const struct span_question *q = what;

    return q->key.size == 0 ? ETCD_OK : auth_may_range(a, who, q->key, q->range_end);
}

static enum etcd_error may_put(struct auth *a, const struct auth_identity *who, const void *what) {
    const Etcdserverpb__PutRequest *r = what;
    struct slice key = etcd_bytes_slice(r->key);
    enum etcd_error error = key.size == 0 ? ETCD_OK : auth_may_put(a, who, key);

    return error == ETCD_OK && r->prev_kv && key.size > 0 ? auth_may_range(a, who, key, slice_make("", 0)) : error;
}

static enum etcd_error may_delete(struct auth *a, const struct auth_identity *who, const void *what) {
    const Etcdserverpb__DeleteRangeRequest *r = what;
    struct slice key = etcd_bytes_slice(r->key);
    struct slice range_end = etcd_bytes_slice(r->range_end);
    enum etcd_error error = key.size == 0 ? ETCD_OK : auth_may_delete(a, who, key, range_end);

    return error == ETCD_OK && r->prev_kv && key.size > 0 ? auth_may_range(a, who, key, range_end) : error;
}

static enum etcd_error may_txn(struct auth *a, const struct auth_identity *who, const void *what);

static enum etcd_error may_op(struct auth *a, const struct auth_identity *who, const Etcdserverpb__RequestOp *op) {
    switch (op->request_case) {
    case ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_RANGE:
        return may_range(a, who,
                         &(struct span_question){etcd_bytes_slice(op->request_range->key),
                                                 etcd_bytes_slice(op->request_range->range_end)});
    case ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT:
        return may_put(a, who, op->request_put);
    case ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_DELETE_RANGE:
        return may_delete(a, who, op->request_delete_range);
    case ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_TXN:
        return may_txn(a, who, op->request_txn);
    default:
        return ETCD_OK;
    }
}

static enum etcd_error may_branch(struct auth *a, const struct auth_identity *who, Etcdserverpb__RequestOp **ops,
                                  size_t count) {
    enum etcd_error error = ETCD_OK;

    for (size_t i = 0; i < count && error == ETCD_OK; i++) {
        error = may_op(a, who, ops[i]);
    }
    return error;
}

/* Both branches, and those of transactions within it, which etcd 3.4 forgets. */
static enum etcd_error may_txn(struct auth *a, const struct auth_identity *who, const void *what) {
    const Etcdserverpb__TxnRequest *r = what;
    enum etcd_error error = ETCD_OK;

    for (size_t i = 0; i < r->n_compare && error == ETCD_OK; i++) {
        error = may_range(
            a, who,
            &(struct span_question){etcd_bytes_slice(r->compare[i]->key), etcd_bytes_slice(r->compare[i]->range_end)});
    }
    if (error == ETCD_OK) {
        error = may_branch(a, who, r->success, r->n_success);
    }
    return error == ETCD_OK ? may_branch(a, who, r->failure, r->n_failure) : error;
}

struct keys_question {
    const struct slice *keys;
    size_t count;
};

static enum etcd_error may_write_keys(struct auth *a, const struct auth_identity *who, const void *what) {
    const struct keys_question *q = what;
    enum etcd_error error = ETCD_OK;

    for (size_t i = 0; i < q->count && error == ETCD_OK; i++) {
        error = auth_may_put(a, who, q->keys[i]);
    }
    return error;
}

static enum etcd_error may_read_keys(struct auth *a, const struct auth_identity *who, const void *what) {
    const struct keys_question *q = what;
    enum etcd_error error = ETCD_OK;

    for (size_t i = 0; i < q->count && error == ETCD_OK; i++) {
        error = auth_may_range(a, who, q->keys[i], slice_make("", 0));
    }
    return error;
}

static enum etcd_error may_ask(struct auth *a, const struct auth_identity *who, const void *what) {
    (void)a;
    (void)who;
    (void)what;
    return ETCD_OK;
}

static enum etcd_error is_root(struct auth *a, const struct auth_identity *who, const void *what) {
    (void)what;
    return auth_is_root(a, who);
}

static enum etcd_error may_see_user(struct auth *a, const struct auth_identity *who, const void *what) {
    return auth_may_see_user(a, who, *(const struct slice *)what);
}

static enum etcd_error may_see_role(struct auth *a, const struct auth_identity *who, const void *what) {
    return auth_may_see_role(a, who, *(const struct slice *)what);
}

/* --- answers --- */

enum etcd_error rpc_check_range(const struct rpc_call *call, struct slice key, struct slice range_end) {
    return ask(call, may_range, &(struct span_question){key, range_end});
}

bool rpc_may_range(struct rpc_call *call, struct slice key, struct slice range_end) {
    return may(call, may_range, &(struct span_question){key, range_end});
}

bool rpc_may_put(struct rpc_call *call, const Etcdserverpb__PutRequest *r) {
    return may(call, may_put, r);
}

bool rpc_may_delete(struct rpc_call *call, const Etcdserverpb__DeleteRangeRequest *r) {
    return may(call, may_delete, r);
}

bool rpc_may_txn(struct rpc_call *call, const Etcdserverpb__TxnRequest *r) {
    return may(call, may_txn, r);
}

bool rpc_may_write_keys(struct rpc_call *call, const struct slice *keys, size_t count) {
    return may(call, may_write_keys, &(struct keys_question){keys, count});
}

bool rpc_may_read_keys(struct rpc_call *call, const struct slice *keys, size_t count) {
    return may(call, may_read_keys, &(struct keys_question){keys, count});
}

bool rpc_may_ask(struct rpc_call *call) {
    return may(call, may_ask, NULL);
}

bool rpc_must_be_root(struct rpc_call *call) {
    return may(call, is_root, NULL);
}

bool rpc_may_see_user(struct rpc_call *call, struct slice name) {
    return may(call, may_see_user, &name);
}

bool rpc_may_see_role(struct rpc_call *call, struct slice name) {
    return may(call, may_see_role, &name);
}
