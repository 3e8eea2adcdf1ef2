/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>

#include "group/origin_internal.h"
#include "group/origin_shelf.h"

enum { BUCKETS = 4096 };

struct origin_flights {
    pthread_mutex_t lock;
    atomic_size_t memory;
    atomic_size_t count;
    atomic_ullong ended; /* flights so far; changed under the lock, after what they have stored */
    uint64_t begun;      /* likewise */
    struct origin_flight *buckets[BUCKETS];
};

enum larder_error origin_init(struct origin *origin, struct table *table, int64_t start_ns, unsigned workers) {
    struct origin_flights *flights = calloc(1, sizeof(*flights));

    struct origin_shelf *shelf;

    if (flights == NULL || origin_shelf_new(&shelf) != LARDER_OK) {
        free(flights);
        return LARDER_ERROR_NO_MEMORY;
    }
    pthread_mutex_init(&flights->lock, NULL);
    atomic_init(&flights->memory, 0);
    atomic_init(&flights->count, 0);
    atomic_init(&flights->ended, 0);
    *origin = (struct origin){
        .flights = flights,
        .shelf = shelf,
        .table = table,
        .start_ns = start_ns,
        .workers = workers,
        .wall_ns = clock_wall_ns,
    };
    return LARDER_OK;
}

void origin_fini(struct origin *origin) {
    if (origin->flights != NULL) {
        origin_shelf_free(origin->shelf);
        pthread_mutex_destroy(&origin->flights->lock);
        free(origin->flights);
        origin->flights = NULL;
    }
}

size_t origin_under_way(const struct origin *origin) {
    return atomic_load_explicit(&origin->flights->count, memory_order_relaxed);
}

uint64_t origin_ended(const struct origin *origin) {
    return atomic_load_explicit(&origin->flights->ended, memory_order_acquire);
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

/* The shard's lock orders these. */
static void outdate_one(struct origin_flight *f) {
    atomic_store_explicit(&f->outdated, true, memory_order_relaxed);
}

static void void_one(struct origin_flight *f) {
    f->joinable = false;
    atomic_store_explicit(&f->voided, true, memory_order_relaxed);
    outdate_one(f);
}

/* What has come before he did is for somebody only as if it lay in the table already. */
static bool came_fresh(const struct origin_flight *f) {
    const struct origin_entry *e = &f->outcome.entry;

    return (f->outcome.action == JUDGE_STORE || f->outcome.action == JUDGE_RENEW) &&
           (e->flags & ORIGIN_NO_CACHE) == 0 &&
           origin_entry_age_ms(e, origin_now_ms(f->worker->origin)) < e->lifetime_ms;
}

/* Whether what it asked, or will ask, will do for somebody who decided so at `now_ns`. */
static bool will_do(const struct origin_flight *f, const struct judge_decision *d, int64_t now_ns) {
    if (f->awaits && !came_fresh(f)) {
        return false;
    }
    return d->join_ms == JUDGE_JOIN_ANY ||
           (d->join_ms != JUDGE_JOIN_NONE && (now_ns - f->begun_ns) / CLOCK_NS_PER_MS <= d->join_ms);
}

/* The flight for the key that may be joined; there is one at most. */
static struct origin_flight *find_joinable(struct origin_flights *flights, const struct origin_place *place,
                                           uint64_t hash, struct slice key) {
    struct origin_flight *f = flights->buckets[hash % BUCKETS];

    while (f != NULL && !(f->joinable && is_for(f, hash, key) && origin_place_is(&f->place, place))) {
        f = f->next;
    }
    return f;
}

/* One that was made void, and that a round still waits behind; there is one at most, too. */
static struct origin_flight *find_waited_for(struct origin_flights *flights, const struct origin_place *place,
                                             uint64_t hash, struct slice key) {
    struct origin_flight *f = flights->buckets[hash % BUCKETS];

    while (f != NULL && !(f->round != NULL && is_for(f, hash, key) && origin_place_is(&f->place, place))) {
        f = f->next;
    }
    return f;
}

static void join(struct origin_flight *f, struct origin_op *op) {
    op->next = NULL;
    op->landed = false;
    *(f->last != NULL ? &f->last->next : &f->first) = op;
    f->last = op;
    f->waiters++;
}

/* The one who asked, if it is on the worker's own thread that he hears of it. Before it is asked for. */
static void choose_streamer(struct origin_flight *f) {
    struct origin_op *op = f->first;

    f->streamer = op != NULL && op->first && op->worker == f->worker && op->takes != REQUEST_WHOLE ? op : NULL;
}

/* From here on it is run by this worker. */
static void begin(struct origin_flights *flights, struct origin_flight *f, struct origin_worker *w) {
    struct origin_flight **bucket = &flights->buckets[f->hash % BUCKETS];

    f->worker = w;
    f->number = ++flights->begun;
    f->begun_ns = clock_monotonic_ns();
    f->next = *bucket;
    *bucket = f;
    atomic_fetch_add_explicit(&flights->count, 1, memory_order_relaxed);
    choose_streamer(f);
}

static void take_out(struct origin_flights *flights, struct origin_flight *f) {
    struct origin_flight **at = &flights->buckets[f->hash % BUCKETS];

    while (*at != f) {
        at = &(*at)->next;
    }
    *at = f->next;
    atomic_fetch_sub_explicit(&flights->count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&flights->ended, 1, memory_order_release);
}

/* --- its beginning --- */

static bool is_joinable(const struct judge_decision *d) {
    return d->way == JUDGE_LOAD || d->way == JUDGE_REVALIDATE || d->way == JUDGE_SERVE_AND_REFRESH;
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

/* Where somebody is to wait. */
struct seat {
    struct origin_flight *flight; /* NULL: in one that is to be made */
    struct origin_flight **round; /* where it waits for another to land; NULL: nowhere */
    bool begins;                  /* now, and is his */
};

/* Rounds: of a key, and a place, one flight at most is under way that may be joined, and one at most waits for it to land, the
 * round. Who wants an answer that is asked for after he came, and finds one that was asked for before, waits in the round,
 * which begins with all who have come by then. For one that was made void nobody waits: who comes next begins the round. */
static struct seat find_seat(struct origin_flights *flights, const struct origin_place *place, uint64_t hash,
                             struct slice key, const struct judge_decision *d) {
    struct origin_flight *f = find_joinable(flights, place, hash, key);
    struct seat seat = {.begins = f == NULL};

    if (f != NULL && will_do(f, d, clock_monotonic_ns())) {
        seat.flight = f;
        return seat;
    }
    f = f != NULL ? f : find_waited_for(flights, place, hash, key);
    if (f != NULL) {
        seat.flight = f->round;
        seat.round = &f->round;
    }
    return seat;
}

bool origin_fly(struct origin_op *op, struct origin_worker *w, const struct group_policy *policy,
                const struct origin_place *place, uint64_t hash, struct slice key, struct origin_plan *plan,
                struct origin_flight **ret_begun, enum result *ret_result) {
    struct origin_flights *flights = w->origin->flights;
    const struct judge_decision *d = &plan->decision;
    struct seat seat = {.begins = true};
    bool made = false;
    bool full;

    *ret_result = RESULT_ORIGIN_BUSY;
    *ret_begun = NULL;
    pthread_mutex_lock(&flights->lock);
    if (is_joinable(d)) {
        seat = find_seat(flights, place, hash, key, d);
    }
    /* The flight that he would have joined may have landed since he looked at what is stored. */
    plan->looks_again = seat.flight == NULL && plan->may_look_again && d->join_ms == JUDGE_JOIN_ANY &&
                        plan->ended != atomic_load_explicit(&flights->ended, memory_order_relaxed);
    full = plan->looks_again || is_full(w, seat.flight);
    if (seat.flight == NULL && !full) {
        seat.flight = origin_flight_new(w, policy, place, hash, key, plan);
        made = seat.flight != NULL;
        if (made) {
            seat.flight->joinable = is_joinable(d);
        } else {
            *ret_result = RESULT_NO_MEMORY;
        }
    }
    if (seat.flight != NULL && !full) {
        if (seat.round != NULL) {
            *seat.round = seat.begins ? NULL : seat.flight;
        }
        if (op != NULL) {
            op->first = made;
            join(seat.flight, op);
        }
        if (seat.begins) {
            begin(flights, seat.flight, w);
            *ret_begun = seat.flight;
        }
    }
    pthread_mutex_unlock(&flights->lock);
    if (*ret_begun != NULL) {
        origin_flight_know(*ret_begun, plan);
    } else {
        origin_held_drop(&plan->old);
    }
    return seat.flight != NULL && !full;
}

void origin_fly_again(struct origin_flight *f) {
    struct origin_flights *flights = f->worker->origin->flights;

    pthread_mutex_lock(&flights->lock);
    f->number = ++flights->begun;
    pthread_mutex_unlock(&flights->lock);
}

/* --- its end --- */

void origin_void_key(struct origin *origin, uint64_t hash, struct slice key, uint64_t before) {
    struct origin_flights *flights = origin->flights;

    pthread_mutex_lock(&flights->lock);
    for (struct origin_flight *f = flights->buckets[hash % BUCKETS]; f != NULL; f = f->next) {
        if (f->number == before || !is_for(f, hash, key)) {
            continue;
        }
        if (f->number < before) {
            void_one(f);
        } else {
            outdate_one(f);
        }
    }
    pthread_mutex_unlock(&flights->lock);
    origin_shelf_void_key(origin->shelf, hash, key);
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
    origin_shelf_void(origin->shelf, group, prefix);
}

/* Under the lock: the round that waits for it, which begins now if it is to. */
static struct origin_flight *take_own_round(struct origin_flights *flights, struct origin_flight *f, bool begins) {
    struct origin_flight *round = f->round;

    f->round = NULL;
    if (round != NULL && begins) {
        begin(flights, round, f->worker);
    }
    return round;
}

void origin_land_later(struct origin_flight *f) {
    struct origin_flights *flights = f->worker->origin->flights;

    pthread_mutex_lock(&flights->lock);
    f->awaits = true;
    pthread_mutex_unlock(&flights->lock);
}

void origin_release(struct origin_flight *f) {
    struct origin_flights *flights = f->worker->origin->flights;
    struct origin_flight *round;
    struct origin_op *others;

    pthread_mutex_lock(&flights->lock);
    f->joinable = false;
    others = f->streamer->next; /* he came first */
    f->streamer->next = NULL;
    f->last = f->streamer;
    f->waiters = 1;
    round = take_own_round(flights, f, true);
    pthread_mutex_unlock(&flights->lock);
    origin_flight_turn_away(others);
    if (round != NULL) {
        origin_round_load(round);
    }
}

void origin_land(struct origin_flight *f, enum origin_landing landing, enum result result) {
    struct origin_flights *flights = f->worker->origin->flights;
    bool goes_on = landing != ORIGIN_LANDED_NONE;
    struct origin_flight *round;

    origin_count_local(f, landing);
    pthread_mutex_lock(&flights->lock);
    take_out(flights, f);
    round = take_own_round(flights, f, goes_on);
    pthread_mutex_unlock(&flights->lock);
    origin_flight_tell(f, f->first, landing, result);
    origin_flight_free(f);
    if (round != NULL && !goes_on) {
        origin_flight_tell(round, round->first, landing,
                           result); /* what this node cannot do for those it cannot do for these */
        origin_flight_free(round);
    } else if (round != NULL) {
        origin_round_load(round);
    }
}
