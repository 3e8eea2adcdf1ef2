/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>

#include "base/random.h"
#include "snapshots.h"
#include "store/local/snapshot_parse.h"

/* Snapshots, hashes, compactions and defragmentations while others write. */
enum { KEYS = 200, WRITERS = 2, ROUNDS = 40, WHY_BYTES = 4096 };

struct shared {
    struct place place;
    atomic_bool over;
};

static void *write_keys(void *ctx) {
    struct shared *shared = ctx;
    struct random random;

    random_init(&random, (uint64_t)(uintptr_t)&random);
    while (!atomic_load(&shared->over)) {
        char key[32];

        snprintf(key, sizeof(key), "key/%u", (unsigned)random_below(&random, KEYS));
        if (random_below(&random, 4) == 0) {
            del(&shared->place, key);
        } else {
            put(&shared->place, key, "a value of some length, so that there is something to be read and to be copied");
        }
    }
    return NULL;
}

static ptrdiff_t read_snapshot(void *ctx, char *data, size_t size) {
    size_t count;

    assert_int_equal(store_snapshot_read(ctx, data, size, &count), STORE_OK);
    return (ptrdiff_t)count;
}

static void *take_snapshots(void *ctx) {
    struct shared *shared = ctx;

    while (!atomic_load(&shared->over)) {
        const struct snapshot_handler nobody = {.ctx = NULL};
        struct snapshot_source source = {.read = read_snapshot};
        int64_t before = store_revision(shared->place.store);
        struct store_snapshot *snapshot = snapshot_open(&shared->place);
        struct snapshot_summary summary;
        struct buf why;

        buf_init(&why, WHY_BYTES);
        source.ctx = snapshot;
        if (!snapshot_parse(&source, &nobody, false, &summary, &why)) {
            fail_msg("%.*s", (int)why.size, why.data);
        }
        assert_true(summary.head.revision >= before);
        assert_int_equal(store_snapshot_size(snapshot), 0);
        store_snapshot_close(snapshot);
        buf_fini(&why);
    }
    return NULL;
}

/* What is asked of the same revision twice is the same, if nothing was compacted between. */
static void *take_hashes(void *ctx) {
    struct shared *shared = ctx;
    struct store *store = shared->place.store;

    while (!atomic_load(&shared->over)) {
        int64_t revision = store_revision(store);
        int64_t compacted[2];
        uint32_t hashes[2];
        int64_t newest;
        bool good = true;

        for (int i = 0; i < 2; i++) {
            enum store_status status = store_hash_kv(store, revision, &hashes[i], &newest, &compacted[i]);

            assert_true(status == STORE_OK || status == STORE_COMPACTED);
            good = good && status == STORE_OK;
        }
        assert_true(!good || compacted[0] != compacted[1] || hashes[0] == hashes[1]);
    }
    return NULL;
}

static void keep_up(struct place *p, int round) {
    struct store_op op = {.kind = STORE_OP_DEFRAGMENT};
    struct awaited a;
    enum store_status status;

    if (round % 2 == 0) {
        op = (struct store_op){
            .kind = STORE_OP_COMPACT,
            .compact_revision = store_revision(p->store) - 5,
            .compact_physical = round % 4 == 0,
        };
    }
    status = run(p, &a, op);
    assert_true(status == STORE_OK || (status == STORE_COMPACTED && op.kind == STORE_OP_COMPACT));
    awaited_end(&a);
}

static void all_at_once(void **state) {
    struct shared *shared = calloc(1, sizeof(*shared));
    pthread_t threads[WRITERS + 2];

    (void)state;
    assert_non_null(shared);
    place_init(&shared->place);
    shared->place.config.no_sync = true;
    shared->place.config.checkpoint = 20 << 10;
    place_open(&shared->place);
    for (int i = 0; i < 20; i++) {
        put(&shared->place, "first", "1");
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_keys, shared), 0);
    }
    assert_int_equal(pthread_create(&threads[WRITERS], NULL, take_snapshots, shared), 0);
    assert_int_equal(pthread_create(&threads[WRITERS + 1], NULL, take_hashes, shared), 0);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t revision = store_revision(shared->place.store);

        while (store_revision(shared->place.store) < revision + 20) {
            sched_yield();
        }
        keep_up(&shared->place, i);
    }
    atomic_store(&shared->over, true);
    for (int i = 0; i < WRITERS + 2; i++) {
        pthread_join(threads[i], NULL);
    }
    place_end(&shared->place);
    free(shared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
