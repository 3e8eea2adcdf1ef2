/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>

#include "base/random.h"
#include "harness.h"

enum { KEYS = 64, WRITERS = 2, READERS = 2, WRITES = 3000, WATCHERS = 3, KEEP = 1 };

struct shared {
    struct place place;
    bool deletes;                       /* keys are deleted as well as put */
    atomic_bool over;                   /* the writers are done */
    _Atomic int64_t last;               /* revision, then */
    _Atomic int64_t acknowledged[KEYS]; /* mod_revision of the newest write of the key that was answered */
};

static struct slice key_of(unsigned number, char text[16]) {
    return slice_make(text, (size_t)snprintf(text, 16, "k/%02u", number));
}

static void raise_to(_Atomic int64_t *number, int64_t to) {
    int64_t now = atomic_load(number);

    while (now < to && !atomic_compare_exchange_weak(number, &now, to)) {
    }
}

/* Every value is the number of its key. */
static void *write_keys(void *ctx) {
    struct shared *shared = ctx;
    struct random random;

    random_init(&random, (uint64_t)(uintptr_t)&random);
    for (int i = 0; i < WRITES; i++) {
        unsigned number = (unsigned)random_below(&random, KEYS);
        char text[16];
        struct slice key = key_of(number, text);
        struct store_op op = {.kind = STORE_OP_PUT, .put = {.key = key, .value = key}};
        struct awaited a;

        if (shared->deletes && random_below(&random, 4) == 0) {
            op = (struct store_op){.kind = STORE_OP_DELETE, .delete = {.span = {.key = key}}};
        }
        assert_int_equal(run(&shared->place, &a, op), STORE_OK);
        raise_to(&shared->acknowledged[number], op.kind == STORE_OP_PUT ? a.call.revision : 0);
        awaited_end(&a);
    }
    return NULL;
}

/* A key never goes back, and what was acknowledged before the reading is there, or something newer. */
static void *read_keys(void *ctx) {
    struct shared *shared = ctx;
    int64_t seen[KEYS] = {0};
    struct random random;

    random_init(&random, (uint64_t)(uintptr_t)&random);
    while (!atomic_load(&shared->over)) {
        unsigned number = (unsigned)random_below(&random, KEYS);
        char text[16];
        struct slice key = key_of(number, text);
        int64_t acknowledged = atomic_load(&shared->acknowledged[number]);
        const struct store_result *result;
        struct awaited a;

        assert_int_equal(
            run(&shared->place, &a, (struct store_op){.kind = STORE_OP_RANGE, .range = {.span = {.key = key}}}),
            STORE_OK);
        result = &a.call.result;
        assert_true(a.call.revision >= acknowledged);
        assert_true(result->kv_count == 1 || acknowledged == 0 || shared->deletes);
        if (result->kv_count == 1) {
            assert_true(slice_equal(result->kvs[0].value, key));
            assert_true(result->kvs[0].mod_revision >= seen[number]);
            assert_true(result->kvs[0].mod_revision >= acknowledged);
            seen[number] = result->kvs[0].mod_revision;
        }
        awaited_end(&a);
    }
    return NULL;
}

static void on_wake(void *ctx) {
    sem_post(ctx);
}

/* Sees every revision once and in order. */
static void *watch_keys(void *ctx) {
    const struct store_watch what = {.span = {.key = SLICE("k/"), .range_end = SLICE("k0")}, .start_revision = 2};
    struct shared *shared = ctx;
    struct store_watcher *watcher;
    enum store_status status;
    int64_t next = 2;
    sem_t woken;

    sem_init(&woken, 0, 1);
    watcher = store_watch_open(shared->place.store, &what, on_wake, &woken, &status, NULL);
    assert_non_null(watcher);
    while (!atomic_load(&shared->over) || next <= atomic_load(&shared->last)) {
        struct timespec soon;
        struct store_batch batch;

        clock_gettime(CLOCK_REALTIME, &soon);
        soon.tv_sec++;
        sem_timedwait(&woken, &soon);
        do {
            store_watcher_next(watcher, 512, &batch);
            assert_int_equal(batch.status, STORE_OK);
            for (size_t i = 0; i < batch.count; i++) {
                assert_int_equal(batch.events[i].kv.mod_revision, next);
                next++;
            }
            assert_int_equal(batch.revision, next - 1);
            store_batch_fini(&batch);
        } while (batch.more);
    }
    store_watcher_close(watcher);
    sem_destroy(&woken);
    return NULL;
}

static void run_all(struct shared *shared, int watchers) {
    pthread_t writers[WRITERS];
    pthread_t others[READERS + WATCHERS];

    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&others[i], NULL, read_keys, shared), 0);
    }
    for (int i = 0; i < watchers; i++) {
        assert_int_equal(pthread_create(&others[READERS + i], NULL, watch_keys, shared), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_create(&writers[i], NULL, write_keys, shared), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(writers[i], NULL);
    }
    atomic_store(&shared->last, store_revision(shared->place.store));
    atomic_store(&shared->over, true);
    for (int i = 0; i < READERS + watchers; i++) {
        pthread_join(others[i], NULL);
    }
}

static void readers_and_watchers_see_what_was_written(void **state) {
    struct shared *shared = calloc(1, sizeof(*shared));

    (void)state;
    assert_non_null(shared);
    place_init(&shared->place);
    shared->place.config.no_sync = true;
    shared->place.config.checkpoint = 4096;
    shared->deletes = true;
    place_open(&shared->place);
    run_all(shared, WATCHERS);
    place_end(&shared->place);
    free(shared);
}

/* The same while history is cut off all the time. */
static void readers_go_on_while_history_is_compacted(void **state) {
    struct shared *shared = calloc(1, sizeof(*shared));
    struct store_figures figures;

    (void)state;
    assert_non_null(shared);
    place_init(&shared->place);
    shared->place.config.no_sync = true;
    shared->place.config.checkpoint = 4096;
    shared->place.config.history = KEEP;
    place_open(&shared->place);
    run_all(shared, 0);
    store_get_figures(shared->place.store, &figures);
    assert_true(figures.compactions > 10);
    place_reopen(&shared->place);
    store_get_figures(shared->place.store, &figures);
    assert_true(figures.keys <= KEYS);
    place_end(&shared->place);
    free(shared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_and_watchers_see_what_was_written),
        cmocka_unit_test(readers_go_on_while_history_is_compacted),
    };

    return cmocka_run_group_tests_name("store-threads", tests, NULL, NULL);
}
