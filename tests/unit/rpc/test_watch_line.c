/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/watch_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rpc/permit.h"

/* Requests to watch that wait for leave. Who gives it, and what becomes of them, is the test's own. */

enum { ARENA_MAX = 64 << 20, BIG = 1 << 20 };

static struct {
    struct rpc_call call;
    struct watch_stream stream;
    struct rpc_task task;
    bool is_known; /* what is asked for: the verdict comes at once */
    enum etcd_error verdict;
    struct permit_ask *asked; /* NULL: none is */
    unsigned asks;
    unsigned depth; /* of verdicts inside verdicts */
    unsigned most_depth;
    unsigned obeyed;
    unsigned refused;
    unsigned canceled;
    char last; /* the first byte of the key of what was obeyed last */
    enum etcd_error finish;
    enum pending_next result; /* of the last step */
} world;

void rpc_finish(struct rpc_call *call, enum etcd_error error) {
    (void)call;
    world.finish = error;
    world.task.call = NULL;
}

enum pending_next rpc_task_finish(struct rpc_task *task, enum etcd_error error) {
    rpc_finish(task->call, error);
    return PENDING_DONE;
}

void rpc_task_start(struct rpc_call *call, enum pending_next (*step)(struct rpc_task *task), const void *request) {
    arena_init(&world.task.arena, ARENA_MAX);
    world.task.call = call;
    world.task.request = request;
    world.task.step = step;
    world.result = step(&world.task);
}

enum pending_next rpc_permit_ask(struct rpc_task *task, struct permit_ask *ask, const struct store_span *span,
                                 int64_t since_ns, enum pending_next (*next)(struct rpc_task *task)) {
    enum pending_next result;

    (void)since_ns;
    *ask = (struct permit_ask){.task = task, .span = *span, .error = world.verdict};
    task->step = next;
    world.asks++;
    if (!world.is_known) {
        world.asked = ask;
        return PENDING_WAIT;
    }
    world.depth++;
    world.most_depth = world.depth > world.most_depth ? world.depth : world.most_depth;
    result = next(task);
    world.depth--;
    return result;
}

void watch_obey(struct watch_stream *stream, const Etcdserverpb__WatchRequest *r, enum etcd_error error) {
    assert_ptr_equal(stream, &world.stream);
    if (r->request_union_case != ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST) {
        world.canceled++;
        return;
    }
    world.obeyed += error == ETCD_OK;
    world.refused += error != ETCD_OK;
    world.last = (char)r->create_request->key.data[0];
}

struct store_watch watch_of_request(const Etcdserverpb__WatchCreateRequest *r) {
    return (struct store_watch){.span.key = slice_make((const char *)r->key.data, r->key.len)};
}

static int begin(void **state) {
    (void)state;
    memset(&world, 0, sizeof(world));
    world.call.state = &world.stream;
    world.stream.call = &world.call;
    return 0;
}

static int end(void **state) {
    (void)state;
    assert_null(world.stream.line);
    assert_int_equal(world.result, PENDING_DONE);
    arena_fini(&world.task.arena);
    return 0;
}

static void want(char key, size_t size) {
    Etcdserverpb__WatchCreateRequest create = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;
    Etcdserverpb__WatchRequest request = ETCDSERVERPB__WATCH_REQUEST__INIT;
    char *bytes = malloc(size);

    assert_non_null(bytes);
    memset(bytes, key, size);
    create.key = (ProtobufCBinaryData){.data = (uint8_t *)bytes, .len = size};
    request.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
    request.create_request = &create;
    watch_line_add(&world.stream, &request);
    free(bytes);
}

static void begin_line(void) {
    static uint8_t key[] = "0";
    static Etcdserverpb__WatchCreateRequest create;
    static Etcdserverpb__WatchRequest request;

    etcdserverpb__watch_create_request__init(&create);
    etcdserverpb__watch_request__init(&request);
    create.key = (ProtobufCBinaryData){.data = key, .len = 1};
    request.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
    request.create_request = &create;
    watch_line_begin(&world.stream, &request);
}

static void cancel(void) {
    Etcdserverpb__WatchCancelRequest body = ETCDSERVERPB__WATCH_CANCEL_REQUEST__INIT;
    Etcdserverpb__WatchRequest request = ETCDSERVERPB__WATCH_REQUEST__INIT;

    request.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CANCEL_REQUEST;
    request.cancel_request = &body;
    watch_line_add(&world.stream, &request);
}

/* The verdict of what is asked for has come. */
static void judge(enum etcd_error error) {
    assert_non_null(world.asked);
    world.asked->error = error;
    world.asked = NULL;
    world.result = world.task.step(&world.task);
}

static void each_waits_for_those_before_it(void **state) {
    (void)state;
    begin_line();
    assert_int_equal(world.result, PENDING_WAIT);
    want('1', 1);
    cancel();
    want('2', 1);
    judge(ETCD_OK);
    assert_int_equal(world.result, PENDING_WAIT);
    assert_int_equal(world.obeyed, 1);
    judge(ETCD_ERROR_PERMISSION_DENIED);
    assert_int_equal(world.refused, 1);
    assert_int_equal(world.last, '1');
    assert_int_equal(world.canceled, 1);
    judge(ETCD_OK);
    assert_int_equal(world.last, '2');
    assert_int_equal(world.obeyed, 2);
}

/* What is known, or refused for want of room: as many as there are, the stack does not grow with them. */
static void no_verdict_is_inside_another(void **state) {
    (void)state;
    begin_line();
    for (int i = 0; i < WATCH_LINE_MAX; i++) {
        want('k', 1);
    }
    world.is_known = true;
    judge(ETCD_OK);
    assert_int_equal(world.obeyed, WATCH_LINE_MAX + 1);
    assert_int_equal(world.most_depth, 1);
}

static void what_is_known_at_once_waits_for_nothing(void **state) {
    (void)state;
    world.is_known = true;
    world.verdict = ETCD_ERROR_TOO_MANY_REQUESTS;
    begin_line();
    assert_int_equal(world.refused, 1);
}

/* A line that never ends takes the room of those that wait, not of all that ever have. */
static void room_is_used_again(void **state) {
    (void)state;
    begin_line();
    want('a', BIG);
    for (int i = 0; i < 4 * WATCH_LINE_BYTES_MAX / BIG; i++) {
        want((char)('b' + i % 20), BIG);
        judge(ETCD_OK);
        assert_int_equal(world.finish, ETCD_OK);
        assert_int_equal(world.last, i == 0 ? '0' : i == 1 ? 'a' : 'b' + (i - 2) % 20);
    }
    judge(ETCD_OK);
    judge(ETCD_OK);
}

static void a_call_that_goes_takes_its_line_along(void **state) {
    (void)state;
    begin_line();
    want('1', 1);
    world.task.call = NULL;
    world.stream.line = NULL; /* the stream goes with its call */
    judge(ETCD_OK);
    assert_int_equal(world.obeyed, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_waits_for_those_before_it),          TEST(no_verdict_is_inside_another),
        TEST(what_is_known_at_once_waits_for_nothing), TEST(room_is_used_again),
        TEST(a_call_that_goes_takes_its_line_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
