/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "export/otlp.h"
#include "export/protobuf.h"
#include "proto/etcd/message.h"
#include "proto/otlp/otlp.pb-c.h"
#include "trace/span_queue.h"

/* What is written here is read by the messages that protoc-c makes of otlp.proto. */

enum { BODY_MAX = 1 << 20 };

static const struct otlp_resource resource = {
    .count = 2,
    .attributes = {{{"service.name", 12}, {"shop", 4}}, {{"empty", 5}, {"", 0}}},
};

static void *read_back(const ProtobufCMessageDescriptor *type, const struct buf *body, struct arena *arena) {
    ProtobufCMessage *message;

    arena_init(arena, BODY_MAX);
    message = etcd_message_unpack(type, buf_slice(body), arena);
    assert_non_null(message);
    return message;
}

static struct span *span_of(const char *name, struct span *next) {
    struct span *span = malloc(sizeof(*span));

    assert_non_null(span);
    span_init(span, slice_from_string(name), SPAN_CLIENT);
    span->records = true;
    span->next = next;
    span->context.flags = TRACE_FLAG_SAMPLED;
    for (size_t i = 0; i < TRACE_ID_SIZE; i++) {
        span->context.trace_id[i] = (uint8_t)(i + 1);
    }
    memset(span->context.span_id, 7, TRACE_SPAN_ID_SIZE);
    span->start_ns = INT64_C(1700000000000000001);
    span->end_ns = INT64_C(1700000000000000999);
    return span;
}

/* The body of the spans that are linked by `next`. */
static enum larder_error write_body(const struct span *first, struct buf *body) {
    enum larder_error error = LARDER_OK;
    struct buf spans;

    buf_init(&spans, BODY_MAX);
    for (const struct span *span = first; span != NULL && error == LARDER_OK; span = span->next) {
        error = otlp_write_span(span, &spans);
    }
    assert_int_equal(error, LARDER_OK);
    error = otlp_write_spans(&resource, buf_slice(&spans), body);
    buf_fini(&spans);
    return error;
}

static void check_values(const Otlp__Span *span) {
    assert_int_equal(span->n_attributes, 5);
    assert_string_equal(span->attributes[0]->key, "text");
    assert_string_equal(span->attributes[0]->value->string_value, "caf\xc3\xa9 ?!");
    assert_int_equal(span->attributes[1]->value->value_case, OTLP__ANY_VALUE__VALUE_INT_VALUE);
    assert_int_equal(span->attributes[1]->value->int_value, -1);
    assert_int_equal(span->attributes[2]->value->value_case, OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE);
    assert_true(span->attributes[2]->value->double_value == -0.25);
    assert_int_equal(span->attributes[3]->value->value_case, OTLP__ANY_VALUE__VALUE_BOOL_VALUE);
    assert_false(span->attributes[3]->value->bool_value);
    assert_int_equal(span->attributes[4]->value->value_case, OTLP__ANY_VALUE__VALUE_STRING_VALUE);
    assert_string_equal(span->attributes[4]->value->string_value, "");
}

static void test_a_span(void **state) {
    struct span *span = span_of("get", NULL);
    struct arena arena;
    struct buf body;
    const Otlp__Traces *traces;
    const Otlp__Span *read;

    (void)state;
    memset(span->parent_id, 9, TRACE_SPAN_ID_SIZE);
    span->parent_is_remote = true;
    assert_true(span_set_state(span, SLICE("a=1")));
    span_set(span, SLICE("text"), span_text(SLICE("caf\xc3\xa9 \xff!"))); /* no UTF-8 */
    span_set(span, SLICE("integer"), span_integer(-1));
    span_set(span, SLICE("real"), span_real(-0.25));
    span_set(span, SLICE("truth"), span_truth(false));
    span_set(span, SLICE("nothing"), span_text(SLICE("")));
    span_add_event(span, SLICE("Cache hit"), INT64_C(1700000000000000500));
    span_set_status(span, SPAN_ERROR, SLICE("why"));
    span->attributes_dropped = 300;
    span->events_dropped = 2;
    buf_init(&body, BODY_MAX);
    assert_int_equal(write_body(span, &body), LARDER_OK);
    traces = read_back(&otlp__traces__descriptor, &body, &arena);
    assert_string_equal(traces->resource_spans[0]->resource->attributes[0]->key, "service.name");
    assert_string_equal(traces->resource_spans[0]->resource->attributes[0]->value->string_value, "shop");
    assert_string_equal(traces->resource_spans[0]->scope_spans[0]->scope->name, "larder");
    read = traces->resource_spans[0]->scope_spans[0]->spans[0];
    assert_int_equal(read->trace_id.len, TRACE_ID_SIZE);
    assert_memory_equal(read->trace_id.data, span->context.trace_id, TRACE_ID_SIZE);
    assert_memory_equal(read->span_id.data, span->context.span_id, TRACE_SPAN_ID_SIZE);
    assert_memory_equal(read->parent_span_id.data, span->parent_id, TRACE_SPAN_ID_SIZE);
    assert_string_equal(read->trace_state, "a=1");
    assert_string_equal(read->name, "get");
    assert_int_equal(read->kind, OTLP__SPAN_KIND__SPAN_KIND_CLIENT);
    assert_int_equal(read->start_time_unix_nano, span->start_ns);
    assert_int_equal(read->end_time_unix_nano, span->end_ns);
    check_values(read);
    assert_int_equal(read->dropped_attributes_count, 300);
    assert_int_equal(read->n_events, 1);
    assert_string_equal(read->events[0]->name, "Cache hit");
    assert_int_equal(read->events[0]->time_unix_nano, INT64_C(1700000000000000500));
    assert_int_equal(read->dropped_events_count, 2);
    assert_int_equal(read->status->code, OTLP__STATUS_CODE__STATUS_CODE_ERROR);
    assert_string_equal(read->status->message, "why");
    assert_int_equal(read->flags, 0x301);
    arena_fini(&arena);
    buf_fini(&body);
    free(span);
}

/* Sizes of one, two and three bytes, and messages that are moved for them. */
static void test_many_spans(void **state) {
    static char text[SPAN_TEXT_MAX];
    struct span *first = NULL;
    struct arena arena;
    struct buf body;
    const Otlp__Traces *traces;
    size_t count = 0;

    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t size = 0; size < 700; size += 9) {
        first = span_of("", first);
        span_set(first, SLICE("k"), span_text(slice_make(text, size)));
        count++;
    }
    buf_init(&body, BODY_MAX);
    assert_int_equal(write_body(first, &body), LARDER_OK);
    traces = read_back(&otlp__traces__descriptor, &body, &arena);
    assert_int_equal(traces->resource_spans[0]->scope_spans[0]->n_spans, count);
    for (size_t i = 0; i < count; i++) {
        const Otlp__Span *read = traces->resource_spans[0]->scope_spans[0]->spans[i];

        assert_int_equal(strlen(read->attributes[0]->value->string_value), (count - 1 - i) * 9);
        assert_int_equal(read->parent_span_id.len, 0);
        assert_null(read->status);
        assert_int_equal(read->flags, 0x101);
    }
    arena_fini(&arena);
    buf_fini(&body);
    while (first != NULL) {
        struct span *next = first->next;

        free(first);
        first = next;
    }
}

/* No span becomes larger than it may. */
static void test_the_largest(void **state) {
    struct span *span = span_of("s", NULL);
    static char text[SPAN_TEXT_MAX];
    struct buf bytes;

    (void)state;
    memset(text, 'x', sizeof(text));
    memset(span->parent_id, 9, TRACE_SPAN_ID_SIZE);
    span->context.flags = 1;
    assert_true(span_set_state(span, SLICE("a=1")));
    for (int i = 0; i < SPAN_ATTRIBUTES_MAX + 1; i++) {
        char key[] = {'k', (char)('0' + i)};

        span_set(span, slice_make(key, sizeof(key)), span_integer(INT64_MIN));
    }
    for (int i = 0; i < SPAN_EVENTS_MAX + 1; i++) {
        span_add_event(span, SLICE("e"), INT64_MAX);
    }
    span->attributes_dropped = span->events_dropped = UINT32_MAX;
    span_set_status(span, SPAN_ERROR, slice_make(text, sizeof(text)));
    assert_int_equal(span->text_size, SPAN_TEXT_MAX);
    buf_init(&bytes, SPAN_ENCODED_MAX);
    assert_int_equal(otlp_write_span(span, &bytes), LARDER_OK);
    buf_fini(&bytes);
    free(span);
}

static void test_no_room(void **state) {
    struct span *span = span_of("get", NULL);

    struct buf body;
    size_t whole;

    (void)state;
    buf_init(&body, BODY_MAX);
    assert_int_equal(write_body(span, &body), LARDER_OK);
    whole = body.size;
    buf_fini(&body);
    for (size_t limit = 0; limit <= whole; limit++) {
        buf_init(&body, limit);
        assert_int_equal(write_body(span, &body), limit < whole ? LARDER_ERROR_LIMIT : LARDER_OK);
        buf_fini(&body);
    }
    free(span);
}

static const char *const methods[] = {"get", "set"};
static const struct calls_outcome outcomes[] = {{"hit", ""}, {"error", "timeout"}};
static const struct calls_names names = {methods, 2, outcomes, 2};

static struct calls *some_calls(void) {
    struct calls *calls = calls_new(&names, 1000);

    assert_non_null(calls);
    calls_count(calls, 0, 0, 1500);
    calls_count(calls, 0, 0, 500);
    calls_count(calls, 1, 1, INT64_C(20000000000));
    return calls;
}

static void test_metrics(void **state) {
    struct calls *calls = some_calls();
    struct arena arena;
    struct buf body;
    const Otlp__Metrics *metrics;
    const Otlp__ScopeMetrics *scope;
    const Otlp__HistogramPoint *point;

    (void)state;
    buf_init(&body, BODY_MAX);
    assert_int_equal(otlp_write_calls(&resource, calls, 2000, &body), LARDER_OK);
    metrics = read_back(&otlp__metrics__descriptor, &body, &arena);
    scope = metrics->resource_metrics[0]->scope_metrics[0];
    assert_int_equal(scope->n_metrics, 2);
    assert_string_equal(scope->metrics[0]->name, "latency");
    assert_string_equal(scope->metrics[0]->unit, "s");
    assert_int_equal(scope->metrics[0]->histogram->aggregation_temporality, 2);
    assert_int_equal(scope->metrics[0]->histogram->n_data_points, 2);
    point = scope->metrics[0]->histogram->data_points[0];
    assert_int_equal(point->start_time_unix_nano, 1000);
    assert_int_equal(point->time_unix_nano, 2000);
    assert_int_equal(point->count, 2);
    assert_true(point->sum == 0.000002);
    assert_int_equal(point->n_bucket_counts, point->n_explicit_bounds + 1);
    assert_int_equal(point->bucket_counts[0], 1);
    assert_int_equal(point->bucket_counts[1], 1);
    assert_true(point->explicit_bounds[1] == 2e-6);
    assert_string_equal(point->attributes[0]->value->string_value, "get");
    assert_string_equal(point->attributes[1]->value->string_value, "hit");
    assert_string_equal(point->attributes[2]->value->string_value, "");
    assert_string_equal(scope->metrics[1]->name, "calls");
    assert_true(scope->metrics[1]->sum->is_monotonic);
    assert_int_equal(scope->metrics[1]->sum->n_data_points, 2);
    assert_int_equal(scope->metrics[1]->sum->data_points[0]->as_int, 2);
    assert_string_equal(scope->metrics[1]->sum->data_points[1]->attributes[2]->value->string_value, "timeout");
    arena_fini(&arena);
    buf_fini(&body);
    calls_free(calls);
}

static void assert_line(const struct buf *text, const char *line) {
    char *copy = strndup(text->data, text->size);

    assert_non_null(copy);
    if (strstr(copy, line) == NULL) {
        fail_msg("no \"%s\" in\n%s", line, copy);
    }
    free(copy);
}

static void test_prometheus(void **state) {
    struct calls *calls = some_calls();
    struct buf text;

    (void)state;
    buf_init(&text, BODY_MAX);
    assert_int_equal(calls_write_prometheus(calls, &text), LARDER_OK);
    assert_line(&text, "\n# TYPE latency_seconds histogram\n");
    assert_line(&text, "\nlatency_seconds_bucket{method=\"get\",status=\"hit\",error=\"\",le=\"1e-06\"} 1\n");
    assert_line(&text, "\nlatency_seconds_bucket{method=\"get\",status=\"hit\",error=\"\",le=\"+Inf\"} 2\n");
    assert_line(&text, "\nlatency_seconds_sum{method=\"get\",status=\"hit\",error=\"\"} 0.000002000\n");
    assert_line(&text, "\nlatency_seconds_count{method=\"set\",status=\"error\",error=\"timeout\"} 1\n");
    assert_line(&text, "\ncalls_total{method=\"get\",status=\"hit\",error=\"\"} 2\n");
    buf_fini(&text);
    calls_free(calls);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_span),  cmocka_unit_test(test_many_spans), cmocka_unit_test(test_the_largest),
        cmocka_unit_test(test_no_room), cmocka_unit_test(test_metrics),    cmocka_unit_test(test_prometheus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
