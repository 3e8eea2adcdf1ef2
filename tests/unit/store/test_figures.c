/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

static uint64_t classified(const struct store_figures *figures) {
    uint64_t count = 0;

    for (unsigned i = 0; i < STORE_COMMIT_CLASSES; i++) {
        count += figures->commit_classes[i];
    }
    return count;
}

static void commits_are_counted_with_what_is_in_them(void **state) {
    struct store_figures before;
    struct store_figures after;
    struct place p;

    (void)state;
    place_start(&p);
    store_get_figures(p.store, &before);
    for (int i = 0; i < 3; i++) {
        put(&p, "a", "1");
    }
    del(&p, "a");
    store_get_figures(p.store, &after);
    /* One at a time, so each has a commit of its own. */
    assert_int_equal(after.commit_ops - before.commit_ops, 4);
    assert_int_equal(after.commit_classes[0] - before.commit_classes[0], 4);
    assert_int_equal(classified(&after), after.commits);
    assert_int_equal(after.keys, 0);
    assert_int_equal(after.revision, 5);
    assert_true(after.syncs > before.syncs && after.sync_ns > before.sync_ns);
    assert_true(after.file_bytes > 0 && after.bytes > 0);
    assert_int_equal(after.quota, 64 << 20);
    assert_int_equal(after.waiting, 0);
    assert_false(after.full);
    place_end(&p);
}

enum { TOGETHER = 500 };

/* Holds up the store's thread at its first revision. */
static void hold(void *ctx, const struct kv_event *events, size_t count) {
    sem_t *gate = ctx;

    (void)events;
    (void)count;
    while (sem_wait(gate) != 0) {
    }
    sem_post(gate);
}

static const struct store_observer holder = {.events = hold};

/* What comes while a commit is under way shares the next one. */
static void writes_that_wait_share_a_commit(void **state) {
    struct awaited *calls = calloc(TOGETHER, sizeof(*calls));
    struct store_figures figures;
    struct place p;
    sem_t gate;

    (void)state;
    sem_init(&gate, 0, 0);
    place_start(&p);
    store_observe(p.store, &holder, &gate);
    for (int i = 0; i < TOGETHER; i++) {
        sem_init(&calls[i].done, 0, 0);
        store_call_init(&calls[i].call, awaited_done);
        calls[i].call.op = op_put("k", "v");
        store_submit(p.store, &calls[i].call);
    }
    sem_post(&gate);
    for (int i = 0; i < TOGETHER; i++) {
        await(&calls[i]);
        assert_int_equal(calls[i].call.status, STORE_OK);
        awaited_end(&calls[i]);
    }
    store_get_figures(p.store, &figures);
    assert_int_equal(figures.commit_ops, TOGETHER);
    assert_int_equal(classified(&figures), figures.commits);
    assert_true(figures.commits < TOGETHER);
    assert_true(figures.commit_classes[0] < figures.commits);
    place_end(&p);
    sem_destroy(&gate);
    free(calls);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commits_are_counted_with_what_is_in_them),
        cmocka_unit_test(writes_that_wait_share_a_commit),
    };

    return cmocka_run_group_tests_name("store-figures", tests, NULL, NULL);
}
