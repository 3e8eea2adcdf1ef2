/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "cache/region.h"

enum { SLOT = 16384, SLOTS = 150 };

static void runs_are_aligned_zeroed_and_apart(void **state) {
    struct region r;
    char *runs[SLOTS];
    (void)state;

    assert_int_equal(region_init(&r, SLOT, SLOTS), LARDER_OK);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < SLOTS; i++) {
            runs[i] = region_alloc(&r, 1);
            assert_non_null(runs[i]);
            assert_int_equal((uintptr_t)runs[i] % SLOT, 0);
            for (size_t at = 0; at < SLOT; at += 512) {
                assert_int_equal(runs[i][at], 0);
            }
            memset(runs[i], (int)i + 1, SLOT);
        }
        assert_null(region_alloc(&r, 1));
        for (size_t i = 0; i < SLOTS; i++) {
            assert_int_equal((unsigned char)runs[i][0], i + 1);
            assert_int_equal((unsigned char)runs[i][SLOT - 1], i + 1);
            region_free(&r, runs[i], 1, SLOT);
        }
    }
    region_fini(&r);
}

/* Runs of every length against a plain map of who owns which slot. */
static void runs_agree_with_a_model(void **state) {
    enum { STEPS = 20000, RUNS = 40 };
    struct run {
        char *at;
        size_t count;
    } runs[RUNS] = {0};
    bool taken[SLOTS] = {0};
    struct region r;
    struct random dice;
    (void)state;

    random_init(&dice, 9);
    assert_int_equal(region_init(&r, SLOT, SLOTS), LARDER_OK);
    for (int step = 0; step < STEPS; step++) {
        struct run *run = &runs[random_below(&dice, RUNS)];

        if (run->at != NULL) {
            size_t first = (size_t)(run->at - r.base) / SLOT;

            assert_int_equal(run->at[run->count * SLOT - 1], 7);
            region_free(&r, run->at, run->count, run->count * SLOT);
            memset(taken + first, 0, run->count);
            run->at = NULL;
            continue;
        }
        run->count = random_below(&dice, 30) + 1;
        run->at = region_alloc(&r, run->count);
        if (run->at == NULL) {
            size_t free_in_a_row = 0;

            for (size_t i = 0; i < SLOTS; i++) {
                free_in_a_row = taken[i] ? 0 : free_in_a_row + 1;
                assert_true(free_in_a_row < run->count);
            }
            continue;
        }
        for (size_t i = 0; i < run->count; i++) {
            size_t slot = (size_t)(run->at - r.base) / SLOT + i;

            assert_true(slot < SLOTS && !taken[slot]);
            assert_int_equal(run->at[i * SLOT], 0);
            run->at[i * SLOT] = 7;
            taken[slot] = true;
        }
        run->at[run->count * SLOT - 1] = 7;
    }
    region_fini(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_are_aligned_zeroed_and_apart),
        cmocka_unit_test(runs_agree_with_a_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
