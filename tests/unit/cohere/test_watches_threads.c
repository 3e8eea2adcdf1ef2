/* SPDX-License-Identifier: Apache-2.0 */
/* One thread tells, others open, read and close watchers, at speeds of their own: each is told exactly what it wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/random.h"
#include "cohere/watches.h"
#include "fake_cluster.h"

/* The writer goes on until the readers have fallen behind so often: on a busy machine it may be done before they begin. */
enum {
    READERS = 3,
    WATCHERS = 4, /* of each */
    KEYS = 5,
    REVISIONS = 200000,
    REVISIONS_MAX = 10 * REVISIONS,
    FALLS = 100,
    MEMORY = 16 << 10,
};

static const struct store_engine near_engine;

struct shared {
    struct fake_cluster cluster;
    struct watches *watches;
    _Atomic int64_t written;
    atomic_bool done;
    atomic_ulong wrong;
};

struct seat {
    struct store_watcher *watcher; /* NULL: free */
    struct slice key;              /* "" is all of them */
    int64_t reached;
    atomic_bool woken;
};

struct reader {
    struct shared *shared;
    pthread_t thread;
    struct random random;
    struct seat seats[WATCHERS];
};

static const struct slice keys[KEYS] = {{"a0", 2}, {"a1", 2}, {"a2", 2}, {"a3", 2}, {"a4", 2}};

/* Each revision is one put; so everybody knows what has happened. */
static struct slice key_of(int64_t revision) {
    return keys[(uint64_t)revision * 7 / 3 % KEYS];
}

static bool wants(const struct seat *s, int64_t revision) {
    return s->key.size == 0 || slice_equal(s->key, key_of(revision));
}

/* --- who tells --- */

static void tell(struct shared *s, int64_t from, int64_t to) {
    char value[24];
    struct kv_event events[8];
    size_t count = 0;

    for (int64_t revision = from; revision <= to; revision++) {
        events[count++] = (struct kv_event){
            .kv = {.key = key_of(revision), .value = slice_make(value, sizeof(value)), .mod_revision = revision}};
    }
    memset(value, 'v', sizeof(value));
    watches_tell(s->watches, events, count, to);
}

static uint64_t falls(struct shared *s) {
    struct watches_figures figures;

    watches_get_figures(s->watches, &figures);
    return figures.fell_behind;
}

static void *tell_all(void *ctx) {
    struct shared *s = ctx;
    struct random random;
    int64_t told = 0;

    random_init(&random, 1);
    watches_begin(s->watches, 0);
    while (told < REVISIONS || (told < REVISIONS_MAX && falls(s) < FALLS)) {
        int64_t to = told + 1 + (int64_t)random_below(&random, 8);

        for (int64_t revision = told + 1; revision <= to; revision++) {
            fake_cluster_add(&s->cluster, key_of(revision), SLICE("value"), true);
        }
        fake_cluster_deliver(&s->cluster, to);
        atomic_store(&s->written, to);
        switch (random_below(&random, 100)) {
        case 0:
            watches_begin(s->watches, to); /* what came since was not told */
            break;
        case 1:
            watches_reset(s->watches);
            watches_begin(s->watches, to);
            break;
        default:
            tell(s, told + 1, to);
            watches_wake(s->watches);
            break;
        }
        told = to;
    }
    atomic_store(&s->done, true);
    return NULL;
}

/* --- who reads --- */

static void on_wake(void *ctx) {
    atomic_store(&((struct seat *)ctx)->woken, true);
}

static void open_at(struct reader *r, struct seat *s, int64_t start_revision) {
    struct store_watch watch = {.span = {.key = s->key}, .start_revision = start_revision};
    enum store_status status;

    if (s->key.size == 0) {
        watch.span = (struct store_span){.key = SLICE("a"), .range_end = SLICE("b")};
    }
    s->reached = start_revision - 1;
    atomic_store(&s->woken, true);
    s->watcher = watches_open(r->shared->watches, &watch, on_wake, s, &status, NULL);
}

static void close_it(struct seat *s) {
    watches_close(s->watcher);
    s->watcher = NULL;
}

static void check(struct reader *r, struct seat *s, const struct store_batch *batch) {
    size_t found = 0;

    for (int64_t revision = s->reached + 1; revision <= batch->revision; revision++) {
        if (wants(s, revision)) {
            const struct kv_event *event = found < batch->count ? &batch->events[found] : NULL;

            found++;
            if (event == NULL || event->kv.mod_revision != revision || !slice_equal(event->kv.key, key_of(revision))) {
                atomic_fetch_add(&r->shared->wrong, 1);
            }
        }
    }
    if (found != batch->count || batch->revision < s->reached) {
        atomic_fetch_add(&r->shared->wrong, 1);
    }
    s->reached = batch->revision;
}

static void ask(struct reader *r, struct seat *s) {
    struct store_batch batch;

    atomic_store(&s->woken, false);
    watches_next(s->watcher, random_below(&r->random, 2000), &batch);
    if (batch.status == STORE_CLOSED) {
        close_it(s);
        open_at(r, s, s->reached + 1);
    } else if (batch.status != STORE_OK) {
        atomic_fetch_add(&r->shared->wrong, 1);
    } else {
        check(r, s, &batch);
        if (batch.more) {
            atomic_store(&s->woken, true);
        }
    }
    store_batch_fini(&batch);
}

static void open_one(struct reader *r, struct seat *s) {
    uint64_t written = (uint64_t)atomic_load(&r->shared->written);
    uint64_t back = random_below(&r->random, random_below(&r->random, 4) == 0 ? 2000 : 50);

    s->key = random_below(&r->random, 2) == 0 ? SLICE("") : keys[random_below(&r->random, KEYS)];
    open_at(r, s, 1 + (int64_t)(back < written ? written - back : 0));
}

static void step(struct reader *r) {
    struct seat *s = &r->seats[random_below(&r->random, WATCHERS)];

    if (s->watcher == NULL) {
        open_one(r, s);
    } else if (random_below(&r->random, 200) == 0) {
        close_it(s);
    } else if (atomic_load(&s->woken)) {
        ask(r, s);
    }
}

static void *read_all(void *ctx) {
    struct reader *r = ctx;

    while (!atomic_load(&r->shared->done)) {
        step(r);
    }
    for (size_t i = 0; i < WATCHERS; i++) {
        struct seat *s = &r->seats[i];

        while (s->watcher != NULL && atomic_load(&s->woken)) {
            ask(r, s);
        }
        for (int64_t revision = s->reached + 1; s->watcher != NULL && revision <= r->shared->written; revision++) {
            if (wants(s, revision)) {
                atomic_fetch_add(&r->shared->wrong, 1); /* and it was not woken */
                break;
            }
        }
        if (s->watcher != NULL) {
            close_it(s);
        }
    }
    return NULL;
}

static void each_is_told_exactly_what_it_wants(void **state) {
    static struct reader readers[READERS];
    struct shared s = {0};
    pthread_t teller;

    (void)state;
    fake_cluster_init(&s.cluster);
    s.watches = watches_new(&(struct watches_config){
        .cluster = &s.cluster.base,
        .span = {.key = slice_make("", 1), .range_end = slice_make("", 1)},
        .memory = MEMORY,
        .max_watchers = READERS * WATCHERS,
        .engine = &near_engine,
    });
    assert_non_null(s.watches);
    for (size_t i = 0; i < READERS; i++) {
        readers[i].shared = &s;
        random_init(&readers[i].random, i + 2);
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_all, &readers[i]), 0);
    }
    assert_int_equal(pthread_create(&teller, NULL, tell_all, &s), 0);
    pthread_join(teller, NULL);
    for (size_t i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
    }
    assert_int_equal(s.wrong, 0);
    assert_true(falls(&s) > 0);
    assert_int_equal(s.cluster.open, 0);
    watches_free(s.watches);
    fake_cluster_fini(&s.cluster);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_told_exactly_what_it_wants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
