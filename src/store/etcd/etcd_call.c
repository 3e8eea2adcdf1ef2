/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "store/etcd/internal.h"
#include "store/etcd/kv.h"

/* Calls on their way through the engine: from any thread to the engine's own, there in an order, to the cluster, and back. */

static void answer(struct store_call *call, enum store_status status, int64_t revision) {
    call->status = status;
    call->etcd_error = 0;
    call->revision = revision;
    call->result = (struct store_result){.kind = call->op.kind};
    call->done(call);
}

/* Gives the caller what `inner` has. */
static void finish(struct etcd_store_call *c) {
    struct etcd_store *s = c->store;
    struct store_call *outer = c->outer;

    arena_fini(&outer->arena);
    outer->arena = c->inner.arena;
    outer->status = c->inner.status;
    outer->etcd_error = c->inner.etcd_error;
    outer->revision = c->inner.revision;
    outer->result = c->inner.result;
    outer->repeated = c->inner.repeated;
    etcd_store_note_revision(s, outer->revision);
    if (outer->revision == 0) {
        outer->revision = atomic_load(&s->revision); /* nothing was said of it */
    }
    free(c);
    atomic_fetch_sub_explicit(&s->waiting, 1, memory_order_relaxed);
    outer->done(outer);
}

void etcd_call_end(struct etcd_store_call *c) {
    struct etcd_store *s = c->store;

    if (c->ordered) {
        etcd_order_end(s->order, &c->turn); /* before the caller's slices are gone */
    }
    finish(c);
}

static void on_done(struct store_call *inner) {
    struct etcd_store_call *c =
        (struct etcd_store_call *)(void *)((char *)inner - offsetof(struct etcd_store_call, inner));
    struct etcd_store *s = c->store;
    bool ordered = c->ordered;

    if (c->in_turn) {
        etcd_merge_ended(s);
    }
    etcd_call_end(c);
    if (ordered) {
        etcd_call_pump(s);
    }
}

void etcd_call_ask(struct etcd_store_call *c) {
    struct etcd_store *s = c->store;

    if (s->driver == NULL) {
        c->inner.status = STORE_CLOSED;
        on_done(&c->inner);
    } else {
        etcd_kv_submit(etcd_driver_client(s->driver), &c->inner);
    }
}

void etcd_call_pump(struct etcd_store *s) {
    struct etcd_turn *turn;

    if (s->pumping) {
        return;
    }
    s->pumping = true;
    while ((turn = etcd_order_take(s->order)) != NULL) {
        struct etcd_store_call *c =
            (struct etcd_store_call *)(void *)((char *)turn - offsetof(struct etcd_store_call, turn));

        if (!etcd_merge_add(s, c)) {
            etcd_call_ask(c);
        }
    }
    s->pumping = false;
    etcd_merge_settle(s);
}

static void run(struct store *store, struct etcd_errand *errand) {
    struct etcd_store *s = etcd_store_of(store);
    struct etcd_store_call *c = (struct etcd_store_call *)(void *)errand;

    c->ordered = etcd_order_counts(&c->inner.op);
    c->turn.op = &c->inner.op;
    if (!c->ordered) {
        etcd_call_ask(c);
    } else if (etcd_order_add(s->order, &c->turn)) {
        s->pump_due = true; /* with all that come with it */
    } else {
        c->ordered = false;
        c->inner.status = STORE_NO_MEMORY;
        on_done(&c->inner);
    }
}

/* A caller may have less time than the store allows, but not more: it would wait for a cluster that is not there. */
static int64_t deadline_of(const struct etcd_store *s, const struct store_call *call) {
    int64_t own = clock_monotonic_ns() + s->request_timeout_ns;

    return call->deadline_ns != 0 && call->deadline_ns < own ? call->deadline_ns : own;
}

/* NULL: it was answered, because it cannot be taken. */
static struct etcd_store_call *take(struct etcd_store *s, struct store_call *call) {
    struct etcd_store_call *c;

    if (atomic_load(&s->closing)) {
        answer(call, STORE_CLOSED, atomic_load(&s->revision));
        return NULL;
    }
    if (atomic_fetch_add_explicit(&s->waiting, 1, memory_order_relaxed) >= s->max_pending) {
        atomic_fetch_sub_explicit(&s->waiting, 1, memory_order_relaxed);
        answer(call, STORE_TOO_MANY_REQUESTS, atomic_load(&s->revision));
        return NULL;
    }
    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        atomic_fetch_sub_explicit(&s->waiting, 1, memory_order_relaxed);
        answer(call, STORE_NO_MEMORY, atomic_load(&s->revision));
        return NULL;
    }
    c->errand.run = run;
    c->store = s;
    c->outer = call;
    store_call_init(&c->inner, on_done);
    c->inner.op = call->op;
    c->inner.deadline_ns = deadline_of(s, call);
    c->inner.retry_unknown = call->retry_unknown;
    c->inner.token = call->token;
    c->inner.as_caller = call->as_caller;
    return c;
}

void etcd_store_submit(struct store *store, struct store_call *call) {
    struct etcd_store_call *c = take(etcd_store_of(store), call);

    if (c != NULL) {
        etcd_store_post(store, &c->errand);
    }
}

void etcd_store_submit_here(struct store *store, struct store_call *call) {
    struct etcd_store_call *c = take(etcd_store_of(store), call);

    if (c != NULL) {
        run(store, &c->errand);
        etcd_call_settle(etcd_store_of(store));
    }
}

void etcd_call_settle(struct etcd_store *s) {
    if (s->pump_due) {
        s->pump_due = false;
        etcd_call_pump(s);
    }
}
