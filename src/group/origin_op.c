/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "group/origin_stream.h"

static struct origin_op *op_of(struct pending *p) {
    return (struct origin_op *)(void *)p;
}

static void free_op(struct pending *p) {
    struct origin_op *op = op_of(p);
    struct origin *origin = op->worker->origin;
    size_t charged = op->charged;

    origin_held_drop(&op->value);
    origin_held_drop(&op->old);
    origin_place_drop(&op->place);
    free(op);
    origin_discharge(origin, charged);
}

/* --- replies --- */

static enum result result_of(const struct origin_entry *e) {
    switch (e->kind) {
    case ORIGIN_ANSWER:
        return e->status < 300 ? RESULT_HIT : RESULT_ORIGIN_REDIRECT;
    case ORIGIN_ABSENT:
        return RESULT_ORIGIN_ABSENT;
    default:
        return e->status == 504 ? RESULT_ORIGIN_TIMEOUT : RESULT_ORIGIN_FAILED;
    }
}

void origin_show(struct reply *reply, const struct origin_entry *entry, struct origin_held held, int64_t now_ms) {
    int64_t left_ms = entry->lifetime_ms - origin_entry_age_ms(entry, now_ms);

    reply->result = result_of(entry);
    reply->item.value = held.value;
    reply->item.blob = held.blob;
    reply->item.head_size = (uint32_t)(held.value.size - entry->body.size);
    reply->item.ttl = left_ms > 0 ? left_ms / 1000 : 0;
}

static enum reply_source source_of(enum judge_cause cause) {
    switch (cause) {
    case JUDGE_HIT:
        return REPLY_ORIGIN_HIT;
    case JUDGE_MISS:
        return REPLY_ORIGIN_MISS;
    case JUDGE_STALE:
        return REPLY_ORIGIN_STALE;
    case JUDGE_ASKED:
        return REPLY_ORIGIN_REQUEST;
    default:
        return REPLY_ORIGIN_BYPASS;
    }
}

static enum pending_next show(struct origin_op *op, struct origin_held held, int64_t now_ms) {
    struct reply *reply = &op->pending.reply;
    struct origin_entry entry;

    if (op->value_max > 0 && held.value.size > op->value_max) {
        reply->result = RESULT_TOO_LARGE;
        return PENDING_DONE;
    }
    if (origin_entry_read(held.value, &entry) != LARDER_OK) {
        assert(false); /* it was written here */
        reply->result = RESULT_ORIGIN_FAILED;
        return PENDING_DONE;
    }
    origin_show(reply, &entry, held, now_ms);
    reply->origin_status = op->status;
    reply->collapsed = !op->first;
    reply->stored = op->stored;
    return PENDING_DONE;
}

/* --- its steps --- */

static enum pending_next fly(struct origin_op *op, struct origin_plan *plan);

/* The answer was for the one who asked alone: this one asks for himself, and waits for nobody. */
static enum pending_next ask_alone(struct origin_op *op) {
    struct origin_plan plan = {.decision = {.way = JUDGE_PASS, .may_store = true}};

    op->alone = true;
    origin_held_drop(&op->value);
    origin_held_drop(&op->old);
    return fly(op, &plan);
}

/* What the origin said when something was stored that may be better than that. */
static enum pending_next show_kept(struct origin_op *op, int64_t now_ms) {
    struct origin_entry old;

    if (origin_entry_read(op->old.value, &old) == LARDER_OK && judge_survives_error(&old, &op->wish, now_ms)) {
        telemetry_count(op->worker->telemetry, COUNTER_ORIGIN_HITS_ON_ERROR, 1);
        op->stored = false;
        return show(op, op->old, now_ms);
    }
    return show(op, op->value, now_ms);
}

/* Of an answer that was told as it came. Whatever else there is now, it is not the rest of that. */
static enum pending_next end_stream(struct origin_op *op, int64_t now_ms) {
    struct reply *reply = &op->pending.reply;

    if (op->landing == ORIGIN_LANDED_NONE || op->broken) {
        reply->result = op->landing == ORIGIN_LANDED_NONE ? op->result : RESULT_ORIGIN_FAILED;
        return PENDING_DONE;
    }
    reply->streamed = op->taken;
    return show(op, op->value, now_ms);
}

/* A flight has told it something. */
static enum pending_next step(struct pending *p) {
    struct origin_op *op = op_of(p);
    int64_t now_ms = origin_now_ms(op->worker->origin);

    op->posted = false;
    if (!op->landed) {
        origin_stream_tell(op);
        return PENDING_WAIT;
    }
    if (op->stream.begun) {
        return end_stream(op, now_ms);
    }
    if (op->landing == ORIGIN_LANDED_NONE) {
        p->reply.result = op->result;
        return PENDING_DONE;
    }
    if (!op->shared && !op->first && !op->alone) {
        return ask_alone(op);
    }
    return op->landing == ORIGIN_LANDED_KEPT ? show_kept(op, now_ms) : show(op, op->value, now_ms);
}

static enum pending_next fly(struct origin_op *op, struct origin_plan *plan) {
    const struct group_policy *policy = &(*op->worker->groups)->policies[op->group];
    struct origin_flight *begun;
    enum result result;

    plan->scope = op->pending.scope;
    if (!origin_fly(op, op->worker, policy, &op->place, op->hash, origin_op_key(op), plan, &begun, &result)) {
        op->pending.reply.result = result;
        return PENDING_DONE;
    }
    if (begun != NULL) {
        origin_load(begun);
    }
    if (!op->first) {
        telemetry_count(op->worker->telemetry, COUNTER_ORIGIN_COLLAPSED, 1);
    } else if (policy->origin.pool != NULL) {
        telemetry_pool_count(op->worker->telemetry, policy->index, POOL_LOADS_DEDUPED);
    }
    return PENDING_WAIT;
}

/* --- its beginning --- */

static struct origin_op *new_op(const struct origin_access *a, const struct request *request,
                                const struct judge_wish *wish) {
    size_t size = sizeof(struct origin_op) + request->key.size;
    struct origin_op *op = origin_charge(a->worker->origin, size) ? calloc(1, size) : NULL;

    if (op == NULL) {
        return NULL;
    }
    pending_init(&op->pending, a->completions, NULL, step, free_op);
    op->worker = a->worker;
    op->group = a->memory.policy->index;
    op->hash = table_hash(a->memory.table, request->key);
    op->wish = *wish;
    op->charged = size;
    op->key_size = request->key.size;
    memcpy(op->key, request->key.data, request->key.size);
    return op;
}

/* It was begun; another worker may have posted it already. */
static enum pending_next begin(struct pending *p) {
    p->step = step;
    return PENDING_WAIT;
}

void origin_ask(const struct origin_access *a, const struct request *request, const struct judge_wish *wish,
                struct origin_place place, struct origin_plan *plan, struct reply *reply) {
    struct origin_op *op = new_op(a, request, wish);
    unsigned group = reply->group;

    if (op == NULL) {
        origin_held_drop(&plan->old);
        origin_place_drop(&place);
        telemetry_count(a->worker->telemetry, COUNTER_LIMIT_ORIGIN_MEMORY, 1);
        reply->result = RESULT_ORIGIN_BUSY;
        return;
    }
    pending_within(&op->pending, request->scope);
    op->pending.reply.group = group;
    op->place = place;
    op->takes = request->peer == NULL ? request->stream : REQUEST_WHOLE;
    op->value_max = request->peer != NULL ? a->value_max : 0;
    op->pending.reply.source = source_of(plan->decision.cause);
    op->alone = plan->decision.way == JUDGE_PASS;
    if (fly(op, plan) == PENDING_DONE) {
        reply->result = op->pending.reply.result;
        trace_scope_unref(op->pending.scope);
        free_op(&op->pending);
        return;
    }
    op->pending.step = begin;
    pending_start(&op->pending, reply);
}
