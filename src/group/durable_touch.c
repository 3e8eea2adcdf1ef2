/* SPDX-License-Identifier: Apache-2.0 */
#include "group/durable_op.h"
#include "group/envelope.h"
#include "group/memory_internal.h"

/* TOUCH and GAT: a put that keeps the value and changes the lease, so the key has another mod_revision after it. A life
 * that is over deletes the key. */

static enum result missing(const struct durable_op *op) {
    return op->request.command == COMMAND_GAT ? RESULT_MISS : RESULT_NOT_FOUND;
}

/* The value that the key had and has, or had until now. */
static void describe(struct durable_op *op, const struct kv *previous) {
    const struct request *request = &op->request;
    struct item *item = &op->pending.reply.item;

    item->value = envelope_open(previous->value, &item->client_flags);
    item->cas = (uint64_t)op->pending.call.revision;
    item->ttl = durable_shown_life(op);
    item->ttl_before = ITEM_TTL_FOREVER;
    item->binary_key = has_option(request, REQUEST_BINARY_KEY);
    item->unchanged = has_option(request, REQUEST_COMPARE) && request->compare == (uint64_t)previous->mod_revision;
}

static enum pending_next on_old_lease(struct pending *p) {
    struct durable_op *op = durable_op_of(p);
    int64_t revision = p->reply.revision;

    /* The write was done; a lease that cannot be told about any more had no time left. */
    p->reply.item.ttl_before = p->call.status == STORE_OK && p->call.result.ttl > 0 ? p->call.result.ttl : 0;
    durable_end(op, RESULT_HIT);
    p->reply.revision = revision;
    return PENDING_DONE;
}

static enum pending_next on_touched(struct pending *p) {
    struct durable_op *op = durable_op_of(p);
    const struct store_result *result = &p->call.result;
    enum pending_next next;
    int64_t old_lease;

    if (durable_lease_is_gone(op, &next)) {
        return next;
    }
    if (p->call.status == STORE_KEY_NOT_FOUND || (p->call.status == STORE_OK && result->kv_count == 0)) {
        return durable_end(op, missing(op));
    }
    if (p->call.status != STORE_OK) {
        return durable_fail(op, p->call.status);
    }
    if (op->request.command == COMMAND_TOUCH) {
        return durable_end(op, RESULT_TOUCHED);
    }
    describe(op, &result->kvs[0]);
    durable_end(op, RESULT_HIT);
    old_lease = result->kvs[0].lease;
    if (old_lease == 0 || !has_option(&op->request, REQUEST_WANT_TTL)) {
        return PENDING_DONE;
    }
    durable_keep_answer(op);
    return durable_call_lease_ttl(op, old_lease, on_old_lease);
}

static enum pending_next touch(struct pending *p) {
    struct durable_op *op = durable_op_of(p);
    struct store_op call = op->ttl < 0 ? durable_delete_op(op) : durable_put_op(op, (struct slice){0});

    if (op->ttl < 0) {
        call.delete.want_previous = true;
    } else {
        call.put.want_previous = true;
        call.put.ignore_value = true;
    }
    return durable_call(op, &call, on_touched);
}

enum pending_next durable_touch_start(struct pending *p) {
    struct durable_op *op = durable_op_of(p);

    return durable_give_life(op, op->ttl, touch);
}
