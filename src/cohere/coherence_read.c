/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/coherence_internal.h"

/* Reads: what each waits for, one thing after the other, until memory or the cluster answers it. */

static void or_pass_on(struct coherence *c, struct waiting *w, bool in_place) {
    if (!in_place) {
        pass_on(c, w, COHERENCE_FALLBACK_MEMORY);
    }
}

void read_join_round(struct coherence *c, struct waiting *w) {
    w->cached = false;
    w->need = 0;
    if (c->config.proof == COHERENCE_BY_QUESTION && !store_span_is_single(&w->call->op.range.span)) {
        pass_on(c, w, COHERENCE_FALLBACK_RANGE);
        return;
    }
    or_pass_on(c, w, waiting_put(c, w, WAITING_ROUND, &c->next_round, w->deadline_ns));
}

void read_wait_applied(struct coherence *c, struct waiting *w, int64_t need) {
    int64_t due_ns = earlier_of(time_after(now_of(c), c->config.prove_wait_ns), w->deadline_ns);

    if (w->kind == WAITING_APPLIED && w->due.place != ETCD_DUE_NOWHERE) {
        due_ns = w->due.at_ns; /* it has waited before, for something else */
    }
    if (c->config.proof == COHERENCE_BY_QUESTION && w->cached) {
        read_join_round(c, w); /* it may never be known */
        return;
    }
    if (c->watch_at_ns != INT64_MAX) {
        pass_on(c, w, COHERENCE_FALLBACK_BEHIND); /* the watch has ended: nothing will come for a while */
        return;
    }
    or_pass_on(c, w, waiting_for_applied(c, w, WAITING_APPLIED, need, due_ns));
}

static void answered(struct coherence *c, struct waiting *w) {
    int64_t now_ns = now_of(c);

    w->call->from_memory = true;
    w->call->age_ns = look_age(c, now_ns);
    if (w->asked_ns > 0) {
        w->call->age_ns = earlier_of(w->call->age_ns, later_of(now_ns - w->asked_ns, 0));
    }
    atomic_fetch_add_explicit(&c->memory_reads, 1, memory_order_relaxed);
    waiting_end(c, w, STORE_OK);
}

/* What need not be proven must not be too old, also after it has waited for something. True: it was, and is dealt with. */
static bool is_too_old(struct coherence *c, struct waiting *w) {
    const struct store_range *range = &w->call->op.range;
    const struct coherence_policy *policy;

    look_reason(c, range, &policy);
    if (look_age(c, now_of(c)) <= look_age_limit(range, policy)) {
        return false;
    }
    if (range->serializable) {
        pass_on(c, w, COHERENCE_FALLBACK_STALE);
    } else {
        read_join_round(c, w);
    }
    return true;
}

void read_go_on(struct coherence *c, struct waiting *w) {
    int64_t need = 0;

    if (w->cached && is_too_old(c, w)) {
        return;
    }
    switch (look_answer(c, w->call, &need)) {
    case LOOK_ANSWERED:
        if (!w->cached) {
            count(&c->counts.round_reads, 1);
        }
        answered(c, w);
        break;
    case LOOK_UNKNOWN:
        if (store_span_is_single(&w->call->op.range.span)) {
            flight_join(c, w);
        } else {
            pass_on(c, w, COHERENCE_FALLBACK_STARTING);
        }
        break;
    case LOOK_AHEAD:
        read_wait_applied(c, w, need > 0 ? need : applied_now(c) + 1);
        break;
    case LOOK_TOO_LARGE:
        pass_on(c, w, COHERENCE_FALLBACK_RANGE);
        break;
    case LOOK_NO_MEMORY:
        waiting_end(c, w, STORE_NO_MEMORY);
        break;
    }
}

/* It need not be proven, if it is not too old. */
static void read_cached(struct coherence *c, struct waiting *w) {
    const struct store_range *range = &w->call->op.range;
    int64_t floor;

    if (is_too_old(c, w)) {
        return;
    }
    w->cached = true;
    floor = floors_of_span(&c->floors, &range->span);
    if (floor <= applied_now(c)) {
        read_go_on(c, w);
    } else if (store_span_is_single(&range->span) && mirror_of_key(c, range->span.key) == NULL) {
        flight_join(c, w);
    } else {
        read_wait_applied(c, w, floor);
    }
}

/* A key that is not known is asked for at once; the answer is as good as a round's, for it is asked after the read came. */
static void read_linearizable(struct coherence *c, struct waiting *w) {
    const struct store_span *span = &w->call->op.range.span;
    const struct mirror *m;

    if (c->config.proof != COHERENCE_BY_QUESTION && store_span_is_single(span) &&
        keyspace_find(c->keys, span->key, NULL) == KEYSPACE_UNKNOWN) {
        m = mirror_of_key(c, span->key);
        if (m == NULL || !mirror_is_loaded(m)) {
            flight_join(c, w);
            return;
        }
    }
    read_join_round(c, w);
}

void read_submit(struct coherence *c, struct store_call *call) {
    struct waiting *w = waiting_new(c, call);
    const struct coherence_policy *policy;
    enum coherence_fallback reason;

    if (w == NULL) {
        return;
    }
    reason = look_reason(c, &call->op.range, &policy);
    if (reason != COHERENCE_FALLBACK_COUNT) {
        pass_on(c, w, reason);
        return;
    }
    if (look_age_limit(&call->op.range, policy) < 0) {
        read_linearizable(c, w);
    } else {
        atomic_store_explicit(&c->interest, true, memory_order_relaxed);
        read_cached(c, w);
    }
}
