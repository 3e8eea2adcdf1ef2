/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "replay.h"
#include "trace.h"
#include "zipf.h"

/* A load of unit sizes, one letter per request. */
static struct load letters(const char *text) {
    struct load load;

    load_init(&load, "letters", true);
    for (; *text != '\0'; text++) {
        load_add(&load, (uint64_t)*text, 1, false);
    }
    load_finish(&load);
    return load;
}

/* Replays one letter per request and compares with one mark per request: '+' a hit, '-' a miss. */
static void expect(const char *name, const char *options, uint64_t capacity, const char *text, const char *marks) {
    const struct policy *policy = policy_find(name, strlen(name));
    struct load load = letters(text);
    char got[128] = "";
    void *cache;

    assert_non_null(policy);
    assert_int_equal(strlen(text), strlen(marks));
    assert_true(strlen(text) < sizeof(got));
    cache = policy->create(options, capacity, &load);
    assert_non_null(cache);
    for (uint32_t i = 0; i < load.count; i++) {
        got[i] = policy->request(cache, &load.requests[i]) ? '+' : '-';
    }
    policy->destroy(cache);
    load_fini(&load);
    assert_string_equal(got, marks);
}

static uint64_t misses(const char *spec, uint64_t capacity, const struct load *load) {
    struct replay_result result;

    assert_true(replay(spec, capacity, load, &result));
    return result.misses;
}

static void fifo_ignores_hits(void **state) {
    (void)state;
    expect("fifo", NULL, 2, "ABACA", "--+--");
}

static void lru_evicts_what_was_not_used_for_longest(void **state) {
    (void)state;
    expect("lru", NULL, 2, "ABACAB", "--+-+-");
    expect("lru", NULL, 3, "ABCDABEABCDE", "-------++---");
}

static void clock_spares_a_used_object_once(void **state) {
    (void)state;
    /* C finds A used and evicts B; D finds A unused by now. */
    expect("clock", NULL, 2, "ABACADEA", "--+-+---");
}

static void sieve_keeps_used_objects_in_place(void **state) {
    (void)state;
    /* D passes over A and evicts B, where the hand then stays; E evicts C and F evicts D, so A is still there. */
    expect("sieve", NULL, 3, "ABCADEFABA", "---+---+-+");
}

static void belady_evicts_what_is_needed_last(void **state) {
    (void)state;
    /* The textbook's sequence: 7 misses with 3 places. */
    expect("belady", NULL, 3, "ABCDABEABCDE", "----++-+++--");
}

static void belady_does_not_let_in_what_is_not_needed(void **state) {
    (void)state;
    expect("belady", NULL, 1, "ABACA", "--+-+");
}

/* One request of the byte loads below. */
struct sized {
    char key;
    uint32_t size;
};

static struct load sized_load(const struct sized *requests, size_t count) {
    struct load load;

    load_init(&load, "sized", false);
    for (size_t i = 0; i < count; i++) {
        load_add(&load, (uint64_t)requests[i].key, requests[i].size, false);
    }
    load_finish(&load);
    return load;
}

static void belady_by_size_gives_up_one_large_object_for_many_small(void **state) {
    const struct sized requests[] = {{'L', 10}, {'a', 1}, {'b', 1}, {'c', 1}, {'L', 10}, {'a', 1}, {'b', 1}, {'c', 1}};
    struct load load = sized_load(requests, sizeof(requests) / sizeof(requests[0]));

    (void)state;
    /* L comes back first, so plain Belady keeps it; by size it is the worst. */
    assert_int_equal(misses("belady", 10, &load), 7);
    assert_int_equal(misses("belady-size", 10, &load), 5);
    load_fini(&load);
}

static void a_changed_size_is_a_hit_and_counts_from_then_on(void **state) {
    const struct sized requests[] = {{'a', 1}, {'b', 1}, {'b', 4}, {'a', 1}, {'b', 4}};
    struct load load = sized_load(requests, sizeof(requests) / sizeof(requests[0]));

    (void)state;
    assert_int_equal(load.footprint, 5);
    /* The grown b pushes a out, and a's return pushes b out. */
    assert_int_equal(misses("lru", 4, &load), 4);
    assert_int_equal(misses("lru", 5, &load), 2);
    load_fini(&load);
}

static void an_object_larger_than_the_cache_is_never_kept(void **state) {
    static const char *const specs[] = {"fifo", "lru", "clock", "sieve", "s3fifo", "larder", "belady", "belady-size"};
    const struct sized requests[] = {{'a', 1}, {'L', 99}, {'L', 99}, {'a', 1}};
    struct load load = sized_load(requests, sizeof(requests) / sizeof(requests[0]));

    (void)state;
    for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
        assert_int_equal(misses(specs[i], 10, &load), 3);
    }
    load_fini(&load);
}

static void s3fifo_sends_used_and_remembered_objects_to_main(void **state) {
    (void)state;
    /* 4 places, the small queue's share is 1, the ghost remembers 3:
     * E moves the used A to main and drops B. B is remembered: to main, for C. C: to main, for D. F drops E, G drops F.
     * D is remembered (3 drops ago is too old, 2 is not): to main, for G. H finds the small queue empty: A was used and
     * goes round, B goes. B is not remembered, because main dropped it: to small, for H. */
    expect("s3fifo", "small=0.25,hits=1,ghost=1", 4, "ABCDAEBACFGDHAB", "----+--+-----+-");
}

static void s3fifo_remembers_as_many_as_main_would_hold(void **state) {
    (void)state;
    /* B, just dropped, returns to main and outlives F, G and H in the small queue. */
    expect("s3fifo", "small=0.25,hits=1,ghost=1", 4, "ABCDAEBFGHB", "----+-----+");
    /* A, dropped for E, returns after two further drops: to main. After three: to small, and out again. */
    expect("s3fifo", "small=0.25,hits=1,ghost=1", 4, "ABCDEFGAIJKLA", "------------+");
    expect("s3fifo", "small=0.25,hits=1,ghost=1", 4, "ABCDEFGHAIJKLA", "--------------");
}

static void s3fifo_with_two_hits_wanted_drops_what_has_one(void **state) {
    (void)state;
    expect("s3fifo", "small=0.25,hits=1", 4, "ABCDAEA", "----+-+");
    expect("s3fifo", "small=0.25,hits=2", 4, "ABCDAEA", "----+--");
    expect("s3fifo", "small=0.25,hits=2", 4, "ABCDAAEA", "----++-+");
}

static void segments_of_one_object_are_plain_s3fifo(void **state) {
    struct load load;

    (void)state;
    zipf_make(1.0, ZIPF_SCAN, 1000, 20000, &load);
    /* One segment more, for the one that is always left over. */
    assert_int_equal(misses("larder:segments=96,adapt=0,passes=0,hits=1", 96, &load),
                     misses("s3fifo:hits=1", 95, &load));
    assert_int_equal(misses("larder:segments=96,adapt=1,passes=0,hits=2", 96, &load),
                     misses("s3fifo:hits=2,adapt=1", 95, &load));
    load_fini(&load);
}

static void no_policy_beats_the_optimum(void **state) {
    static const char *const specs[] = {"fifo", "lru", "clock", "sieve", "s3fifo", "larder", "larder:shards=4"};
    struct load load;

    (void)state;
    zipf_make(0.9, ZIPF_PLAIN, 1000, 20000, &load);
    for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
        assert_true(misses(specs[i], 100, &load) >= misses("belady", 100, &load));
        assert_int_equal(misses("belady", 1000, &load), load.objects);
    }
    load_fini(&load);
}

static void the_real_table_hits_what_it_holds(void **state) {
    struct load load;

    (void)state;
    zipf_make(1.0, ZIPF_PLAIN, 1000, 20000, &load);
    assert_int_equal(misses("table", 2000, &load), load.objects);
    assert_true(misses("table", 100, &load) > load.objects);
    load_fini(&load);
}

static void nonsense_is_refused(void **state) {
    static const char *const specs[] = {"",           "lruu",         "lru:hits=1",          "s3fifo:hits",
                                        "s3fifo:x=1", "s3fifo:hits=", "s3fifo:hits=3,cap=2", "larder:shards=0"};
    struct load load = letters("AB");
    struct replay_result result;

    (void)state;
    for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
        assert_false(replay(specs[i], 10, &load, &result));
    }
    load_fini(&load);
}

static bool read_text(const char *text, struct load *ret_load) {
    char path[] = "/tmp/missratio-XXXXXX";
    int fd = mkstemp(path);
    bool ok;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    ok = trace_read(path, false, ret_load);
    unlink(path);
    return ok;
}

static void a_trace_is_read(void **state) {
    struct load load;

    (void)state;
    assert_true(
        read_text("version,time,op,size,lbn\n1,5,2a,512,42932745\n1,6,28,1024,7\r\n1,6,28,256,42932745\n", &load));
    assert_int_equal(load.count, 3);
    assert_int_equal(load.objects, 2);
    assert_int_equal(load.footprint, 512 + 1024);
    assert_int_equal(load.requested_bytes, 512 + 1024 + 256);
    assert_true(load.requests[0].write);
    assert_false(load.requests[1].write);
    assert_int_equal(load.requests[0].next, 2);
    assert_int_equal(load.requests[1].next, LOAD_NEVER);
    load_fini(&load);
}

static void a_broken_trace_is_refused(void **state) {
    struct load load;

    (void)state;
    assert_false(read_text("", &load));
    assert_false(read_text("version,time,op,size,lbn\n", &load));
    assert_false(read_text("1,5,2a,512\n", &load));
    assert_false(read_text("1,5,2a,512,7,8\n", &load));
    assert_false(trace_read("/nonexistent/trace.csv", false, &load));
}

static void zipf_has_the_right_head(void **state) {
    struct load load;
    uint32_t first = 0;

    (void)state;
    zipf_make(1.0, ZIPF_PLAIN, 1000, 100000, &load);
    for (uint32_t i = 0; i < load.count; i++) {
        first += load.keys[load.requests[i].id] == 0;
    }
    /* 1 / H(1000) = 13.36 % of the requests, within about six standard deviations */
    assert_in_range(first, 12700, 14000);
    load_fini(&load);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fifo_ignores_hits),
        cmocka_unit_test(lru_evicts_what_was_not_used_for_longest),
        cmocka_unit_test(clock_spares_a_used_object_once),
        cmocka_unit_test(sieve_keeps_used_objects_in_place),
        cmocka_unit_test(belady_evicts_what_is_needed_last),
        cmocka_unit_test(belady_does_not_let_in_what_is_not_needed),
        cmocka_unit_test(belady_by_size_gives_up_one_large_object_for_many_small),
        cmocka_unit_test(a_changed_size_is_a_hit_and_counts_from_then_on),
        cmocka_unit_test(an_object_larger_than_the_cache_is_never_kept),
        cmocka_unit_test(s3fifo_sends_used_and_remembered_objects_to_main),
        cmocka_unit_test(s3fifo_remembers_as_many_as_main_would_hold),
        cmocka_unit_test(s3fifo_with_two_hits_wanted_drops_what_has_one),
        cmocka_unit_test(segments_of_one_object_are_plain_s3fifo),
        cmocka_unit_test(no_policy_beats_the_optimum),
        cmocka_unit_test(the_real_table_hits_what_it_holds),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(a_trace_is_read),
        cmocka_unit_test(a_broken_trace_is_refused),
        cmocka_unit_test(zipf_has_the_right_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
