/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "trace/calls.h"

enum { THREADS = 4, CALLS_EACH = 1000 };

static const char *const methods[] = {"get", "set"};
static const struct calls_outcome outcomes[] = {{"hit", ""}, {"miss", ""}, {"error", "timeout"}};
static const struct calls_names names = {methods, 2, outcomes, 3};

struct seen {
    size_t count;
    const char *method[8];
    const struct calls_outcome *outcome[8];
    struct calls_figures figures[8];
};

static void see(void *ctx, const char *method, const struct calls_outcome *outcome,
                const struct calls_figures *figures) {
    struct seen *seen = ctx;

    assert_true(seen->count < 8);
    seen->method[seen->count] = method;
    seen->outcome[seen->count] = outcome;
    seen->figures[seen->count++] = *figures;
}

static void test_counting(void **state) {
    struct calls *calls = calls_new(&names, 5);
    struct seen seen = {.count = 0};

    (void)state;
    assert_non_null(calls);
    calls_count(calls, 1, 2, -7); /* as if nothing */
    calls_count(calls, 0, 1, 1000);
    calls_count(calls, 0, 1, 1001);
    calls_count(calls, 0, 1, INT64_C(99) * 1000000000);
    calls_each(calls, see, &seen);
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.method[0], "get");
    assert_ptr_equal(seen.outcome[0], &outcomes[1]);
    assert_int_equal(seen.figures[0].count, 3);
    assert_int_equal(seen.figures[0].sum_ns, UINT64_C(99000002001));
    assert_int_equal(seen.figures[0].buckets[0], 1); /* the bound belongs to it */
    assert_int_equal(seen.figures[0].buckets[1], 1);
    assert_int_equal(seen.figures[0].buckets[CALLS_BUCKETS - 1], 1);
    assert_string_equal(seen.method[1], "set");
    assert_int_equal(seen.figures[1].sum_ns, 0);
    calls_free(calls);
    calls_free(NULL);
}

static void *count_many(void *ctx) {
    for (int i = 0; i < CALLS_EACH; i++) {
        calls_count(ctx, 1, 0, i);
    }
    return NULL;
}

static void test_threads(void **state) {
    struct calls *calls = calls_new(&names, 5);
    struct seen seen = {.count = 0};
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, calls), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    calls_each(calls, see, &seen);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.figures[0].count, THREADS * CALLS_EACH);
    calls_free(calls);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counting),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
