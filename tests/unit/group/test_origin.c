/* SPDX-License-Identifier: Apache-2.0 */
/* Flights to an origin, between two workers, with an origin that answers when the test says so. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "group/origin.h"
#include "origin/entry.h"
#include "proto/http/caching_request.h"

enum { WORKERS = 2, FETCHES = 64, BODY_MAX = 1024 };

/* A request to the origin that is under way. */
struct asked {
    const struct fetch_ops *ops;
    void *ctx;
    char url[256];
    bool conditional;
};

struct fixture {
    struct table table;
    struct group_set *groups;
    const struct group_set *current;
    struct worker_telemetry telemetry[WORKERS];
    struct origin origin;
    struct origin_worker workers[WORKERS];
    struct pending_queue queues[WORKERS];
    struct asked asked[FETCHES];
    size_t count;
    enum larder_error refuses; /* what the next request begins with */
};

/* What a request was answered. */
struct told {
    bool done;
    struct reply reply;
    char body[BODY_MAX];
    size_t size;
    unsigned status;
};

static int64_t wall_ms = INT64_C(1600000000000);
static struct fixture *present;

static int64_t wall_ns(void) {
    return wall_ms * CLOCK_NS_PER_MS;
}

static enum larder_error fetch(struct origin_worker *w, const struct group_policy *policy,
                               const struct fetch_request *request, const struct fetch_ops *ops, void *ctx) {
    struct fixture *f = present;
    struct asked *asked = &f->asked[f->count];

    (void)w;
    (void)policy;
    if (f->refuses != LARDER_OK) {
        return f->refuses;
    }
    assert_true(f->count < FETCHES);
    f->count++;
    *asked = (struct asked){.ops = ops, .ctx = ctx, .conditional = request->field_count > 0};
    assert_true(request->url.size < sizeof(asked->url));
    memcpy(asked->url, request->url.data, request->url.size);
    return LARDER_OK;
}

static int setup(void **state) {
    const struct table_config config = {.memory = 1 << 20, .max_item = 64 << 10, .seed = 5};
    struct fixture *f = calloc(1, sizeof(*f));
    struct group_policy policy = group_policy_make(SLICE("o"), 64 << 10);

    assert_non_null(f);
    policy.backing = GROUP_BACKING_ORIGIN;
    policy.origin.url_size = sizeof("http://origin") - 1;
    memcpy(policy.origin.url, "http://origin", policy.origin.url_size);
    policy.origin.answers.max_body = 512;
    assert_int_equal(table_init(&f->table, &config), LARDER_OK);
    assert_int_equal(group_set_build(&policy, 1, 64 << 10, NULL, &f->groups), LARDER_OK);
    assert_int_equal(origin_init(&f->origin, &f->table, 0, WORKERS), LARDER_OK);
    f->origin.wall_ns = wall_ns;
    f->current = f->groups;
    for (int i = 0; i < WORKERS; i++) {
        worker_telemetry_init(&f->telemetry[i]);
        f->workers[i] = (struct origin_worker){
            .origin = &f->origin, .groups = &f->current, .telemetry = &f->telemetry[i], .fetch = fetch};
    }
    present = f;
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;

    assert_int_equal(origin_under_way(&f->origin), 0);
    origin_fini(&f->origin);
    group_set_free(f->groups);
    table_fini(&f->table);
    for (int i = 0; i < WORKERS; i++) {
        worker_telemetry_fini(&f->telemetry[i]);
    }
    free(f);
    return 0;
}

static uint64_t counted(const struct fixture *f, enum counter counter) {
    uint64_t sum = 0;

    for (int i = 0; i < WORKERS; i++) {
        sum += atomic_load(&f->telemetry[i].counters[counter]);
    }
    return sum;
}

/* --- asking --- */

static void take(void *owner, struct reply *reply) {
    struct told *told = owner;
    struct origin_entry e;

    told->done = true;
    told->reply = *reply;
    told->status = 0;
    if (reply->item.head_size > 0) {
        assert_int_equal(origin_entry_read(reply->item.value, &e), LARDER_OK);
        assert_int_equal(reply->item.value.size - e.body.size, reply->item.head_size);
        assert_true(e.body.size <= sizeof(told->body));
        memcpy(told->body, e.body.data, e.body.size);
        told->size = e.body.size;
        told->status = e.status;
    }
    reply_release(reply);
}

static void run(struct fixture *f, int worker, const struct request *request, struct told *ret_told) {
    bool expired = false, cut = false;
    const struct origin_access a = {
        .memory =
            {
                .table = &f->table,
                .policy = group_set_find(f->current, request->key),
                .now = table_seconds(0, clock_monotonic_ns()),
                .ret_expired = &expired,
                .ret_cut = &cut,
            },
        .worker = &f->workers[worker],
        .completions = &f->queues[worker],
        .now_ns = clock_monotonic_ns(),
    };
    struct reply reply = {.group = a.memory.policy->index};

    *ret_told = (struct told){0};
    origin_run(&a, request, &reply);
    if (reply.result == RESULT_PENDING) {
        pending_await(reply.pending, take, ret_told);
    } else {
        take(ret_told, &reply);
    }
}

static void get(struct fixture *f, int worker, struct told *ret_told) {
    run(f, worker, &(struct request){.command = COMMAND_GET, .key = SLICE("o/key")}, ret_told);
}

static void get_with(struct fixture *f, int worker, uint32_t words, struct told *ret_told) {
    const struct http_caching_request caching = {.words = words};

    run(f, worker, &(struct request){.command = COMMAND_GET, .key = SLICE("o/key"), .caching = &caching}, ret_told);
}

static enum result purge(struct fixture *f) {
    struct told told;

    run(f, 0, &(struct request){.command = COMMAND_DELETE, .key = SLICE("o/key")}, &told);
    assert_true(told.done);
    return told.reply.result;
}

static void run_queues(struct fixture *f) {
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < WORKERS; i++) {
            pending_queue_run(&f->queues[i]);
        }
    }
}

/* --- the origin's part --- */

static void head(struct fixture *f, size_t index, unsigned status, const char *caching) {
    const struct fetch_field fields[] = {
        {SLICE("Cache-Control"), slice_from_string(caching)},
        {SLICE("ETag"), SLICE("\"v\"")},
    };
    const struct fetch_head h = {.status = status, .fields = fields, .field_count = 2};

    f->asked[index].ops->on_head(f->asked[index].ctx, &h);
}

static void body(struct fixture *f, size_t index, const char *text) {
    assert_int_equal(f->asked[index].ops->on_body(f->asked[index].ctx, slice_from_string(text)), FETCH_GO_ON);
}

static void end(struct fixture *f, size_t index, enum larder_error error) {
    f->asked[index].ops->on_done(f->asked[index].ctx, error);
    run_queues(f);
}

static void answer(struct fixture *f, size_t index, unsigned status, const char *caching, const char *text) {
    head(f, index, status, caching);
    if (text[0] != '\0') {
        body(f, index, text);
    }
    end(f, index, LARDER_OK);
}

static void assert_told(const struct told *told, enum result result, const char *text) {
    assert_true(told->done);
    assert_int_equal(told->reply.result, result);
    assert_int_equal(told->size, strlen(text));
    assert_memory_equal(told->body, text, told->size);
}

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
    run(f, 1, &(struct request){.command = COMMAND_SET, .key = SLICE("o/key"), .value = SLICE("set"), .body_size = 3}, &told);
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
    struct told first, second, third;

    get(f, 0, &first);
    get_with(f, 1, HTTP_WISH_NO_CACHE, &second);
    assert_int_equal(f->count, 2);
    get(f, 0, &third); /* joins one of them */
    assert_int_equal(f->count, 2);
    answer(f, 1, 200, "max-age=60", "later");
    answer(f, 0, 200, "max-age=60", "earlier");
    assert_told(&first, RESULT_HIT, "earlier");
    assert_told(&second, RESULT_HIT, "later");
    assert_told(&third, RESULT_HIT, "later");
    get(f, 0, &first);
    assert_told(&first, RESULT_HIT, "later");
}

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
    struct told lenient, strict;

    get(f, 0, &lenient);
    answer(f, 0, 200, "max-age=10, stale-if-error=600", "old");
    wall_ms += 11000;
    get(f, 0, &lenient);
    get_with(f, 1, HTTP_WISH_MAX_AGE, &strict); /* max-age=0: only what is asked for from now on, and nothing old */
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
