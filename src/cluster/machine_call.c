/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/machine_call.h"

#include <assert.h>

#include "base/clock.h"

/* Any thread. */
static void on_done(struct store_call *call) {
    struct machine_call *own = (struct machine_call *)(void *)call;
    void (*wake)(void *) = own->wake;
    void *ctx = own->ctx;

    atomic_store_explicit(&own->answered, true, memory_order_release);
    wake(ctx); /* the call may be under way again by now */
}

void machine_call_init(struct machine_call *own, void (*wake)(void *ctx), void *ctx) {
    own->wake = wake;
    own->ctx = ctx;
    own->due_ns = INT64_MIN;
    store_call_init(&own->call, on_done);
}

void machine_call_fini(struct machine_call *own) {
    store_call_fini(&own->call);
}

void machine_call_start(struct machine_call *own, struct store *store, struct store_op op, int64_t deadline_ns,
                        int64_t now_ns) {
    assert(!own->under_way);
    store_call_fini(&own->call);
    store_call_init(&own->call, on_done);
    own->call.op = op;
    own->call.deadline_ns = deadline_ns;
    own->call.retry_unknown = true;
    own->under_way = true;
    own->sent_ns = now_ns;
    store_submit(store, &own->call);
}

bool machine_call_take(struct machine_call *own) {
    bool answered = atomic_exchange_explicit(&own->answered, false, memory_order_acquire);

    if (answered) {
        own->under_way = false;
    }
    return answered;
}

void machine_call_again(struct machine_call *own, int64_t now_ns) {
    own->due_ns = now_ns + MACHINE_CALL_RETRY_MS * CLOCK_NS_PER_MS;
}
