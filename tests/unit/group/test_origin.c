/* SPDX-License-Identifier: Apache-2.0 */
/* Flights to an origin, between two workers, with an origin that answers when the test says so. */
#include "group/origin_internal.h"
#include "origin_fixture.h"

/* --- tests --- */

static void test_one_request_for_all(void **state) {
    struct fixture *f = *state;
    struct told told[4];

    for (int i = 0; i < 4; i++) {
        get(f, i % WORKERS, &told[i]);
        assert_false(told[i].done);
    }
    assert_int_equal(f->count, 1);
    assert_string_equal(f->asked[0].url, "http://origin/key");
    head(f, 0, 200, "max-age=60");
    body(f, 0, "va");
    body(f, 0, "lue");
    end(f, 0, LARDER_OK);
    for (int i = 0; i < 4; i++) {
        assert_told(&told[i], RESULT_HIT, "value");
        assert_int_equal(told[i].reply.collapsed, i > 0);
        assert_true(told[i].reply.stored);
        assert_int_equal(told[i].reply.source, REPLY_ORIGIN_MISS);
    }
    get(f, 1, &told[0]);
    assert_told(&told[0], RESULT_HIT, "value");
    assert_int_equal(told[0].reply.source, REPLY_ORIGIN_HIT);
    assert_int_equal(f->count, 1);
    assert_int_equal(counted(f, COUNTER_ORIGIN_COLLAPSED), 3);
}

static void test_an_error_reaches_all(void **state) {
    struct fixture *f = *state;
    struct told told[3];

    for (int i = 0; i < 3; i++) {
        get(f, i % WORKERS, &told[i]);
    }
    end(f, 0, LARDER_ERROR_REFUSED);
    for (int i = 0; i < 3; i++) {
        assert_told(&told[i], RESULT_ORIGIN_FAILED, "");
        assert_int_equal(told[i].status, 502);
    }
    /* It is not asked again at once. */
    get(f, 0, &told[0]);
    assert_told(&told[0], RESULT_ORIGIN_FAILED, "");
    wall_ms += 2000;
    get(f, 0, &told[0]);
    assert_int_equal(f->count, 2);
    end(f, 1, LARDER_ERROR_TIMEOUT);
    assert_told(&told[0], RESULT_ORIGIN_TIMEOUT, "");
}

static void test_a_body_that_breaks_off_is_nothing(void **state) {
    struct fixture *f = *state;
    struct told told;

    get(f, 0, &told);
    head(f, 0, 200, "max-age=60");
    body(f, 0, "half");
    end(f, 0, LARDER_ERROR_TRUNCATED);
    assert_told(&told, RESULT_ORIGIN_FAILED, "");
    wall_ms += 2000;
    get(f, 0, &told);
    answer(f, 1, 200, "max-age=60", "whole");
    assert_told(&told, RESULT_HIT, "whole");
}

static void test_a_waiter_that_leaves(void **state) {
    struct fixture *f = *state;
    const struct request request = {.command = COMMAND_GET, .key = SLICE("o/key")};
    bool expired = false, cut = false;
    const struct origin_access a = {
        .memory = {.table = &f->table,
                   .policy = group_set_find(f->current, request.key),
                   .now = 2,
                   .ret_expired = &expired,
                   .ret_cut = &cut},
        .worker = &f->workers[0],
        .completions = &f->queues[0],
    };
    struct reply reply = {0};
    struct told stays;

    origin_run(&a, &request, &reply);
    assert_int_equal(reply.result, RESULT_PENDING);
    get(f, 1, &stays);
    pending_abandon(reply.pending);
    answer(f, 0, 200, "max-age=60", "value");
    assert_told(&stays, RESULT_HIT, "value");
}

/* What was asked before a purge is answered to those who asked before it, and to nobody else. */
static void test_a_purge_comes_first(void **state) {
    struct fixture *f = *state;
    struct told before, after;

    get(f, 0, &before);
    assert_int_equal(purge(f), RESULT_NOT_FOUND);
    get(f, 1, &after);
    assert_int_equal(f->count, 2);
    answer(f, 0, 200, "max-age=60", "old");
    assert_told(&before, RESULT_HIT, "old");
    assert_false(before.reply.stored);
    assert_false(after.done);
    answer(f, 1, 200, "max-age=60", "new");
    assert_told(&after, RESULT_HIT, "new");
    get(f, 0, &after);
    assert_told(&after, RESULT_HIT, "new");
    assert_int_equal(counted(f, COUNTER_ORIGIN_VOIDED), 1);
}

static void test_a_purge_of_the_group_comes_first(void **state) {
    struct fixture *f = *state;
    struct told told;

    get(f, 0, &told);
    head(f, 0, 200, "max-age=60");
    origin_void(&f->origin, GROUP_MAX, SLICE(""));
    body(f, 0, "old");
    end(f, 0, LARDER_OK);
    assert_told(&told, RESULT_HIT, "old");
    get(f, 0, &told);
    assert_int_equal(f->count, 2);
    answer(f, 1, 200, "max-age=60", "new");
}

static void test_a_set_comes_first(void **state) {
    struct fixture *f = *state;
    struct told told;

    get(f, 0, &told);
    run(f, 1, &(struct request){.command = COMMAND_SET, .key = SLICE("o/key"), .value = SLICE("set"), .body_size = 3},
        &told);
    assert_int_equal(told.reply.result, RESULT_STORED);
    get(f, 0, &told);
    assert_told(&told, RESULT_HIT, "set");
    answer(f, 0, 200, "max-age=60", "old");
    get(f, 0, &told);
    assert_told(&told, RESULT_HIT, "set");
}

/* Of two requests to the origin the later one counts, in whatever order they are answered. */
static void test_the_later_request_counts(void **state) {
    struct fixture *f = *state;
    struct told first, second;

    get(f, 0, &first);
    answer(f, 0, 200, "private", "mine"); /* from now on each asks for itself */
    get(f, 0, &first);
    get(f, 1, &second);
    assert_int_equal(f->count, 3);
    answer(f, 2, 200, "max-age=60", "later");
    answer(f, 1, 200, "max-age=60", "earlier");
    assert_told(&first, RESULT_HIT, "earlier");
    assert_told(&second, RESULT_HIT, "later");
    get(f, 0, &first);
    assert_told(&first, RESULT_HIT, "later");
}

/* --- rounds --- */

static void test_one_round_for_all_who_want_it_anew(void **state) {
    struct fixture *f = *state;
    struct told first, anew[4], late;

    get(f, 0, &first);
    for (int i = 0; i < 4; i++) {
        get_with(f, i % WORKERS, HTTP_WISH_NO_CACHE, &anew[i]);
    }
    assert_int_equal(f->count, 1);
    answer(f, 0, 200, "max-age=60", "first");
    assert_told(&first, RESULT_HIT, "first");
    assert_int_equal(f->count, 2);
    assert_true(f->asked[1].conditional); /* it knows what was stored meanwhile */
    get_with(f, 1, HTTP_WISH_NO_CACHE, &late);
    get(f, 1, &first); /* what is fresh is served in between */
    assert_told(&first, RESULT_HIT, "first");
    answer(f, 1, 200, "max-age=60", "second");
    for (int i = 0; i < 4; i++) {
        assert_told(&anew[i], RESULT_HIT, "second");
        assert_int_equal(anew[i].reply.collapsed, i > 0);
    }
    assert_false(late.done);
    assert_int_equal(f->count, 3);
    answer(f, 2, 304, "max-age=60", "");
    assert_told(&late, RESULT_HIT, "second");
    assert_int_equal(f->count, 3);
    assert_int_equal(counted(f, COUNTER_ORIGIN_COLLAPSED), 3);
}

static void test_a_round_begins_behind_a_failure(void **state) {
    struct fixture *f = *state;
    struct told first, anew;

    get(f, 0, &first);
    get_with(f, 1, HTTP_WISH_NO_CACHE, &anew);
    end(f, 0, LARDER_ERROR_TIMEOUT);
    assert_told(&first, RESULT_ORIGIN_TIMEOUT, "");
    assert_false(anew.done);
    answer(f, 1, 200, "max-age=60", "value");
    assert_told(&anew, RESULT_HIT, "value");
}

/* If it was this node that could not do it, nothing is begun in its place. */
static void test_a_round_ends_with_what_this_node_cannot_do(void **state) {
    struct fixture *f = *state;
    struct told first, anew;

    get(f, 0, &first);
    get_with(f, 1, HTTP_WISH_NO_CACHE, &anew);
    end(f, 0, LARDER_ERROR_NO_MEMORY);
    assert_told(&first, RESULT_ORIGIN_BUSY, "");
    assert_told(&anew, RESULT_ORIGIN_BUSY, "");
    assert_int_equal(f->count, 1);
}

/* What has come, and lands when there are no copies any more, is joined while it is fresh. */
static void test_a_round_waits_behind_what_is_stale_and_lands_late(void **state) {
    struct fixture *f = *state;
    struct told first, in_time, late;

    get(f, 0, &first);
    head(f, 0, 200, "max-age=10");
    body(f, 0, "first");
    origin_land_later(f->asked[0].ctx);
    get(f, 1, &in_time);
    wall_ms += 11000;
    get(f, 1, &late);
    end(f, 0, LARDER_OK);
    assert_told(&first, RESULT_HIT, "first");
    assert_told(&in_time, RESULT_HIT, "first");
    assert_false(late.done);
    assert_int_equal(f->count, 2);
    answer(f, 1, 200, "max-age=10", "second");
    assert_told(&late, RESULT_HIT, "second");
}

/* It is about what is stored when it begins: the origin fails, and that is kept, and served on. */
static void test_a_round_keeps_what_came_before_it(void **state) {
    struct fixture *f = *state;
    struct told first, anew;

    get(f, 0, &first);
    answer(f, 0, 200, "max-age=10, stale-if-error=600", "oldest");
    wall_ms += 11000;
    get(f, 0, &first);
    get_with(f, 1, HTTP_WISH_NO_CACHE, &anew);
    answer(f, 1, 200, "max-age=10, stale-if-error=600", "newer");
    end(f, 2, LARDER_ERROR_REFUSED);
    assert_told(&anew, RESULT_ORIGIN_FAILED, "");
    wall_ms += 11000;
    get(f, 0, &first);
    end(f, 3, LARDER_ERROR_REFUSED);
    assert_told(&first, RESULT_HIT, "newer");
    assert_int_equal(f->count, 4);
}

/* For a request that was made void nobody waits. */
static void test_a_round_behind_a_purge_is_begun_by_the_next(void **state) {
    struct fixture *f = *state;
    struct told first, anew, next;

    get(f, 0, &first);
    get_with(f, 0, HTTP_WISH_NO_CACHE, &anew);
    (void)purge(f);
    assert_int_equal(f->count, 1);
    get(f, 1, &next);
    assert_int_equal(f->count, 2);
    answer(f, 1, 200, "max-age=60", "new");
    assert_told(&anew, RESULT_HIT, "new");
    assert_told(&next, RESULT_HIT, "new");
    assert_true(anew.reply.stored);
    answer(f, 0, 200, "max-age=60", "old");
    assert_told(&first, RESULT_HIT, "old");
    assert_int_equal(f->count, 2);
    get(f, 0, &next);
    assert_told(&next, RESULT_HIT, "new");
}

static void test_a_round_behind_a_purge_begins_by_itself(void **state) {
    struct fixture *f = *state;
    struct told first, anew;

    get(f, 0, &first);
    get_with(f, 1, HTTP_WISH_NO_CACHE, &anew);
    (void)purge(f);
    answer(f, 0, 200, "max-age=60", "old");
    assert_int_equal(f->count, 2);
    answer(f, 1, 200, "max-age=60", "new");
    assert_told(&anew, RESULT_HIT, "new");
    assert_true(anew.reply.stored);
}

/* --- answers of other kinds --- */

static void test_what_is_for_one_alone(void **state) {
    struct fixture *f = *state;
    struct told told[3];

    for (int i = 0; i < 3; i++) {
        get(f, i % WORKERS, &told[i]);
    }
    answer(f, 0, 200, "private", "mine");
    assert_told(&told[0], RESULT_HIT, "mine");
    assert_false(told[1].done || told[2].done);
    assert_int_equal(f->count, 3); /* the others asked for themselves */
    answer(f, 2, 200, "private", "third");
    answer(f, 1, 200, "private", "second");
    assert_int_equal(told[1].size + told[2].size, strlen("third") + strlen("second"));
    assert_true(told[1].done && told[2].done);
    /* And the next ones do so at once. */
    get(f, 0, &told[0]);
    get(f, 0, &told[1]);
    assert_int_equal(f->count, 5);
    assert_int_equal(told[0].done + told[1].done, 0);
    answer(f, 3, 200, "max-age=60", "all's");
    answer(f, 4, 200, "private", "mine");
    assert_told(&told[0], RESULT_HIT, "all's");
}

static void test_a_body_that_grows_too_large(void **state) {
    struct fixture *f = *state;
    struct told told;
    char large[600];

    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    get(f, 0, &told);
    answer(f, 0, 200, "max-age=60", large);
    assert_told(&told, RESULT_HIT, large);
    assert_false(told.reply.stored);
    assert_int_equal(counted(f, COUNTER_ORIGIN_OBSTACLE_BODY_SIZE), 1);
    get(f, 0, &told);
    assert_int_equal(f->count, 2);
    answer(f, 1, 200, "max-age=60", "small");
    assert_told(&told, RESULT_HIT, "small");
    assert_int_equal(told.reply.source, REPLY_ORIGIN_BYPASS);
}

static void test_a_304_renews(void **state) {
    struct fixture *f = *state;
    struct told told;

    get(f, 0, &told);
    answer(f, 0, 200, "max-age=10", "value");
    wall_ms += 11000;
    get(f, 0, &told);
    assert_true(f->asked[1].conditional);
    answer(f, 1, 304, "max-age=10", "");
    assert_told(&told, RESULT_HIT, "value");
    assert_int_equal(told.reply.origin_status, 304);
    get(f, 0, &told);
    assert_told(&told, RESULT_HIT, "value");
    assert_int_equal(f->count, 2);
}

static void test_stale_is_served_and_refreshed_once(void **state) {
    struct fixture *f = *state;
    struct told told;

    get(f, 0, &told);
    answer(f, 0, 200, "max-age=10, stale-while-revalidate=600", "old");
    wall_ms += 11000;
    for (int i = 0; i < 3; i++) {
        get(f, i % WORKERS, &told);
        assert_told(&told, RESULT_HIT, "old");
        assert_int_equal(f->count, 2);
    }
    /* It could not be done: the next one tries again. */
    end(f, 1, LARDER_ERROR_NO_MEMORY);
    get(f, 0, &told);
    assert_told(&told, RESULT_HIT, "old");
    assert_int_equal(f->count, 3);
    answer(f, 2, 200, "max-age=10", "new");
    get(f, 0, &told);
    assert_told(&told, RESULT_HIT, "new");
}

static void test_each_waiter_has_its_own_wish_when_the_origin_fails(void **state) {
    struct fixture *f = *state;
    const struct http_caching_request recent = {.words = HTTP_WISH_MAX_AGE, .max_age = 1000}; /* and nothing stale */
    struct told lenient, strict;

    get(f, 0, &lenient);
    answer(f, 0, 200, "max-age=10, stale-if-error=600", "old");
    wall_ms += 11000;
    get(f, 0, &lenient);
    run(f, 1, &(struct request){.command = COMMAND_GET, .key = SLICE("o/key"), .caching = &recent}, &strict);
    assert_int_equal(f->count, 2);
    end(f, 1, LARDER_ERROR_REFUSED);
    assert_told(&lenient, RESULT_HIT, "old");
    assert_true(strict.done);
    get(f, 0, &lenient); /* nobody asks it for a while */
    assert_told(&lenient, RESULT_HIT, "old");
    assert_int_equal(f->count, 2);
}

static void test_it_cannot_be_begun(void **state) {
    struct fixture *f = *state;
    struct told told;

    f->refuses = LARDER_ERROR_LIMIT;
    get(f, 0, &told);
    run_queues(f);
    assert_told(&told, RESULT_ORIGIN_BUSY, "");
    f->refuses = LARDER_ERROR_INVALID;
    get(f, 0, &told);
    run_queues(f);
    assert_told(&told, RESULT_NO_ORIGIN_KEY, "");
    f->refuses = LARDER_OK;
    get(f, 0, &told);
    answer(f, 0, 200, "max-age=60", "value");
    assert_told(&told, RESULT_HIT, "value");
}

static void test_only_what_is_here(void **state) {
    struct fixture *f = *state;
    struct told told;

    get_with(f, 0, HTTP_WISH_ONLY_IF_CACHED, &told);
    assert_told(&told, RESULT_NOT_CACHED, "");
    assert_int_equal(f->count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_request_for_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_error_reaches_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_body_that_breaks_off_is_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_waiter_that_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_purge_comes_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_purge_of_the_group_comes_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_set_comes_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_later_request_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_round_for_all_who_want_it_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_round_begins_behind_a_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_round_ends_with_what_this_node_cannot_do, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_round_waits_behind_what_is_stale_and_lands_late, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_round_keeps_what_came_before_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_round_behind_a_purge_is_begun_by_the_next, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_round_behind_a_purge_begins_by_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_for_one_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_body_that_grows_too_large, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_304_renews, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stale_is_served_and_refreshed_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_waiter_has_its_own_wish_when_the_origin_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_it_cannot_be_begun, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_what_is_here, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
