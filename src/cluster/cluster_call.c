/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "base/clock.h"
#include "cluster/cluster_internal.h"

/* The calls of the store: they are answered on a thread of its own, which only says so. */

static cluster_answer_fn *const answers[CALL_COUNT] = {
    [CALL_LIST] = cluster_list_answered,     [CALL_CHECK] = cluster_check_answered,
    [CALL_GRANT] = cluster_grant_answered,   [CALL_RENEW] = cluster_renew_answered,
    [CALL_RECORD] = cluster_record_answered, [CALL_APPLIED] = cluster_applied_answered,
    [CALL_PURGE] = cluster_purge_answered,   [CALL_SURVEY] = cluster_survey_answered,
    [CALL_REVOKE] = cluster_revoke_answered,
};

/* Any thread. */
static void on_done(struct store_call *call) {
    struct cluster_call *own = (struct cluster_call *)(void *)call;
    struct cluster *c = own->cluster;
    void (*wake)(void *) = c->config.wake;
    void *ctx = c->config.ctx;

    atomic_store_explicit(&own->answered, true, memory_order_release);
    wake(ctx);
}

void cluster_call_init(struct cluster *c, enum call_kind kind) {
    c->calls[kind].cluster = c;
    c->calls[kind].due_ns = INT64_MIN;
    store_call_init(&c->calls[kind].call, on_done);
}

void cluster_call_one(struct cluster *c, enum call_kind kind, struct store_op op, int64_t deadline_ns, int64_t now_ns) {
    struct cluster_call *own = &c->calls[kind];

    assert(!own->under_way);
    store_call_fini(&own->call);
    store_call_init(&own->call, on_done);
    own->call.op = op;
    own->call.deadline_ns = deadline_ns;
    own->call.retry_unknown = true; /* each of them, done twice, is done once */
    own->under_way = true;
    own->sent_ns = now_ns;
    store_submit(c->config.store, &own->call);
}

void cluster_call_txn(struct cluster *c, enum call_kind kind, size_t count, bool compares, size_t failures,
                      int64_t now_ns) {
    struct cluster_call *own = &c->calls[kind];
    const struct store_op op = {
        .kind = STORE_OP_TXN,
        .txn = {.compares = &own->compare,
                .compare_count = compares ? 1 : 0,
                .success = own->ops,
                .success_count = count - failures,
                .failure = own->ops + count - failures,
                .failure_count = failures},
    };

    assert(count <= CALL_OPS_MAX);
    cluster_call_one(c, kind, op, now_ns + c->config.lease_ns, now_ns);
}

void cluster_call_finish(struct cluster *c, int64_t now_ns) {
    for (unsigned kind = 0; kind < CALL_COUNT; kind++) {
        struct cluster_call *own = &c->calls[kind];

        if (atomic_exchange_explicit(&own->answered, false, memory_order_acquire)) {
            own->under_way = false;
            answers[kind](c, &own->call, now_ns);
        }
    }
}

void cluster_call_again(struct cluster *c, enum call_kind kind, int64_t now_ns) {
    c->calls[kind].due_ns = now_ns + RETRY_MS * CLOCK_NS_PER_MS;
}
