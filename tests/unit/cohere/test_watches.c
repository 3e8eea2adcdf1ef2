/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cohere/watches.h"
#include "fake_cluster.h"

enum { ENOUGH = 1 << 20, MEMORY = 1 << 20, LITTLE = 8 << 10, WATCHERS_MAX = 4 };

static const struct store_engine near_engine;

#define ALL ((struct store_span){.key = slice_make("", 1), .range_end = slice_make("", 1)})

/* A node: the cluster, and what it tells of it. */
struct node {
    struct fake_cluster cluster;
    struct watches *watches;
    int64_t told;
    unsigned wishes; /* for previous values */
};

static void on_want_previous(void *ctx) {
    ((struct node *)ctx)->wishes++;
}

struct watching {
    struct store_watcher *watcher;
    struct store_batch batch;
    int64_t revision; /* where it was opened */
    unsigned woken;
};

static void start(struct node *n, size_t memory, struct store_span span) {
    *n = (struct node){0};
    fake_cluster_init(&n->cluster);
    n->watches = watches_new(&(struct watches_config){
        .cluster = &n->cluster.base,
        .span = span,
        .memory = memory,
        .max_watchers = WATCHERS_MAX,
        .want_previous = on_want_previous,
        .ctx = n,
        .engine = &near_engine,
    });
    assert_non_null(n->watches);
}

static void begin(struct node *n, size_t memory) {
    start(n, memory, ALL);
    watches_begin(n->watches, 0);
    watches_begin_previous(n->watches, 0);
}

static void stop(struct node *n) {
    assert_int_equal(n->cluster.open, 0);
    watches_free(n->watches);
    fake_cluster_fini(&n->cluster);
}

static void write(struct node *n, const char *key, const char *value) {
    fake_cluster_add(&n->cluster, slice_from_string(key), slice_from_string(value), true);
    n->cluster.known = n->cluster.revision;
}

/* Everything that was written is told. */
static void tell(struct node *n) {
    const struct fake_cluster *c = &n->cluster;
    size_t at = fake_cluster_behind(c, n->told);

    watches_tell(n->watches, c->log + at, c->count - at, c->revision);
    n->told = c->revision;
}

static void tell_and_wake(struct node *n) {
    tell(n);
    watches_wake(n->watches);
}

static void put(struct node *n, const char *key, const char *value) {
    write(n, key, value);
    tell_and_wake(n);
}

static void on_wake(void *ctx) {
    ((struct watching *)ctx)->woken++;
}

static void watch(struct node *n, struct watching *w, struct store_watch what) {
    enum store_status status;

    *w = (struct watching){0};
    w->watcher = watches_open(n->watches, &what, on_wake, w, &status, &w->revision);
    assert_int_equal(status, STORE_OK);
    assert_non_null(w->watcher);
}

static void watch_key(struct node *n, struct watching *w, const char *key, int64_t start_revision) {
    watch(n, w, (struct store_watch){.span = {.key = slice_from_string(key)}, .start_revision = start_revision});
}

static void end(struct watching *w) {
    store_batch_fini(&w->batch);
    watches_close(w->watcher);
}

static size_t next(struct watching *w, size_t max_bytes) {
    store_batch_fini(&w->batch);
    watches_next(w->watcher, max_bytes, &w->batch);
    return w->batch.count;
}

static enum store_status next_status(struct watching *w) {
    next(w, ENOUGH);
    return w->batch.status;
}

static void expect(struct watching *w, size_t at, const char *key, int64_t revision) {
    assert_true(at < w->batch.count);
    assert_true(slice_equal(w->batch.events[at].kv.key, slice_from_string(key)));
    assert_int_equal(w->batch.events[at].kv.mod_revision, revision);
}

static struct watches_figures figures(struct node *n) {
    struct watches_figures f;

    watches_get_figures(n->watches, &f);
    return f;
}

/* --- from memory --- */

static void a_key_is_watched_from_now(void **state) {
    struct watching w;
    struct node n;

    (void)state;
    begin(&n, MEMORY);
    put(&n, "a", "1");
    watch_key(&n, &w, "a", 0);
    assert_int_equal(w.revision, 1);
    assert_int_equal(next(&w, ENOUGH), 0);
    put(&n, "b", "1");
    assert_int_equal(w.woken, 0);
    assert_int_equal(next(&w, ENOUGH), 0);
    assert_int_equal(w.batch.revision, 2);
    put(&n, "a", "2");
    put(&n, "a", "");
    assert_int_equal(w.woken, 2);
    assert_int_equal(next(&w, ENOUGH), 2);
    expect(&w, 0, "a", 3);
    expect(&w, 1, "a", 4);
    assert_int_equal(w.batch.events[1].kind, KV_EVENT_DELETE);
    assert_int_equal(w.batch.revision, 4);
    assert_false(w.batch.more);
    assert_int_equal(next(&w, ENOUGH), 0);
    end(&w);
    assert_int_equal(n.cluster.opened, 0);
    stop(&n);
}

static void the_past_that_is_remembered_costs_the_cluster_nothing(void **state) {
    struct watching w;
    struct node n;

    (void)state;
    begin(&n, MEMORY);
    put(&n, "x/1", "v");
    write(&n, "y", "v");
    fake_cluster_add(&n.cluster, SLICE("x/2"), SLICE("v"), false);
    fake_cluster_add(&n.cluster, SLICE("x/3"), SLICE("v"), false);
    tell_and_wake(&n);
    put(&n, "x/4", "v");
    watch(&n, &w, (struct store_watch){.span = {.key = SLICE("x/"), .range_end = SLICE("x0")}, .start_revision = 1});
    assert_int_equal(next(&w, 1), 1);
    expect(&w, 0, "x/1", 1);
    assert_true(w.batch.more);
    assert_int_equal(w.batch.revision, 1);
    assert_int_equal(next(&w, 1), 2);
    expect(&w, 0, "x/2", 2);
    expect(&w, 1, "x/3", 2);
    assert_int_equal(next(&w, 1), 1);
    expect(&w, 0, "x/4", 3);
    assert_false(w.batch.more);
    end(&w);
    assert_int_equal(n.cluster.opened, 0);
    stop(&n);
}

static void filters_and_previous_values(void **state) {
    struct watching w;
    struct node n;

    (void)state;
    begin(&n, MEMORY);
    put(&n, "a", "1");
    put(&n, "a", "2");
    put(&n, "a", "");
    watch(&n, &w, (struct store_watch){.span = ALL, .start_revision = 1, .want_previous = true, .no_put = true});
    assert_int_equal(next(&w, ENOUGH), 1);
    expect(&w, 0, "a", 3);
    assert_true(w.batch.events[0].has_previous);
    assert_true(slice_equal(w.batch.events[0].previous.value, SLICE("2")));
    end(&w);
    watch(&n, &w, (struct store_watch){.span = {.key = SLICE("a")}, .start_revision = 1, .no_delete = true});
    assert_int_equal(next(&w, ENOUGH), 2);
    assert_true(slice_equal(w.batch.events[1].kv.value, SLICE("2")));
    assert_false(w.batch.events[1].has_previous);
    assert_int_equal(w.batch.revision, 3);
    end(&w);
    stop(&n);
}

/* They are asked for with the first who wants them, who has his own watch until they are told. */
static void previous_values_are_told_while_somebody_wants_them(void **state) {
    const struct store_watch wish = {.span = ALL, .start_revision = 2, .want_previous = true};
    struct watching w;
    struct node n;

    (void)state;
    start(&n, MEMORY, ALL);
    watches_begin(n.watches, 0);
    put(&n, "a", "1");
    assert_int_equal(n.wishes, 0);
    watch(&n, &w, wish);
    assert_int_equal(n.wishes, 1);
    assert_int_equal(n.cluster.opened, 1);
    put(&n, "a", "2");
    fake_cluster_deliver(&n.cluster, 2);
    assert_int_equal(next(&w, ENOUGH), 1);
    assert_true(w.batch.events[0].has_previous);
    assert_int_equal(n.cluster.open, 1);

    assert_false(watches_end_previous(n.watches));
    watches_begin_previous(n.watches, 2);
    put(&n, "a", "3");
    fake_cluster_deliver(&n.cluster, 3);
    assert_int_equal(next(&w, ENOUGH), 1);
    expect(&w, 0, "a", 3);
    assert_true(slice_equal(w.batch.events[0].previous.value, SLICE("2")));
    assert_int_equal(n.cluster.open, 0);
    end(&w);
    assert_true(watches_end_previous(n.watches));
    watch(&n, &w, wish);
    assert_int_equal(n.wishes, 2);
    assert_int_equal(n.cluster.open, 1);
    end(&w);
    stop(&n);
}

static void a_start_in_the_future_waits_for_it(void **state) {
    struct watching w;
    struct node n;

    (void)state;
    begin(&n, MEMORY);
    watch(&n, &w, (struct store_watch){.span = ALL, .start_revision = 3});
    put(&n, "a", "1");
    put(&n, "a", "2");
    assert_int_equal(w.woken, 0);
    assert_int_equal(next(&w, ENOUGH), 0);
    put(&n, "a", "3");
    assert_int_equal(w.woken, 1);
    assert_int_equal(next(&w, ENOUGH), 1);
    expect(&w, 0, "a", 3);
    end(&w);
    assert_int_equal(n.cluster.opened, 0);
    stop(&n);
}

/* What a read of the store cannot find yet is not told of. */
static void nothing_is_handed_out_before_the_wake(void **state) {
    struct watching w;
    struct node n;

    (void)state;
    begin(&n, MEMORY);
    watch_key(&n, &w, "a", 0);
    write(&n, "a", "1");
    tell(&n);
    assert_int_equal(next(&w, ENOUGH), 0);
    assert_int_equal(w.batch.revision, 0);
    assert_int_equal(w.woken, 0);
    watches_wake(n.watches);
    assert_int_equal(w.woken, 1);
    assert_int_equal(next(&w, ENOUGH), 1);
    end(&w);
    stop(&n);
}

/* But one that begins now does not get what was told before. */
static void now_is_behind_what_was_told(void **state) {
    struct watching w;
    struct node n;

    (void)state;
    begin(&n, MEMORY);
    write(&n, "a", "1");
    tell(&n);
    watch_key(&n, &w, "a", 0);
    assert_int_equal(w.revision, 1);
    watches_wake(n.watches);
    assert_int_equal(next(&w, ENOUGH), 0);
    put(&n, "a", "2");
    assert_int_equal(next(&w, ENOUGH), 1);
    expect(&w, 0, "a", 2);
    end(&w);
    stop(&n);
}

/* A write may be answered before its event has come. */
static void now_is_behind_what_was_answered(void **state) {
    struct watching w;
    struct node n;

    (void)state;
    begin(&n, MEMORY);
    put(&n, "a", "1");
    write(&n, "a", "2");
    watch_key(&n, &w, "a", 0);
    assert_int_equal(w.revision, 2);
    assert_int_equal(next(&w, ENOUGH), 0);
    assert_int_equal(w.batch.revision, 2);
    tell_and_wake(&n);
    assert_int_equal(w.woken, 0);
    put(&n, "a", "3");
    assert_int_equal(next(&w, ENOUGH), 1);
    expect(&w, 0, "a", 3);
    end(&w);
    assert_int_equal(n.cluster.opened, 0);
    stop(&n);
}

static void what_is_told_twice_is_passed_over(void **state) {
    struct watching w;
    struct node n;

    (void)state;
    begin(&n, MEMORY);
    watch_key(&n, &w, "a", 0);
    put(&n, "a", "1");
    write(&n, "a", "2");
    n.told = 0;
    tell_and_wake(&n);
    assert_int_equal(next(&w, ENOUGH), 2);
    expect(&w, 1, "a", 2);
    end(&w);
    stop(&n);
}

/* --- from the cluster --- */

static void a_slow_watcher_loses_nobody_elses_events(void **state) {
    struct watching slow;
    struct watching fast;
    struct node n;
    int64_t seen = 0;

    (void)state;
    begin(&n, LITTLE);
    watch_key(&n, &slow, "a", 0);
    watch_key(&n, &fast, "a", 0);
    for (int64_t revision = 1; revision <= 1000; revision++) {
        put(&n, "a", "a value");
        assert_int_equal(next(&fast, ENOUGH), 1);
        expect(&fast, 0, "a", revision);
        assert_true(figures(&n).bytes <= LITTLE);
    }
    assert_int_equal(n.cluster.opened, 0);
    assert_true(figures(&n).first > 1);
    fake_cluster_deliver(&n.cluster, 1000);
    do {
        next(&slow, ENOUGH);
        for (size_t i = 0; i < slow.batch.count; i++) {
            expect(&slow, i, "a", ++seen);
        }
    } while (slow.batch.more);
    assert_int_equal(seen, 1000);
    assert_int_equal(figures(&n).fell_behind, 1);
    assert_int_equal(n.cluster.opened, 1);
    assert_int_equal(n.cluster.open, 0); /* it is fed from memory again */
    put(&n, "a", "the last");
    assert_int_equal(next(&slow, ENOUGH), 1);
    assert_int_equal(next(&fast, ENOUGH), 1);
    end(&slow);
    end(&fast);
    stop(&n);
}

/* It is behind, but of what is gone it wanted nothing. */
static void one_that_wanted_nothing_of_it_does_not_fall_behind(void **state) {
    struct watching w;
    struct node n;

    (void)state;
    begin(&n, LITTLE);
    watch_key(&n, &w, "quiet", 0);
    for (unsigned i = 0; i < 1000; i++) {
        put(&n, "a", "a value");
    }
    put(&n, "quiet", "1");
    assert_int_equal(w.woken, 1);
    assert_int_equal(next(&w, ENOUGH), 1);
    expect(&w, 0, "quiet", 1001);
    end(&w);
    assert_int_equal(n.cluster.opened, 0);
    stop(&n);
}

/* It goes on behind what it has proof of, not behind what it has read last. */
static void a_compaction_of_what_it_does_not_want_does_not_end_it(void **state) {
    struct watching w;
    struct node n;

    (void)state;
    begin(&n, LITTLE);
    watch_key(&n, &w, "quiet", 0);
    for (unsigned i = 0; i < 100; i++) {
        put(&n, "a", "a value");
    }
    put(&n, "quiet", "1");
    for (unsigned i = 0; i < 100; i++) {
        put(&n, "a", "a value");
    }
    fake_cluster_deliver(&n.cluster, n.cluster.revision);
    fake_cluster_compact(&n.cluster, 101);
    assert_int_equal(next_status(&w), STORE_OK);
    expect(&w, 0, "quiet", 101);
    assert_int_equal(n.cluster.opened, 1);
    end(&w);
    stop(&n);
}

static void what_is_compacted_ends_the_watcher(void **state) {
    struct watching w;
    struct node n;

    (void)state;
    start(&n, MEMORY, ALL);
    for (unsigned i = 0; i < 10; i++) {
        write(&n, "a", "a value");
    }
    watches_begin(n.watches, 10);
    fake_cluster_deliver(&n.cluster, 10);
    fake_cluster_compact(&n.cluster, 8);
    watch_key(&n, &w, "a", 4);
    assert_int_equal(next_status(&w), STORE_COMPACTED);
    assert_int_equal(w.batch.compact_revision, 8);
    assert_int_equal(next_status(&w), STORE_CLOSED);
    end(&w);
    stop(&n);
}

static void before_it_begins_the_cluster_feeds_them(void **state) {
    struct watching w;
    struct node n;

    (void)state;
    start(&n, MEMORY, ALL);
    write(&n, "a", "1");
    watch_key(&n, &w, "a", 0);
    assert_int_equal(w.revision, 1);
    write(&n, "a", "2");
    fake_cluster_deliver(&n.cluster, 2);
    assert_int_equal(w.woken, 1);
    assert_int_equal(next(&w, ENOUGH), 1);
    expect(&w, 0, "a", 2);
    assert_int_equal(figures(&n).own, 1);
    /* It is woken, so that it finds that it is not needed any more. */
    watches_begin(n.watches, 2);
    n.told = 2;
    assert_int_equal(w.woken, 2);
    assert_int_equal(next(&w, ENOUGH), 0);
    assert_int_equal(n.cluster.open, 0);
    assert_int_equal(figures(&n).own, 0);
    put(&n, "a", "3");
    assert_int_equal(next(&w, ENOUGH), 1);
    expect(&w, 0, "a", 3);
    end(&w);
    stop(&n);
}

static void keys_that_are_not_told_of_come_from_the_cluster(void **state) {
    const struct store_span inside = {.key = SLICE("b/1"), .range_end = SLICE("b/2")};
    const struct store_span across = {.key = SLICE("b/1"), .range_end = SLICE("c")};
    struct watching in;
    struct watching out;
    struct node n;

    (void)state;
    start(&n, MEMORY, (struct store_span){.key = SLICE("b/"), .range_end = SLICE("b0")});
    watches_begin(n.watches, 0);
    watch(&n, &in, (struct store_watch){.span = inside});
    watch(&n, &out, (struct store_watch){.span = across});
    assert_int_equal(n.cluster.open, 1);
    put(&n, "b/1x", "1");
    write(&n, "b1", "1");
    fake_cluster_deliver(&n.cluster, 2);
    assert_int_equal(next(&in, ENOUGH), 1);
    assert_int_equal(next(&out, ENOUGH), 2);
    expect(&out, 1, "b1", 2);
    assert_int_equal(n.cluster.open, 1);
    end(&in);
    end(&out);
    stop(&n);
}

/* The cluster's own watcher may be ahead of what is told here. */
static void one_that_is_ahead_is_not_told_again(void **state) {
    struct watching w;
    struct node n;

    (void)state;
    start(&n, MEMORY, ALL);
    watch_key(&n, &w, "a", 1);
    for (unsigned i = 0; i < 3; i++) {
        write(&n, "a", "v");
    }
    fake_cluster_deliver(&n.cluster, 3);
    watches_begin(n.watches, 0);
    n.told = 0;
    assert_int_equal(next(&w, ENOUGH), 0); /* memory has it from now on */
    end(&w);
    watch(&n, &w, (struct store_watch){.span = ALL, .start_revision = 3});
    tell_and_wake(&n);
    assert_int_equal(next(&w, ENOUGH), 1);
    expect(&w, 0, "a", 3);
    end(&w);
    stop(&n);
}

/* What came while the node had lost the cluster it has never been told of. */
static void a_gap_is_filled_by_the_cluster(void **state) {
    struct watching w;
    struct watching other;
    struct node n;

    (void)state;
    begin(&n, MEMORY);
    watch_key(&n, &w, "a", 0);
    watch_key(&n, &other, "b", 9);
    put(&n, "a", "1");
    assert_int_equal(next(&w, ENOUGH), 1);
    write(&n, "a", "2");
    write(&n, "a", "3");
    fake_cluster_deliver(&n.cluster, 3);
    watches_begin(n.watches, 3);
    n.told = 3;
    assert_int_equal(w.woken, 2);
    assert_int_equal(next(&w, ENOUGH), 2);
    expect(&w, 0, "a", 2);
    expect(&w, 1, "a", 3);
    assert_int_equal(n.cluster.opened, 1);
    assert_int_equal(n.cluster.open, 0);
    assert_int_equal(next(&other, ENOUGH), 0); /* begins behind it */
    assert_int_equal(n.cluster.opened, 1);
    put(&n, "a", "4");
    assert_int_equal(next(&w, ENOUGH), 1);
    end(&w);
    end(&other);
    stop(&n);
}

static void a_reset_ends_all(void **state) {
    struct watching fed;
    struct watching own;
    struct watching after;
    struct node n;

    (void)state;
    start(&n, MEMORY, ALL);
    write(&n, "a", "1");
    watches_begin(n.watches, 1);
    n.told = 1;
    watch_key(&n, &fed, "a", 0);
    watch_key(&n, &own, "a", 1);
    put(&n, "a", "2");
    fake_cluster_rewind(&n.cluster);
    watches_reset(n.watches);
    n.told = 0;
    assert_true(fed.woken > 0);
    assert_true(own.woken > 0);
    assert_int_equal(next_status(&fed), STORE_CLOSED);
    assert_int_equal(next_status(&own), STORE_CLOSED);
    assert_int_equal(fed.batch.count, 0);
    watch_key(&n, &after, "a", 1);
    write(&n, "a", "1");
    fake_cluster_deliver(&n.cluster, 1);
    assert_int_equal(next(&after, ENOUGH), 1);
    watches_begin(n.watches, 1);
    n.told = 1;
    put(&n, "a", "2");
    assert_int_equal(next(&after, ENOUGH), 1);
    expect(&after, 0, "a", 2);
    assert_int_equal(next_status(&fed), STORE_CLOSED);
    end(&fed);
    end(&own);
    end(&after);
    stop(&n);
}

/* --- ceilings --- */

static void a_revision_that_is_too_large_is_not_remembered(void **state) {
    static char large[LITTLE];
    struct watching w;
    struct node n;

    (void)state;
    begin(&n, LITTLE);
    memset(large, 'x', sizeof(large) - 1);
    watch_key(&n, &w, "a", 0);
    put(&n, "a", "1");
    put(&n, "a", large);
    put(&n, "b", "3");
    assert_true(figures(&n).bytes <= LITTLE);
    assert_int_equal(figures(&n).first, 3);
    fake_cluster_deliver(&n.cluster, 3);
    assert_int_equal(next(&w, ENOUGH), 2);
    assert_int_equal(w.batch.events[1].kv.value.size, sizeof(large) - 1);
    end(&w);
    stop(&n);
}

static void nothing_is_remembered_without_memory(void **state) {
    struct watching w;
    struct node n;

    (void)state;
    begin(&n, 0);
    watch_key(&n, &w, "a", 0);
    put(&n, "a", "1");
    fake_cluster_deliver(&n.cluster, 1);
    assert_int_equal(next(&w, ENOUGH), 1);
    put(&n, "b", "1");
    assert_int_equal(next(&w, ENOUGH), 0);
    assert_int_equal(w.batch.revision, 2);
    assert_int_equal(figures(&n).bytes, 0);
    end(&w);
    stop(&n);
}

static void there_are_only_so_many(void **state) {
    struct watching w[WATCHERS_MAX];
    enum store_status status;
    struct node n;

    (void)state;
    begin(&n, MEMORY);
    for (size_t i = 0; i < WATCHERS_MAX; i++) {
        watch_key(&n, &w[i], "a", 0);
    }
    assert_null(watches_open(n.watches, &(struct store_watch){.span = ALL}, on_wake, NULL, &status, NULL));
    assert_int_equal(status, STORE_TOO_MANY_WATCHERS);
    assert_null(
        watches_open(n.watches, &(struct store_watch){.span = {.key = SLICE("")}}, on_wake, NULL, &status, NULL));
    assert_int_equal(status, STORE_EMPTY_KEY);
    assert_int_equal(figures(&n).watchers, WATCHERS_MAX);
    for (size_t i = 0; i < WATCHERS_MAX; i++) {
        end(&w[i]);
    }
    stop(&n);
}

static void what_the_cluster_refuses_is_said(void **state) {
    enum store_status status;
    struct watching w;
    struct node n;

    (void)state;
    begin(&n, LITTLE);
    watch_key(&n, &w, "a", 0);
    for (unsigned i = 0; i < 100; i++) {
        put(&n, "a", "a value");
    }
    n.cluster.fails = STORE_TOO_MANY_WATCHERS;
    assert_int_equal(next_status(&w), STORE_TOO_MANY_WATCHERS);
    assert_int_equal(next_status(&w), STORE_CLOSED);
    assert_null(
        watches_open(n.watches, &(struct store_watch){.span = ALL, .start_revision = 1}, on_wake, NULL, &status, NULL));
    assert_int_equal(status, STORE_TOO_MANY_WATCHERS);
    end(&w);
    assert_int_equal(figures(&n).watchers, 0);
    assert_int_equal(figures(&n).own, 0);
    stop(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_watched_from_now),
        cmocka_unit_test(the_past_that_is_remembered_costs_the_cluster_nothing),
        cmocka_unit_test(filters_and_previous_values),
        cmocka_unit_test(previous_values_are_told_while_somebody_wants_them),
        cmocka_unit_test(a_start_in_the_future_waits_for_it),
        cmocka_unit_test(nothing_is_handed_out_before_the_wake),
        cmocka_unit_test(now_is_behind_what_was_told),
        cmocka_unit_test(now_is_behind_what_was_answered),
        cmocka_unit_test(what_is_told_twice_is_passed_over),
        cmocka_unit_test(a_slow_watcher_loses_nobody_elses_events),
        cmocka_unit_test(one_that_wanted_nothing_of_it_does_not_fall_behind),
        cmocka_unit_test(a_compaction_of_what_it_does_not_want_does_not_end_it),
        cmocka_unit_test(what_is_compacted_ends_the_watcher),
        cmocka_unit_test(before_it_begins_the_cluster_feeds_them),
        cmocka_unit_test(keys_that_are_not_told_of_come_from_the_cluster),
        cmocka_unit_test(one_that_is_ahead_is_not_told_again),
        cmocka_unit_test(a_gap_is_filled_by_the_cluster),
        cmocka_unit_test(a_reset_ends_all),
        cmocka_unit_test(a_revision_that_is_too_large_is_not_remembered),
        cmocka_unit_test(nothing_is_remembered_without_memory),
        cmocka_unit_test(there_are_only_so_many),
        cmocka_unit_test(what_the_cluster_refuses_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
