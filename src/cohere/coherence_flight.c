/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/hash.h"
#include "cohere/coherence_internal.h"

/* Flights: one question about one key that is not known, for all who wait for it (rule 3). They are registered when the first
 * read comes, and asked at the end of its batch, so that all reads of the batch are served by the one answer. */

/* --- the table --- */

static struct flight **slot_of(struct coherence *c, uint64_t hash) {
    return &c->flights[hash % COHERENCE_FLIGHT_SLOTS];
}

static struct flight *find(struct coherence *c, struct slice key, uint64_t hash) {
    struct flight *f = *slot_of(c, hash);

    while (f != NULL && (f->hash != hash || !slice_equal(f->key, key))) {
        f = f->chain;
    }
    return f;
}

static void take_out(struct coherence *c, struct flight *f) {
    struct flight **place = slot_of(c, f->hash);

    while (*place != f) {
        place = &(*place)->chain;
    }
    *place = f->chain;
    c->flight_count--;
}

static struct flight *make(struct coherence *c, struct slice key, uint64_t hash) {
    struct flight *f = calloc(1, sizeof(*f) + key.size);

    if (f == NULL) {
        return NULL;
    }
    f->hash = hash;
    f->key = slice_make(memcpy(f->place, key.data, key.size), key.size);
    f->chain = *slot_of(c, hash);
    *slot_of(c, hash) = f;
    c->flight_count++;
    f->next_new = c->new_flights;
    c->new_flights = f;
    return f;
}

static void free_flight(struct flight *f) {
    question_fini(&f->q);
    free(f->event_place);
    free(f);
}

void flight_join(struct coherence *c, struct waiting *w) {
    struct slice key = w->call->op.range.span.key;
    uint64_t hash = hash_key(key, c->config.seed);
    struct flight *f = find(c, key, hash);

    if (f != NULL && f->asked && !w->cached && w->need == 0) {
        read_join_round(c, w); /* it came too late for that question */
        return;
    }
    if (f == NULL) {
        f = make(c, key, hash);
    }
    if (f == NULL || !waiting_put(c, w, WAITING_FLIGHT, &f->waiting, w->deadline_ns)) {
        pass_on(c, w, COHERENCE_FALLBACK_MEMORY);
        return;
    }
    w->fresh = !f->asked;
    count(&c->counts.fallbacks[COHERENCE_FALLBACK_MISS], 1);
    count(&c->counts.flight_reads, 1);
}

/* --- events meanwhile --- */

static void forget_event(struct flight *f) {
    free(f->event_place);
    f->event_place = NULL;
    f->event = KEYSPACE_UNKNOWN;
}

static void note_event(struct flight *f, const struct kv *kv, bool present) {
    forget_event(f);
    f->event_kv = *kv;
    f->event_kv.key = f->key;
    f->event_kv.value = SLICE("");
    if (!present) {
        f->event = KEYSPACE_ABSENT;
        return;
    }
    f->event_place = malloc(kv->value.size + 1);
    if (f->event_place == NULL) {
        f->event_lost = kv->mod_revision;
        return;
    }
    if (kv->value.size > 0) {
        memcpy(f->event_place, kv->value.data, kv->value.size);
    }
    f->event_kv.value = slice_make(f->event_place, kv->value.size);
    f->event = KEYSPACE_PRESENT;
}

void flight_event(struct coherence *c, const struct kv_event *event) {
    struct flight *f = find(c, event->kv.key, hash_key(event->kv.key, c->config.seed));

    if (f != NULL && event->kv.mod_revision > f->known) {
        note_event(f, &event->kv, event->kind == KV_EVENT_PUT);
    }
}

void flight_show_key(struct coherence *c, struct slice key, const struct kv *kv, int64_t revision) {
    const struct kv absent = {.key = key, .mod_revision = revision};
    struct flight *f = find(c, key, hash_key(key, c->config.seed));

    if (f != NULL && revision > f->known) {
        note_event(f, kv != NULL ? kv : &absent, kv != NULL);
        f->known = revision;
    }
}

/* --- the answer --- */

static bool is_good_for(struct coherence *c, const struct flight *f, const struct waiting *w, int64_t revision) {
    const struct store_range *range = &w->call->op.range;
    const struct coherence_policy *policy;

    if (w->fresh) {
        return true;
    }
    if (!w->cached) {
        return w->need > 0 && w->need <= revision;
    }
    if (floors_of_span(&c->floors, &range->span) > revision) {
        return false;
    }
    look_reason(c, range, &policy);
    return now_of(c) - f->q.started_ns <= look_age_limit(range, policy);
}

/* One that is not served goes on as if it had come just now. */
static void serve(struct coherence *c, struct flight *f, const struct kv *kv, int64_t revision) {
    struct waiting_list waiting = f->waiting;
    struct waiting *w;

    for (w = waiting.first; w != NULL; w = w->next) {
        w->list = &waiting;
    }
    f->waiting = (struct waiting_list){NULL, NULL};
    while ((w = waiting.first) != NULL) {
        if (!is_good_for(c, f, w, revision)) {
            read_join_round(c, w);
        } else if (look_give(w->call, kv, revision)) {
            w->call->from_memory = false;
            w->call->age_ns = later_of(now_of(c) - f->q.started_ns, 0);
            waiting_end(c, w, STORE_OK);
        } else {
            waiting_end(c, w, STORE_NO_MEMORY);
        }
    }
}

/* All events of the key up to `applied` were given to it, so with them the answer is as of `applied`, if that is higher. */
static void land(struct coherence *c, struct flight *f) {
    const struct store_result *result = &f->q.call.result;
    int64_t revision = f->q.call.revision;
    struct kv newest = {.key = f->key};
    bool present = result->kv_count > 0;

    if (present) {
        newest = result->kvs[0];
    }
    if (f->event != KEYSPACE_UNKNOWN && f->event_kv.mod_revision > revision) {
        newest = f->event_kv;
        present = f->event == KEYSPACE_PRESENT;
    }
    revision = later_of(revision, later_of(applied_now(c), f->known));
    pass_install(c, f->key, present ? &newest : NULL, revision);
    serve(c, f, present ? &newest : NULL, revision);
}

static void ask(struct coherence *c, struct flight *f);

static void ask_again(struct coherence *c, struct flight *f) {
    for (struct waiting *w = f->waiting.first; w != NULL; w = w->next) {
        w->fresh = true;
    }
    ask(c, f);
}

/* Its end, the error included, reaches everyone who waits; those who came later than its question may have better luck. */
static void fail(struct coherence *c, struct flight *f, enum store_status status) {
    struct waiting *next;

    for (struct waiting *w = f->waiting.first; w != NULL; w = next) {
        next = w->next;
        if (status == STORE_DENIED) {
            pass_on(c, w, COHERENCE_FALLBACK_COUNT); /* the node may not read it, the caller perhaps */
        } else if (w->fresh || status == STORE_CLOSED) {
            waiting_end(c, w, status);
        }
    }
}

static void end(struct coherence *c, struct flight *f) {
    take_out(c, f);
    free_flight(f);
}

static void flight_is_answered(struct coherence *c, struct question *q) {
    struct flight *f = (struct flight *)q;

    if (f->gone) {
        free_flight(f);
        return;
    }
    if (q->call.status != STORE_OK) {
        fail(c, f, q->call.status);
        if (f->waiting.first != NULL) {
            ask_again(c, f);
        } else {
            end(c, f);
        }
        return;
    }
    if (!question_confirms(c, q)) {
        count(&c->counts.flights_repeated, 1);
        free_flight(f); /* all flights were dropped, and the reads passed on */
        return;
    }
    if (q->call.revision < f->event_lost) {
        count(&c->counts.flights_repeated, 1);
        if (f->waiting.first != NULL) {
            ask_again(c, f);
            return;
        }
    } else {
        land(c, f);
    }
    end(c, f);
}

static void ask(struct coherence *c, struct flight *f) {
    f->asked = true;
    count(&c->counts.flights, 1);
    question_init(c, &f->q);
    f->q.call.op = (struct store_op){.kind = STORE_OP_RANGE, .range = {.span = {.key = f->key}}};
    question_ask(c, &f->q, flight_is_answered, time_after(now_of(c), c->config.request_timeout_ns));
}

void flight_start_new(struct coherence *c) {
    struct flight *f;

    while ((f = c->new_flights) != NULL) {
        c->new_flights = f->next_new;
        if (f->waiting.first != NULL) {
            ask(c, f);
        } else {
            end(c, f);
        }
    }
}

/* The next one, out of the table; it is not asked for any more. */
static struct flight *take_any(struct coherence *c) {
    c->new_flights = NULL;
    for (size_t i = 0; i < COHERENCE_FLIGHT_SLOTS && c->flight_count > 0; i++) {
        struct flight *f = c->flights[i];

        if (f != NULL) {
            take_out(c, f);
            return f;
        }
    }
    return NULL;
}

void flight_drop_all(struct coherence *c) {
    struct flight *f;

    while ((f = take_any(c)) != NULL) {
        while (f->waiting.first != NULL) {
            pass_on(c, f->waiting.first, COHERENCE_FALLBACK_STARTING);
        }
        f->gone = true;
        if (!f->asked) {
            free_flight(f);
        }
    }
}

void flight_end_all(struct coherence *c) {
    struct flight *f;

    while ((f = take_any(c)) != NULL) {
        while (f->waiting.first != NULL) {
            waiting_end(c, f->waiting.first, STORE_CLOSED);
        }
        free_flight(f);
    }
}
