/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/coherence_internal.h"

#include "base/log.h"

/* How it begins, and begins anew. */

int64_t coherence_backoff(struct coherence *c, int64_t *backoff_ns) {
    int64_t wait_ns = *backoff_ns / 2 + (int64_t)random_below(&c->random, (uint64_t)(*backoff_ns / 2) + 1);

    *backoff_ns = earlier_of(*backoff_ns * 2, COHERENCE_BACKOFF_MAX_NS);
    return wait_ns;
}

/* For how long `applied` is behind is counted from when a revision was first heard of until just that one has come: there is always
 * something on its way while others write. */
static void mark_behind(struct coherence *c, int64_t now_ns) {
    int64_t seen = atomic_load_explicit(&c->seen, memory_order_relaxed);

    if (c->behind_mark > applied_now(c)) {
        return;
    }
    c->behind_mark = seen > applied_now(c) && is_ready(c) ? seen : 0;
    atomic_store_explicit(&c->behind_since_ns, c->behind_mark > 0 ? now_ns : 0, memory_order_relaxed);
}

void coherence_saw(struct coherence *c, int64_t revision) {
    if (revision > atomic_load_explicit(&c->seen, memory_order_relaxed)) {
        atomic_store_explicit(&c->seen, revision, memory_order_relaxed);
        if (c->behind_mark == 0 && revision > applied_now(c)) {
            mark_behind(c, now_of(c));
        }
    }
    if (!is_ready(c)) {
        c->given = later_of(c->given, revision);
    }
}

void coherence_advanced(struct coherence *c, int64_t revision) {
    atomic_store_explicit(&c->applied, revision, memory_order_release);
    coherence_saw(c, revision);
    if (c->behind_mark != 0) {
        mark_behind(c, now_of(c));
    }
}

/* --- beginning --- */

static void begin_again_later(struct coherence *c) {
    c->begin_at_ns = time_after(now_of(c), coherence_backoff(c, &c->begin_backoff_ns));
}

static void begin(struct coherence *c, int64_t revision) {
    c->begin_backoff_ns = COHERENCE_BACKOFF_MIN_NS;
    coherence_advanced(c, revision);
    if (c->given > revision) {
        floors_add(&c->floors, NULL, c->given, true);
    }
    c->world->tell(c->ctx, NULL, 0, revision);
    atomic_store_explicit(&c->ready, true, memory_order_release);
    round_prove(c, revision, c->begin.started_ns);
    c->tick_ns = time_after(now_of(c), c->config.round_every_ns);
    c->world->watch(c->ctx, revision + 1);
}

static void begin_is_answered(struct coherence *c, struct question *q) {
    count(&c->counts.rounds, 1);
    if (q->generation != c->generation) {
        c->begin_at_ns = c->retired ? INT64_MAX : 0;
        return;
    }
    if (q->call.status != STORE_OK) {
        count(&c->counts.rounds_failed, 1);
        begin_again_later(c);
        if (q->call.status == STORE_DENIED && c->world->denied != NULL) {
            c->world->denied(c->ctx);
        }
        return;
    }
    if (question_confirms(c, q)) {
        begin(c, q->call.revision);
    }
}

void coherence_begin_step(struct coherence *c, int64_t now_ns) {
    if (now_ns < c->begin_at_ns || c->begin.under_way) {
        return;
    }
    c->begin_at_ns = INT64_MAX;
    question_of_revision(c, &c->begin);
    question_ask(c, &c->begin, begin_is_answered, time_after(now_ns, c->config.request_timeout_ns));
}

/* --- beginning anew --- */

static void pass_on_all(struct coherence *c, struct waiting_list *list) {
    while (list->first != NULL) {
        pass_on(c, list->first, COHERENCE_FALLBACK_STARTING);
    }
}

/* What was answered already goes out: memory will know of it when it has begun. */
static void end_behind(struct coherence *c) {
    struct waiting *w;

    while ((w = c->behind.first) != NULL) {
        if (w->kind == WAITING_ACK) {
            c->given = later_of(c->given, w->need);
            pass_tell_retired(c, w->call);
            waiting_end(c, w, w->call->status);
        } else {
            pass_on(c, w, COHERENCE_FALLBACK_STARTING);
        }
    }
}

static void forget_revisions(struct coherence *c) {
    c->era++;
    c->given = 0;
    atomic_store_explicit(&c->seen, 0, memory_order_relaxed);
    atomic_store_explicit(&c->applied, 0, memory_order_release);
}

static void drop(struct coherence *c, bool rewound) {
    c->generation++;
    c->suspect = false;
    atomic_store_explicit(&c->proven_ns, INT64_MIN, memory_order_release);
    atomic_store_explicit(&c->ready, false, memory_order_release);
    atomic_store_explicit(&c->watching, false, memory_order_relaxed);
    keyspace_drop_span(c->keys, &c->config.span);
    c->world->reset(c->ctx, rewound);
    c->proof_count = 0;
    c->behind_mark = 0;
    atomic_store_explicit(&c->behind_since_ns, 0, memory_order_relaxed);
    c->watch_at_ns = INT64_MAX;
    c->progress_at_ns = INT64_MAX;
    c->progress_wanted = 0;
    mirrors_reset(c);
    sweep_reset(c);
    end_behind(c);
    if (rewound) {
        forget_revisions(c);
    }
    floors_clear(&c->floors);
    pass_on_all(c, &c->next_round);
    pass_on_all(c, &c->round_readers);
    flight_drop_all(c);
    c->begin_at_ns = c->retired ? INT64_MAX : 0;
}

void coherence_reset(struct coherence *c, bool rewound) {
    log_warn("what is known of the cluster's keys is dropped", log_number("applied", applied_now(c)),
             log_string("why", rewound ? "its revisions went back" : "events were compacted before they were seen"));
    count(&c->counts.resets, 1);
    drop(c, rewound);
}

void coherence_retire(struct coherence *c) {
    c->retired = true;
    drop(c, false);
    sweep_retire(c);
}

/* --- the watch --- */

void coherence_watching(struct coherence *c, int64_t revision) {
    if (!is_ready(c)) {
        return;
    }
    atomic_store_explicit(&c->watching, true, memory_order_relaxed);
    c->watch_backoff_ns = COHERENCE_BACKOFF_MIN_NS;
    c->watch_at_ns = INT64_MAX;
    if (revision < applied_now(c)) {
        c->suspect = true; /* that member may only be behind */
    } else {
        coherence_saw(c, revision);
    }
}

void coherence_lost(struct coherence *c) {
    if (!is_ready(c)) {
        return;
    }
    if (atomic_exchange_explicit(&c->watching, false, memory_order_relaxed)) {
        count(&c->counts.watch_losses, 1);
    }
    sweep_wish(c);
}

void coherence_ended(struct coherence *c, enum store_status status, int64_t compact_revision) {
    if (!is_ready(c)) {
        return;
    }
    coherence_lost(c);
    log_warn("the watch of the cluster's keys has ended", log_string("why", store_status_text(status)),
             log_number("applied", applied_now(c)), log_number("compacted", compact_revision));
    if (status == STORE_COMPACTED) {
        coherence_reset(c, false);
    } else {
        c->watch_at_ns = time_after(now_of(c), coherence_backoff(c, &c->watch_backoff_ns));
    }
}

void coherence_watch_step(struct coherence *c, int64_t now_ns) {
    if (now_ns >= c->watch_at_ns && is_ready(c)) {
        c->watch_at_ns = INT64_MAX;
        c->world->watch(c->ctx, applied_now(c) + 1);
    }
}

void coherence_progress(struct coherence *c, int64_t revision) {
    if (is_ready(c) && revision > applied_now(c)) {
        c->world->tell(c->ctx, NULL, 0, revision);
        coherence_advanced(c, revision);
    }
}
