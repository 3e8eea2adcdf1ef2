/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/hash.h"
#include "ring/heat_board.h"

enum { WORKERS = 3, ROUNDS = 2000 };

/* A step of the sketch takes a second and no time passes: rates are counts. */
static struct heat *new_heat(void) {
    const struct heat_config config = {
        .sample = 1, .half_life_ns = HEAT_STEPS * INT64_C(1000000000), .hot_per_s = 1, .seed = 7};
    struct heat *heat = NULL;

    assert_int_equal(heat_new(&config, 0, &heat), LARDER_OK);
    return heat;
}

static void count(struct heat *heat, struct slice key, unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        heat_count(heat, key, hash_key(key, 1), 0);
    }
}

static void put(struct heat_board *board, unsigned worker, struct heat *heat) {
    struct heat_list *list;

    assert_int_equal(heat_list(heat, 0, &list), LARDER_OK);
    heat_board_put(board, worker, list);
}

static struct heat_list *read(struct heat_board *board, size_t max) {
    struct heat_list *list = NULL;

    assert_int_equal(heat_board_read(board, max, &list), LARDER_OK);
    return list;
}

static void test_sums(void **state) {
    struct heat *heats[2] = {new_heat(), new_heat()};
    struct heat_board *board = NULL;
    struct heat_list *list;

    (void)state;
    assert_int_equal(heat_board_new(WORKERS, 50, &board), LARDER_OK);
    assert_true(heat_board_hot_per_s(board) == 50);
    list = read(board, 10);
    assert_true(list->count == 0 && list->per_s == 0);
    free(list);

    count(heats[0], SLICE("a"), 20);
    count(heats[0], SLICE("seldom"), 3); /* in no list, but counted */
    count(heats[1], SLICE("a"), 10);
    count(heats[1], SLICE("b"), 40);
    put(board, 0, heats[0]);
    put(board, 2, heats[1]);
    list = read(board, 10);
    assert_int_equal(list->count, 2);
    assert_true(list->per_s == 73);
    assert_true(slice_equal(list->keys[0].key, SLICE("b")) && list->keys[0].per_s == 40);
    assert_true(slice_equal(list->keys[1].key, SLICE("a")) && list->keys[1].per_s == 30);
    free(list);
    heat_free(heats[0]);
    heat_free(heats[1]);

    /* A worker's new list takes the place of its last one. */
    heats[0] = new_heat();
    put(board, 2, heats[0]);
    list = read(board, 1);
    assert_int_equal(list->count, 1);
    assert_true(list->per_s == 23 && list->keys[0].per_s == 20);
    free(list);
    heat_free(heats[0]);
    heat_board_free(board);
}

static void *put_often(void *ctx) {
    struct heat *heat = new_heat();

    count(heat, SLICE("a"), 10);
    for (unsigned i = 0; i < ROUNDS; i++) {
        put(ctx, i % WORKERS, heat);
    }
    heat_free(heat);
    return NULL;
}

/* Whoever reads sees whole lists, whatever is put up meanwhile. */
static void test_threads(void **state) {
    struct heat_board *board = NULL;
    pthread_t thread;

    (void)state;
    assert_int_equal(heat_board_new(WORKERS, 50, &board), LARDER_OK);
    assert_int_equal(pthread_create(&thread, NULL, put_often, board), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct heat_list *list = read(board, 10);

        assert_true(list->count <= 1);
        assert_true(list->per_s == 0 || list->per_s == 10 || list->per_s == 20 || list->per_s == 30);
        assert_true(list->count == 0 || list->keys[0].per_s == list->per_s);
        free(list);
    }
    pthread_join(thread, NULL);
    heat_board_free(board);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests_name("ring heat board", tests, NULL, NULL);
}
