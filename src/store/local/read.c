/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/internal.h"

static void read_range(struct local *s, struct store_call *call) {
    const struct store_range *r = &call->op.range;
    struct selection selection = {0};
    struct view v;

    call->status = view_begin(s, &v);
    if (call->status != STORE_OK) {
        return;
    }
    call->revision = v.revision;
    /* Here, and not within a transaction, etcd takes a negative revision for the newest. */
    call->status = r->revision > 0 ? check_revision(r->revision, v.revision, atomic_load(&s->compacted)) : STORE_OK;
    if (call->status == STORE_OK) {
        v.revision = r->revision > 0 ? r->revision : v.revision;
        call->status = range_collect(&v, r, &selection);
    }
    pthread_rwlock_unlock(&s->index_lock);
    if (call->status == STORE_OK) {
        call->status = range_fetch(&v, &selection, &call->arena, &call->result);
    }
    view_end(&v);
    selection_fini(&selection);
}

/* The revisions that the ranges of a transaction ask for. */
static enum store_status check_ranges(struct local *s, const struct store_txn *txn, struct txn_path *path,
                                      int64_t newest) {
    bool succeeded = path->succeeded[path->at++];
    const struct store_op *ops = succeeded ? txn->success : txn->failure;
    size_t count = succeeded ? txn->success_count : txn->failure_count;
    enum store_status status = STORE_OK;

    for (size_t i = 0; i < count && status == STORE_OK; i++) {
        if (ops[i].kind == STORE_OP_RANGE) {
            status = check_revision(ops[i].range.revision, newest, atomic_load(&s->compacted));
        } else if (ops[i].kind == STORE_OP_TXN) {
            status = check_ranges(s, &ops[i].txn, path, newest);
        }
    }
    return status;
}

/* Keeps the index locked throughout: what it may ask for is bounded, and it must be of one moment. */
static void read_txn(struct local *s, struct store_call *call) {
    struct txn_path path;
    struct view v;

    call->status = view_begin(s, &v);
    if (call->status != STORE_OK) {
        return;
    }
    call->revision = v.revision;
    call->status = txn_path_find(&v, &call->op.txn, &call->arena, &path);
    if (call->status == STORE_OK) {
        call->status = check_ranges(s, &call->op.txn, &path, v.revision);
    }
    if (call->status == STORE_OK) {
        path.at = 0;
        call->status = txn_run(&v, &call->op.txn, &path, &call->arena, NULL, &call->result);
    }
    pthread_rwlock_unlock(&s->index_lock);
    view_end(&v);
}

void local_read(struct local *s, struct store_call *call) {
    call->result.kind = call->op.kind;
    switch (call->op.kind) {
    case STORE_OP_RANGE:
        read_range(s, call);
        break;
    case STORE_OP_TXN:
        read_txn(s, call);
        break;
    case STORE_OP_AUDIT: /* nothing is a copy of what others have */
        call->revision = atomic_load(&s->committed);
        call->status = STORE_OK;
        break;
    default:
        call->revision = atomic_load(&s->committed);
        call->status = lease_answer(&s->leases, &call->op, s->config.now_ns(), &call->arena, &call->result);
        break;
    }
}
