/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of an origin that whoever asked first is told while they come. */
#include "origin_fixture.h"

enum { PIECE = 64 << 10, AHEAD = 256 << 10 /* what may wait for one who is slow */ };

static const struct request whole = {.command = COMMAND_GET, .key = {"o/key", 5}};
static const struct request bits = {.command = COMMAND_GET, .key = {"o/key", 5}, .stream = REQUEST_STREAM};
static const struct request sized = {.command = COMMAND_GET, .key = {"o/key", 5}, .stream = REQUEST_STREAM_SIZED};

static void head_of_size(struct fixture *f, size_t index, const char *caching, uint64_t length) {
    const struct fetch_field fields[] = {{SLICE("Cache-Control"), slice_from_string(caching)}};
    const struct fetch_head h = {
        .status = 200, .fields = fields, .field_count = 1, .has_length = true, .length = length};

    f->asked[index].ops->on_head(f->asked[index].ctx, &h);
}

/* A piece of a body, which is every time the same. */
static enum fetch_flow piece_comes(struct fixture *f, size_t index) {
    static const char zeros[PIECE];

    return f->asked[index].ops->on_body(f->asked[index].ctx, slice_make(zeros, PIECE));
}

static void begin_taking(struct told *told) {
    struct origin_entry e;
    struct reply reply;

    told->stream->begun = true;
    told->stream->ops->show(told->stream, &reply);
    assert_int_equal(reply.result, RESULT_HIT);
    assert_int_equal(reply.source, REPLY_ORIGIN_MISS);
    assert_int_equal(origin_entry_read(reply.item.value, &e), LARDER_OK);
    assert_int_equal(e.status, 200);
    assert_int_equal(e.body.size, 0);
}

static void assert_rest(const struct told *told, const char *text) {
    struct slice rest = told->stream->ops->rest(told->stream);

    assert_int_equal(rest.size, strlen(text));
    assert_memory_equal(rest.data, text, rest.size);
}

static size_t take_all(const struct told *told) {
    size_t size = told->stream->ops->rest(told->stream).size;

    told->stream->ops->take(told->stream, size);
    return size;
}

static void test_it_is_told_while_it_comes(void **state) {
    struct fixture *f = *state;
    struct told first, other;

    run(f, 0, &bits, &first);
    run(f, 1, &bits, &other);
    head(f, 0, 200, "max-age=60");
    assert_int_equal(first.news, 0); /* a turn goes by */
    run_queues(f);
    assert_int_equal(first.news, 1);
    assert_false(first.stream->has_length);
    begin_taking(&first);
    assert_rest(&first, "");
    body(f, 0, "abc");
    body(f, 0, "def");
    run_queues(f);
    assert_int_equal(first.news, 2);
    assert_rest(&first, "abcdef");
    first.stream->ops->take(first.stream, 4);
    assert_rest(&first, "ef");
    body(f, 0, "gh");
    end(f, 0, LARDER_OK);
    assert_told(&first, RESULT_HIT, "efgh");
    assert_int_equal(first.reply.streamed, 4);
    assert_told(&other, RESULT_HIT, "abcdefgh");
    assert_int_equal(other.news, 0);
    get(f, 0, &first);
    assert_told(&first, RESULT_HIT, "abcdefgh");
    assert_int_equal(counted(f, COUNTER_ORIGIN_STREAMED), 1);
}

static void test_what_comes_in_one_turn_is_told_whole(void **state) {
    struct fixture *f = *state;
    struct told told;

    run(f, 0, &bits, &told);
    answer(f, 0, 200, "max-age=60", "value");
    assert_told(&told, RESULT_HIT, "value");
    assert_int_equal(told.news, 0);
    assert_int_equal(told.reply.streamed, 0);
    assert_true(told.reply.stored);
}

static void test_who_has_not_begun_gets_the_whole(void **state) {
    struct fixture *f = *state;
    struct told told;

    run(f, 0, &bits, &told);
    head(f, 0, 200, "max-age=60");
    run_queues(f);
    assert_int_equal(told.news, 1);
    body(f, 0, "half");
    end(f, 0, LARDER_ERROR_TRUNCATED);
    assert_told(&told, RESULT_ORIGIN_FAILED, "");
    assert_int_equal(told.status, 502);
}

static void test_what_breaks_off_is_told_so(void **state) {
    struct fixture *f = *state;
    struct told first, other;

    run(f, 0, &bits, &first);
    get(f, 1, &other);
    head(f, 0, 200, "max-age=60");
    run_queues(f);
    begin_taking(&first);
    body(f, 0, "half");
    end(f, 0, LARDER_ERROR_TRUNCATED);
    assert_told(&first, RESULT_ORIGIN_FAILED, "");
    assert_int_equal(first.reply.item.head_size, 0);
    assert_told(&other, RESULT_ORIGIN_FAILED, "");
    assert_int_equal(other.status, 502);
}

/* Only what is sure to be the answer. */
static void test_what_is_told_whole(void **state) {
    struct fixture *f = *state;
    struct told told;

    run(f, 0, &sized, &told);
    head(f, 0, 200, "max-age=10, stale-if-error=600");
    body(f, 0, "old");
    run_queues(f);
    assert_int_equal(told.news, 0); /* its size is not known */
    end(f, 0, LARDER_OK);
    wall_ms += 11000;
    run(f, 0, &bits, &told);
    head(f, 1, 503, "");
    body(f, 1, "error");
    run_queues(f);
    assert_int_equal(told.news, 0);
    end(f, 1, LARDER_OK);
    assert_told(&told, RESULT_HIT, "old");
    wall_ms += 11000;
    run(f, 0, &bits, &told);
    head(f, 2, 304, "max-age=10");
    run_queues(f);
    assert_int_equal(told.news, 0);
    end(f, 2, LARDER_OK);
    assert_told(&told, RESULT_HIT, "old");
}

static void test_a_size_that_is_known(void **state) {
    struct fixture *f = *state;
    struct told told;

    run(f, 0, &sized, &told);
    head_of_size(f, 0, "max-age=60", 5);
    run_queues(f);
    assert_int_equal(told.news, 1);
    assert_true(told.stream->has_length);
    assert_int_equal(told.stream->length, 5);
    body(f, 0, "value");
    end(f, 0, LARDER_OK);
    assert_told(&told, RESULT_HIT, "value");
}

/* Nobody waits for the speed of another: who is not to have it is told so at the head. */
static void test_what_is_for_one_alone_is_passed(void **state) {
    struct fixture *f = *state;
    struct told first, other, anew;

    run(f, 0, &bits, &first);
    get(f, 1, &other);
    get_with(f, 0, HTTP_WISH_NO_CACHE, &anew);
    head(f, 0, 200, "private");
    run_queues(f);
    assert_int_equal(first.news, 1);
    begin_taking(&first);
    assert_int_equal(f->count, 3); /* the round, and the one who waited, for himself */
    answer(f, 2, 200, "private", "other's");
    assert_told(&other, RESULT_HIT, "other's");
    answer(f, 1, 200, "private", "anew");
    assert_told(&anew, RESULT_HIT, "anew");
    body(f, 0, "first");
    run_queues(f);
    assert_int_equal(take_all(&first), 5);
    body(f, 0, "'s");
    end(f, 0, LARDER_OK);
    assert_told(&first, RESULT_HIT, "'s");
}

static void test_the_origin_waits_for_a_slow_client(void **state) {
    struct fixture *f = *state;
    struct told told;
    size_t taken = 0;
    size_t sent = 0;

    run(f, 0, &bits, &told);
    head_of_size(f, 0, "private", UINT64_C(1) << 40); /* no ceiling */
    run_queues(f);
    begin_taking(&told);
    for (int round = 0; round < 400; round++) {
        enum fetch_flow flow = FETCH_GO_ON;

        while (flow == FETCH_GO_ON) {
            flow = piece_comes(f, 0);
            sent += PIECE;
            assert_true(sent - taken <= AHEAD + PIECE);
        }
        run_queues(f);
        f->asked[0].resumed = false;
        told.stream->ops->take(told.stream, 1000);
        assert_false(f->asked[0].resumed); /* not for so little */
        taken += 1000 + take_all(&told);
        assert_true(f->asked[0].resumed);
        assert_int_equal(taken, sent);
    }
    assert_false(f->asked[0].cancelled);
    assert_true(f->asked[0].renewed > 400); /* as long as something moves, it goes on */
    end(f, 0, LARDER_OK);
    assert_told(&told, RESULT_HIT, "");
}

/* It was to be stored, and what was told of it goes on. */
static void test_a_body_that_outgrows_the_limit_is_passed(void **state) {
    struct fixture *f = *state;
    struct told first, other;

    run(f, 0, &bits, &first);
    get(f, 1, &other);
    head(f, 0, 200, "max-age=60");
    body(f, 0, "begins");
    run_queues(f);
    begin_taking(&first);
    assert_int_equal(take_all(&first), 6);
    assert_false(other.done || f->count > 1);
    assert_int_equal(piece_comes(f, 0), FETCH_GO_ON); /* more than 512 bytes */
    run_queues(f);
    assert_int_equal(f->count, 2);
    assert_int_equal(take_all(&first), PIECE);
    body(f, 0, "ends");
    end(f, 0, LARDER_OK);
    assert_told(&first, RESULT_HIT, "ends");
    assert_false(first.reply.stored);
    answer(f, 1, 200, "private", "other's");
    assert_told(&other, RESULT_HIT, "other's");
}

static void test_a_passed_body_that_breaks_off(void **state) {
    struct fixture *f = *state;
    struct told told;

    run(f, 0, &bits, &told);
    head(f, 0, 200, "private");
    run_queues(f);
    begin_taking(&told);
    body(f, 0, "half");
    end(f, 0, LARDER_ERROR_TIMEOUT);
    assert_told(&told, RESULT_ORIGIN_TIMEOUT, "");
    assert_int_equal(told.reply.item.head_size, 0);
    /* What was said in its head stays true. */
    run(f, 0, &bits, &told);
    answer(f, 1, 200, "private", "value");
    assert_told(&told, RESULT_HIT, "value");
    assert_int_equal(told.reply.source, REPLY_ORIGIN_BYPASS);
}

static void test_who_leaves_ends_nothing_for_others(void **state) {
    struct fixture *f = *state;
    struct told first, other;

    run(f, 0, &bits, &first);
    head(f, 0, 200, "max-age=60");
    run_queues(f);
    begin_taking(&first);
    body(f, 0, "val");
    pending_abandon(first.pending);
    run_queues(f); /* the news of it was on its way */
    get(f, 1, &other);
    body(f, 0, "ue");
    end(f, 0, LARDER_OK);
    assert_false(first.done);
    assert_told(&other, RESULT_HIT, "value");
    assert_int_equal(f->count, 1);
}

static void test_who_leaves_before_he_is_told(void **state) {
    struct fixture *f = *state;
    struct told told;

    run(f, 0, &bits, &told);
    pending_abandon(told.pending);
    head(f, 0, 200, "private");
    run_queues(f);
    assert_true(f->asked[0].cancelled);
    assert_int_equal(origin_under_way(&f->origin), 0);
}

static void test_who_leaves_what_is_for_him_alone_ends_it(void **state) {
    struct fixture *f = *state;
    struct told told;

    run(f, 0, &bits, &told);
    head(f, 0, 200, "private");
    run_queues(f);
    begin_taking(&told);
    while (piece_comes(f, 0) == FETCH_GO_ON) {
    }
    pending_abandon(told.pending);
    assert_true(f->asked[0].cancelled);
    run_queues(f);
    assert_int_equal(origin_under_way(&f->origin), 0);
}

/* What is gathered has its ceiling, told or found out, also if it was begun for one who takes it as it comes. */
static void test_what_is_too_large_to_be_gathered(void **state) {
    struct fixture *f = *state;
    struct told first, second;

    run(f, 0, &bits, &first);
    pending_abandon(first.pending);
    get(f, 0, &second);
    head_of_size(f, 0, "max-age=60", ORIGIN_PASSED_MAX + 1);
    run_queues(f);
    assert_true(f->asked[0].cancelled); /* it is for him who has left alone */
    answer(f, 1, 200, "private", "second's");
    assert_told(&second, RESULT_HIT, "second's");

    wall_ms += 3600 * 1000;
    run(f, 0, &sized, &first);
    head(f, 2, 200, "private");
    for (size_t sent = 0; sent <= ORIGIN_PASSED_MAX - PIECE; sent += PIECE) {
        assert_int_equal(piece_comes(f, 2), FETCH_GO_ON);
    }
    assert_false(f->asked[2].cancelled);
    (void)piece_comes(f, 2);
    assert_true(f->asked[2].cancelled);
    run_queues(f);
    assert_told(&first, RESULT_ORIGIN_FAILED, "");
}

static void test_the_first_of_a_round_is_told(void **state) {
    struct fixture *f = *state;
    const struct http_caching_request caching = {.words = HTTP_WISH_NO_CACHE};
    struct request anew = bits;
    struct told first, second, third;

    anew.caching = &caching;
    run(f, 0, &whole, &first);
    run(f, 0, &anew, &second);
    run(f, 0, &anew, &third);
    answer(f, 0, 200, "max-age=60", "first");
    head(f, 1, 200, "max-age=60");
    run_queues(f);
    assert_int_equal(second.news, 1);
    assert_int_equal(third.news, 0);
    body(f, 1, "anew");
    end(f, 1, LARDER_OK);
    assert_told(&second, RESULT_HIT, "anew");
    assert_told(&third, RESULT_HIT, "anew");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_is_told_while_it_comes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_comes_in_one_turn_is_told_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_has_not_begun_gets_the_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_breaks_off_is_told_so, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_told_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_size_that_is_known, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_for_one_alone_is_passed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_origin_waits_for_a_slow_client, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_body_that_outgrows_the_limit_is_passed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_passed_body_that_breaks_off, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_leaves_ends_nothing_for_others, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_leaves_before_he_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_leaves_what_is_for_him_alone_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_too_large_to_be_gathered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_first_of_a_round_is_told, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
