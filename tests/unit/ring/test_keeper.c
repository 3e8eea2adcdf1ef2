/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_script.h"

static enum keeper_way way(struct keeper *keeper, const struct keeper_view *view, struct slice key, int64_t now_ns) {
    return keeper_route(keeper, view, key, now_ns).way;
}

static enum keeper_way heard(struct keeper *keeper, const struct keeper_view *view, struct peer_stamp stamp,
                             struct slice key, int64_t now_ns) {
    return keeper_receive(keeper, view, &stamp, key, now_ns).way;
}

/* --- rule 1 --- */

static void test_no_ring(void **state) {
    struct keeper *keeper = keeper_of("a");
    struct keeper_view *view = NULL;

    (void)state;
    keeper_renew(keeper, &view);
    assert_null(view);
    assert_int_equal(way(keeper, NULL, SLICE("k"), 0), KEEPER_NO_RING);
    learn(keeper, &view, "", 1, 0, true, 0);
    assert_int_equal(way(keeper, view, SLICE("k"), 0), KEEPER_NO_RING);
    learn(keeper, &view, "a2-", 2, 2, false, 0);
    assert_int_equal(way(keeper, view, SLICE("k"), 0), KEEPER_NO_RING);
    keeper_view_unref(view);
    keeper_free(keeper);
}

static void test_authority(void **state) {
    struct keeper *keeper = keeper_of("a");
    struct keeper_view *view = NULL;
    int64_t until_ns;

    (void)state;
    learn(keeper, &view, "a2", 2, 2, false, 0);
    assert_int_equal(way(keeper, view, SLICE("k"), 0), KEEPER_ISOLATED);
    keeper_set_authority(keeper, 100, 200);
    until_ns = 100 + LEASE - LEASE / KEEPER_MARGIN;
    assert_true(keeper_authority_ns(keeper) == until_ns);
    assert_int_equal(way(keeper, view, SLICE("k"), until_ns - 1), KEEPER_OWN);
    assert_int_equal(way(keeper, view, SLICE("k"), until_ns), KEEPER_ISOLATED);
    keeper_set_authority(keeper, 500, 200);
    assert_int_equal(way(keeper, view, SLICE("k"), 199 + LEASE - LEASE / KEEPER_MARGIN), KEEPER_OWN);
    assert_int_equal(way(keeper, view, SLICE("k"), 200 + LEASE - LEASE / KEEPER_MARGIN), KEEPER_ISOLATED);
    keeper_set_authority(keeper, INT64_MIN, 200);
    assert_int_equal(way(keeper, view, SLICE("k"), 0), KEEPER_ISOLATED);
    keeper_view_unref(view);
    keeper_free(keeper);
}

/* --- rule 2 --- */

static void test_stamps(void **state) {
    struct slice key = key_of("a2", 'a', "a2 b5", 'b');
    struct keeper *keeper = keeper_of("a");
    struct keeper_view *view = NULL;
    struct peer_stamp old, new;

    (void)state;
    learn(keeper, &view, "a2", 4, 2, false, 0);
    keeper_set_authority(keeper, 0, 0);
    old = keeper_stamp(view, false);
    assert_int_equal(heard(keeper, view, old, key, 0), KEEPER_OWN);
    old.revision = 9; /* the same nodes, known for longer */
    assert_int_equal(heard(keeper, view, old, key, 0), KEEPER_OWN);
    learn(keeper, &view, "a2 b5", 5, 2, false, 0);
    new = keeper_stamp(view, false);
    assert_int_equal(heard(keeper, view, new, key, 0), KEEPER_WRONG); /* it is b's: one hop */
    old.revision = 4;
    assert_int_equal(heard(keeper, view, old, key, 0), KEEPER_WRONG);
    new.revision = 7;
    new.digest ^= 1;
    assert_int_equal(heard(keeper, view, new, key, 0), KEEPER_BEHIND);
    assert_true(keeper_receive(keeper, view, &new, key, 0).revision == 7);
    keeper_view_unref(view);
    keeper_free(keeper);
}

static void test_namesake(void **state) {
    struct keeper *keeper = keeper_of("a");
    struct keeper_view *view = NULL;

    (void)state;
    learn(keeper, &view, "a2", 2, 0, true, 0);
    keeper_set_authority(keeper, 0, 0);
    assert_int_equal(view->self, RING_NOBODY);
    assert_int_equal(way(keeper, view, SLICE("k"), 0), KEEPER_ISOLATED);
    assert_int_equal(heard(keeper, view, keeper_stamp(view, false), SLICE("k"), 0), KEEPER_ISOLATED);
    learn(keeper, &view, "a2", 2, 7, false, 0); /* our record came to be later */
    assert_int_equal(view->self, RING_NOBODY);
    learn(keeper, &view, "a7", 7, 7, false, 0);
    assert_int_equal(way(keeper, view, SLICE("k"), 0), KEEPER_OWN);
    keeper_view_unref(view);
    keeper_free(keeper);
}

/* --- rules 3 and 4 --- */

static void test_inherit(void **state) {
    struct slice key = key_of("a2", 'a', "a2 b5", 'b');
    struct keeper *keeper = keeper_of("b");
    struct keeper_view *view = NULL;
    struct keeper_route route;

    (void)state;
    learn(keeper, &view, "a2", 2, 0, true, 0);
    learn(keeper, &view, "a2 b5", 5, 0, false, 10); /* the event comes before the answer */
    learn(keeper, &view, "a2 b5", 5, 5, false, 20);
    keeper_set_authority(keeper, 2 * LEASE, 2 * LEASE);
    route = keeper_route(keeper, view, key, 30);
    assert_int_equal(route.way, KEEPER_INHERIT);
    assert_int_equal(route.member, 0);
    assert_true(keeper_takes(keeper, view, 0));
    assert_false(keeper_passes_over(keeper, view, 0, 20 + LEASE - 1));
    assert_int_equal(way(keeper, view, key, 20 + LEASE), KEEPER_INHERIT);
    assert_true(keeper_passes_over(keeper, view, 0, 20 + LEASE));
    assert_int_equal(way(keeper, view, key, 20 + LEASE), KEEPER_OWN);
    assert_false(keeper_takes(keeper, view, 0));
    learn(keeper, &view, "a2 b5 c6-", 6, 5, false, 20 + LEASE + 1);
    assert_int_equal(way(keeper, view, key, 20 + LEASE + 2), KEEPER_OWN); /* he is not asked again */
    keeper_view_unref(view);
    keeper_free(keeper);
}

/* Asking ends. */
static void test_handoff_ends(void **state) {
    struct slice key = key_of("a2", 'a', "a2 b5", 'b');
    struct keeper *keeper = keeper_of("b");
    struct keeper_view *view = NULL;

    (void)state;
    learn(keeper, &view, "a2", 2, 0, true, 0);
    learn(keeper, &view, "a2 b5", 5, 5, false, 0);
    keeper_set_authority(keeper, HANDOFF, HANDOFF);
    assert_int_equal(way(keeper, view, key, HANDOFF - 1), KEEPER_INHERIT);
    assert_int_equal(way(keeper, view, key, HANDOFF), KEEPER_OWN);
    assert_false(keeper_takes(keeper, view, 0));
    keeper_view_unref(view);
    keeper_free(keeper);
}

/* a -> b: a hands over what it has, and knows that it was alone. */
static void test_give_up(void **state) {
    struct slice key = key_of("a2", 'a', "a2 b5", 'b');
    struct keeper *keeper = keeper_of("a");
    struct keeper_view *view = NULL;
    struct peer_stamp stamp;
    uint8_t era;

    (void)state;
    learn(keeper, &view, "a2", 2, 2, true, 0);
    era = view->era;
    learn(keeper, &view, "a2 b5", 5, 2, false, 10);
    stamp = keeper_stamp(view, true);
    assert_int_equal(heard(keeper, view, stamp, key, 10), KEEPER_OWN);
    assert_true(keeper_counts(view, ring_slot(key), 0, era));
    stamp.purges = 6;
    assert_int_equal(heard(keeper, view, stamp, key, 10), KEEPER_BEHIND);
    assert_true(keeper_receive(keeper, view, &stamp, key, 10).revision == 6);
    assert_int_equal(keeper_purge(keeper, 3, 6), LARDER_OK);
    keeper_renew(keeper, &view);
    assert_int_equal(heard(keeper, view, stamp, key, 10), KEEPER_OWN);
    assert_true(keeper_counts(view, ring_slot(key), 0, era));
    assert_false(keeper_counts(view, ring_slot(key), 3, era));
    keeper_view_unref(view);
    keeper_free(keeper);
}

/* a -> b -> c: b cannot tell whether a still acts, until a has shown it, or the lease's time has passed. */
static void test_quick_succession(void **state) {
    struct slice key = key_of("a2 b5", 'b', "a2 b5 c6", 'c');
    struct keeper *b = keeper_of("b"), *c = keeper_of("c");
    struct keeper_view *at_b = NULL, *at_c = NULL;

    (void)state;
    learn(b, &at_b, "a2", 2, 0, true, 0);
    learn(b, &at_b, "a2 b5", 5, 5, false, 0);
    learn(c, &at_c, "a2 b5", 5, 0, true, 0);
    learn(b, &at_b, "a2 b5 c6", 6, 5, false, 10);
    learn(c, &at_c, "a2 b5 c6", 6, 6, false, 10);
    keeper_set_authority(c, LEASE, LEASE);
    assert_int_equal(heard(b, at_b, keeper_stamp(at_c, true), key, 20), KEEPER_INHERIT);
    assert_int_equal(keeper_route(c, at_c, key, 20).member, 1);
    keeper_answered(c, at_c, 1);
    assert_int_equal(keeper_doubted(c, at_c, 20), 0);
    keeper_answered(c, at_c, 0);
    assert_int_equal(keeper_doubted(c, at_c, 20), RING_NOBODY);
    assert_int_equal(heard(b, at_b, keeper_stamp(at_c, true), key, 10 + LEASE), KEEPER_OWN);
    keeper_view_unref(at_b);
    keeper_view_unref(at_c);
    keeper_free(b);
    keeper_free(c);
}

/* Who dies soon after it came leaves nobody to be asked, and doubt. */
static void test_owner_dies_early(void **state) {
    struct slice key = key_of("a2 b3 c6", 'c', "a2 b3", 'b');
    struct keeper *keeper = keeper_of("b");
    struct keeper_view *view = NULL;
    struct keeper_route route;

    (void)state;
    learn(keeper, &view, "a2", 2, 0, true, 0);
    learn(keeper, &view, "a2 b3", 3, 3, false, 0);
    keeper_set_authority(keeper, 4 * LEASE, 4 * LEASE);
    assert_int_equal(keeper_doubted(keeper, view, LEASE), RING_NOBODY);
    learn(keeper, &view, "a2 b3 c6", 6, 3, false, 2 * LEASE);
    learn(keeper, &view, "a2 b3", 7, 3, false, 2 * LEASE + 1);
    route = keeper_route(keeper, view, key, 2 * LEASE + 2);
    assert_int_equal(route.way, KEEPER_INHERIT);
    assert_int_equal(route.member, RING_NOBODY);
    assert_int_equal(keeper_doubted(keeper, view, 2 * LEASE + 2), 0);
    assert_int_equal(way(keeper, view, key, 3 * LEASE + 1), KEEPER_OWN);
    keeper_view_unref(view);
    keeper_free(keeper);
}

/* Who is known to have been alone leaves none. */
static void test_owner_dies_late(void **state) {
    struct slice key = key_of("a2 b3", 'a', "b3", 'b');
    struct keeper *keeper = keeper_of("b");
    struct keeper_view *view = NULL;

    (void)state;
    learn(keeper, &view, "a2", 2, 0, true, 0);
    learn(keeper, &view, "a2 b3 c4", 4, 3, false, 0);
    keeper_set_authority(keeper, 2 * LEASE, 2 * LEASE);
    learn(keeper, &view, "b3 c4", 5, 3, false, LEASE);
    if (keeper_route(keeper, view, key, LEASE).way != KEEPER_FORWARD) {
        assert_int_equal(way(keeper, view, key, LEASE), KEEPER_OWN);
    }
    keeper_view_unref(view);
    keeper_free(keeper);
}

/* --- rule 5 --- */

static void test_regained(void **state) {
    struct slice key = key_of("a2", 'a', "a2 b5", 'b');
    uint32_t slot = ring_slot(key);
    struct keeper *keeper = keeper_of("a");
    struct keeper_view *view = NULL;
    uint8_t era;

    (void)state;
    learn(keeper, &view, "a2", 2, 2, true, 0);
    era = view->era;
    learn(keeper, &view, "a2 b5", 5, 2, false, 10);
    learn(keeper, &view, "a2", 6, 2, false, 20);
    assert_false(keeper_counts(view, slot, 0, era));
    assert_true(keeper_counts(view, slot, 0, view->era));
    keeper_view_unref(view);
    keeper_free(keeper);
}

/* b has it now again, but as another one: what a has may be older than what the first b did. */
static void test_new_incarnation(void **state) {
    struct slice key = key_of("a2", 'a', "a2 b5", 'b');
    struct keeper *keeper = keeper_of("a");
    struct keeper_view *view = NULL;
    uint8_t era;

    (void)state;
    learn(keeper, &view, "a2", 2, 2, true, 0);
    era = view->era;
    keeper_set_authority(keeper, LEASE, LEASE);
    learn(keeper, &view, "a2 b5", 5, 2, false, 10);
    learn(keeper, &view, "a2 b8", 8, 2, true, 20);
    assert_false(keeper_counts(view, ring_slot(key), 0, era));
    assert_int_equal(heard(keeper, view, keeper_stamp(view, true), key, 20), KEEPER_INHERIT);
    keeper_view_unref(view);
    keeper_free(keeper);
}

/* From b to c: a was not the last owner any more. */
static void test_passed_on(void **state) {
    struct slice key = key_of("a2 b5", 'b', "a2 b5 c6", 'c');
    uint32_t slot = ring_slot(key);
    struct keeper *keeper = keeper_of("a");
    struct keeper_view *view = NULL;
    uint8_t era;

    (void)state;
    learn(keeper, &view, "a2", 2, 2, true, 0);
    era = view->era;
    learn(keeper, &view, "a2 b5", 5, 2, false, 10);
    assert_true(keeper_counts(view, slot, 0, era));
    learn(keeper, &view, "a2 b5 c6", 6, 2, false, 20);
    assert_false(keeper_counts(view, slot, 0, era));
    assert_int_equal(heard(keeper, view, keeper_stamp(view, true), key, 20), KEEPER_INHERIT);
    keeper_view_unref(view);
    keeper_free(keeper);
}

/* What was missed counts only if the authority has lasted, and nobody passed through. */
static void test_gap(void **state) {
    struct keeper *keeper = keeper_of("a");
    struct keeper_view *view = NULL;
    uint64_t serial;
    uint8_t era;

    (void)state;
    learn(keeper, &view, "a2", 2, 2, true, 0);
    era = view->era;
    keeper_set_authority(keeper, 0, 0);
    serial = view->serial;
    learn(keeper, &view, "a2", 7, 2, true, LEASE / 2);
    assert_true(view->serial == serial && view->members->revision == 7);
    assert_true(keeper_counts(view, 5, 0, era));
    learn(keeper, &view, "a2", 9, 2, true, LEASE);
    assert_true(view->serial == serial + 1);
    assert_false(keeper_counts(view, 5, 0, era));
    era = view->era;
    keeper_set_authority(keeper, LEASE, LEASE);
    learn(keeper, &view, "a2 b10-", 12, 2, true, LEASE + 1);
    assert_false(keeper_counts(view, 5, 0, era));
    keeper_view_unref(view);
    keeper_free(keeper);
}

/* Eras begin again; sweeps give entries that count a newer one. */
static void test_eras(void **state) {
    struct keeper *keeper = keeper_of("a");
    struct keeper_view *view = NULL;
    uint8_t kept, purged;

    (void)state;
    learn(keeper, &view, "a2", 2, 2, true, 0);
    kept = purged = view->era;
    for (int64_t number = 3; number < 1000; number++) {
        bool is_last = keeper_must_clear(keeper);

        assert_true(keeper_wants_sweep(keeper));
        assert_true(keeper_counts(view, 9, 1, kept));
        if (is_last || number % 50 == 0) {
            assert_true(keeper_keeps(view, 9, 1, &kept));
            keeper_swept(keeper, view->serial);
            assert_false(keeper_must_clear(keeper) || keeper_wants_sweep(keeper));
            purged = view->era;
        }
        assert_int_equal(keeper_purge(keeper, 2, number), LARDER_OK);
        keeper_renew(keeper, &view);
        assert_false(keeper_counts(view, 9, 2, purged));
        assert_true(keeper_counts(view, 9, 2, view->era));
        assert_true(view->purges == number);
    }
    keeper_view_unref(view);
    keeper_free(keeper);
}

static void test_must_clear(void **state) {
    struct keeper *keeper = keeper_of("a");
    struct keeper_view *view = NULL;
    unsigned purges = 0;

    (void)state;
    learn(keeper, &view, "a2", 2, 2, true, 0);
    while (!keeper_must_clear(keeper)) {
        assert_int_equal(keeper_purge(keeper, KEEPER_GROUPS, 3 + purges), LARDER_OK);
        purges++;
    }
    assert_int_equal(purges, KEEPER_ERAS - 2);
    keeper_renew(keeper, &view);
    keeper_swept(keeper, view->serial);
    assert_false(keeper_must_clear(keeper));
    keeper_view_unref(view);
    keeper_free(keeper);
}

/* --- rule 6 --- */

static void test_newest(void **state) {
    struct keeper *keeper = keeper_of("a");
    struct keeper_view *view = NULL, *held = NULL;

    (void)state;
    learn(keeper, &view, "a2", 2, 2, true, 0);
    held = keeper_view_ref(view);
    keeper_set_authority(keeper, 0, 0);
    learn(keeper, &view, "a2", 3, 2, false, 0);
    assert_true(view != held && keeper_is_newest(keeper, held)); /* nothing is to be decided otherwise */
    learn(keeper, &view, "a2 b4", 4, 2, false, 0);
    assert_false(keeper_is_newest(keeper, held));
    assert_false(keeper_takes(keeper, held, 0));
    assert_true(keeper_is_newest(keeper, view));
    keeper_view_unref(held);
    keeper_view_unref(view);
    keeper_free(keeper);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_ring),
        cmocka_unit_test(test_authority),
        cmocka_unit_test(test_stamps),
        cmocka_unit_test(test_namesake),
        cmocka_unit_test(test_inherit),
        cmocka_unit_test(test_handoff_ends),
        cmocka_unit_test(test_give_up),
        cmocka_unit_test(test_quick_succession),
        cmocka_unit_test(test_owner_dies_early),
        cmocka_unit_test(test_owner_dies_late),
        cmocka_unit_test(test_regained),
        cmocka_unit_test(test_new_incarnation),
        cmocka_unit_test(test_passed_on),
        cmocka_unit_test(test_gap),
        cmocka_unit_test(test_eras),
        cmocka_unit_test(test_must_clear),
        cmocka_unit_test(test_newest),
    };

    return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
