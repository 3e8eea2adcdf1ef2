/* SPDX-License-Identifier: Apache-2.0 */
#include "group/shared_op.h"

/* Requests for one key stand in a line, in the order they came; the first of each line is in a bucket, and knows of its line
 * what has to be known at once, for a hot key has a long one. */

static struct shared_op **bucket_of(struct shared_worker *w, uint64_t hash) {
    return &w->buckets[hash % SHARED_ORDER_BUCKETS];
}

static bool is_for(const struct shared_op *op, uint64_t hash, struct slice key) {
    return op->hash == hash && slice_equal(op->request.key, key);
}

/* Where the first of the key's line stands; it points to NULL if there is none. */
static struct shared_op **find(struct shared_worker *w, uint64_t hash, struct slice key) {
    struct shared_op **at = bucket_of(w, hash);

    while (*at != NULL && !is_for(*at, hash, key)) {
        at = &(*at)->next;
    }
    return at;
}

static struct shared_op *first_of(const struct shared_op *op) {
    return *find(op->worker, op->hash, op->request.key);
}

bool shared_order_has(struct shared_worker *w, const struct table *table, struct slice key) {
    return *find(w, table_hash(table, key), key) != NULL;
}

void shared_order_add(struct shared_op *op) {
    struct shared_worker *w = op->worker;
    struct shared_op **at;

    w->under_way++;
    op->ahead = op->behind = op->next = NULL;
    op->unordered = op->request.peer != NULL && op->request.peer->give_up;
    if (op->unordered) {
        return;
    }
    at = find(w, op->hash, op->request.key);
    if (*at == NULL) {
        op->line = (struct shared_line){.last = op};
        *at = op;
    } else {
        struct shared_line *line = &(*at)->line;

        op->ahead = line->last;
        line->last->behind = op;
        line->last = op;
    }
    (*at)->line.count++;
}

/* All that are ahead of it were sent under that view. */
static bool are_sent(const struct shared_op *op, const struct shared_line *line, uint64_t serial) {
    if (line->last == op) {
        return line->sent == line->count - 1 && line->serial == serial;
    }
    for (const struct shared_op *before = op->ahead; before != NULL; before = before->ahead) {
        if (before->wait != SHARED_SENT || before->sent_serial != serial) {
            return false;
        }
    }
    return true;
}

bool shared_order_allows(const struct shared_op *op, uint64_t serial) {
    if (op->unordered || op->ahead == NULL) {
        return true;
    }
    return serial != 0 && are_sent(op, &first_of(op)->line, serial);
}

/* The next one looks by itself whether it may act. */
static void kick(struct shared_op *later) {
    if (later != NULL && later->wait == SHARED_PARKED) {
        shared_resume(later, later->resume);
    }
}

/* Of those that were sent under another view than the first of them nothing is counted: whoever comes behind them waits. */
void shared_order_sent(struct shared_op *op) {
    struct shared_line *line;

    op->wait = SHARED_SENT;
    if (op->unordered) {
        return;
    }
    line = &first_of(op)->line;
    if (line->sent == 0) {
        line->serial = op->sent_serial;
    }
    op->is_counted = line->serial == op->sent_serial;
    line->sent += op->is_counted;
    kick(op->behind);
}

void shared_order_unsent(struct shared_op *op) {
    if (op->is_counted) {
        op->is_counted = false;
        first_of(op)->line.sent--;
    }
}

void shared_order_leave(struct shared_op *op) {
    struct shared_op **at;

    if (op->unordered) {
        return;
    }
    shared_order_unsent(op);
    op->unordered = true;
    at = find(op->worker, op->hash, op->request.key);
    (*at)->line.count--;
    if (op->behind != NULL) {
        op->behind->ahead = op->ahead;
    } else {
        (*at)->line.last = op->ahead;
    }
    if (op->ahead != NULL) {
        op->ahead->behind = op->behind;
    } else if (op->behind != NULL) {
        op->behind->line = op->line;
        op->behind->next = op->next;
        *at = op->behind;
    } else {
        *at = op->next;
    }
    kick(op->behind);
}

void shared_order_remove(struct shared_op *op) {
    op->worker->under_way--;
    shared_order_leave(op);
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
    int64_t copied_ns = hot_changes_due(&w->copied);

    return w->waiting != NULL && w->waiting->deadline_ns < copied_ns ? w->waiting->deadline_ns : copied_ns;
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
    hot_changes_expire(&w->copied, w->shared->hot, now_ns);
}

void shared_worker_end(struct shared_worker *w) {
    w->ended = true;
    shared_worker_expire(w, INT64_MAX);
    if (w->view != NULL) {
        keeper_view_unref(w->view);
        w->view = NULL;
    }
    shared_spares_free(w);
    shared_reads_free(w);
}
