/* SPDX-License-Identifier: Apache-2.0 */
/* Who comes behind the owner of a slot, and when what he got for himself may be his entry once he is the owner. */
#include "keeper_script.h"

enum { GROUP = 1, OTHER = 2, ASIDE = 10000, GOT = 4000, GONE = 5000 };

#define ALL "a1 b2 c3"

/* Node a; the key is c's, and a's when c has gone. */
struct scene {
    struct keeper *keeper;
    struct keeper_view *view;
    uint32_t slot;
    uint64_t serial; /* while c was there */
};

static struct scene begin(void) {
    struct scene s = {.keeper = keeper_of("a"), .slot = ring_slot(key_of(ALL, 'c', "a1 b2", 'a'))};

    learn(s.keeper, &s.view, ALL, 1, 1, false, 0);
    s.serial = s.view->serial;
    return s;
}

static void end(struct scene *s) {
    keeper_view_unref(s->view);
    keeper_free(s->keeper);
}

static void purge(struct scene *s, unsigned group, int64_t number) {
    assert_int_equal(keeper_purge(s->keeper, group, number), LARDER_OK);
    keeper_renew(s->keeper, &s->view);
}

static bool adopts_for(const struct scene *s, int64_t aside_ns) {
    return keeper_adopts(s->keeper, s->view, s->slot, GROUP, s->serial, GOT, aside_ns);
}

static bool adopts(const struct scene *s) {
    return adopts_for(s, ASIDE);
}

static void the_runner_up_is_the_next_owner(void **state) {
    static const char *const without[] = {"b2 c3 e5", "a1 c3 e5", "a1 b2 e5", NULL, "a1 b2 c3"};
    struct keeper *keeper = keeper_of("z");
    struct keeper_view *all = NULL;

    (void)state;
    learn(keeper, &all, "a1 b2 c3 d4- e5", 1, 0, false, 0);
    for (uint16_t gone = 0; gone < 5; gone++) {
        struct keeper_view *left = NULL;

        if (without[gone] == NULL) {
            continue;
        }
        learn(keeper, &left, without[gone], 2 + gone, 0, false, 0);
        for (uint32_t slot = 0; slot < RING_SLOTS; slot += 7) {
            uint16_t next = keeper_runner_up(all, slot);

            if (all->owners[slot] == gone) {
                assert_true(slice_equal(all->members->members[next].id, left->members->members[left->owners[slot]].id));
            }
        }
        keeper_view_unref(left);
    }
    keeper_view_unref(all);
    keeper_free(keeper);
}

static void who_is_alone_has_none_behind(void **state) {
    struct keeper *keeper = keeper_of("a");
    struct keeper_view *view = NULL;

    (void)state;
    learn(keeper, &view, "a1 b2-", 1, 1, false, 0);
    assert_int_equal(keeper_runner_up(view, 0), RING_NOBODY);
    keeper_view_unref(view);
    keeper_free(keeper);
}

static void taken_over_when_the_owner_is_gone(void **state) {
    struct scene s = begin();

    (void)state;
    assert_false(adopts(&s));
    learn(s.keeper, &s.view, "a1 b2", 2, 1, false, GONE);
    assert_true(adopts(&s));
    assert_true(adopts_for(&s, GONE - GOT));
    assert_false(adopts_for(&s, GONE - GOT - 1)); /* too old when it became the owner */
    learn(s.keeper, &s.view, "a1 b2 f6", 3, 1, false, GONE + 1);
    assert_int_equal(adopts(&s), s.view->owners[s.slot] == s.view->self);
    end(&s);
}

static void not_across_a_purge(void **state) {
    struct scene s = begin();

    (void)state;
    learn(s.keeper, &s.view, "a1 b2", 2, 1, false, GONE);
    purge(&s, OTHER, 7);
    assert_true(adopts(&s));
    purge(&s, GROUP, 8);
    assert_false(adopts(&s));
    end(&s);
    s = begin();
    purge(&s, GROUP, 7);
    learn(s.keeper, &s.view, "a1 b2", 2, 1, false, GONE);
    assert_false(adopts(&s));
    end(&s);
}

static void not_if_something_was_missed(void **state) {
    struct scene s = begin();

    (void)state;
    learn(s.keeper, &s.view, "a1 b2", 2, 1, true, GONE);
    assert_false(adopts(&s));
    end(&s);
}

static void not_while_the_owner_has_it_still(void **state) {
    struct scene s = begin();

    (void)state;
    learn(s.keeper, &s.view, "a1 b2 c3-", 2, 1, false, GONE);
    assert_int_equal(s.view->owners[s.slot], s.view->self);
    assert_false(adopts(&s));
    end(&s);
}

static void not_if_another_had_it_in_between(void **state) {
    struct scene s = begin();
    uint32_t slot = 0;

    (void)state;
    learn(s.keeper, &s.view, "a1 b2 d4", 2, 1, false, GONE);
    while (s.view->members->members[s.view->owners[slot]].id.data[0] != 'd') {
        slot++;
    }
    s.slot = slot;
    learn(s.keeper, &s.view, "a1 b2", 3, 1, false, GONE + 1);
    while (s.view->owners[s.slot] != s.view->self) {
        s.slot++;
    }
    s.serial = s.view->serial - 2;
    assert_false(adopts(&s));
    end(&s);
}

/* Its view may be followed by others only when nobody acts by an older one. */
static void settled_when_all_follow(void **state) {
    struct scene s = begin();

    (void)state;
    assert_false(keeper_settled(s.keeper, s.view, LEASE - 1));
    keeper_answered(s.keeper, s.view, 1);
    assert_false(keeper_settled(s.keeper, s.view, LEASE - 1));
    keeper_answered(s.keeper, s.view, 2);
    assert_true(keeper_settled(s.keeper, s.view, LEASE - 1));
    end(&s);
    s = begin();
    assert_true(keeper_settled(s.keeper, s.view, LEASE));
    end(&s);
}

static void received_aside(void **state) {
    struct scene s = begin();
    struct slice key = key_of(ALL, 'c', "a1 b2", 'a');
    struct peer_stamp stamp = keeper_stamp(s.view, false);

    (void)state;
    assert_int_equal(keeper_receive_aside(s.keeper, s.view, &stamp, key, 0).way, KEEPER_ISOLATED);
    keeper_set_authority(s.keeper, 0, 0);
    assert_int_equal(keeper_receive_aside(s.keeper, s.view, &stamp, key, 1).way, KEEPER_OWN);
    assert_int_equal(keeper_receive_aside(s.keeper, NULL, &stamp, key, 1).way, KEEPER_NO_RING);
    learn(s.keeper, &s.view, "a1 b2", 2, 1, false, 2);
    assert_int_equal(keeper_receive_aside(s.keeper, s.view, &stamp, key, 2).way, KEEPER_WRONG);
    stamp = keeper_stamp(s.view, false); /* it is the owner by that */
    assert_int_equal(keeper_receive_aside(s.keeper, s.view, &stamp, key, 2).way, KEEPER_WRONG);
    stamp.digest++;
    stamp.revision = 3; /* and does not wait for it */
    assert_int_equal(keeper_receive_aside(s.keeper, s.view, &stamp, key, 2).way, KEEPER_WRONG);
    end(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_runner_up_is_the_next_owner),
        cmocka_unit_test(who_is_alone_has_none_behind),
        cmocka_unit_test(taken_over_when_the_owner_is_gone),
        cmocka_unit_test(not_across_a_purge),
        cmocka_unit_test(not_if_something_was_missed),
        cmocka_unit_test(not_while_the_owner_has_it_still),
        cmocka_unit_test(not_if_another_had_it_in_between),
        cmocka_unit_test(settled_when_all_follow),
        cmocka_unit_test(received_aside),
    };

    return cmocka_run_group_tests_name("aside", tests, NULL, NULL);
}
