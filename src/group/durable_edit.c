/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/number.h"
#include "group/counter.h"
#include "group/durable_op.h"
#include "group/envelope.h"
#include "group/memory_internal.h"

/* What makes a new value of the old one: APPEND, PREPEND, INCR, DECR, and a DELETE that only empties the value. The key
 * is read, and the new value is put if the key's mod_revision is still the same; else it begins again with what the
 * transaction found instead. */

static void free_room(struct durable_op *op) {
    if (op->edit.room != NULL) {
        free(op->edit.room);
        op->edit.room = NULL;
        durable_discharge(op->durable, ENVELOPE_SIZE + op->edit.size);
        op->charged -= ENVELOPE_SIZE + op->edit.size;
    }
}

/* Room for a new content of `size` bytes, in place of any before. NULL: no memory. */
static char *make_room(struct durable_op *op, size_t size) {
    free_room(op);
    if (!durable_charge(op->durable, ENVELOPE_SIZE + size)) {
        return NULL;
    }
    op->charged += ENVELOPE_SIZE + size;
    op->edit.size = size;
    op->edit.room = malloc(ENVELOPE_SIZE + size);
    return op->edit.room != NULL ? op->edit.room + ENVELOPE_SIZE : NULL;
}

static bool is_too_large(const struct durable_op *op, size_t size) {
    return entry_size_for(op->request.key.size, size) > op->max_item ||
           op->store_key.size + ENVELOPE_SIZE + size > STORE_REQUEST_MAX;
}

/* Whether the request's cas, if it has one, is that of the key. */
static bool compare_holds(const struct durable_op *op, const struct kv *old) {
    const struct request *request = &op->request;
    bool any = request->compare == 0 && request->command != COMMAND_DELETE;

    return !has_option(request, REQUEST_COMPARE) || any || request->compare == (uint64_t)old->mod_revision;
}

static enum result extend(struct durable_op *op, struct slice old) {
    struct slice more = op->request.value;
    bool append = op->request.command == COMMAND_APPEND;
    struct slice first = append ? old : more;
    struct slice second = append ? more : old;
    char *content;

    if (is_too_large(op, old.size + more.size)) {
        return RESULT_NOT_STORED;
    }
    content = make_room(op, old.size + more.size);
    if (content == NULL) {
        return RESULT_NO_MEMORY;
    }
    if (first.size > 0) {
        memcpy(content, first.data, first.size);
    }
    if (second.size > 0) {
        memcpy(content + first.size, second.data, second.size);
    }
    return RESULT_STORED;
}

static enum result write_number(struct durable_op *op, uint64_t number, size_t old_size) {
    char digits[NUMBER_MAX_DIGITS];
    size_t count = number_format_u64(number, digits);
    size_t size = counter_size(count, old_size);
    char *content = make_room(op, size);

    if (content == NULL) {
        return RESULT_NO_MEMORY;
    }
    memcpy(content, digits, count);
    memset(content + count, ' ', size - count);
    op->pending.reply.number = number;
    return RESULT_DONE;
}

static enum result count(struct durable_op *op, struct slice old) {
    uint64_t number;

    if (!counter_read(old, &number)) {
        return RESULT_NOT_A_NUMBER;
    }
    return write_number(op, counter_compute(op->request.command, op->request.delta, number), old.size);
}

static enum result empty(struct durable_op *op) {
    op->edit.flags = op->request.client_flags;
    return make_room(op, 0) != NULL ? RESULT_DELETED : RESULT_NO_MEMORY;
}

static bool counts(const struct durable_op *op) {
    return op->request.command == COMMAND_INCR || op->request.command == COMMAND_DECR;
}

/* The new value for a key that is there. */
static enum result edit_present(struct durable_op *op, const struct kv *old) {
    struct slice content = envelope_open(old->value, &op->edit.flags);
    bool gives_life = has_option(&op->request, REQUEST_TOUCH) && counts(op);

    op->edit.expected = old->mod_revision;
    op->edit.old_lease = old->lease;
    op->edit.keeps_lease = !gives_life && op->request.command != COMMAND_DELETE;
    if (counts(op) && content.size == 0) {
        return RESULT_NOT_A_NUMBER;
    }
    if (!compare_holds(op, old)) {
        return RESULT_EXISTS;
    }
    if (counts(op)) {
        return count(op, content);
    }
    return op->request.command == COMMAND_DELETE ? empty(op) : extend(op, content);
}

/* The first value for a key that is not there, if the request says that a miss makes one. */
static enum result edit_absent(struct durable_op *op) {
    bool vivify = has_option(&op->request, REQUEST_VIVIFY);

    op->edit.expected = 0;
    op->edit.old_lease = 0;
    op->edit.keeps_lease = false;
    if (counts(op)) {
        return vivify ? write_number(op, op->request.initial, 0) : RESULT_NOT_FOUND;
    }
    if (op->request.command == COMMAND_DELETE) {
        return RESULT_NOT_FOUND;
    }
    op->edit.flags = op->request.client_flags;
    return vivify ? extend(op, (struct slice){0}) : RESULT_NOT_STORED;
}

/* The life that the written key has: its own, or the one that the request gives. */
static int64_t life_to_give(const struct durable_op *op) {
    if (op->edit.keeps_lease) {
        return REQUEST_TTL_FOREVER;
    }
    if (op->request.command == COMMAND_DELETE) {
        return has_option(&op->request, REQUEST_TOUCH) ? op->ttl : REQUEST_TTL_FOREVER;
    }
    return op->edit.expected != 0 ? op->ttl : op->vivify_ttl;
}

/* --- the answer --- */

static enum pending_next on_lease(struct pending *p) {
    struct durable_op *op = durable_op_of(p);
    int64_t revision = p->reply.revision;
    int64_t left = p->call.status == STORE_OK && p->call.result.ttl > 0 ? p->call.result.ttl : 0;

    p->reply.item.ttl_before = left;
    if (op->edit.keeps_lease) {
        p->reply.item.ttl = left;
    }
    durable_end(op, p->reply.result);
    p->reply.revision = revision;
    return PENDING_DONE;
}

static enum pending_next succeeded(struct durable_op *op, enum result result) {
    struct item *item = &op->pending.reply.item;

    item->cas = (uint64_t)op->pending.call.revision;
    item->value.size = op->edit.size;
    item->ttl = op->edit.keeps_lease ? ITEM_TTL_FOREVER : durable_shown_life(op);
    item->ttl_before = op->edit.expected != 0 ? ITEM_TTL_FOREVER : item->ttl;
    durable_end(op, result);
    if (op->edit.old_lease == 0 || !has_option(&op->request, REQUEST_WANT_TTL)) {
        return PENDING_DONE;
    }
    return durable_call_lease_ttl(op, op->edit.old_lease, on_lease);
}

/* --- the way there --- */

static enum pending_next edit(struct durable_op *op, const struct store_result *found);

static enum pending_next on_written(struct pending *p) {
    struct durable_op *op = durable_op_of(p);
    enum pending_next next;

    if (durable_lease_is_gone(op, &next)) {
        return next;
    }
    if (p->call.status != STORE_OK) {
        return durable_fail(op, p->call.status);
    }
    if (p->call.result.succeeded) {
        return succeeded(op, op->edit.result);
    }
    if (!durable_may_try_again(op)) {
        telemetry_count(op->telemetry, COUNTER_LIMIT_STORE_ATTEMPTS, 1);
        return durable_end(op, RESULT_CONTENDED);
    }
    return edit(op, &p->call.result.results[0]);
}

static enum pending_next write_value(struct pending *p) {
    struct durable_op *op = durable_op_of(p);
    char *content = op->edit.room + ENVELOPE_SIZE;
    struct slice value = slice_make(content, op->edit.size);

    if (envelope_is_needed(op->edit.flags, value)) {
        envelope_write(op->edit.room, op->edit.flags, op->edit.size);
        value = slice_make(op->edit.room, ENVELOPE_SIZE + op->edit.size);
    }
    op->txn.compares[0] = durable_compare(op, STORE_COMPARE_MOD, STORE_EQUAL, op->edit.expected);
    if (op->life < 0) {
        op->txn.success = durable_delete_op(op);
    } else {
        op->txn.success = durable_put_op(op, value);
        op->txn.success.put.ignore_lease = op->edit.keeps_lease;
    }
    return durable_call_txn(op, 1, false, on_written);
}

static enum pending_next edit(struct durable_op *op, const struct store_result *found) {
    op->edit.result = found->kv_count > 0 ? edit_present(op, &found->kvs[0]) : edit_absent(op);
    switch (op->edit.result) {
    case RESULT_STORED:
    case RESULT_DONE:
    case RESULT_DELETED:
        return durable_give_life(op, life_to_give(op), write_value);
    default:
        return durable_end(op, op->edit.result);
    }
}

static enum pending_next on_read(struct pending *p) {
    struct durable_op *op = durable_op_of(p);

    return p->call.status == STORE_OK ? edit(op, &p->call.result) : durable_fail(op, p->call.status);
}

enum pending_next durable_edit_start(struct pending *p) {
    return durable_call_range(durable_op_of(p), on_read);
}
