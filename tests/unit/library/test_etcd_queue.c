/* SPDX-License-Identifier: Apache-2.0 */
/* What a tracer is told of operations that nobody waits for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "library/etcd/call.h"
#include "unit/library/observed.h"
#include "unit/library/stub_store.h"

enum { MANY = 200 };

static bool refuses; /* no more memory, but for the client's own */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *data, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *data, size_t size);

void *__wrap_malloc(size_t size) {
    return refuses ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return refuses ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *data, size_t size) {
    return refuses ? NULL : __real_realloc(data, size);
}

static void *allocate(void *ctx, size_t size) {
    (void)ctx;
    return __real_malloc(size);
}

static void *reallocate(void *ctx, void *memory, size_t size) {
    (void)ctx;
    return __real_realloc(memory, size);
}

static void release(void *ctx, void *memory) {
    (void)ctx;
    free(memory);
}

static const struct larder_allocator own = {.allocate = allocate, .reallocate = reallocate, .release = release};
static struct larder_tracer tracer;
static struct stub_store store;
static struct larder_etcd client;

/* By the monotonic clock, of the span that ended last. */
static int64_t began_ns, ended_ns;

static enum larder_error encode(const struct span *span, struct buf *out) {
    began_ns = span->start_ns - span->clock_offset_ns;
    ended_ns = span->end_ns - span->clock_offset_ns;
    return observed_encode(span, out);
}

static int set_up(void **state) {
    (void)state;
    observed_init(&tracer);
    tracer.tracer.encode = encode;
    stub_init(&store);
    stub_client_init(&client, &store, &own, &tracer);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    stub_client_fini(&client);
    stub_fini(&store);
    observed_fini(&tracer);
    return 0;
}

static struct larder_etcd_queue *open_queue(struct larder_etcd *of) {
    struct larder_etcd_queue *queue;

    assert_int_equal(larder_etcd_queue_new(of, &queue, NULL), LARDER_DONE);
    return queue;
}

static const struct larder_etcd_op get = {.kind = LARDER_ETCD_RANGE, .range = {.span = {.key = "k", .key_size = 1}}};
static const struct larder_etcd_op put = {.kind = LARDER_ETCD_PUT, .put = {.key = "k", .key_size = 1}};
static const struct larder_etcd_op delete = {.kind = LARDER_ETCD_DELETE,
                                             .remove = {.span = {.key = "k", .key_size = 1}}};

static void run(struct larder_etcd_queue *queue, const struct larder_etcd_op *op, const struct larder_etcd_how *how) {
    assert_int_equal(larder_etcd_queue_run(queue, op, how, NULL, NULL), LARDER_DONE);
}

static void assert_next(struct larder_etcd_queue *queue, enum larder_status status) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;

    assert_int_equal(larder_etcd_queue_next(queue, &result, NULL), status);
    larder_etcd_result_free(&result);
}

/* --- the same as of one that is waited for --- */

struct blocking {
    const struct larder_etcd_op *op;
    const struct larder_etcd_how *how;
};

static void *run_blocking(void *ctx) {
    const struct blocking *b = ctx;

    (void)larder_etcd_run(&client, b->op, b->how, NULL);
    return NULL;
}

static void wait_for(const struct larder_etcd_op *op, const struct larder_etcd_how *how, enum store_status status,
                     int64_t count) {
    struct blocking b = {.op = op, .how = how};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, run_blocking, &b), 0);
    stub_answer(&store, status, count);
    pthread_join(thread, NULL);
}

#define TOLD                                                                                                           \
    "- Range db.system.name=etcd db.operation.name=Range larder.from_memory=false "                                    \
    "larder.freshness=linearizable larder.age_ms=0 cache.hit=true [Cache hit]\n"                                       \
    "- Put db.system.name=etcd db.operation.name=Put error.type=no_lease !%s\n"                                        \
    "- DeleteRange db.system.name=etcd db.operation.name=DeleteRange\n"

static void an_operation_is_told_as_one_that_is_waited_for(void **state) {
    struct larder_etcd_queue *queue = open_queue(&client);
    char expected[1024];

    (void)state;
    snprintf(expected, sizeof(expected), TOLD, larder_strerror(LARDER_ERR_NO_LEASE));
    wait_for(&get, NULL, STORE_OK, 1);
    wait_for(&put, NULL, STORE_LEASE_NOT_FOUND, 0);
    wait_for(&delete, NULL, STORE_OK, 1);
    assert_spans(&tracer, expected);
    run(queue, &get, NULL);
    run(queue, &put, NULL);
    run(queue, &delete, NULL);
    stub_answer(&store, STORE_OK, 1);
    stub_answer(&store, STORE_LEASE_NOT_FOUND, 0);
    stub_answer(&store, STORE_OK, 1);
    assert_spans(&tracer, expected);
    assert_calls(&tracer, "Range hit  2\nPut error no_lease 2\nDeleteRange done  2\n");
    assert_next(queue, LARDER_DONE);
    assert_next(queue, LARDER_ERR_NO_LEASE);
    assert_next(queue, LARDER_DELETED);
    larder_etcd_queue_free(queue);
    assert_spans(&tracer, "");
}

/* From when it is handed in until its answer has come, however late that is taken. */
static void a_span_lasts_until_the_answer(void **state) {
    struct larder_etcd_queue *queue = open_queue(&client);
    int64_t before_ns, under_way_ns, answered_ns;

    (void)state;
    before_ns = clock_monotonic_ns();
    run(queue, &put, NULL);
    under_way_ns = clock_monotonic_ns();
    assert_spans(&tracer, "");
    stub_answer(&store, STORE_OK, 0);
    answered_ns = clock_monotonic_ns();
    assert_spans(&tracer, "- Put db.system.name=etcd db.operation.name=Put\n");
    assert_true(before_ns <= began_ns && began_ns <= under_way_ns);
    assert_true(under_way_ns <= ended_ns && ended_ns <= answered_ns);
    assert_next(queue, LARDER_STORED);
    larder_etcd_queue_free(queue);
}

/* --- below which span --- */

static const struct larder_span *outer(const struct span *span) {
    return (const struct larder_span *)(const void *)span;
}

static void it_is_below_the_view_or_what_it_says(void **state) {
    struct span *of_view = tracer_begin(&tracer.tracer, SLICE("view"), SPAN_CLIENT, NULL);
    struct span *root = tracer_begin(&tracer.tracer, SLICE("root"), SPAN_CLIENT, NULL);
    struct larder_etcd_how how = {.parent = outer(root)};
    struct larder_etcd_queue *queue;
    struct larder_etcd *view;

    (void)state;
    root->context.flags = 0; /* it is not sampled, so nothing below it is */
    assert_int_equal(larder_etcd_within(&client, outer(of_view), &view), LARDER_DONE);
    queue = open_queue(view);
    larder_etcd_free(view);
    run(queue, &put, NULL);
    run(queue, &put, &how);
    tracer_end(root, clock_monotonic_ns());
    tracer_end(of_view, clock_monotonic_ns());
    assert_spans(&tracer, "- view\n");
    stub_answer(&store, STORE_OK, 0);
    assert_spans(&tracer, "+ Put db.system.name=etcd db.operation.name=Put\n");
    stub_answer(&store, STORE_OK, 0);
    assert_spans(&tracer, "");
    assert_calls(&tracer, "Put done  2\n");
    larder_etcd_queue_free(queue);
}

/* The engine's thread changes what is its own whenever it likes, also while a view is made. */
static void a_view_copies_nothing_of_the_engines_thread(void **state) {
    static const struct etcd_guest none;
    struct larder_etcd *view;

    (void)state;
    memset(&client.guest, 1, sizeof(client.guest));
    client.keeper = (struct etcd_keeper *)(void *)&client;
    assert_int_equal(larder_etcd_within(&client, NULL, &view), LARDER_DONE);
    assert_null(view->keeper);
    assert_memory_equal(&view->guest, &none, sizeof(none));
    larder_etcd_free(view);
}

static void what_is_waited_for_can_say_it_too(void **state) {
    struct span *root = tracer_begin(&tracer.tracer, SLICE("root"), SPAN_CLIENT, NULL);
    struct larder_etcd_how how = {.parent = outer(root)};

    (void)state;
    wait_for(&put, &how, STORE_OK, 0);
    assert_spans(&tracer, "+ Put db.system.name=etcd db.operation.name=Put\n");
    tracer_end(root, clock_monotonic_ns());
    assert_spans(&tracer, "- root\n");
}

/* --- of which nothing is told --- */

static void what_is_refused_is_not_told(void **state) {
    struct larder_etcd_queue *queue = open_queue(&client);
    struct larder_etcd_op op = put;

    (void)state;
    op.put.key_size = 0;
    assert_int_equal(larder_etcd_queue_run(queue, &op, NULL, NULL, NULL), LARDER_ERR_KEY);
    client.tracer = NULL;
    run(queue, &put, NULL);
    client.tracer = &tracer; /* it is settled when it is handed in */
    stub_answer(&store, STORE_OK, 0);
    assert_next(queue, LARDER_STORED);
    larder_etcd_queue_free(queue);
    assert_spans(&tracer, "");
    assert_calls(&tracer, "");
}

static void without_memory_for_the_tracer_it_is_done_all_the_same(void **state) {
    struct larder_etcd_queue *queue = open_queue(&client);

    (void)state;
    refuses = true;
    run(queue, &put, NULL); /* there is no span */
    stub_answer(&store, STORE_OK, 0);
    assert_next(queue, LARDER_STORED);
    assert_int_equal(tracer.tracer.lost, 1);
    refuses = false;
    run(queue, &put, NULL);
    refuses = true; /* there is one that cannot be handed on */
    stub_answer(&store, STORE_OK, 0);
    refuses = false;
    assert_next(queue, LARDER_STORED);
    assert_int_equal(span_queue_figures(&tracer.tracer.queue).dropped, 1);
    assert_spans(&tracer, "");
    larder_etcd_queue_free(queue);
}

/* --- while others hand in --- */

static void *answer_many(void *ctx) {
    (void)ctx;
    for (int i = 0; i < MANY; i++) {
        stub_answer(&store, STORE_OK, 0);
    }
    return NULL;
}

static size_t count_told(void) {
    struct span_batch *batch = span_queue_take(&tracer.tracer.queue);
    size_t count = batch->count;

    span_queue_give_batch_back(&tracer.tracer.queue, batch);
    return count;
}

static void they_end_on_the_threads_that_answer(void **state) {
    struct larder_etcd_queue *queue = open_queue(&client);
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, answer_many, NULL), 0);
    for (int i = 0; i < MANY; i++) {
        run(queue, &put, NULL);
        (void)larder_etcd_queue_next(queue, NULL, NULL);
    }
    larder_etcd_queue_free(queue); /* waits: by then all is told */
    assert_int_equal(count_told(), MANY);
    pthread_join(thread, NULL);
    assert_calls(&tracer, "Put done  200\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_operation_is_told_as_one_that_is_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_span_lasts_until_the_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_below_the_view_or_what_it_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_view_copies_nothing_of_the_engines_thread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_waited_for_can_say_it_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_refused_is_not_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_for_the_tracer_it_is_done_all_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(they_end_on_the_threads_that_answer, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
