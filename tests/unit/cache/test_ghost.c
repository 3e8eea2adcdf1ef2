/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "cache/ghost.h"

enum { SETS = 1024, SLOTS = SETS * GHOST_WAYS };

static void open_ghost(struct ghost *g) {
    void *memory = calloc(SLOTS, GHOST_SLOT_SIZE);

    assert_non_null(memory);
    ghost_use(g, memory, SETS);
}

static void without_memory_nothing_is_remembered(void **state) {
    struct ghost_memory memory;
    struct ghost g;
    (void)state;

    ghost_init(&g);
    ghost_add(&g, 1, GHOST_SMALL);
    assert_false(ghost_recall(&g, 1, &memory));
}

static void a_drop_is_recalled_once_with_its_queue(void **state) {
    struct ghost_memory memory;
    struct ghost g;
    (void)state;

    open_ghost(&g);
    ghost_add(&g, 0x1234567890abcdef, GHOST_MAIN);
    ghost_add(&g, 0xfedcba0987654321, GHOST_SMALL);
    assert_true(ghost_recall(&g, 0x1234567890abcdef, &memory));
    assert_int_equal(memory.queue, GHOST_MAIN);
    assert_true(memory.age <= SLOTS / 4096);
    assert_false(ghost_recall(&g, 0x1234567890abcdef, &memory));
    assert_true(ghost_recall(&g, 0xfedcba0987654321, &memory));
    assert_int_equal(memory.queue, GHOST_SMALL);
    /* A hash whose fingerprint bits are all zero is remembered like any other. */
    ghost_add(&g, 5, GHOST_SMALL);
    assert_true(ghost_recall(&g, 5, &memory));
    free(g.slots);
}

/* Of as many drops as half the slots nearly all are remembered, with their age, and hardly one that never was. */
static void recent_drops_are_remembered(void **state) {
    enum { DROPS = SLOTS / 2 };
    static uint64_t hashes[DROPS];
    struct ghost_memory memory;
    struct ghost g;
    struct random r;
    unsigned known = 0;
    unsigned wrong = 0;
    (void)state;

    random_init(&r, 3);
    open_ghost(&g);
    for (int i = 0; i < DROPS; i++) {
        hashes[i] = random_next(&r);
        ghost_add(&g, hashes[i], GHOST_SMALL);
    }
    for (int i = 0; i < DROPS; i++) {
        wrong += ghost_recall(&g, random_next(&r), &memory);
    }
    for (int i = 0; i < DROPS; i++) {
        uint64_t age = (uint64_t)(DROPS - 1 - i);

        if (ghost_recall(&g, hashes[i], &memory)) {
            known++;
            assert_true(memory.age + 2 * (SLOTS / 4096 + 1) >= age && memory.age <= age + 2 * (SLOTS / 4096 + 1));
        }
    }
    assert_true(known > DROPS * 9 / 10);
    assert_true(wrong < DROPS / 200);
    free(g.slots);
}

/* A full set gives up its oldest drop. */
static void the_oldest_makes_room(void **state) {
    enum { FILL = 40 * SLOTS };
    struct ghost_memory memory;
    struct ghost g;
    struct random r;
    unsigned known = 0;
    (void)state;

    random_init(&r, 4);
    open_ghost(&g);
    for (int i = 0; i < FILL; i++) {
        ghost_add(&g, random_next(&r), GHOST_SMALL);
    }
    random_init(&r, 4);
    for (int i = 0; i < FILL; i++) {
        uint64_t hash = random_next(&r);

        if (i < FILL - SLOTS * 4) {
            known += i % 16 == 0 && ghost_recall(&g, hash, &memory);
        } else if (i >= FILL - SLOTS / 4) {
            assert_true(ghost_recall(&g, hash, &memory) || i % 16 != 0);
        }
    }
    assert_true(known < FILL / 16 / 100);
    free(g.slots);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_nothing_is_remembered),
        cmocka_unit_test(a_drop_is_recalled_once_with_its_queue),
        cmocka_unit_test(recent_drops_are_remembered),
        cmocka_unit_test(the_oldest_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
