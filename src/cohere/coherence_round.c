/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/coherence_internal.h"

/* Rounds: one cheap linearizable question for all reads that have arrived when it starts (rule 4), and what they prove about
 * the age of what is known (rule 5). */

/* --- proofs --- */

static void raise_proven(struct coherence *c, int64_t started_ns) {
    if (started_ns > atomic_load_explicit(&c->proven_ns, memory_order_relaxed)) {
        atomic_store_explicit(&c->proven_ns, started_ns, memory_order_release);
    }
}

void round_prove(struct coherence *c, int64_t revision, int64_t started_ns) {
    if (revision <= applied_now(c)) {
        raise_proven(c, started_ns);
    } else if (c->proof_count < COHERENCE_PROOFS) {
        c->proofs[c->proof_count++] = (struct proof){revision, started_ns};
    } /* else the earlier ones will be proven first, and a later round then finds room */
}

void round_proofs(struct coherence *c) {
    size_t reached = 0;

    while (reached < c->proof_count && c->proofs[reached].revision <= applied_now(c)) {
        raise_proven(c, c->proofs[reached].started_ns);
        reached++;
    }
    if (reached > 0) {
        c->proof_count -= reached;
        memmove(c->proofs, c->proofs + reached, c->proof_count * sizeof(c->proofs[0]));
    }
}

/* --- progress --- */

/* The highest revision that `applied` is wanted to reach; 0: none. */
static int64_t wanted_progress(const struct coherence *c) {
    int64_t wanted = c->behind.last != NULL ? c->behind.last->need : 0;

    if (c->proof_count > 0) {
        wanted = later_of(wanted, c->proofs[c->proof_count - 1].revision);
    }
    wanted = later_of(wanted, later_of(mirrors_need(c), sweep_needs(c)));
    return later_of(wanted, floors_highest(&c->floors));
}

void round_progress_step(struct coherence *c, int64_t now_ns) {
    int64_t wanted;

    if (c->config.proof != COHERENCE_BY_PROGRESS || !is_ready(c)) {
        return;
    }
    wanted = wanted_progress(c);
    if (wanted <= applied_now(c)) {
        c->progress_at_ns = INT64_MAX;
        c->progress_wanted = 0;
    } else if (wanted > c->progress_wanted || now_ns >= c->progress_at_ns) {
        c->progress_wanted = wanted;
        c->progress_at_ns = time_after(now_ns, COHERENCE_PROGRESS_EVERY_NS);
        c->world->ask_progress(c->ctx);
    }
}

/* --- rounds --- */

static void round_failed(struct coherence *c) {
    struct waiting *w;

    count(&c->counts.rounds_failed, 1);
    while ((w = c->round_readers.first) != NULL) {
        pass_on(c, w, COHERENCE_FALLBACK_ROUND);
    }
}

static void serve_round(struct coherence *c, int64_t revision) {
    struct waiting *w;

    while ((w = c->round_readers.first) != NULL) {
        w->need = revision;
        w->asked_ns = c->round.started_ns;
        if (applied_now(c) >= revision) {
            read_go_on(c, w);
        } else {
            read_wait_applied(c, w, revision);
        }
    }
}

/* A round costs the members ten times what a read costs this node. When so many ask that a round serves a crowd, the next one
 * lets them gather for as long as the last one took. */
static void let_gather(struct coherence *c) {
    int64_t now = now_of(c);

    c->gather_until_ns = c->round_size >= COHERENCE_CROWD
                             ? time_after(now, earlier_of(now - c->round.started_ns, COHERENCE_GATHER_MAX_NS))
                             : 0;
}

static void round_is_answered(struct coherence *c, struct question *q) {
    if (q->generation != c->generation) {
        return;
    }
    if (q->call.status != STORE_OK) {
        round_failed(c);
        return;
    }
    if (question_confirms(c, q)) {
        let_gather(c);
        round_prove(c, q->call.revision, q->started_ns);
        c->progress_wanted = 0; /* it is asked for at once */
        serve_round(c, q->call.revision);
    }
}

static void take_batch(struct coherence *c) {
    c->round_readers = c->next_round;
    c->next_round = (struct waiting_list){NULL, NULL};
    c->round_size = 0;
    for (struct waiting *w = c->round_readers.first; w != NULL; w = w->next) {
        w->list = &c->round_readers;
        c->round_size++;
    }
}

static bool is_wanted(struct coherence *c, int64_t now_ns) {
    bool tick = now_ns >= c->tick_ns;

    if (tick) {
        c->tick_ns = time_after(now_ns, c->config.round_every_ns);
    }
    if (tick && atomic_exchange_explicit(&c->interest, false, memory_order_relaxed)) {
        return true;
    }
    return c->suspect || (c->next_round.first != NULL && now_ns >= c->gather_until_ns);
}

int64_t round_wake_ns(const struct coherence *c) {
    if (c->round.under_way) {
        return INT64_MAX;
    }
    return c->next_round.first != NULL ? earlier_of(c->tick_ns, c->gather_until_ns) : c->tick_ns;
}

void round_step(struct coherence *c, int64_t now_ns) {
    if (!is_ready(c) || c->round.under_way || !is_wanted(c, now_ns)) {
        return;
    }
    c->suspect = false;
    count(&c->counts.rounds, 1);
    if (c->config.proof == COHERENCE_BY_QUESTION && c->next_round.first != NULL) {
        ask_keys_start(c);
        return;
    }
    take_batch(c);
    question_of_revision(c, &c->round);
    question_ask(c, &c->round, round_is_answered, time_after(now_ns, c->config.request_timeout_ns));
}
