/* SPDX-License-Identifier: Apache-2.0 */
/* One thread writes, several read, another drops copies: nobody is told of less than was known when it asked. */
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

struct shared {
    struct model model;
    pthread_mutex_t lock; /* of the store: `published` and `readable` change together */
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

static void *write_all(void *ctx) {
    struct actor *a = ctx;
    struct shared *s = a->shared;
    struct random random;

    random_init(&random, a->seed);
    for (int64_t revision = 1; revision <= WRITES || wants_more(s, revision); revision++) {
        unsigned key = (unsigned)random_below(&random, MODEL_KEYS);
        struct model_state state = {.revision = revision, .present = random_below(&random, 4) > 0};

        model_observe(&s->model, key, state);
        pthread_mutex_lock(&s->lock);
        s->readable[key] = state;
        atomic_store(&s->published, revision);
        pthread_mutex_unlock(&s->lock);
        raise_floor(s, key, revision);
    }
    atomic_store(&s->done, true);
    return NULL;
}

static void *read_on(void *ctx) {
    struct actor *a = ctx;
    struct shared *s = a->shared;
    struct random random;

    random_init(&random, a->seed);
    while (!atomic_load(&s->done)) {
        unsigned key = (unsigned)random_below(&random, MODEL_KEYS);
        int64_t floor = atomic_load(&s->floor[key]);
        int64_t revision;

        if (model_copy(&s->model, key, &s->published, &revision)) {
            atomic_fetch_add(&s->copies_read, 1);
        } else {
            struct model_state found;
            int64_t answered;

            pthread_mutex_lock(&s->lock);
            found = s->readable[key];
            answered = atomic_load(&s->published);
            pthread_mutex_unlock(&s->lock);
            model_fill(&s->model, key, found, answered);
            revision = found.revision;
        }
        if (revision < floor) {
            atomic_fetch_add(&s->wrong, 1);
        }
        raise_floor(s, key, revision);
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
