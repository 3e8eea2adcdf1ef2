/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "ring/heat.h"

#define SECOND INT64_C(1000000000)

enum { KEYS = 100000, REQUESTS = 400000, HOT = 100 };

static struct heat *new_heat(unsigned sample, double hot_per_s) {
    const struct heat_config config = {.sample = sample, .half_life_ns = 4 * SECOND, .hot_per_s = hot_per_s, .seed = 7};
    struct heat *heat = NULL;

    assert_int_equal(heat_new(&config, 0, &heat), LARDER_OK);
    return heat;
}

/* The text has more room than it takes: a compiler that sees through the hash takes note of what it reads of longer ones. */
static struct slice name_of(unsigned number) {
    static char text[256];

    return slice_make(text, (size_t)snprintf(text, sizeof(text), "key-%u", number));
}

static void count(struct heat *heat, unsigned number, int64_t now_ns) {
    struct slice key = name_of(number);

    heat_count(heat, key, hash_key(key, 1), now_ns);
}

static uint64_t hash_of(unsigned number) {
    return hash_key(name_of(number), 1);
}

static bool is_about(double value, double wanted, double part) {
    return value > wanted * (1 - part) && value < wanted * (1 + part);
}

static struct heat_list *list_of(struct heat *heat, int64_t now_ns) {
    struct heat_list *list = NULL;

    assert_int_equal(heat_list(heat, now_ns, &list), LARDER_OK);
    return list;
}

/* --- Zipf(1.0) --- */

static double zipf_sums[KEYS];

static unsigned draw(struct random *random) {
    double wanted = random_unit(random) * zipf_sums[KEYS - 1];
    unsigned low = 0;
    unsigned high = KEYS - 1;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (zipf_sums[middle] < wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void make_zipf(void) {
    double sum = 0;

    for (unsigned i = 0; i < KEYS; i++) {
        sum += 1.0 / (i + 1);
        zipf_sums[i] = sum;
    }
}

/* Within the first step, which is half a second, hot is what has half of hot_per_s: one request in 4,000. */
static void check_zipf(unsigned sample, double least_recall, double least_precision) {
    static unsigned truth[KEYS];
    struct heat *heat = new_heat(sample, 2 * HOT);
    struct random random;
    unsigned right = 0;
    unsigned wrong = 0;
    unsigned missed = 0;

    memset(truth, 0, sizeof(truth));
    random_init(&random, 3);
    for (unsigned i = 0; i < REQUESTS; i++) {
        unsigned key = draw(&random);

        truth[key]++;
        count(heat, key, (int64_t)i * 250);
    }
    for (unsigned i = 0; i < KEYS; i++) {
        bool is_hot = truth[i] >= HOT;

        right += is_hot && heat_is_hot(heat, hash_of(i));
        wrong += !is_hot && heat_is_hot(heat, hash_of(i));
        missed += is_hot && !heat_is_hot(heat, hash_of(i));
    }
    assert_true(right > 100);
    assert_true(right >= least_recall * (right + missed));
    assert_true(right >= least_precision * (right + wrong));
    heat_free(heat);
}

static void test_zipf(void **state) {
    (void)state;
    make_zipf();
    check_zipf(1, 0.98, 0.99);
    check_zipf(8, 0.85, 0.85);
}

/* The list has the hottest, in order. */
static void test_top(void **state) {
    struct heat *heat = new_heat(1, 100);
    struct random random;
    struct heat_list *list;
    unsigned found = 0;

    (void)state;
    make_zipf();
    random_init(&random, 5);
    for (unsigned i = 0; i < REQUESTS; i++) {
        count(heat, draw(&random), (int64_t)i * 2500);
    }
    list = list_of(heat, SECOND);
    assert_int_equal(list->count, HEAT_TOPS);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(slice_equal(list->keys[i].key, name_of(i)));
        assert_true(is_about(list->keys[i].per_s, REQUESTS / zipf_sums[KEYS - 1] / (i + 1), 0.05));
    }
    for (unsigned i = 0; i < 100; i++) {
        for (size_t j = 0; j < list->count; j++) {
            found += slice_equal(list->keys[j].key, name_of(i));
        }
    }
    assert_true(found >= 95);
    for (size_t i = 1; i < list->count; i++) {
        assert_true(list->keys[i - 1].per_s >= list->keys[i].per_s);
    }
    free(list);
    heat_free(heat);
}

/* --- time --- */

/* Rates are right from the start on, sampled or not, and go with time. */
static void check_rates(unsigned sample, double part) {
    struct heat *heat = new_heat(sample, 500);

    for (unsigned i = 0; i < 20000; i++) {
        count(heat, 0, i * SECOND / 1000);
        if (i % 10 == 0) {
            count(heat, 1, i * SECOND / 1000);
        }
        if (i == 1999 || i == 19999) {
            assert_true(is_about(heat_rate(heat, hash_of(0), (i + 1) * SECOND / 1000), 1000, part));
            assert_true(is_about(heat_rate(heat, hash_of(1), (i + 1) * SECOND / 1000), 100, 4 * part));
        }
    }
    assert_true(heat_is_hot(heat, hash_of(0)));
    assert_false(heat_is_hot(heat, hash_of(1)));
    assert_false(heat_is_hot(heat, hash_of(2)));
    assert_true(heat_rate(heat, hash_of(2), 20 * SECOND) <= 0);
    count(heat, 2, 24 * SECOND);
    for (unsigned i = 0; i < 8 * sample; i++) {
        count(heat, 2, 24 * SECOND);
    }
    assert_true(is_about(heat_rate(heat, hash_of(0), 24 * SECOND), 500, 0.1 + part));
    heat_free(heat);
}

static void test_rates(void **state) {
    (void)state;
    check_rates(1, 0.03);
    check_rates(8, 0.12);
}

static void test_cools(void **state) {
    struct heat *heat = new_heat(1, 10);
    struct heat_list *list;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        count(heat, 0, i * SECOND / 1000);
    }
    assert_true(heat_is_hot(heat, hash_of(0)));
    list = list_of(heat, 1000 * SECOND);
    assert_false(heat_is_hot(heat, hash_of(0)));
    assert_true(list->count == 0 || list->keys[0].per_s < 0.01);
    free(list);
    for (unsigned i = 0; i < 1000; i++) {
        count(heat, 3, INT64_MAX / 4 + i * SECOND / 1000);
    }
    heat_free(heat);
}

/* A burst in the first moment is not taken for a rate. */
static void test_first_moment(void **state) {
    struct heat *heat = new_heat(1, 100);

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        count(heat, 0, i);
    }
    assert_false(heat_is_hot(heat, hash_of(0)));
    assert_true(is_about(heat_rate(heat, hash_of(0), 20), 40, 0.01));
    heat_free(heat);
}

/* --- ceilings --- */

static void test_keys(void **state) {
    static char text[HEAT_KEY_MAX + 1];
    struct heat *heat = new_heat(1, 1);
    struct heat_list *list;

    (void)state;
    memset(text, 'k', sizeof(text));
    for (unsigned i = 0; i < 100; i++) {
        heat_count(heat, slice_make(text, HEAT_KEY_MAX), 1, 0);
        heat_count(heat, slice_make(text, HEAT_KEY_MAX + 1), 2, 0);
        heat_count(heat, slice_make(text, 0), 3, 0);
    }
    list = list_of(heat, 0);
    assert_int_equal(list->count, 1);
    assert_int_equal(list->keys[0].key.size, HEAT_KEY_MAX);
    assert_true(heat_is_hot(heat, 2));
    free(list);
    heat_free(heat);
}

/* Others come and take the counters: what is listed is what has them. */
static void test_turnover(void **state) {
    struct heat *heat = new_heat(1, 1);
    struct heat_list *list;

    (void)state;
    for (unsigned round = 0; round < 40; round++) {
        for (unsigned i = 0; i < 20000; i++) {
            count(heat, round * 1000 + i % 200, (round * 10 + i / 2000) * SECOND);
        }
    }
    list = list_of(heat, 400 * SECOND);
    assert_int_equal(list->count, HEAT_TOPS);
    for (size_t i = 0; i < 20; i++) {
        assert_memory_equal(list->keys[i].key.data, "key-39", 6);
    }
    free(list);
    heat_free(heat);
}

/* A counter that goes to another key is no longer the listed one's. */
static void test_taken_over(void **state) {
    struct heat *heat = new_heat(1, 1);
    struct heat_list *list;

    (void)state;
    for (unsigned i = 0; i < HEAT_WAYS * 20; i++) {
        heat_count(heat, name_of(i % HEAT_WAYS), (uint64_t)(i % HEAT_WAYS + 1) << 40, 0);
    }
    for (unsigned i = 0; i < 10; i++) {
        heat_count(heat, name_of(100), UINT64_C(100) << 40, 1000 * SECOND);
    }
    list = list_of(heat, 1000 * SECOND);
    assert_int_equal(list->count, HEAT_WAYS);
    assert_true(slice_equal(list->keys[0].key, name_of(100)));
    assert_true(list->keys[0].per_s > 1 && list->keys[1].per_s < 1);
    free(list);
    heat_free(heat);
}

/* --- several workers --- */

static void test_merge(void **state) {
    struct heat *heats[3];
    struct heat_list *lists[3];
    struct heat_list *all = NULL;

    (void)state;
    for (unsigned w = 0; w < 3; w++) {
        heats[w] = new_heat(1, 1);
        for (unsigned i = 0; i < 4000; i++) {
            count(heats[w], i % 4 == 0 ? 10 + w : 5, i * SECOND / 1000);
        }
        lists[w] = list_of(heats[w], 4 * SECOND);
        heat_free(heats[w]);
    }
    assert_int_equal(heat_merge(lists, 3, 3, &all), LARDER_OK);
    for (unsigned w = 0; w < 3; w++) {
        free(lists[w]);
    }
    assert_int_equal(all->count, 3);
    assert_true(slice_equal(all->keys[0].key, name_of(5)));
    assert_true(is_about(all->keys[0].per_s, 2250, 0.05));
    assert_true(is_about(all->keys[2].per_s, 250, 0.05));
    assert_true(is_about(all->per_s, 3000, 0.05));
    free(all);
    assert_int_equal(heat_merge(NULL, 0, 10, &all), LARDER_OK);
    assert_int_equal(all->count, 0);
    free(all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zipf),     cmocka_unit_test(test_top),          cmocka_unit_test(test_rates),
        cmocka_unit_test(test_cools),    cmocka_unit_test(test_first_moment), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_turnover), cmocka_unit_test(test_merge),        cmocka_unit_test(test_taken_over),
    };

    return cmocka_run_group_tests_name("ring heat", tests, NULL, NULL);
}
