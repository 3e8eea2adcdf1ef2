/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_script.h"

enum { DEADLINE = 400 };

/* A node, what it knows, and an errand on it. */
struct stage {
    struct keeper *keeper;
    struct keeper_view *view;
    struct errand errand;
};

static void begin(struct stage *s, const char *id) {
    *s = (struct stage){.keeper = keeper_of(id)};
}

static void end(struct stage *s) {
    errand_fini(&s->errand);
    errand_fini(&s->errand);
    keeper_view_unref(s->view);
    keeper_free(s->keeper);
}

static enum errand_action ask(struct stage *s, struct slice key, bool writes, const struct peer_stamp *stamp) {
    errand_fini(&s->errand);
    return errand_begin(&s->errand, s->keeper, s->view, key, writes, stamp, DEADLINE, 0);
}

#define ENDS(action, stage, how)                                                                                       \
    do {                                                                                                               \
        assert_int_equal(action, ERRAND_END);                                                                          \
        assert_int_equal((stage)->errand.end, how);                                                                    \
    } while (0)

static void test_own(void **state) {
    struct stage s;

    (void)state;
    begin(&s, "a");
    ENDS(ask(&s, SLICE("k"), false, NULL), &s, ERRAND_NO_RING);
    learn(s.keeper, &s.view, "a2", 2, 2, true, 0);
    ENDS(ask(&s, SLICE("k"), false, NULL), &s, ERRAND_ISOLATED);
    keeper_set_authority(s.keeper, 0, 0);
    assert_int_equal(ask(&s, SLICE("k"), true, NULL), ERRAND_RUN);
    assert_false(s.errand.inherits);
    ENDS(errand_ran(&s.errand, ERRAND_RAN_DONE, 1), &s, ERRAND_DONE);
    end(&s);
}

/* The view that the worker holds is old, and the one it decided by becomes so. */
static void test_moved(void **state) {
    struct slice key = key_of("a2", 'a', "a2 b5", 'b');
    struct stage s;

    (void)state;
    begin(&s, "a");
    learn(s.keeper, &s.view, "a2", 2, 2, true, 0);
    keeper_set_authority(s.keeper, 0, 0);
    assert_int_equal(ask(&s, key, true, NULL), ERRAND_RUN);
    learn(s.keeper, &s.view, "a2 b5", 5, 2, false, 1);
    assert_int_equal(errand_ran(&s.errand, ERRAND_RAN_MOVED, 2), ERRAND_SEND);
    assert_int_equal(s.errand.member, 1);
    ENDS(errand_sent(&s.errand, ERRAND_SENT_ANSWERED, 0, 3), &s, ERRAND_DONE);
    end(&s);
}

static void test_forward(void **state) {
    struct slice key = key_of("a2", 'a', "a2 b5", 'b');
    struct stage s;

    (void)state;
    begin(&s, "a");
    learn(s.keeper, &s.view, "a2 b5", 5, 2, true, 0);
    assert_int_equal(ask(&s, key, false, NULL), ERRAND_SEND);
    ENDS(errand_sent(&s.errand, ERRAND_SENT_AWAY, 0, 1), &s, ERRAND_AWAY);
    assert_int_equal(ask(&s, key, false, NULL), ERRAND_SEND);
    ENDS(errand_sent(&s.errand, ERRAND_SENT_LOST, 0, 1), &s, ERRAND_AWAY);
    assert_int_equal(ask(&s, key, true, NULL), ERRAND_SEND);
    ENDS(errand_sent(&s.errand, ERRAND_SENT_LOST, 0, 1), &s, ERRAND_UNKNOWN);
    assert_int_equal(ask(&s, key, true, NULL), ERRAND_SEND);
    ENDS(errand_sent(&s.errand, ERRAND_SENT_REFUSED, 0, 1), &s, ERRAND_DONE);
    end(&s);
}

/* wrong-epoch: once more, and then no more. */
static void test_wrong(void **state) {
    struct slice key = key_of("a2", 'a', "a2 b5", 'b');
    struct stage s;

    (void)state;
    begin(&s, "a");
    learn(s.keeper, &s.view, "a2 b5", 5, 2, true, 0);
    assert_int_equal(ask(&s, key, true, NULL), ERRAND_SEND);
    ENDS(errand_sent(&s.errand, ERRAND_SENT_WRONG, 6, 1), &s, ERRAND_ISOLATED); /* the store is out of our reach */
    keeper_set_authority(s.keeper, 0, 0);
    assert_int_equal(ask(&s, key, true, NULL), ERRAND_SEND);
    ENDS(errand_sent(&s.errand, ERRAND_SENT_WRONG, 5, 1), &s, ERRAND_UNSETTLED); /* it is behind, not we */
    assert_int_equal(ask(&s, key, true, NULL), ERRAND_SEND);
    assert_int_equal(errand_sent(&s.errand, ERRAND_SENT_WRONG, 6, 1), ERRAND_REFRESH);
    assert_true(s.errand.revision == 6);
    ENDS(errand_refreshed(&s.errand, false, DEADLINE), &s, ERRAND_UNSETTLED);
    assert_int_equal(ask(&s, key, true, NULL), ERRAND_SEND);
    assert_int_equal(errand_sent(&s.errand, ERRAND_SENT_WRONG, 6, 1), ERRAND_REFRESH);
    learn(s.keeper, &s.view, "a2 b6", 6, 2, false, 2);
    assert_int_equal(errand_refreshed(&s.errand, true, 3), ERRAND_SEND);
    assert_true(s.errand.view->members->revision == 6);
    assert_int_equal(errand_sent(&s.errand, ERRAND_SENT_WRONG, 7, 4), ERRAND_REFRESH);
    ENDS(errand_refreshed(&s.errand, true, 5), &s, ERRAND_UNSETTLED);
    end(&s);
}

/* A node that gains a key's slot from `a`, with authority. */
static void begin_heir(struct stage *s) {
    begin(s, "b");
    learn(s->keeper, &s->view, "a2", 2, 0, true, 0);
    learn(s->keeper, &s->view, "a2 b5", 5, 5, false, 0);
    keeper_set_authority(s->keeper, 2 * LEASE, 2 * LEASE);
}

static void test_ask(void **state) {
    struct slice key = key_of("a2", 'a', "a2 b5", 'b');
    struct stage s;

    (void)state;
    begin_heir(&s);
    assert_int_equal(ask(&s, key, true, NULL), ERRAND_RUN);
    assert_true(s.errand.inherits);
    assert_int_equal(errand_ran(&s.errand, ERRAND_RAN_ABSENT, 1), ERRAND_ASK);
    assert_int_equal(s.errand.member, 0);
    assert_false(s.errand.discards);
    assert_int_equal(errand_asked(&s.errand, ERRAND_ASKED_ANSWERED, 0, 2), ERRAND_RUN);
    assert_false(s.errand.inherits);
    ENDS(errand_ran(&s.errand, ERRAND_RAN_DONE, 3), &s, ERRAND_DONE);
    /* Its authority ends while it asks. */
    assert_int_equal(ask(&s, key, true, NULL), ERRAND_RUN);
    assert_int_equal(errand_ran(&s.errand, ERRAND_RAN_ABSENT, 1), ERRAND_ASK);
    keeper_set_authority(s.keeper, INT64_MIN, INT64_MIN);
    ENDS(errand_asked(&s.errand, ERRAND_ASKED_ANSWERED, 0, 2), &s, ERRAND_ISOLATED);
    end(&s);
}

static void test_previous_away(void **state) {
    struct slice key = key_of("a2", 'a', "a2 b5", 'b');
    struct stage s;

    (void)state;
    begin_heir(&s);
    assert_int_equal(ask(&s, key, true, NULL), ERRAND_RUN);
    assert_int_equal(errand_ran(&s.errand, ERRAND_RAN_ABSENT, 1), ERRAND_ASK);
    ENDS(errand_asked(&s.errand, ERRAND_ASKED_AWAY, 0, LEASE - 1), &s, ERRAND_AWAY);
    assert_int_equal(ask(&s, key, true, NULL), ERRAND_RUN);
    assert_int_equal(errand_ran(&s.errand, ERRAND_RAN_ABSENT, 1), ERRAND_ASK);
    assert_int_equal(errand_asked(&s.errand, ERRAND_ASKED_AWAY, 0, LEASE), ERRAND_RUN);
    assert_false(s.errand.inherits);
    assert_int_equal(ask(&s, key, true, NULL), ERRAND_RUN);
    assert_false(s.errand.inherits); /* he is not asked by anybody any more */
    end(&s);
}

static void test_previous_behind_or_ahead(void **state) {
    struct slice key = key_of("a2", 'a', "a2 b5", 'b');
    struct stage s;

    (void)state;
    begin_heir(&s);
    assert_int_equal(ask(&s, key, true, NULL), ERRAND_RUN);
    assert_int_equal(errand_ran(&s.errand, ERRAND_RAN_ABSENT, 1), ERRAND_ASK);
    ENDS(errand_asked(&s.errand, ERRAND_ASKED_WRONG, 4, 2), &s, ERRAND_AWAY);
    assert_int_equal(ask(&s, key, true, NULL), ERRAND_RUN);
    assert_int_equal(errand_ran(&s.errand, ERRAND_RAN_ABSENT, 1), ERRAND_ASK);
    assert_int_equal(errand_asked(&s.errand, ERRAND_ASKED_WRONG, 8, 2), ERRAND_REFRESH);
    learn(s.keeper, &s.view, "a2", 8, 5, false, 3);
    assert_int_equal(errand_refreshed(&s.errand, true, 3), ERRAND_SEND);
    assert_int_equal(s.errand.member, 0);
    end(&s);
}

/* He cannot tell: all others are asked, and what they give is nothing. */
static void test_doubt(void **state) {
    struct slice key = key_of("a2 b5 d7", 'b', "a2 b5 c8 d7", 'c');
    struct stage s;

    (void)state;
    begin(&s, "c");
    learn(s.keeper, &s.view, "a2 b5 d7", 7, 0, true, 0);
    learn(s.keeper, &s.view, "a2 b5 c8 d7", 8, 8, false, 0);
    keeper_set_authority(s.keeper, 0, 0);
    assert_int_equal(ask(&s, key, true, NULL), ERRAND_RUN);
    assert_int_equal(errand_ran(&s.errand, ERRAND_RAN_ABSENT, 1), ERRAND_ASK);
    assert_int_equal(s.errand.member, 1);
    assert_int_equal(errand_asked(&s.errand, ERRAND_ASKED_UNSETTLED, 0, 2), ERRAND_ASK);
    assert_true(s.errand.discards && s.errand.member == 0);
    assert_int_equal(errand_asked(&s.errand, ERRAND_ASKED_ANSWERED, 0, 3), ERRAND_ASK);
    assert_true(s.errand.discards && s.errand.member == 3);
    ENDS(errand_asked(&s.errand, ERRAND_ASKED_AWAY, 0, 4), &s, ERRAND_AWAY);
    assert_int_equal(ask(&s, key, true, NULL), ERRAND_RUN);
    assert_int_equal(errand_ran(&s.errand, ERRAND_RAN_ABSENT, 1), ERRAND_ASK);
    assert_int_equal(errand_asked(&s.errand, ERRAND_ASKED_UNSETTLED, 0, 2), ERRAND_ASK);
    assert_int_equal(s.errand.member, 3); /* the other has answered before */
    assert_int_equal(errand_asked(&s.errand, ERRAND_ASKED_UNSETTLED, 0, 4), ERRAND_RUN);
    assert_false(s.errand.inherits);
    end(&s);
}

/* Between the decision and the look at the table a lease's time passes: with it the doubt, but the authority too. */
static void test_doubt_held_up(void **state) {
    struct slice key = key_of("b5", 'b', "b5 c8", 'c');
    struct stage s;

    (void)state;
    begin(&s, "c");
    learn(s.keeper, &s.view, "b5 c8", 8, 8, true, 0);
    keeper_set_authority(s.keeper, 0, 0);
    assert_int_equal(ask(&s, key, true, NULL), ERRAND_RUN);
    ENDS(errand_ran(&s.errand, ERRAND_RAN_ABSENT, LEASE), &s, ERRAND_ISOLATED);
    assert_int_equal(ask(&s, key, true, NULL), ERRAND_RUN);
    assert_true(s.errand.inherits);
    keeper_set_authority(s.keeper, LEASE / 2, LEASE / 2);
    assert_int_equal(errand_ran(&s.errand, ERRAND_RAN_ABSENT, LEASE), ERRAND_RUN);
    assert_false(s.errand.inherits);
    end(&s);
}

static void test_peer(void **state) {
    struct slice key = key_of("a2", 'a', "a2 b5", 'b');
    struct stage s, sender;
    struct peer_stamp stamp;

    (void)state;
    begin(&s, "b");
    begin(&sender, "a");
    learn(s.keeper, &s.view, "a2", 2, 0, true, 0);
    learn(sender.keeper, &sender.view, "a2 b5", 5, 2, true, 0);
    stamp = keeper_stamp(sender.view, false);
    assert_int_equal(ask(&s, key, true, &stamp), ERRAND_AWAIT);
    assert_true(s.errand.revision == 5);
    ENDS(errand_refreshed(&s.errand, false, DEADLINE), &s, ERRAND_WRONG);
    assert_true(s.errand.revision == 2);
    assert_int_equal(ask(&s, key, true, &stamp), ERRAND_AWAIT);
    learn(s.keeper, &s.view, "a2 b5", 5, 5, false, 1);
    keeper_set_authority(s.keeper, 0, 0);
    assert_int_equal(errand_refreshed(&s.errand, true, 2), ERRAND_RUN);
    learn(s.keeper, &s.view, "a2 b5 c6", 6, 5, false, 3);
    ENDS(errand_ran(&s.errand, ERRAND_RAN_MOVED, 4), &s, ERRAND_WRONG);
    assert_true(s.errand.revision == 6);
    end(&s);
    end(&sender);
}

/* What has to be given up is looked for; that there is nothing may mean nothing. */
static void test_give_up(void **state) {
    struct slice key = key_of("a2 b5", 'b', "a2 b5 c6", 'c');
    struct stage s;
    struct peer_stamp stamp;

    (void)state;
    begin(&s, "b");
    learn(s.keeper, &s.view, "a2", 2, 0, true, 0);
    learn(s.keeper, &s.view, "a2 b5", 5, 5, false, 0);
    learn(s.keeper, &s.view, "a2 b5 c6", 6, 5, false, 0);
    stamp = keeper_stamp(s.view, true);
    assert_int_equal(ask(&s, key, false, &stamp), ERRAND_RUN);
    assert_true(s.errand.inherits);
    ENDS(errand_ran(&s.errand, ERRAND_RAN_ABSENT, 1), &s, ERRAND_UNSETTLED);
    end(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_ask),
        cmocka_unit_test(test_previous_away),
        cmocka_unit_test(test_previous_behind_or_ahead),
        cmocka_unit_test(test_doubt),
        cmocka_unit_test(test_doubt_held_up),
        cmocka_unit_test(test_peer),
        cmocka_unit_test(test_give_up),
    };

    return cmocka_run_group_tests_name("errand", tests, NULL, NULL);
}
