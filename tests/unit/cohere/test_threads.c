/* SPDX-License-Identifier: Apache-2.0 */
/* One thread writes, sometimes tells of a write before its turn, and sometimes lets revisions begin anew; several read,
 * another drops copies: nobody is told of less than was known when it asked. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "model.h"

/* The writer goes on until the readers have met so many copies: on a busy machine it may be done before they begin. */
enum { READERS = 3, WRITES = 100000, WRITES_MAX = 100 * WRITES, COPIES_READ = 1000, MEMORY = 1 << 20 };

enum { EARLY_EVERY = 16, RESET_EVERY = 200, EARLY_BY = 4 };

/* What is known is a place in the history: an era, and a revision of it. */
static const int64_t era_size = INT64_C(1) << 40;

struct shared {
    struct model model;
    pthread_mutex_t lock; /* of the store: `era`, `published` and `readable` change together */
    uint64_t era;
    atomic_bool unproven; /* the store is being reset, so that no copy is to be used */
    _Atomic int64_t published;
    struct model_state readable[MODEL_KEYS];
    _Atomic int64_t floor[MODEL_KEYS];
    atomic_bool done;
    atomic_ulong wrong;
    atomic_ulong copies_read;
};

struct actor {
    struct shared *shared;
    pthread_t thread;
    uint64_t seed;
};

static void raise_floor(struct shared *s, unsigned key, int64_t revision) {
    int64_t floor = atomic_load(&s->floor[key]);

    while (floor < revision && !atomic_compare_exchange_weak(&s->floor[key], &floor, revision)) {
    }
}

static bool wants_more(const struct shared *s, int64_t revision) {
    return revision <= WRITES_MAX && atomic_load(&s->copies_read) < COPIES_READ;
}

static void read_as(struct shared *s, unsigned key, struct model_state state, int64_t published) {
    pthread_mutex_lock(&s->lock);
    if (s->readable[key].revision < state.revision) {
        s->readable[key] = state;
    }
    atomic_store(&s->published, published);
    pthread_mutex_unlock(&s->lock);
}

static void know(struct shared *s, unsigned key, int64_t revision) {
    raise_floor(s, key, (int64_t)s->model.era * era_size + revision);
}

static void begin_anew(struct shared *s) {
    atomic_store(&s->unproven, true);
    pthread_mutex_lock(&s->lock);
    s->era++;
    atomic_store(&s->published, 0);
    memset(s->readable, 0, sizeof(s->readable));
    pthread_mutex_unlock(&s->lock);
    model_reset(&s->model);
    atomic_store(&s->unproven, false);
}

/* A revision, told and then readable; one of EARLY_EVERY is told, readable and acknowledged before some others. */
static void write_some(struct shared *s, struct random *random, int64_t *revision) {
    bool early = random_below(random, EARLY_EVERY) == 0;
    int64_t last = early ? *revision + EARLY_BY : *revision;
    struct model_state state = {.revision = last, .present = random_below(random, 4) > 0};
    unsigned key = (unsigned)random_below(random, MODEL_KEYS);

    if (early) {
        model_observe(&s->model, key, state);
        read_as(s, key, state, *revision - 1);
        know(s, key, last);
    }
    for (; *revision < last; ++*revision) {
        unsigned other = (unsigned)random_below(random, MODEL_KEYS);
        struct model_state before = {.revision = *revision, .present = random_below(random, 4) > 0};

        model_observe(&s->model, other, before);
        read_as(s, other, before, *revision);
        know(s, other, *revision);
    }
    model_observe(&s->model, key, state);
    read_as(s, key, state, last);
    know(s, key, last);
}

static void *write_all(void *ctx) {
    struct actor *a = ctx;
    struct shared *s = a->shared;
    struct random random;
    int64_t revision = 1;

    random_init(&random, a->seed);
    for (int64_t written = 1; written <= WRITES || wants_more(s, written); written++) {
        if (random_below(&random, RESET_EVERY) == 0) {
            begin_anew(s);
            revision = 1;
        }
        write_some(s, &random, &revision);
        revision++;
    }
    atomic_store(&s->done, true);
    return NULL;
}

/* From a copy, else from the store; returns the place that is told of. */
static int64_t read_one(struct shared *s, unsigned key) {
    uint64_t era = s->model.era;
    struct model_answer answer;
    int64_t revision;

    if (!atomic_load(&s->unproven) && model_copy_since(&s->model, key, &s->published, era, &era, &revision)) {
        atomic_fetch_add(&s->copies_read, 1);
        return (int64_t)era * era_size + revision;
    }
    answer.asked = model_asks(&s->model);
    pthread_mutex_lock(&s->lock);
    answer.era = s->era;
    answer.found = s->readable[key];
    answer.revision = atomic_load(&s->published);
    pthread_mutex_unlock(&s->lock);
    sched_yield(); /* the answer is on its way */
    model_fill_answer(&s->model, key, &answer);
    return (int64_t)answer.era * era_size + answer.found.revision;
}

static void *read_on(void *ctx) {
    struct actor *a = ctx;
    struct shared *s = a->shared;
    struct random random;

    random_init(&random, a->seed);
    while (!atomic_load(&s->done)) {
        unsigned key = (unsigned)random_below(&random, MODEL_KEYS);
        int64_t floor = atomic_load(&s->floor[key]);
        int64_t place = read_one(s, key);

        if (place < floor) {
            atomic_fetch_add(&s->wrong, 1);
        }
        raise_floor(s, key, place);
    }
    return NULL;
}

static void *drop_on(void *ctx) {
    struct actor *a = ctx;
    struct random random;

    random_init(&random, a->seed);
    while (!atomic_load(&a->shared->done)) {
        model_evict(&a->shared->model, (unsigned)random_below(&random, MODEL_KEYS));
    }
    return NULL;
}

static void nobody_is_told_of_less_than_was_known(void **state) {
    static void *(*const roles[READERS + 2])(void *) = {write_all, drop_on, read_on, read_on, read_on};
    struct shared *s = calloc(1, sizeof(*s));
    struct actor actors[READERS + 2];

    (void)state;
    model_init(&s->model, MEMORY, 3);
    pthread_mutex_init(&s->lock, NULL);
    for (size_t i = 0; i < READERS + 2; i++) {
        actors[i] = (struct actor){.shared = s, .seed = i};
        assert_int_equal(pthread_create(&actors[i].thread, NULL, roles[i], &actors[i]), 0);
    }
    for (size_t i = 0; i < READERS + 2; i++) {
        pthread_join(actors[i].thread, NULL);
    }
    assert_int_equal(atomic_load(&s->wrong), 0);
    assert_true(atomic_load(&s->copies_read) >= COPIES_READ);
    pthread_mutex_destroy(&s->lock);
    model_fini(&s->model);
    free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nobody_is_told_of_less_than_was_known)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
