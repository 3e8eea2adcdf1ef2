/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "telemetry/process.h"
#include "telemetry/snapshot.h"

static int make(void **state) {
    *state = telemetry_new(2);
    return *state == NULL ? -1 : 0;
}

static int unmake(void **state) {
    telemetry_free(*state);
    return 0;
}

static struct telemetry_snapshot snap(struct telemetry *t) {
    struct telemetry_snapshot s;

    assert_int_equal(telemetry_snapshot(t, &s), LARDER_OK);
    return s;
}

static void get(struct worker_telemetry *w, enum result_class result, unsigned group) {
    telemetry_request(w, PROTOCOL_MEMCACHED, COMMAND_GET, group, result);
}

static void nothing_happened_is_an_empty_snapshot(void **state) {
    struct telemetry_snapshot s = snap(*state);

    assert_int_equal(s.total_count, 0);
    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        assert_int_equal(s.counters[i], 0);
    }
    telemetry_snapshot_fini(&s);
}

static void counters_of_all_threads_are_summed(void **state) {
    struct telemetry_snapshot s;

    telemetry_count(telemetry_worker(*state, 0), COUNTER_BYTES_READ, 5);
    telemetry_count(telemetry_worker(*state, 1), COUNTER_BYTES_READ, 7);
    telemetry_count(telemetry_worker(*state, 1), COUNTER_NOREPLY_ERRORS, 1);
    s = snap(*state);
    assert_int_equal(s.counters[COUNTER_BYTES_READ], 12);
    assert_int_equal(s.counters[COUNTER_NOREPLY_ERRORS], 1);
    assert_int_equal(s.counters[COUNTER_BYTES_WRITTEN], 0);
    telemetry_snapshot_fini(&s);
}

static void requests_show_only_when_their_batch_has_ended(void **state) {
    struct worker_telemetry *w = telemetry_worker(*state, 0);
    struct telemetry_snapshot s;

    get(w, RESULT_CLASS_HIT, 0);
    s = snap(*state);
    assert_int_equal(s.total_count, 0);
    telemetry_snapshot_fini(&s);
    telemetry_batch_end(w, 1);
    s = snap(*state);
    assert_int_equal(s.total_count, 1);
    assert_int_equal(s.totals[0].count, 1);
    telemetry_snapshot_fini(&s);
}

static void a_batch_books_its_time_for_each_request(void **state) {
    struct worker_telemetry *w = telemetry_worker(*state, 0);
    struct telemetry_snapshot s;

    for (int i = 0; i < 30; i++) {
        get(w, RESULT_CLASS_HIT, 0);
    }
    get(w, RESULT_CLASS_MISS, 0);
    telemetry_request(w, PROTOCOL_HTTP, COMMAND_METRICS, 0, RESULT_CLASS_OK);
    telemetry_batch_end(w, 1500);
    telemetry_batch_end(w, 999999); /* nothing is left to book */
    s = snap(*state);
    assert_int_equal(s.total_count, 3);
    assert_int_equal(s.totals[0].result, RESULT_CLASS_HIT);
    assert_int_equal(s.totals[0].count, 30);
    assert_int_equal(s.totals[0].sum_ns, 30 * 1500);
    assert_int_equal(s.totals[0].buckets[1], 30); /* 1 us < 1.5 us <= 2 us */
    assert_int_equal(s.totals[1].result, RESULT_CLASS_MISS);
    assert_int_equal(s.totals[1].count, 1);
    assert_int_equal(s.totals[2].protocol, PROTOCOL_HTTP);
    telemetry_snapshot_fini(&s);
}

static void a_bound_belongs_to_its_bucket(void **state) {
    struct worker_telemetry *w = telemetry_worker(*state, 0);
    struct telemetry_snapshot s;

    for (unsigned i = 0; i < LATENCY_BUCKETS - 1; i++) {
        get(w, RESULT_CLASS_HIT, 0);
        telemetry_batch_end(w, latency_bounds_ns[i]);
    }
    get(w, RESULT_CLASS_HIT, 0);
    telemetry_batch_end(w, latency_bounds_ns[LATENCY_BUCKETS - 2] + 1);
    s = snap(*state);
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        assert_int_equal(s.totals[0].buckets[i], 1);
    }
    assert_int_equal(s.totals[0].count, LATENCY_BUCKETS);
    telemetry_snapshot_fini(&s);
}

static void a_negative_duration_is_nothing(void **state) {
    struct worker_telemetry *w = telemetry_worker(*state, 0);
    struct telemetry_snapshot s;

    get(w, RESULT_CLASS_HIT, 0);
    telemetry_batch_end(w, -1);
    s = snap(*state);
    assert_int_equal(s.totals[0].buckets[0], 1);
    assert_int_equal(s.totals[0].sum_ns, 0);
    telemetry_snapshot_fini(&s);
}

static void groups_and_threads_are_told_apart_and_summed(void **state) {
    const unsigned last = TELEMETRY_GROUPS - 1;
    struct telemetry_snapshot s;

    for (unsigned i = 0; i < 2; i++) {
        struct worker_telemetry *w = telemetry_worker(*state, i);

        get(w, RESULT_CLASS_HIT, last);
        get(w, RESULT_CLASS_HIT, 0);
        get(w, RESULT_CLASS_HIT, last);
        telemetry_batch_end(w, 10);
    }
    s = snap(*state);
    assert_int_equal(s.total_count, 2);
    assert_int_equal(s.totals[0].group, 0);
    assert_int_equal(s.totals[0].count, 2);
    assert_int_equal(s.totals[1].group, last);
    assert_int_equal(s.totals[1].count, 4);
    assert_int_equal(telemetry_snapshot_requests(&s, COMMAND_GET, RESULT_CLASS_HIT), 6);
    assert_int_equal(telemetry_snapshot_requests(&s, COMMAND_GET, RESULT_CLASS_MISS), 0);
    assert_int_equal(telemetry_snapshot_command(&s, COMMAND_GET), 6);
    assert_int_equal(telemetry_snapshot_command(&s, COMMAND_SET), 0);
    telemetry_snapshot_fini(&s);
}

static void a_reset_hides_the_past_from_stats_only(void **state) {
    struct worker_telemetry *w = telemetry_worker(*state, 0);
    struct telemetry_samples samples = {.values = {0}};
    struct telemetry_snapshot s;

    get(w, RESULT_CLASS_MISS, 0);
    get(w, RESULT_CLASS_MISS, 0);
    telemetry_batch_end(w, 10);
    telemetry_count(w, COUNTER_BYTES_READ, 100);
    samples.values[SAMPLE_EVICTIONS_MAIN] = 40;
    samples.values[SAMPLE_TABLE_ITEMS] = 9;
    assert_int_equal(telemetry_reset(*state, &samples), LARDER_OK);
    get(w, RESULT_CLASS_HIT, 0); /* sorts before what the baseline knows */
    get(w, RESULT_CLASS_MISS, 0);
    telemetry_batch_end(w, 10);
    telemetry_count(w, COUNTER_BYTES_READ, 1);
    samples.values[SAMPLE_EVICTIONS_MAIN] = 42;
    assert_int_equal(telemetry_since_reset(*state, &s, &samples), LARDER_OK);
    assert_int_equal(telemetry_snapshot_requests(&s, COMMAND_GET, RESULT_CLASS_HIT), 1);
    assert_int_equal(telemetry_snapshot_requests(&s, COMMAND_GET, RESULT_CLASS_MISS), 1);
    assert_int_equal(s.counters[COUNTER_BYTES_READ], 1);
    assert_int_equal(samples.values[SAMPLE_EVICTIONS_MAIN], 2);
    assert_int_equal(samples.values[SAMPLE_TABLE_ITEMS], 9);
    telemetry_snapshot_fini(&s);
    s = snap(*state);
    assert_int_equal(telemetry_snapshot_requests(&s, COMMAND_GET, RESULT_CLASS_MISS), 3);
    assert_int_equal(s.counters[COUNTER_BYTES_READ], 101);
    telemetry_snapshot_fini(&s);
}

static void the_process_is_sampled(void **state) {
    struct telemetry_samples samples = {.values = {0}};

    (void)state;
    telemetry_sample_process(&samples);
    assert_true(samples.values[SAMPLE_PROCESS_RSS] > 100000);
    assert_true(samples.values[SAMPLE_PROCESS_FDS] >= 1);
    assert_true(samples.values[SAMPLE_PROCESS_MAX_FDS] >= samples.values[SAMPLE_PROCESS_FDS]);
}

enum { ROUNDS = 20000 };

static void *count_many(void *argument) {
    struct worker_telemetry *w = argument;

    for (int i = 0; i < ROUNDS; i++) {
        get(w, RESULT_CLASS_HIT, (unsigned)i % 3);
        telemetry_count(w, COUNTER_BYTES_READ, 2);
        telemetry_batch_end(w, i);
    }
    return NULL;
}

/* Under the thread sanitizer this also shows that scraping needs no lock. */
static void a_scraper_sees_numbers_that_only_grow(void **state) {
    pthread_t threads[2];
    uint64_t before = 0;

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, telemetry_worker(*state, i)), 0);
    }
    while (before < 2 * ROUNDS) {
        struct telemetry_snapshot s = snap(*state);
        uint64_t now = telemetry_snapshot_command(&s, COMMAND_GET);

        assert_true(now >= before);
        before = now;
        telemetry_snapshot_fini(&s);
    }
    assert_int_equal(before, 2 * ROUNDS);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_happened_is_an_empty_snapshot, make, unmake),
        cmocka_unit_test_setup_teardown(counters_of_all_threads_are_summed, make, unmake),
        cmocka_unit_test_setup_teardown(requests_show_only_when_their_batch_has_ended, make, unmake),
        cmocka_unit_test_setup_teardown(a_batch_books_its_time_for_each_request, make, unmake),
        cmocka_unit_test_setup_teardown(a_bound_belongs_to_its_bucket, make, unmake),
        cmocka_unit_test_setup_teardown(a_negative_duration_is_nothing, make, unmake),
        cmocka_unit_test_setup_teardown(groups_and_threads_are_told_apart_and_summed, make, unmake),
        cmocka_unit_test_setup_teardown(a_reset_hides_the_past_from_stats_only, make, unmake),
        cmocka_unit_test(the_process_is_sampled),
        cmocka_unit_test_setup_teardown(a_scraper_sees_numbers_that_only_grow, make, unmake),
    };

    return cmocka_run_group_tests_name("telemetry", tests, NULL, NULL);
}
