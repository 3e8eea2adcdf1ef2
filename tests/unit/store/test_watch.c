/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>

#include "harness.h"

enum { ENOUGH = 1 << 20 };

/* A watcher whose wake-ups can be waited for. */
struct watching {
    struct store_watcher *watcher;
    struct store_batch batch;
    sem_t woken;
};

static void on_wake(void *ctx) {
    sem_post(&((struct watching *)ctx)->woken);
}

static void watch(struct place *p, struct watching *w, struct store_watch what) {
    enum store_status status;

    *w = (struct watching){0};
    sem_init(&w->woken, 0, 0);
    w->watcher = store_watch_open(p->store, &what, on_wake, w, &status, NULL);
    assert_int_equal(status, STORE_OK);
    assert_non_null(w->watcher);
}

static void end(struct watching *w) {
    store_batch_fini(&w->batch);
    store_watcher_close(w->watcher);
    sem_destroy(&w->woken);
}

static size_t next(struct watching *w, size_t max_bytes) {
    store_batch_fini(&w->batch);
    store_watcher_next(w->watcher, max_bytes, &w->batch);
    return w->batch.count;
}

static void expect_event(const struct watching *w, size_t at, enum kv_event_kind kind, const char *key,
                         int64_t revision) {
    const struct kv_event *event = &w->batch.events[at];

    assert_true(at < w->batch.count);
    assert_int_equal(event->kind, kind);
    assert_true(slice_equal(event->kv.key, slice_from_string(key)));
    assert_int_equal(event->kv.mod_revision, revision);
}

static void a_key_is_watched_from_now(void **state) {
    struct watching w;
    struct place p;

    (void)state;
    place_start(&p);
    put(&p, "a", "1");
    watch(&p, &w, (struct store_watch){.span = {.key = SLICE("a")}});
    assert_int_equal(next(&w, ENOUGH), 0);
    put(&p, "b", "1");
    assert_int_equal(next(&w, ENOUGH), 0);
    assert_int_equal(w.batch.revision, 3);
    assert_int_equal(sem_trywait(&w.woken), -1);
    put(&p, "a", "2");
    del(&p, "a");
    sem_wait(&w.woken);
    assert_int_equal(next(&w, ENOUGH), 2);
    expect_event(&w, 0, KV_EVENT_PUT, "a", 4);
    expect_event(&w, 1, KV_EVENT_DELETE, "a", 5);
    assert_int_equal(w.batch.revision, 5);
    assert_false(w.batch.more);
    assert_int_equal(next(&w, ENOUGH), 0);
    end(&w);
    place_end(&p);
}

static void the_past_comes_first_and_in_pieces_of_whole_revisions(void **state) {
    const struct store_op puts[] = {op_put("x/1", "v"), op_put("y", "v"), op_put("x/2", "v")};
    struct watching w;
    struct awaited a;
    struct place p;

    (void)state;
    place_start(&p);
    put(&p, "x/0", "v");
    assert_int_equal(run(&p, &a, (struct store_op){.kind = STORE_OP_TXN, .txn = {.success = puts, .success_count = 3}}),
                     STORE_OK);
    awaited_end(&a);
    put(&p, "x/3", "v");
    watch(&p, &w, (struct store_watch){.span = {.key = SLICE("x/"), .range_end = SLICE("x0")}, .start_revision = 2});
    assert_int_equal(next(&w, 1), 1);
    expect_event(&w, 0, KV_EVENT_PUT, "x/0", 2);
    assert_true(w.batch.more);
    assert_int_equal(w.batch.revision, 2);
    assert_int_equal(next(&w, 1), 2);
    expect_event(&w, 0, KV_EVENT_PUT, "x/1", 3);
    expect_event(&w, 1, KV_EVENT_PUT, "x/2", 3);
    assert_int_equal(next(&w, 1), 1);
    expect_event(&w, 0, KV_EVENT_PUT, "x/3", 4);
    assert_false(w.batch.more);
    put(&p, "x/4", "v");
    assert_int_equal(next(&w, 1), 1);
    expect_event(&w, 0, KV_EVENT_PUT, "x/4", 5);
    end(&w);
    place_end(&p);
}

static void filters_and_previous_values(void **state) {
    struct watching w;
    struct place p;

    (void)state;
    place_start(&p);
    put(&p, "a", "1");
    put(&p, "a", "2");
    del(&p, "a");
    watch(&p, &w, (struct store_watch){.span = span_all(), .start_revision = 1, .want_previous = true, .no_put = true});
    assert_int_equal(next(&w, ENOUGH), 1);
    expect_event(&w, 0, KV_EVENT_DELETE, "a", 4);
    assert_true(w.batch.events[0].has_previous);
    assert_true(slice_equal(w.batch.events[0].previous.value, SLICE("2")));
    end(&w);
    watch(&p, &w, (struct store_watch){.span = {.key = SLICE("a")}, .start_revision = 1, .no_delete = true});
    assert_int_equal(next(&w, ENOUGH), 2);
    assert_false(w.batch.events[1].has_previous);
    end(&w);
    place_end(&p);
}

static void a_start_in_the_future_waits_for_it(void **state) {
    struct watching w;
    struct place p;

    (void)state;
    place_start(&p);
    watch(&p, &w, (struct store_watch){.span = span_all(), .start_revision = 4});
    put(&p, "a", "1");
    put(&p, "a", "2");
    assert_int_equal(next(&w, ENOUGH), 0);
    put(&p, "a", "3");
    sem_wait(&w.woken);
    assert_int_equal(next(&w, ENOUGH), 1);
    expect_event(&w, 0, KV_EVENT_PUT, "a", 4);
    end(&w);
    place_end(&p);
}

static void what_is_compacted_ends_the_watcher(void **state) {
    struct watching w;
    struct place p;

    (void)state;
    place_start(&p);
    put(&p, "a", "1");
    put(&p, "a", "2");
    put(&p, "a", "3");
    compact(&p, 3);
    watch(&p, &w, (struct store_watch){.span = {.key = SLICE("a")}, .start_revision = 2});
    next(&w, ENOUGH);
    assert_int_equal(w.batch.status, STORE_COMPACTED);
    assert_int_equal(w.batch.compact_revision, 3);
    end(&w);
    watch(&p, &w, (struct store_watch){.span = {.key = SLICE("a")}, .start_revision = 3});
    assert_int_equal(next(&w, ENOUGH), 2);
    end(&w);
    place_end(&p);
}

/* It has not read its events yet, but it is not late either. */
static void a_compaction_ends_no_watcher_that_keeps_up(void **state) {
    struct watching single;
    struct watching all;
    struct place p;

    (void)state;
    place_init(&p);
    p.config.checkpoint = 1;
    place_open(&p);
    watch(&p, &single, (struct store_watch){.span = {.key = SLICE("a")}});
    watch(&p, &all, (struct store_watch){.span = span_all()});
    put(&p, "a", "1");
    put(&p, "a", "2");
    put(&p, "a", "3");
    compact(&p, 4);
    put(&p, "b", "1");
    compact(&p, 5);
    put(&p, "b", "2");
    assert_int_equal(next(&single, ENOUGH), 3);
    expect_event(&single, 0, KV_EVENT_PUT, "a", 2);
    assert_int_equal(next(&all, ENOUGH), 5);
    expect_event(&all, 0, KV_EVENT_PUT, "a", 2);
    end(&single);
    end(&all);
    place_end(&p);
}

static void a_put_that_makes_a_key_has_no_previous(void **state) {
    const struct store_op ops[] = {
        {.kind = STORE_OP_DELETE, .delete = {.span = {.key = SLICE("b"), .range_end = SLICE("\0")}}},
        op_put("b", "2"),
    };
    struct watching w;
    struct awaited a;
    struct place p;

    (void)state;
    place_start(&p);
    put(&p, "b", "1");
    assert_int_equal(run(&p, &a, (struct store_op){.kind = STORE_OP_TXN, .txn = {.success = ops, .success_count = 2}}),
                     STORE_OK);
    awaited_end(&a);
    watch(&p, &w, (struct store_watch){.span = {.key = SLICE("b")}, .start_revision = 3, .want_previous = true});
    assert_int_equal(next(&w, ENOUGH), 2);
    expect_event(&w, 0, KV_EVENT_DELETE, "b", 3);
    assert_true(w.batch.events[0].has_previous);
    expect_event(&w, 1, KV_EVENT_PUT, "b", 3);
    assert_false(w.batch.events[1].has_previous);
    end(&w);
    place_end(&p);
}

static void a_deletion_of_the_compacted_revision_is_still_told(void **state) {
    struct watching w;
    struct place p;

    (void)state;
    place_start(&p);
    put(&p, "a", "1");
    del(&p, "a");
    put(&p, "b", "1");
    compact(&p, 3);
    watch(&p, &w, (struct store_watch){.span = span_all(), .start_revision = 3});
    assert_int_equal(next(&w, ENOUGH), 2);
    expect_event(&w, 0, KV_EVENT_DELETE, "a", 3);
    end(&w);
    compact(&p, 4);
    place_reopen(&p);
    expect(&p, "a", 0, NULL);
    place_end(&p);
}

/* What the key was before is compacted, whether or not it is gone already. */
static void an_event_of_the_compacted_revision_has_no_previous(void **state) {
    struct watching w;
    struct place p;

    (void)state;
    place_start(&p);
    put(&p, "a", "1");
    put(&p, "a", "2");
    put(&p, "a", "3");
    compact(&p, 3);
    watch(&p, &w, (struct store_watch){.span = {.key = SLICE("a")}, .start_revision = 3, .want_previous = true});
    assert_int_equal(next(&w, ENOUGH), 2);
    expect_event(&w, 0, KV_EVENT_PUT, "a", 3);
    assert_false(w.batch.events[0].has_previous);
    expect_event(&w, 1, KV_EVENT_PUT, "a", 4);
    assert_true(w.batch.events[1].has_previous);
    end(&w);
    place_end(&p);
}

static void there_is_a_limit(void **state) {
    const struct store_watch what = {.span = {.key = SLICE("a")}};
    struct store_watch empty = {.start_revision = 1};
    enum store_status status;
    struct watching w;
    struct place p;

    (void)state;
    place_init(&p);
    p.config.max_watchers = 1;
    place_open(&p);
    watch(&p, &w, what);
    assert_null(store_watch_open(p.store, &what, on_wake, &w, &status, NULL));
    assert_int_equal(status, STORE_TOO_MANY_WATCHERS);
    end(&w);
    assert_null(store_watch_open(p.store, &empty, on_wake, &w, &status, NULL));
    assert_int_equal(status, STORE_EMPTY_KEY);
    watch(&p, &w, what);
    end(&w);
    place_end(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_watched_from_now),
        cmocka_unit_test(the_past_comes_first_and_in_pieces_of_whole_revisions),
        cmocka_unit_test(filters_and_previous_values),
        cmocka_unit_test(a_start_in_the_future_waits_for_it),
        cmocka_unit_test(what_is_compacted_ends_the_watcher),
        cmocka_unit_test(a_compaction_ends_no_watcher_that_keeps_up),
        cmocka_unit_test(a_put_that_makes_a_key_has_no_previous),
        cmocka_unit_test(a_deletion_of_the_compacted_revision_is_still_told),
        cmocka_unit_test(an_event_of_the_compacted_revision_has_no_previous),
        cmocka_unit_test(there_is_a_limit),
    };

    return cmocka_run_group_tests_name("store-watch", tests, NULL, NULL);
}
