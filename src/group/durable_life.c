/* SPDX-License-Identifier: Apache-2.0 */
#include "group/durable_op.h"

/* Lives of keys: which lease they hang on. */

static const int64_t life_max = STORE_LEASE_TTL_MAX;

static int64_t seconds_left(const struct durable_op *op) {
    const struct durable *d = op->durable;
    int64_t left = op->end - table_seconds(d->start_ns, d->now_ns());

    return left < 1 ? 1 : left;
}

static enum pending_next on_granted(struct pending *p) {
    struct durable_op *op = durable_op_of(p);

    op->lease = p->call.status == STORE_OK ? p->call.result.lease : 0;
    lease_book_granted(&op->durable->leases, op->group, op->end, op->lease);
    return p->call.status == STORE_OK ? op->then(p) : durable_fail(op, p->call.status);
}

static enum pending_next find_lease(struct pending *p) {
    struct durable_op *op = durable_op_of(p);

    p->step = find_lease;
    switch (lease_book_find(&op->durable->leases, op->group, op->end, p, &op->lease)) {
    case LEASE_BOOK_HAS:
        return op->then(p);
    case LEASE_BOOK_WAIT:
        return PENDING_WAIT;
    case LEASE_BOOK_ASKS:
        break;
    }
    pending_renew_call(p);
    p->call.op = (struct store_op){.kind = STORE_OP_LEASE_GRANT, .lease.ttl = seconds_left(op)};
    p->step = on_granted;
    return PENDING_CALL;
}

enum pending_next durable_give_life(struct durable_op *op, int64_t ttl, durable_step *then) {
    op->life = ttl;
    op->then = then;
    op->lease = 0;
    if (ttl <= 0) {
        return then(&op->pending);
    }
    op->end = op->now + (ttl < life_max ? ttl : life_max);
    return find_lease(&op->pending);
}

bool durable_lease_is_gone(struct durable_op *op, enum pending_next *ret_next) {
    if (op->pending.call.status != STORE_LEASE_NOT_FOUND || op->lease == 0) {
        return false;
    }
    lease_book_forget(&op->durable->leases, op->group, op->end, op->lease);
    *ret_next = durable_may_try_again(op) ? find_lease(&op->pending) : durable_end(op, RESULT_CONTENDED);
    return true;
}

int64_t durable_shown_life(const struct durable_op *op) {
    if (op->life == REQUEST_TTL_FOREVER) {
        return ITEM_TTL_FOREVER;
    }
    if (op->life < 0) {
        return 0;
    }
    return op->life < STORE_LEASE_TTL_MIN ? STORE_LEASE_TTL_MIN : op->life;
}
