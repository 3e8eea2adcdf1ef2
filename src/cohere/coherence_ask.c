/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/coherence_internal.h"

/* Questions to the cluster. An answer that arrives is put aside and dealt with in coherence_run, so nothing changes under the
 * feet of whoever asks, even if the world answers at once. */

enum { QUESTION_MAX = 1 << 30 /* bytes that a question may have copies of */ };

static void is_answered(struct store_call *call) {
    struct question *q = (struct question *)((char *)call - offsetof(struct question, call));
    struct coherence *c = q->c;

    q->next = NULL;
    *c->answers_end = q;
    c->answers_end = &q->next;
    if (!c->inside) {
        coherence_run(c);
    }
}

void question_init(struct coherence *c, struct question *q) {
    question_fini(q);
    arena_init(&q->arena, QUESTION_MAX);
    store_call_init(&q->call, is_answered);
    q->c = c;
}

void question_fini(struct question *q) {
    store_call_fini(&q->call);
    arena_fini(&q->arena);
}

void question_ask(struct coherence *c, struct question *q, void (*answered)(struct coherence *c, struct question *q),
                  int64_t deadline_ns) {
    bool inside = c->inside;

    q->answered = answered;
    q->started_ns = now_of(c);
    q->seen = atomic_load_explicit(&c->seen, memory_order_relaxed);
    q->generation = c->generation;
    q->era = c->era;
    q->under_way = true;
    q->call.deadline_ns = deadline_ns;
    c->inside = true;
    if (c->closing) {
        q->call.status = STORE_CLOSED; /* the world takes nothing any more */
        is_answered(&q->call);
    } else {
        c->world->submit(c->ctx, &q->call);
    }
    c->inside = inside;
}

void question_of_revision(struct coherence *c, struct question *q) {
    question_init(c, q);
    q->call.op = (struct store_op){
        .kind = STORE_OP_RANGE,
        .range = {.span = {.key = c->config.span.key}, .count_only = true},
    };
}

void questions_answered(struct coherence *c) {
    while (c->answers != NULL) {
        struct question *q = c->answers;

        c->answers = q->next;
        if (c->answers == NULL) {
            c->answers_end = &c->answers;
        }
        q->under_way = false;
        q->answered(c, q);
    }
}

static bool reads_locally(const struct store_op *ops, size_t op_count) {
    for (size_t i = 0; i < op_count; i++) {
        if (ops[i].kind != STORE_OP_RANGE || !ops[i].range.serializable) {
            return false;
        }
    }
    return true;
}

/* A transaction that only reads what is at hand is answered by one member alone, as is an empty one. */
bool question_is_linearizable(const struct store_op *op) {
    switch (op->kind) {
    case STORE_OP_RANGE:
        return !op->range.serializable;
    case STORE_OP_TXN:
        return !reads_locally(op->txn.success, op->txn.success_count) ||
               !reads_locally(op->txn.failure, op->txn.failure_count);
    case STORE_OP_PUT:
    case STORE_OP_DELETE:
    case STORE_OP_LEASE_REVOKE:
        return true;
    default:
        return false;
    }
}

bool question_confirms(struct coherence *c, const struct question *q) {
    int64_t revision = q->call.revision;

    if (revision < q->seen) {
        coherence_reset(c, true);
        return false;
    }
    coherence_saw(c, revision);
    return true;
}
