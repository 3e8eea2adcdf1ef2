/* SPDX-License-Identifier: Apache-2.0 */
/* Purges of a group's keys that begin alike. */
#include <string.h>

#include "keeper_script.h"

enum { GROUP = 1, OTHER = 2, SLOT = 5 };

struct scene {
    struct keeper *keeper;
    struct keeper_view *view;
    int64_t number;
};

static struct scene begin(void) {
    struct scene s = {.keeper = keeper_of("a"), .number = 10};

    learn(s.keeper, &s.view, "a1 b2", 1, 1, false, 0);
    return s;
}

static void end(struct scene *s) {
    keeper_view_unref(s->view);
    keeper_free(s->keeper);
}

static void purge(struct scene *s, unsigned group, const char *prefix) {
    assert_int_equal(keeper_purge_prefix(s->keeper, group, slice_from_string(prefix), ++s->number), LARDER_OK);
    keeper_renew(s->keeper, &s->view);
    assert_int_equal(s->view->purges, s->number);
}

static bool is_purged(const struct scene *s, unsigned group, const char *key, uint8_t era) {
    return s->view->has_prefixes && keeper_is_purged(s->view, group, slice_from_string(key), era);
}

static void what_begins_so_and_was_there_before(void **state) {
    struct scene s = begin();
    uint8_t before = s.view->era;

    (void)state;
    assert_false(s.view->has_prefixes);
    purge(&s, GROUP, "g/a");
    assert_true(is_purged(&s, GROUP, "g/a", before));
    assert_true(is_purged(&s, GROUP, "g/abc", before));
    assert_false(is_purged(&s, GROUP, "g/", before));
    assert_false(is_purged(&s, GROUP, "g/b", before));
    assert_false(is_purged(&s, OTHER, "g/a", before));
    assert_false(is_purged(&s, GROUP, "g/a", s.view->era)); /* written since */
    assert_true(keeper_counts(s.view, SLOT, GROUP, before));
    end(&s);
}

/* A change of the membership and other purges do not bring anything back. */
static void for_all_views_that_follow(void **state) {
    struct scene s = begin();
    uint8_t before = s.view->era, between;

    (void)state;
    purge(&s, GROUP, "g/a");
    between = s.view->era;
    purge(&s, GROUP, "g/b");
    learn(s.keeper, &s.view, "a1 b2 c3", 2, 1, false, 1);
    assert_int_equal(keeper_purge(s.keeper, OTHER, ++s.number), LARDER_OK);
    keeper_renew(s.keeper, &s.view);
    assert_true(is_purged(&s, GROUP, "g/a", before));
    assert_true(is_purged(&s, GROUP, "g/b", before));
    assert_false(is_purged(&s, GROUP, "g/a", between));
    assert_true(is_purged(&s, GROUP, "g/b", between));
    end(&s);
}

static void until_it_was_swept(void **state) {
    struct scene s = begin();
    uint8_t before = s.view->era;

    (void)state;
    purge(&s, GROUP, "g/a");
    keeper_swept(s.keeper, s.view->serial - 1);
    assert_true(is_purged(&s, GROUP, "g/a", before));
    purge(&s, GROUP, "g/b");
    keeper_swept(s.keeper, s.view->serial - 1); /* the first of them */
    purge(&s, GROUP, "g/c");
    assert_false(is_purged(&s, GROUP, "g/a", before));
    assert_true(is_purged(&s, GROUP, "g/b", before));
    keeper_swept(s.keeper, s.view->serial);
    assert_false(is_purged(&s, GROUP, "g/b", before));
    learn(s.keeper, &s.view, "a1 b2 c3", 2, 1, false, 1);
    assert_false(s.view->has_prefixes);
    end(&s);
}

static void with_too_many_the_group_goes(void **state) {
    struct scene s = begin();
    uint8_t before = s.view->era;
    char prefix[16];

    (void)state;
    for (int i = 0; i < KEEPER_PREFIXES; i++) {
        snprintf(prefix, sizeof(prefix), "g/%c%c", 'a' + i / 26, 'a' + i % 26);
        purge(&s, GROUP, prefix);
    }
    assert_true(keeper_counts(s.view, SLOT, GROUP, before));
    purge(&s, GROUP, "g/zz");
    assert_false(keeper_counts(s.view, SLOT, GROUP, before));
    assert_true(keeper_counts(s.view, SLOT, OTHER, before));
    end(&s);
}

static void nothing_is_taken_over_across_it(void **state) {
    struct scene s = begin();
    struct slice key = key_of("a1 b2", 'b', "a1", 'a');
    uint64_t serial = s.view->serial;
    uint32_t slot = ring_slot(key);

    (void)state;
    learn(s.keeper, &s.view, "a1", 2, 1, false, LEASE);
    assert_true(keeper_adopts(s.keeper, s.view, slot, GROUP, serial, 0, LEASE));
    purge(&s, OTHER, "o/a");
    keeper_swept(s.keeper, s.view->serial);
    assert_false(keeper_adopts(s.keeper, s.view, slot, GROUP, serial, 0, LEASE));
    end(&s);
}

static void before_there_is_a_view(void **state) {
    struct keeper *keeper = keeper_of("a");
    struct keeper_view *view = NULL;

    (void)state;
    assert_int_equal(keeper_purge_prefix(keeper, GROUP, SLICE("g/a"), 7), LARDER_OK);
    keeper_renew(keeper, &view);
    assert_null(view);
    learn(keeper, &view, "a1 b2", 1, 1, false, 0);
    assert_int_equal(view->purges, 7);
    assert_false(view->has_prefixes);
    keeper_view_unref(view);
    keeper_free(keeper);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_begins_so_and_was_there_before),
        cmocka_unit_test(for_all_views_that_follow),
        cmocka_unit_test(until_it_was_swept),
        cmocka_unit_test(with_too_many_the_group_goes),
        cmocka_unit_test(nothing_is_taken_over_across_it),
        cmocka_unit_test(before_there_is_a_view),
    };

    return cmocka_run_group_tests_name("purges by a prefix", tests, NULL, NULL);
}
