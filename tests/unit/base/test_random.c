/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"

/* The published sequences: xoshiro256** from the state 1, 2, 3, 4, and splitmix64 (which seeds it) from 1234567. */
static void the_sequences_are_the_published_ones(void **state) {
    struct random r = {.state = {1, 2, 3, 4}};

    (void)state;
    assert_int_equal(random_next(&r), 11520);
    assert_int_equal(random_next(&r), 0);
    assert_int_equal(random_next(&r), 1509978240);
    assert_int_equal(random_next(&r), UINT64_C(1215971899390074240));
    random_init(&r, 1234567);
    assert_int_equal(r.state[0], UINT64_C(6457827717110365317));
    assert_int_equal(r.state[1], UINT64_C(3203168211198807973));
    assert_int_equal(r.state[2], UINT64_C(9817491932198370423));
    assert_int_equal(r.state[3], UINT64_C(4593380528125082431));
}

static void a_seed_repeats_itself_and_no_other(void **state) {
    struct random a;
    struct random b;
    struct random c;
    unsigned same = 0;

    (void)state;
    random_init(&a, 0);
    random_init(&b, 0);
    random_init(&c, 1);
    for (int i = 0; i < 1000; i++) {
        uint64_t next = random_next(&a);

        assert_int_equal(next, random_next(&b));
        same += next == random_next(&c);
    }
    assert_int_equal(same, 0);
}

/* 1000 expected in each of 10 drawers; 4 standard deviations are 120. The seed is fixed: it holds always or never. */
static void draws_are_below_their_bound_and_even(void **state) {
    unsigned drawers[10] = {0};
    struct random r;

    (void)state;
    random_init(&r, 42);
    for (int i = 0; i < 10000; i++) {
        uint64_t drawn = random_below(&r, 10);

        assert_true(drawn < 10);
        drawers[drawn]++;
        assert_int_equal(random_below(&r, 1), 0);
    }
    for (int i = 0; i < 10; i++) {
        assert_in_range(drawers[i], 880, 1120);
    }
}

static void the_unit_draw_stays_in_the_unit(void **state) {
    struct random r;
    double sum = 0;

    (void)state;
    random_init(&r, 7);
    for (int i = 0; i < 10000; i++) {
        double drawn = random_unit(&r);

        assert_true(drawn >= 0 && drawn < 1);
        sum += drawn;
    }
    assert_true(sum > 4850 && sum < 5150);
}

static void the_system_gives_different_seeds(void **state) {
    (void)state;
    assert_int_not_equal(random_os_seed(), random_os_seed());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sequences_are_the_published_ones), cmocka_unit_test(a_seed_repeats_itself_and_no_other),
        cmocka_unit_test(draws_are_below_their_bound_and_even), cmocka_unit_test(the_unit_draw_stays_in_the_unit),
        cmocka_unit_test(the_system_gives_different_seeds),
    };

    return cmocka_run_group_tests_name("base-random", tests, NULL, NULL);
}
