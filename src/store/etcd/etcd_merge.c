/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "net/timer.h"
#include "store/copy.h"
#include "store/etcd/internal.h"
#include "store/etcd/kv.h"

/* Plain writes of different keys are put together: a cluster agrees on one transaction of a hundred puts as fast as on one
 * put. While few are under way a write goes at once, alone; what comes meanwhile waits for one of those to end and goes
 * together. The order (order.h) lets only one write of a key have its turn, so the keys of a transaction are different ones.
 *
 * A transaction that is refused has done nothing, and its writes are sent one by one, so that only the guilty one fails. One
 * whose answer was lost is in doubt, and so is each of its writes. */
enum {
    UNDER_WAY_MAX = 4, /* then writes begin to wait for each other */
    FULL_MAX = 32,     /* transactions under way, if each is as large as can be, or nothing has ended for WAIT_MS */
    WAIT_MS = 10,
    BYTES_MAX = 1 << 20, /* keys and values of a transaction; a single write may be larger */
};

struct batch {
    struct store_call call; /* first */
    struct etcd_store *store;
    struct etcd_store_call *first;
    size_t count;
    struct store_op ops[];
};

static void send_waiting(struct etcd_store *s, bool late);

static void on_late(void *ctx) {
    send_waiting(ctx, true);
}

bool etcd_merge_init(struct etcd_store *s) {
    s->merge.end = &s->merge.first;
    s->merge.ops_max = STORE_TXN_OPS_MAX;
    s->merge.timer = timer_new(s->loop, on_late, s);
    return s->merge.timer != NULL;
}

static bool is_plain(const struct store_op *op) {
    return (op->kind == STORE_OP_PUT && !op->put.ignore_value && !op->put.ignore_lease && op->put.key.size > 0) ||
           (op->kind == STORE_OP_DELETE && op->delete.span.range_end.size == 0 && op->delete.span.key.size > 0);
}

static size_t bytes_of(const struct store_op *op) {
    return op->kind == STORE_OP_PUT ? op->put.key.size + op->put.value.size : op->delete.span.key.size;
}

/* Of a single write etcd asks more than of one in a transaction: whether its caller may read what was there before, or use
 * the lease. So what a token stands for goes alone, for the cluster to judge as it was asked. */
static bool is_of_a_user(const struct store_call *call) {
    return call->as_caller && call->token.size > 0;
}

bool etcd_merge_add(struct etcd_store *s, struct etcd_store_call *c) {
    if (!is_plain(&c->inner.op) || is_of_a_user(&c->inner) || s->driver == NULL) {
        return false;
    }
    c->next = NULL;
    *s->merge.end = c;
    s->merge.end = &c->next;
    s->merge.waiting++;
    return true;
}

/* Nobody's are not the node's own. */
static bool goes_with(const struct store_call *call, const struct store_call *first) {
    return call->retry_unknown == first->retry_unknown && call->as_caller == first->as_caller;
}

/* From one list to the end of another. */
static void move(struct etcd_store_call **place, struct etcd_store_call ***end) {
    struct etcd_store_call *c = *place;

    *place = c->next;
    c->next = NULL;
    **end = c;
    *end = &c->next;
}

/* Takes the first that waits, and all behind it that can go with it: in the same name and as repeatable. NULL: there is none
 * but those in `ret_overdue`, whose deadline has passed. */
static struct etcd_store_call *take(struct etcd_store *s, size_t *ret_count, struct etcd_store_call **ret_overdue) {
    struct etcd_merge *m = &s->merge;
    int64_t now_ns = clock_monotonic_ns();
    struct etcd_store_call *taken = NULL;
    struct etcd_store_call **taken_end = &taken;
    struct etcd_store_call **overdue_end = ret_overdue;
    struct etcd_store_call **place = &m->first;
    size_t bytes = 0;

    *ret_count = 0;
    *ret_overdue = NULL;
    while (*place != NULL && *ret_count < m->ops_max && bytes < BYTES_MAX) {
        struct etcd_store_call *c = *place;
        size_t more = bytes_of(&c->inner.op);

        if (c->inner.deadline_ns <= now_ns) {
            move(place, &overdue_end);
            m->waiting--;
        } else if (taken != NULL && (bytes + more > BYTES_MAX || !goes_with(&c->inner, &taken->inner))) {
            place = &c->next;
        } else {
            move(place, &taken_end);
            m->waiting--;
            bytes += more;
            (*ret_count)++;
        }
    }
    if (*place == NULL) {
        m->end = place;
    }
    return taken;
}

static struct etcd_store_call *next_of(struct etcd_store_call *c) {
    struct etcd_store_call *next = c->next;

    c->next = NULL;
    return next;
}

static void send_one_by_one(struct etcd_store_call *c) {
    while (c != NULL) {
        struct etcd_store_call *next = next_of(c);

        etcd_call_ask(c);
        c = next;
    }
}

/* --- what comes of a transaction --- */

/* A write was done; only what it wants to know of the value before may find no memory. */
static void give(struct etcd_store_call *c, const struct store_call *answer, const struct store_result *result) {
    struct store_call *inner = &c->inner;
    struct kv *kvs = NULL;

    inner->status = STORE_OK;
    inner->revision = answer->revision;
    inner->repeated = answer->repeated;
    inner->result = *result;
    if (result->kv_count > 0) { /* of one key there is one */
        kvs = arena_alloc(&inner->arena, sizeof(*kvs));
        if (kvs == NULL || !store_kv_copy(&inner->arena, &result->kvs[0], kvs)) {
            inner->status = STORE_UNKNOWN; /* the caller cannot be told what became of it */
            kvs = NULL;
        }
        inner->result.kvs = kvs;
        inner->result.kv_count = kvs != NULL ? 1 : 0;
    }
    etcd_call_end(c);
}

static void give_status(struct etcd_store_call *c, const struct store_call *answer) {
    c->inner.status = answer->status;
    c->inner.revision = answer->revision;
    c->inner.repeated = answer->repeated;
    c->inner.result = (struct store_result){.kind = c->inner.op.kind};
    etcd_call_end(c);
}

/* Whether it is sure that nothing was done, and that one of the writes may be to blame. */
static bool is_refusal(enum store_status status) {
    switch (status) {
    case STORE_OK:
    case STORE_UNKNOWN:
    case STORE_UNAVAILABLE:
    case STORE_TIMEOUT:
    case STORE_CLOSED:
    case STORE_TOO_MANY_REQUESTS:
        return false;
    default:
        return true;
    }
}

/* The cluster is configured to take fewer. Several that were too many may have been under way at once: that says no more than
 * the smallest of them does. */
static void take_fewer_than(struct etcd_merge *m, size_t count) {
    if (count > 1 && count / 2 < m->ops_max) {
        m->ops_max = count / 2;
    }
}

static void on_batch_done(struct store_call *call) {
    struct batch *b = (struct batch *)(void *)call;
    struct etcd_store *s = b->store;
    struct etcd_store_call *c = b->first;
    size_t i = 0;

    etcd_merge_ended(s);
    s->pumping = true; /* once all of them have ended */
    if (is_refusal(call->status)) {
        if (call->status == STORE_TOO_MANY_OPS) {
            take_fewer_than(&s->merge, b->count);
        }
        send_one_by_one(c);
        c = NULL;
    }
    while (c != NULL) {
        struct etcd_store_call *next = next_of(c);

        if (call->status == STORE_OK) {
            give(c, call, &call->result.results[i++]);
        } else {
            give_status(c, call);
        }
        c = next;
    }
    s->pumping = false;
    store_call_fini(call);
    free(b);
    etcd_call_pump(s);
}

/* --- sending --- */

static void send_alone(struct etcd_store *s, struct etcd_store_call *c) {
    s->merge.under_way++;
    c->in_turn = true;
    etcd_call_ask(c);
}

static void send_together(struct etcd_store *s, struct etcd_store_call *first, size_t count) {
    struct batch *b = malloc(sizeof(*b) + count * sizeof(b->ops[0]));
    size_t i = 0;

    if (b == NULL) {
        send_one_by_one(first);
        return;
    }
    store_call_init(&b->call, on_batch_done);
    b->store = s;
    b->first = first;
    b->count = count;
    for (struct etcd_store_call *c = first; c != NULL; c = c->next) {
        b->ops[i++] = c->inner.op;
        if (c->inner.deadline_ns > b->call.deadline_ns) {
            b->call.deadline_ns = c->inner.deadline_ns;
        }
    }
    b->call.op = (struct store_op){.kind = STORE_OP_TXN, .txn = {.success = b->ops, .success_count = count}};
    b->call.retry_unknown = first->inner.retry_unknown;
    b->call.as_caller = first->inner.as_caller;
    s->merge.under_way++;
    atomic_fetch_add_explicit(&s->merge.transactions, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->merge.writes, count, memory_order_relaxed);
    etcd_kv_submit(etcd_driver_client(s->driver), &b->call);
}

static bool may_send(const struct etcd_merge *m, bool late) {
    if (m->waiting == 0) {
        return false;
    }
    return m->under_way < UNDER_WAY_MAX || (m->under_way < FULL_MAX && (late || m->waiting >= m->ops_max));
}

static void send_waiting(struct etcd_store *s, bool late) {
    struct etcd_merge *m = &s->merge;

    while (s->driver != NULL && may_send(m, late)) {
        size_t count;
        struct etcd_store_call *overdue;
        struct etcd_store_call *first = take(s, &count, &overdue);

        send_one_by_one(overdue); /* they end unsent, by their deadline */
        if (count == 1) {
            send_alone(s, first);
        } else if (count > 1) {
            send_together(s, first, count);
        }
    }
    if (s->driver == NULL) {
        struct etcd_store_call *left = m->first;

        m->first = NULL;
        m->end = &m->first;
        m->waiting = 0;
        send_one_by_one(left); /* they end, for there is nobody to ask */
    } else if (m->waiting > 0 && !timer_running(m->timer)) {
        timer_start(m->timer, WAIT_MS * CLOCK_NS_PER_MS, 0);
    }
}

void etcd_merge_settle(struct etcd_store *s) {
    send_waiting(s, false);
}

void etcd_merge_ended(struct etcd_store *s) {
    s->merge.under_way--;
}

bool etcd_store_merged(const struct store *store, uint64_t *ret_transactions, uint64_t *ret_writes) {
    const struct etcd_store *s = etcd_store_cluster_of(store);

    *ret_transactions = 0;
    *ret_writes = 0;
    if (s == NULL) {
        return false;
    }
    *ret_transactions = atomic_load_explicit(&s->merge.transactions, memory_order_relaxed);
    *ret_writes = atomic_load_explicit(&s->merge.writes, memory_order_relaxed);
    return true;
}
