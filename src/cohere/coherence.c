/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/coherence.h"

#include <stdlib.h>

#include "cohere/coherence_internal.h"
#include "cohere/spans.h"

enum { MAX_WAITING = 100000 };

#define REQUEST_TIMEOUT_NS (5 * CLOCK_NS_PER_S)
#define PROVE_WAIT_NS CLOCK_NS_PER_S
#define ACK_WAIT_NS (100 * CLOCK_NS_PER_MS)
#define ROUND_EVERY_NS (1250 * CLOCK_NS_PER_MS)

void coherence_config_init(struct coherence_config *ret_config) {
    *ret_config = (struct coherence_config){
        .request_timeout_ns = REQUEST_TIMEOUT_NS,
        .prove_wait_ns = PROVE_WAIT_NS,
        .ack_wait_ns = ACK_WAIT_NS,
        .round_every_ns = ROUND_EVERY_NS,
        .max_waiting = MAX_WAITING,
    };
}

/* --- life --- */

static void init(struct coherence *c, const struct coherence_config *config, const struct coherence_world *world,
                 void *ctx) {
    c->config = *config;
    c->world = world;
    c->ctx = ctx;
    c->keys = config->keyspace;
    floors_init(&c->floors);
    random_init(&c->random, config->seed);
    atomic_store(&c->proven_ns, INT64_MIN);
    c->answers_end = &c->answers;
    c->begin_at_ns = INT64_MAX;
    c->begin_backoff_ns = COHERENCE_BACKOFF_MIN_NS;
    c->watch_at_ns = INT64_MAX;
    c->watch_backoff_ns = COHERENCE_BACKOFF_MIN_NS;
    c->progress_at_ns = INT64_MAX;
}

struct coherence *coherence_new(const struct coherence_config *config, const struct coherence_world *world, void *ctx) {
    struct coherence *c = aligned_alloc(_Alignof(struct coherence), sizeof(*c));

    if (c == NULL) {
        return NULL;
    }
    memset(c, 0, sizeof(*c));
    init(c, config, world, ctx);
    c->flights = calloc(COHERENCE_FLIGHT_SLOTS, sizeof(struct flight *));
    if (c->flights == NULL || !span_copy(&config->span, &c->span_place, &c->config.span) || !mirrors_init(c) ||
        !sweep_init(c)) {
        coherence_free(c);
        return NULL;
    }
    c->config.mirrors = NULL;
    return c;
}

void coherence_free(struct coherence *c) {
    if (c == NULL) {
        return;
    }
    c->inside = true;
    c->closing = true;
    questions_answered(c);
    sweep_fini(c);
    if (c->flights != NULL) {
        flight_end_all(c);
    }
    waiting_free_all(c);
    question_fini(&c->begin);
    question_fini(&c->round);
    mirrors_fini(c);
    floors_fini(&c->floors);
    free(c->flights);
    free(c->span_place);
    free(c);
}

void coherence_start(struct coherence *c) {
    c->begin_at_ns = 0;
}

/* --- what is due --- */

static int64_t next_time(const struct coherence *c) {
    const struct etcd_due *first = etcd_due_first(&c->due);
    int64_t at_ns = first != NULL ? first->at_ns : INT64_MAX;

    if (!is_ready(c)) {
        return c->begin.under_way ? at_ns : earlier_of(at_ns, c->begin_at_ns);
    }
    at_ns = earlier_of(at_ns, c->watch_at_ns);
    at_ns = earlier_of(at_ns, c->progress_at_ns);
    at_ns = earlier_of(at_ns, round_wake_ns(c));
    at_ns = earlier_of(at_ns, mirrors_wake_ns(c));
    return earlier_of(at_ns, sweep_wake_ns(c));
}

static void step(struct coherence *c, int64_t now_ns) {
    questions_answered(c);
    floors_reached(&c->floors, applied_now(c));
    round_proofs(c);
    waiting_applied(c);
    waiting_due(c, now_ns);
    coherence_begin_step(c, now_ns);
    coherence_watch_step(c, now_ns);
    mirrors_step(c, now_ns);
    coherence_sweep_step(c, now_ns);
    flight_start_new(c);
    round_step(c, now_ns);
    round_progress_step(c, now_ns);
}

void coherence_run(struct coherence *c) {
    if (c->inside || c->closing) {
        return;
    }
    c->inside = true;
    do {
        step(c, now_of(c));
    } while (c->answers != NULL);
    c->inside = false;
    c->world->wake_at(c->ctx, next_time(c));
}

/* --- calls --- */

void coherence_submit(struct coherence *c, struct store_call *call) {
    enum coherence_fallback reason = COHERENCE_FALLBACK_COUNT;
    struct waiting *w;

    if (call->op.kind == STORE_OP_RANGE) {
        read_submit(c, call);
        return;
    }
    if (call->op.kind == STORE_OP_AUDIT) {
        coherence_audit(c, call);
        return;
    }
    w = waiting_new(c, call);
    if (w == NULL) {
        return;
    }
    if (call->op.kind == STORE_OP_TXN && !early_may_change(&call->op)) {
        reason = COHERENCE_FALLBACK_TRANSACTION;
    }
    pass_on(c, w, reason);
}

void coherence_audit(struct coherence *c, struct store_call *call) {
    struct waiting *w = waiting_new(c, call);

    if (w != NULL) {
        sweep_audit(c, w);
    }
}

int64_t coherence_applied(const struct coherence *c) {
    return atomic_load_explicit(&c->applied, memory_order_acquire);
}

int64_t coherence_proven_ns(struct coherence *c) {
    if (!atomic_load_explicit(&c->interest, memory_order_relaxed)) {
        atomic_store_explicit(&c->interest, true, memory_order_relaxed);
    }
    return floors_are_blind(&c->floors) ? INT64_MIN : atomic_load_explicit(&c->proven_ns, memory_order_acquire);
}
