/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/histogram.h"
#include "base/random.h"

static int make(void **state) {
    struct histogram *h = malloc(sizeof(*h));

    if (h != NULL) {
        histogram_init(h);
    }
    *state = h;
    return h == NULL ? -1 : 0;
}

static int unmake(void **state) {
    free(*state);
    return 0;
}

static void nothing_recorded_is_zero(void **state) {
    const struct histogram *h = *state;

    assert_int_equal(histogram_quantile(h, 0.5), 0);
    assert_int_equal(histogram_quantile(h, 1), 0);
    assert_true(histogram_mean(h) <= 0 && histogram_mean(h) >= 0);
}

static void small_numbers_are_exact(void **state) {
    struct histogram *h = *state;

    for (uint64_t value = 1; value <= 50; value++) {
        histogram_record(h, value);
    }
    assert_int_equal(h->count, 50);
    assert_int_equal(h->min, 1);
    assert_int_equal(h->max, 50);
    assert_int_equal(h->sum, 50 * 51 / 2);
    assert_int_equal(histogram_quantile(h, 0), 1);
    assert_int_equal(histogram_quantile(h, 0.5), 25);
    assert_int_equal(histogram_quantile(h, 0.98), 49);
    assert_int_equal(histogram_quantile(h, 1), 50);
}

/* Whatever the number, the bucket's bound is at most 1/64 above it. */
static void every_size_is_near(void **state) {
    struct histogram *h = *state;

    for (unsigned bit = 0; bit < 64; bit++) {
        for (int step = -1; step <= 1; step++) {
            uint64_t value = (UINT64_C(1) << bit) + (uint64_t)(int64_t)step;
            uint64_t found;

            histogram_init(h);
            histogram_record(h, value);
            histogram_record(h, UINT64_MAX);
            found = histogram_quantile(h, 0.5);
            assert_true(found >= value);
            assert_true(found - value <= value / 64);
        }
    }
}

static int compare(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void quantiles_match_a_sorted_list(void **state) {
    static const double quantiles[] = {0.01, 0.5, 0.9, 0.99, 0.999, 1};
    enum { COUNT = 10000 };
    struct histogram *h = *state;
    uint64_t *values = calloc(COUNT, sizeof(*values));
    struct random r;

    assert_non_null(values);
    random_init(&r, 1);
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = random_below(&r, UINT64_C(1) << (1 + random_below(&r, 40)));
        histogram_record(h, values[i]);
    }
    qsort(values, COUNT, sizeof(*values), compare);
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
        uint64_t exact = values[(size_t)(quantiles[i] * COUNT + 0.5) - 1];
        uint64_t found = histogram_quantile(h, quantiles[i]);

        assert_true(found >= exact);
        assert_true(found - exact <= exact / 64);
    }
    free(values);
}

static void merging_is_recording_both(void **state) {
    struct histogram *h = *state;
    struct histogram *other = malloc(sizeof(*other));

    assert_non_null(other);
    histogram_init(other);
    histogram_record(h, 10);
    histogram_merge(h, other); /* an empty one changes nothing */
    assert_int_equal(h->min, 10);
    histogram_record(other, 5);
    histogram_record(other, 1000000);
    histogram_merge(h, other);
    assert_int_equal(h->count, 3);
    assert_int_equal(h->sum, 1000015);
    assert_int_equal(h->min, 5);
    assert_int_equal(h->max, 1000000);
    assert_int_equal(histogram_quantile(h, 0.5), 10);
    free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_recorded_is_zero, make, unmake),
        cmocka_unit_test_setup_teardown(small_numbers_are_exact, make, unmake),
        cmocka_unit_test_setup_teardown(every_size_is_near, make, unmake),
        cmocka_unit_test_setup_teardown(quantiles_match_a_sorted_list, make, unmake),
        cmocka_unit_test_setup_teardown(merging_is_recording_both, make, unmake),
    };

    return cmocka_run_group_tests_name("base-histogram", tests, NULL, NULL);
}
