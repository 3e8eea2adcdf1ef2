/* SPDX-License-Identifier: Apache-2.0 */
#include "group/shared_op.h"

static struct shared_op *const *bucket_of(const struct shared_worker *w, uint64_t hash) {
    return &w->buckets[hash % SHARED_ORDER_BUCKETS];
}

static bool is_for(const struct shared_op *op, uint64_t hash, struct slice key) {
    return op->hash == hash && slice_equal(op->request.key, key);
}

bool shared_order_has(const struct shared_worker *w, const struct table *table, struct slice key) {
    uint64_t hash = table_hash(table, key);

    for (const struct shared_op *op = *bucket_of(w, hash); op != NULL; op = op->next) {
        if (is_for(op, hash, key)) {
            return true;
        }
    }
    return false;
}

void shared_order_add(struct shared_op *op) {
    struct shared_worker *w = op->worker;
    struct shared_op **at = &w->buckets[op->hash % SHARED_ORDER_BUCKETS];

    w->under_way++;
    op->unordered = op->request.peer != NULL && op->request.peer->give_up;
    if (op->unordered) {
        return;
    }
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = op;
}

bool shared_order_allows(const struct shared_op *op, uint64_t serial) {
    if (op->unordered) {
        return true;
    }
    for (const struct shared_op *before = *bucket_of(op->worker, op->hash); before != op; before = before->next) {
        if (is_for(before, op->hash, op->request.key) &&
            (serial == 0 || before->wait != SHARED_SENT || before->sent_serial != serial)) {
            return false;
        }
    }
    return true;
}

static enum errand_action go_on(struct shared_op *op, int64_t now_ns) {
    (void)now_ns;
    return op->action;
}

/* The next one looks by itself whether it may act. */
void shared_order_kick(struct shared_op *op) {
    for (struct shared_op *later = op->next; later != NULL; later = later->next) {
        if (is_for(later, op->hash, op->request.key)) {
            if (later->wait == SHARED_PARKED) {
                shared_resume(later, go_on);
            }
            return;
        }
    }
}

void shared_order_remove(struct shared_op *op) {
    struct shared_worker *w = op->worker;
    struct shared_op **at = &w->buckets[op->hash % SHARED_ORDER_BUCKETS];

    w->under_way--;
    if (op->unordered) {
        return;
    }
    while (*at != op) {
        at = &(*at)->next;
    }
    *at = op->next;
    shared_order_kick(op);
}

/* Nearly all have the same time to live, so the place is nearly always the last. */
void shared_wait_begin(struct shared_op *op, enum shared_wait wait) {
    struct shared_worker *w = op->worker;
    struct shared_op *before = w->last_waiting;

    op->wait = wait;
    while (before != NULL && before->deadline_ns > op->deadline_ns) {
        before = before->previous_waiting;
    }
    op->previous_waiting = before;
    op->next_waiting = before != NULL ? before->next_waiting : w->waiting;
    *(before != NULL ? &before->next_waiting : &w->waiting) = op;
    *(op->next_waiting != NULL ? &op->next_waiting->previous_waiting : &w->last_waiting) = op;
}

void shared_wait_end(struct shared_op *op) {
    struct shared_worker *w = op->worker;

    op->wait = SHARED_RUNS;
    *(op->previous_waiting != NULL ? &op->previous_waiting->next_waiting : &w->waiting) = op->next_waiting;
    *(op->next_waiting != NULL ? &op->next_waiting->previous_waiting : &w->last_waiting) = op->previous_waiting;
}

/* --- deadlines --- */

int64_t shared_worker_deadline(const struct shared_worker *w) {
    return w->waiting != NULL ? w->waiting->deadline_ns : INT64_MAX;
}

static enum errand_action not_reached(struct shared_op *op, int64_t now_ns) {
    return errand_refreshed(&op->errand, false, now_ns);
}

static enum errand_action not_asked(struct shared_op *op, int64_t now_ns) {
    return errand_asked(&op->errand, ERRAND_ASKED_AWAY, 0, now_ns);
}

static enum errand_action timed_out(struct shared_op *op, int64_t now_ns) {
    (void)now_ns;
    op->timed_out = true;
    return ERRAND_END;
}

/* True: its wait has ended, one way or the other. */
static void expire(struct shared_op *op) {
    switch (op->wait) {
    case SHARED_PARKED:
        shared_resume(op, timed_out);
        break;
    case SHARED_AWAITS:
        shared_resume(op, not_reached);
        break;
    case SHARED_FLIES:
        if (shared_fly_leave(op)) {
            shared_resume(op, not_asked);
        } else {
            shared_wait_end(op); /* it was posted by the flight */
        }
        break;
    default:
        break;
    }
}

void shared_worker_expire(struct shared_worker *w, int64_t now_ns) {
    while (w->waiting != NULL && w->waiting->deadline_ns <= now_ns) {
        expire(w->waiting);
    }
}

void shared_worker_end(struct shared_worker *w) {
    w->ended = true;
    shared_worker_expire(w, INT64_MAX);
    if (w->view != NULL) {
        keeper_view_unref(w->view);
        w->view = NULL;
    }
}
