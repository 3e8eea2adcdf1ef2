/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>

#include "group/origin_internal.h"

enum { BUCKETS = 4096 };

struct origin_flights {
    pthread_mutex_t lock;
    atomic_size_t memory;
    atomic_size_t count;
    uint64_t begun; /* flights so far */
    struct origin_flight *buckets[BUCKETS];
};

enum larder_error origin_init(struct origin *origin, struct table *table, int64_t start_ns, unsigned workers) {
    struct origin_flights *flights = calloc(1, sizeof(*flights));

    if (flights == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    pthread_mutex_init(&flights->lock, NULL);
    atomic_init(&flights->memory, 0);
    atomic_init(&flights->count, 0);
    *origin = (struct origin){
        .flights = flights,
        .table = table,
        .start_ns = start_ns,
        .workers = workers,
        .wall_ns = clock_wall_ns,
    };
    return LARDER_OK;
}

void origin_fini(struct origin *origin) {
    if (origin->flights != NULL) {
        pthread_mutex_destroy(&origin->flights->lock);
        free(origin->flights);
        origin->flights = NULL;
    }
}

size_t origin_under_way(const struct origin *origin) {
    return atomic_load_explicit(&origin->flights->count, memory_order_relaxed);
}

bool origin_charge(struct origin *origin, size_t size) {
    atomic_size_t *memory = &origin->flights->memory;

    if (atomic_fetch_add_explicit(memory, size, memory_order_relaxed) + size <= ORIGIN_MEMORY_MAX) {
        return true;
    }
    origin_discharge(origin, size);
    return false;
}

void origin_discharge(struct origin *origin, size_t size) {
    atomic_fetch_sub_explicit(&origin->flights->memory, size, memory_order_relaxed);
}

/* --- under the lock --- */

static bool is_for(const struct origin_flight *f, uint64_t hash, struct slice key) {
    return f->hash == hash && slice_equal(origin_flight_key(f), key);
}

static void void_one(struct origin_flight *f) {
    f->joinable = false;
    atomic_store_explicit(&f->voided, true, memory_order_relaxed); /* the shard's lock orders it */
}

/* Whether what it asked will do for somebody who decided so at `now_ns`. */
static bool will_do(const struct origin_flight *f, const struct judge_decision *d, int64_t now_ns) {
    return f->joinable && d->join_ms != JUDGE_JOIN_NONE &&
           (d->join_ms == JUDGE_JOIN_ANY || (now_ns - f->begun_ns) / CLOCK_NS_PER_MS <= d->join_ms);
}

static struct origin_flight *find(struct origin_flights *flights, const struct origin_place *place, uint64_t hash,
                                  struct slice key, const struct judge_decision *d, int64_t now_ns) {
    struct origin_flight *f = flights->buckets[hash % BUCKETS];

    while (f != NULL && !(is_for(f, hash, key) && origin_place_is(&f->place, place) && will_do(f, d, now_ns))) {
        f = f->next;
    }
    return f;
}

static void join(struct origin_flight *f, struct origin_op *op) {
    op->next = NULL;
    *(f->last != NULL ? &f->last->next : &f->first) = op;
    f->last = op;
    f->waiters++;
}

/* The newest is found first. */
static void insert(struct origin_flights *flights, struct origin_flight *f) {
    struct origin_flight **bucket = &flights->buckets[f->hash % BUCKETS];

    f->number = ++flights->begun;
    f->next = *bucket;
    *bucket = f;
}

static void take_out(struct origin_flights *flights, struct origin_flight *f) {
    struct origin_flight **at = &flights->buckets[f->hash % BUCKETS];

    while (*at != f) {
        at = &(*at)->next;
    }
    *at = f->next;
}

/* --- its beginning --- */

static bool is_joinable(const struct judge_decision *d) {
    return d->way == JUDGE_LOAD || d->way == JUDGE_REVALIDATE || d->way == JUDGE_SERVE_AND_REFRESH;
}

static struct origin_flight *new_flight(struct origin_worker *w, const struct group_policy *policy,
                                        const struct origin_place *place, uint64_t hash, struct slice key) {
    struct origin_flight *f;

    if (!origin_charge(w->origin, sizeof(*f))) {
        return NULL;
    }
    f = calloc(1, sizeof(*f));
    if (f == NULL) {
        origin_discharge(w->origin, sizeof(*f));
        return NULL;
    }
    f->worker = w;
    f->place = origin_place_ref(place);
    f->group = policy->index;
    f->hash = hash;
    f->begun_ns = clock_monotonic_ns();
    f->key_size = key.size;
    memcpy(f->key, key.data, key.size);
    atomic_init(&f->voided, false);
    return f;
}

static void take_plan(struct origin_flight *f, struct origin_plan *plan) {
    const struct judge_decision *d = &plan->decision;

    f->joinable = is_joinable(d);
    f->may_store = d->may_store;
    if (plan->old.blob != NULL && origin_entry_read(plan->old.value, &f->old) == LARDER_OK) {
        f->old_held = plan->old;
        plan->old.blob = NULL;
        f->old_flags = plan->old_flags;
        f->old_expires = plan->old_expires;
        f->conditional = d->way != JUDGE_PASS && origin_entry_has_validator(&f->old);
    }
}

static void free_flight(struct origin_flight *f) {
    struct origin *origin = f->worker->origin;

    origin_held_drop(&f->old_held);
    origin_place_drop(&f->place);
    if (f->value != NULL) {
        blob_unref(&f->value->blob);
    }
    free(f->head_text);
    free(f);
    origin_discharge(origin, sizeof(*f));
}

static bool is_full(struct origin_worker *w, const struct origin_flight *joined) {
    if (joined != NULL && joined->waiters >= ORIGIN_WAITERS_MAX) {
        telemetry_count(w->telemetry, COUNTER_LIMIT_ORIGIN_WAITERS, 1);
        return true;
    }
    if (joined == NULL && origin_under_way(w->origin) >= ORIGIN_FLIGHTS_MAX) {
        telemetry_count(w->telemetry, COUNTER_LIMIT_ORIGIN_FLIGHTS, 1);
        return true;
    }
    return false;
}

bool origin_fly(struct origin_op *op, struct origin_worker *w, const struct group_policy *policy,
                const struct origin_place *place, uint64_t hash, struct slice key, struct origin_plan *plan,
                struct origin_flight **ret_begun, enum result *ret_result) {
    struct origin_flights *flights = w->origin->flights;
    struct origin_flight *begun = NULL;
    struct origin_flight *f = NULL;
    bool full;

    *ret_result = RESULT_ORIGIN_BUSY;
    pthread_mutex_lock(&flights->lock);
    if (is_joinable(&plan->decision)) {
        f = find(flights, place, hash, key, &plan->decision, clock_monotonic_ns());
    }
    full = is_full(w, f);
    if (f == NULL && !full) {
        f = begun = new_flight(w, policy, place, hash, key);
        if (f != NULL) {
            take_plan(f, plan);
            insert(flights, f);
            atomic_fetch_add_explicit(&flights->count, 1, memory_order_relaxed);
        } else {
            *ret_result = RESULT_NO_MEMORY;
        }
    }
    if (f != NULL && !full && op != NULL) {
        op->first = begun != NULL;
        join(f, op);
    }
    pthread_mutex_unlock(&flights->lock);
    origin_held_drop(&plan->old);
    *ret_begun = begun;
    return f != NULL && !full;
}

/* --- its end --- */

void origin_void_key(struct origin *origin, uint64_t hash, struct slice key, uint64_t before) {
    struct origin_flights *flights = origin->flights;

    pthread_mutex_lock(&flights->lock);
    for (struct origin_flight *f = flights->buckets[hash % BUCKETS]; f != NULL; f = f->next) {
        if (f->number < before && is_for(f, hash, key)) {
            void_one(f);
        }
    }
    pthread_mutex_unlock(&flights->lock);
}

void origin_void(struct origin *origin, unsigned group, struct slice prefix) {
    struct origin_flights *flights = origin != NULL ? origin->flights : NULL;

    if (flights == NULL) {
        return;
    }
    pthread_mutex_lock(&flights->lock);
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct origin_flight *f = flights->buckets[i]; f != NULL; f = f->next) {
            if ((group == GROUP_MAX || f->group == group) && slice_has_prefix(origin_flight_key(f), prefix)) {
                void_one(f);
            }
        }
    }
    pthread_mutex_unlock(&flights->lock);
}

static struct origin_held ref(struct blob *blob, struct slice value) {
    blob_ref(blob);
    return (struct origin_held){blob, value};
}

static void tell(const struct origin_flight *f, struct origin_op *op, enum origin_landing landing, enum result result) {
    op->landing = landing;
    op->result = result;
    op->shared = landing == ORIGIN_LANDED_NONE || f->outcome.shared;
    op->stored = f->stored;
    op->status = f->has_head ? f->answer.status : 0;
    if (f->value != NULL) {
        op->value = ref(&f->value->blob, origin_value_bytes(f->value));
    }
    if (landing == ORIGIN_LANDED_KEPT) {
        op->old = ref(f->old_held.blob, f->old_held.value);
    }
    pending_post(&op->pending);
}

void origin_land(struct origin_flight *f, enum origin_landing landing, enum result result) {
    struct origin_flights *flights = f->worker->origin->flights;
    struct origin_op *op;

    pthread_mutex_lock(&flights->lock);
    take_out(flights, f);
    op = f->first;
    pthread_mutex_unlock(&flights->lock);
    atomic_fetch_sub_explicit(&flights->count, 1, memory_order_relaxed);
    while (op != NULL) {
        struct origin_op *next = op->next;

        tell(f, op, landing, result);
        op = next;
    }
    free_flight(f);
}
