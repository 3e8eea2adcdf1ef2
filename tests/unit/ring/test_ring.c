/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "ring/ring.h"
#include "ring/slots.h"

enum { NAME_SIZE = 24, PROBE_STEP = 61 /* a part of the slots will do */ };

/* Some of the nodes n-0000, n-0001, ... */
struct names {
    size_t count;
    unsigned numbers[RING_NODES_MAX + 1];
    struct slice list[RING_NODES_MAX + 1];
    char texts[RING_NODES_MAX + 1][NAME_SIZE];
};

static struct names one, two, three;

static void add(struct names *n, unsigned number) {
    char *text = n->texts[n->count];

    n->list[n->count] = slice_make(text, (size_t)snprintf(text, NAME_SIZE, "n-%04u", number));
    n->numbers[n->count++] = number;
}

/* Those of 0 .. count-1 but `without`. */
static void name(struct names *n, unsigned count, unsigned without) {
    n->count = 0;
    for (unsigned i = 0; i < count; i++) {
        if (i != without) {
            add(n, i);
        }
    }
}

static struct ring *make(const struct names *n, const struct ring *like) {
    struct ring *ring = NULL;

    assert_int_equal(ring_new(n->list, n->count, like, &ring), LARDER_OK);
    return ring;
}

static void assert_same(const struct ring *a, const struct ring *b) {
    for (uint32_t slot = 0; slot < RING_SLOTS; slot++) {
        assert_int_equal(ring_owner(a, slot), ring_owner(b, slot));
    }
}

static void shares_are_even(void **state) {
    static const struct {
        unsigned nodes;
        double most; /* times the mean */
    } bounds[] = {{3, 1.02}, {5, 1.03}, {10, 1.05}, {30, 1.08}, {100, 1.15}, {1000, 1.35}};
    static uint32_t shares[RING_NODES_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        double mean = (double)RING_SLOTS / bounds[i].nodes;
        uint32_t sum = 0;
        struct ring *ring;

        name(&one, bounds[i].nodes, UINT32_MAX);
        ring = make(&one, NULL);
        ring_shares(ring, shares);
        for (size_t n = 0; n < one.count; n++) {
            sum += shares[n];
            assert_true(shares[n] <= bounds[i].most * mean);
            assert_true(shares[n] >= (2 - bounds[i].most) * mean);
        }
        assert_int_equal(sum, RING_SLOTS);
        ring_free(ring);
    }
}

/* Slots of which the owner is another one in `after`; all of them are of the node `number` in one of the two. */
static uint32_t count_moved(const struct names *a, const struct ring *before, const struct names *b,
                            const struct ring *after, unsigned number) {
    uint32_t moved = 0;

    for (uint32_t slot = 0; slot < RING_SLOTS; slot++) {
        unsigned from = a->numbers[ring_owner(before, slot)], to = b->numbers[ring_owner(after, slot)];

        if (from != to) {
            assert_true(from == number || to == number);
            moved++;
        }
    }
    return moved;
}

/* With and without the node `number` of `count`. */
static void check_movement(unsigned count, unsigned number) {
    struct ring *with, *without;
    uint32_t moved;

    name(&one, count, UINT32_MAX);
    name(&two, count, number);
    with = make(&one, NULL);
    without = make(&two, NULL);
    moved = count_moved(&one, with, &two, without, number);
    assert_true(moved <= 1.1 * RING_SLOTS / count);
    assert_true(moved >= 0.9 * RING_SLOTS / count);
    ring_free(with);
    ring_free(without);
}

static void only_a_nodes_own_slots_move(void **state) {
    (void)state;
    check_movement(3, 0);
    check_movement(10, 9);
    check_movement(10, 4);
    check_movement(100, 50);
}

/* The same nodes by way of a ring of others. */
static void check_way(const struct names *from, const struct names *to) {
    struct ring *like = make(from, NULL), *straight = make(to, NULL), *changed = make(to, like);

    assert_same(straight, changed);
    ring_free(like);
    ring_free(straight);
    ring_free(changed);
}

static void a_ring_is_the_same_whatever_was_before(void **state) {
    (void)state;
    name(&one, 10, UINT32_MAX);
    name(&two, 10, 3);
    check_way(&one, &two);
    check_way(&two, &one);
    check_way(&one, &one);
    name(&two, 40, 7);
    check_way(&one, &two);
    check_way(&two, &one);
    name(&three, 0, UINT32_MAX);
    check_way(&one, &three);
    check_way(&three, &one);
}

static void pick(struct names *n, struct random *r) {
    uint64_t part = 1 + random_below(r, 4);

    n->count = 0;
    for (unsigned number = 0; number < 24; number++) {
        if (random_below(r, 4) < part) {
            add(n, number);
        }
    }
}

static void a_ring_is_the_same_after_any_history(void **state) {
    struct ring *now = NULL;
    struct random r;

    (void)state;
    random_init(&r, 7);
    for (unsigned step = 0; step < 60; step++) {
        struct ring *next, *straight;

        pick(&one, &r);
        next = make(&one, now);
        straight = make(&one, NULL);
        assert_same(next, straight);
        ring_free(straight);
        ring_free(now);
        now = next;
    }
    ring_free(now);
}

static void nobody_owns_anything_without_nodes(void **state) {
    struct ring *ring;

    (void)state;
    name(&one, 0, UINT32_MAX);
    ring = make(&one, NULL);
    for (uint32_t slot = 0; slot < RING_SLOTS; slot++) {
        assert_int_equal(ring_owner(ring, slot), RING_NOBODY);
    }
    ring_shares(ring, NULL);
    ring_free(ring);
    name(&one, 1, UINT32_MAX);
    ring = make(&one, NULL);
    for (uint32_t slot = 0; slot < RING_SLOTS; slot++) {
        assert_int_equal(ring_owner(ring, slot), 0);
    }
    ring_free(ring);
    ring_free(NULL);
}

static void nodes_have_a_limit(void **state) {
    static uint32_t shares[RING_NODES_MAX];
    struct ring *ring, *untouched = NULL;

    (void)state;
    name(&one, RING_NODES_MAX, UINT32_MAX);
    ring = make(&one, NULL);
    ring_shares(ring, shares);
    for (size_t i = 0; i < RING_NODES_MAX; i++) {
        assert_true(shares[i] > 0);
    }
    ring_free(ring);
    add(&one, RING_NODES_MAX);
    assert_int_equal(ring_new(one.list, one.count, NULL, &untouched), LARDER_ERROR_LIMIT);
    assert_null(untouched);
}

/* The owner has the highest score of all, by a search that knows no shortcut. */
static void the_highest_score_wins(void **state) {
    static uint64_t seeds[RING_NODES_MAX];
    static uint16_t owners[RING_SLOTS];
    const struct slots nothing = {.count = 0};
    struct slots nodes = {.count = 100, .seeds = seeds, .slot_count = RING_SLOTS, .owners = owners};
    struct random r;

    (void)state;
    random_init(&r, 3);
    for (size_t i = 0; i < nodes.count; i++) {
        seeds[i] = random_next(&r);
    }
    slots_assign(&nodes, &nothing, owners);
    for (uint32_t slot = 0; slot < RING_SLOTS; slot += PROBE_STEP) {
        for (size_t i = 0; i < nodes.count; i++) {
            assert_true(slots_score(seeds[i], slot) <= slots_score(seeds[owners[slot]], slot));
        }
    }
}

/* Names that have the same hash cannot be had, but seeds can: the first has everything, whatever was before. */
static void of_equal_nodes_the_first_has_all(void **state) {
    static const uint64_t before[] = {5, 7}, after[] = {9, 5, 7, 5, 9};
    static uint16_t owners[1 << 10], changed[1 << 10], straight[1 << 10];
    const struct slots nothing = {.count = 0};
    struct slots old = {.count = 2, .seeds = before, .slot_count = 1 << 10, .owners = owners};
    struct slots now = {.count = 5, .seeds = after, .slot_count = 1 << 10};

    (void)state;
    slots_assign(&old, &nothing, owners);
    slots_assign(&now, &nothing, straight);
    slots_assign(&now, &old, changed);
    for (size_t slot = 0; slot < 1 << 10; slot++) {
        assert_true(straight[slot] < 3);
        assert_int_equal(straight[slot], changed[slot]);
    }
    now.owners = straight;
    slots_assign(&old, &now, changed);
    assert_memory_equal(changed, owners, sizeof(owners));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_even),
        cmocka_unit_test(only_a_nodes_own_slots_move),
        cmocka_unit_test(a_ring_is_the_same_whatever_was_before),
        cmocka_unit_test(a_ring_is_the_same_after_any_history),
        cmocka_unit_test(nobody_owns_anything_without_nodes),
        cmocka_unit_test(nodes_have_a_limit),
        cmocka_unit_test(the_highest_score_wins),
        cmocka_unit_test(of_equal_nodes_the_first_has_all),
    };

    return cmocka_run_group_tests_name("ring-ring", tests, NULL, NULL);
}
