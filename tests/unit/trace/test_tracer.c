/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "trace/context.h"
#include "trace/tracer.h"

enum { THREADS = 4, SPANS_EACH = 500, QUEUE_MAX = 8, BATCH_MAX = 64 };

static const struct sampler all = {.by_parent = true, .bound = SAMPLER_ALL};
static const struct sampler none = {.by_parent = true};

/* What a span becomes here. */
struct told {
    char name[8];
    uint8_t id[TRACE_SPAN_ID_SIZE];
    int64_t start_ns, end_ns;
};

static enum larder_error encode(const struct span *span, struct buf *out) {
    struct told told = {.start_ns = span->start_ns, .end_ns = span->end_ns};

    memcpy(told.name, span->name.data, span->name.size);
    memcpy(told.id, span->context.span_id, TRACE_SPAN_ID_SIZE);
    return buf_append(out, &told, sizeof(told));
}

/* Takes all, of which `told` has room for `max`; returns the number. */
static size_t drain_to(struct tracer *t, struct told *told, size_t max) {
    size_t sum = 0;
    struct span_batch *batch;

    while ((batch = span_queue_take(&t->queue)) != NULL) {
        assert_true(batch->count > 0 && sum + batch->count <= max);
        assert_int_equal(batch->bytes.size, batch->count * sizeof(*told));
        memcpy(told + sum, batch->bytes.data, batch->bytes.size);
        sum += batch->count;
        span_queue_give_batch_back(&t->queue, batch);
    }
    return sum;
}

static size_t drain(struct tracer *t) {
    struct told told[QUEUE_MAX];

    return drain_to(t, told, QUEUE_MAX);
}

static void test_a_tree(void **state) {
    struct tracer t;
    struct span *root, *child, *again;
    struct told told[2];

    (void)state;
    tracer_init(&t, &all, false, 1, QUEUE_MAX, QUEUE_MAX, encode);
    root = tracer_begin(&t, SLICE("root"), SPAN_INTERNAL, NULL);
    child = tracer_begin(&t, SLICE("child"), SPAN_CLIENT, root);
    assert_true(trace_context_is_valid(&root->context) && trace_context_is_valid(&child->context));
    assert_memory_equal(child->context.trace_id, root->context.trace_id, TRACE_ID_SIZE);
    assert_memory_equal(child->parent_id, root->context.span_id, TRACE_SPAN_ID_SIZE);
    assert_memory_not_equal(child->context.span_id, root->context.span_id, TRACE_SPAN_ID_SIZE);
    tracer_end(child, clock_monotonic_ns());
    again = tracer_begin(&t, SLICE("again"), SPAN_INTERNAL, NULL);
    assert_ptr_equal(again, child); /* its memory is used again */
    tracer_end(root, clock_monotonic_ns());
    tracer_end(NULL, 0);
    assert_int_equal(drain_to(&t, told, 2), 2);
    assert_string_equal(told[0].name, "child");
    assert_string_equal(told[1].name, "root");
    assert_true(told[0].start_ns >= told[1].start_ns && told[0].end_ns <= told[1].end_ns);
    assert_true(told[0].start_ns <= told[0].end_ns);
    tracer_end(again, clock_monotonic_ns());
    tracer_fini(&t); /* frees what nobody took */
}

static void test_a_parent_elsewhere(void **state) {
    struct trace_context parent;
    struct tracer t;
    struct span *span, *child;

    (void)state;
    assert_true(trace_parent_parse(SLICE("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), &parent));
    tracer_init(&t, &none, false, 1, QUEUE_MAX, QUEUE_MAX, encode);
    span = tracer_begin_remote(&t, SLICE("asked"), SPAN_SERVER, &parent, SLICE("a=1"));
    child = tracer_begin(&t, SLICE("child"), SPAN_CLIENT, span);
    assert_true(span->parent_is_remote && !child->parent_is_remote);
    assert_memory_equal(child->context.trace_id, parent.trace_id, TRACE_ID_SIZE);
    assert_memory_equal(span->parent_id, parent.span_id, TRACE_SPAN_ID_SIZE);
    assert_true(slice_equal(child->state, SLICE("a=1")));
    tracer_end(child, 0);
    tracer_end(span, 0);
    assert_int_equal(drain(&t), 2); /* the parent decides */
    tracer_fini(&t);
}

/* Of what is not sampled only errors are exported, if that is wished. */
/* What is done within a scope, which may have outlived its span. */
static void test_within(void **state) {
    struct tracer t;
    struct span *root, *child;
    struct trace_scope *scope, *unsampled;
    const struct trace_context other = {.trace_id = {1}, .span_id = {2}};

    (void)state;
    tracer_init(&t, &all, false, 1, QUEUE_MAX, BATCH_MAX, encode);
    root = tracer_begin(&t, SLICE("root"), SPAN_SERVER, NULL);
    assert_true(span_set_state(root, SLICE("a=1")));
    scope = trace_scope_new(&root->context, root->state);
    assert_ptr_equal(trace_scope_ref(scope), scope);
    trace_scope_unref(scope);
    tracer_end(root, clock_monotonic_ns());
    child = tracer_begin_within(&t, SLICE("child"), SPAN_CLIENT, scope, 77);
    assert_non_null(child);
    assert_memory_equal(child->context.trace_id, scope->context.trace_id, TRACE_ID_SIZE);
    assert_memory_equal(child->parent_id, scope->context.span_id, TRACE_SPAN_ID_SIZE);
    assert_false(child->parent_is_remote);
    assert_true(slice_equal(child->state, SLICE("a=1")));
    assert_int_equal(child->start_ns, span_time_ns(child, 77));
    tracer_end(child, clock_monotonic_ns());
    unsampled = trace_scope_new(&other, SLICE(""));
    assert_null(tracer_begin_within(&t, SLICE("no"), SPAN_CLIENT, unsampled, 0));
    assert_null(tracer_begin_within(&t, SLICE("no"), SPAN_CLIENT, NULL, 0));
    assert_null(tracer_begin_within(NULL, SLICE("no"), SPAN_CLIENT, scope, 0));
    assert_null(tracer_begin_served(&t, SLICE("no"), SPAN_SERVER, &other, SLICE(""), 0));
    trace_scope_unref(unsampled);
    trace_scope_unref(scope);
    trace_scope_unref(NULL);
    assert_int_equal(drain(&t), 2);
    tracer_fini(&t);
}

/* As many roots are drawn as the ratio says, and what is drawn is sampled wherever the same ratio decides. */
static void test_drawn(void **state) {
    enum { DRAWS = 20000 };
    struct tracer t;
    struct random dice;
    struct sampler some;
    size_t drawn = 0;

    (void)state;
    assert_true(sampler_parse(SLICE("parentbased_traceidratio"), SLICE("0.01"), &some));
    tracer_init(&t, &some, false, 1, QUEUE_MAX, BATCH_MAX, encode);
    random_init(&dice, 7);
    for (int i = 0; i < DRAWS; i++) {
        struct span *span = tracer_begin_drawn(&t, &dice, SLICE("root"), SPAN_SERVER, 5);

        if (span != NULL) {
            drawn++;
            assert_true(trace_context_is_valid(&span->context) && trace_context_is_sampled(&span->context));
            assert_true(sampler_decide(&some, NULL, span->context.trace_id));
            assert_int_equal(span->start_ns, span_time_ns(span, 5));
            span_rename(span, SLICE("other"));
            assert_true(slice_equal(span->name, SLICE("other")));
            span_queue_give_back(&t.queue, span);
        }
    }
    assert_in_range(drawn, DRAWS / 100 / 2, DRAWS / 100 * 2);
    tracer_fini(&t);
}

static void test_errors_are_kept(void **state) {
    (void)state;
    for (int keeps = 0; keeps < 2; keeps++) {
        struct tracer t;
        struct span *bad, *good;

        tracer_init(&t, &none, keeps != 0, 1, QUEUE_MAX, QUEUE_MAX, encode);
        good = tracer_begin(&t, SLICE("good"), SPAN_INTERNAL, NULL);
        bad = tracer_begin(&t, SLICE("bad"), SPAN_INTERNAL, good);
        assert_false(trace_context_is_sampled(&bad->context));
        span_set_status(bad, SPAN_ERROR, SLICE("why"));
        tracer_end(bad, 0);
        tracer_end(good, 0);
        assert_int_equal(drain(&t), keeps);
        tracer_fini(&t);
    }
}

static void *begin_many(void *ctx) {
    struct tracer *t = ctx;

    for (int i = 0; i < SPANS_EACH; i++) {
        tracer_end(tracer_begin(t, SLICE("s"), SPAN_INTERNAL, NULL), clock_monotonic_ns());
    }
    return NULL;
}

static int compare_ids(const void *a, const void *b) {
    return memcmp(((const struct told *)a)->id, ((const struct told *)b)->id, TRACE_SPAN_ID_SIZE);
}

/* Nobody waits: what is too much is counted. And no two ids are alike. */
static void test_full(void **state) {
    static struct told told[THREADS * SPANS_EACH];
    pthread_t threads[THREADS];
    struct span_queue_figures figures;
    struct tracer t;
    size_t count;

    (void)state;
    tracer_init(&t, &all, false, 1, THREADS * SPANS_EACH - 100, BATCH_MAX, encode);
    for (int n = 0; n < THREADS; n++) {
        assert_int_equal(pthread_create(&threads[n], NULL, begin_many, &t), 0);
    }
    for (int n = 0; n < THREADS; n++) {
        pthread_join(threads[n], NULL);
    }
    figures = span_queue_figures(&t.queue);
    assert_int_equal(figures.dropped, 100);
    assert_int_equal(figures.put + figures.dropped, THREADS * SPANS_EACH);
    count = drain_to(&t, told, THREADS * SPANS_EACH);
    assert_int_equal(count, figures.put);
    qsort(told, count, sizeof(told[0]), compare_ids);
    for (size_t i = 1; i < count; i++) {
        assert_memory_not_equal(told[i - 1].id, told[i].id, TRACE_SPAN_ID_SIZE);
    }
    tracer_fini(&t);
}

/* What wakes the exporter before its time. */
static void test_waking(void **state) {
    struct tracer t;

    (void)state;
    tracer_init(&t, &all, false, 1, QUEUE_MAX, 2, encode);
    span_queue_wait(&t.queue, 0); /* that time is over */
    begin_many(&t);
    span_queue_wait(&t.queue, INT64_MAX);
    assert_int_equal(drain(&t), QUEUE_MAX);
    span_queue_ask(&t.queue);
    span_queue_wait(&t.queue, INT64_MAX);
    assert_true(span_queue_heed(&t.queue));
    assert_false(span_queue_heed(&t.queue));
    span_queue_close(&t.queue);
    span_queue_wait(&t.queue, INT64_MAX);
    assert_true(span_queue_is_closed(&t.queue));
    tracer_end(tracer_begin(&t, SLICE("late"), SPAN_INTERNAL, NULL), 0);
    assert_int_equal(drain(&t), 0);
    tracer_fini(&t);
}

/* A child that was forked off has the parent's queue as it was, and no thread that empties it. */
static void test_forked(void **state) {
    struct tracer t;
    int status;
    pid_t pid;

    (void)state;
    tracer_init(&t, &all, false, 1, QUEUE_MAX, QUEUE_MAX, encode);
    pid = fork();
    if (pid == 0) {
        tracer_end(tracer_begin(&t, SLICE("s"), SPAN_INTERNAL, NULL), 0);
        _exit(t.queue.count == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    tracer_fini(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_tree),          cmocka_unit_test(test_a_parent_elsewhere),
        cmocka_unit_test(test_errors_are_kept), cmocka_unit_test(test_full),
        cmocka_unit_test(test_waking),          cmocka_unit_test(test_forked),
        cmocka_unit_test(test_within),          cmocka_unit_test(test_drawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
