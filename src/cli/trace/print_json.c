/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/trace/print_json.h"

#include <stdio.h>

#include "cli/json_out.h"

enum { HEX_MAX = 2 * TRACE_ID_SIZE + 1, NESTED_MAX = 256 /* deeper ones stand beside each other */ };

static json_t *hex(const uint8_t *bytes, size_t size) {
    char text[HEX_MAX];

    for (size_t i = 0; i < size; i++) {
        snprintf(text + 2 * i, sizeof(text) - 2 * i, "%02x", bytes[i]);
    }
    return json_string(text);
}

static json_t *value_of(const Otlp__AnyValue *value);

static json_t *pairs_of(Otlp__KeyValue *const *pairs, size_t count) {
    json_t *object = json_object();

    for (size_t i = 0; i < count; i++) {
        json_set(object, pairs[i]->key, value_of(pairs[i]->value));
    }
    return object;
}

static json_t *list_of(const Otlp__ArrayValue *list) {
    json_t *array = json_array();

    for (size_t i = 0; i < list->n_values; i++) {
        json_array_append_new(array, value_of(list->values[i]));
    }
    return array;
}

/* What was read is nested no deeper than the reader lets it be, so this ends. */
static json_t *value_of(const Otlp__AnyValue *value) {
    switch (value == NULL ? OTLP__ANY_VALUE__VALUE__NOT_SET : value->value_case) {
    case OTLP__ANY_VALUE__VALUE_STRING_VALUE:
        return json_string(value->string_value);
    case OTLP__ANY_VALUE__VALUE_BOOL_VALUE:
        return json_boolean(value->bool_value);
    case OTLP__ANY_VALUE__VALUE_INT_VALUE:
        return json_integer(value->int_value);
    case OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE: {
        json_t *real = json_real(value->double_value);

        return real != NULL ? real : json_null(); /* JSON has no NaN and no infinity */
    }
    case OTLP__ANY_VALUE__VALUE_ARRAY_VALUE:
        return list_of(value->array_value);
    case OTLP__ANY_VALUE__VALUE_KVLIST_VALUE:
        return pairs_of(value->kvlist_value->values, value->kvlist_value->n_values);
    case OTLP__ANY_VALUE__VALUE_BYTES_VALUE: {
        json_t *object = json_object();

        json_set(object, "bytes", json_integer((json_int_t)value->bytes_value.len));
        return object;
    }
    default:
        return json_null();
    }
}

static json_t *events_of(const Otlp__Span *span) {
    json_t *array = json_array();

    for (size_t i = 0; i < span->n_events; i++) {
        json_t *event = json_object();

        json_set(event, "name", json_string(span->events[i]->name));
        json_set(event, "time_unix_nano", json_integer((json_int_t)span->events[i]->time_unix_nano));
        json_set(event, "attributes", pairs_of(span->events[i]->attributes, span->events[i]->n_attributes));
        json_array_append_new(array, event);
    }
    return array;
}

static const char *kind_of(const Otlp__Span *span) {
    static const char *const kinds[] = {"unspecified", "internal", "server", "client", "producer", "consumer"};
    size_t kind = (size_t)span->kind;

    return kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[kind] : kinds[0];
}

static const char *status_of(const Otlp__Span *span) {
    static const char *const codes[] = {"unset", "ok", "error"};
    size_t code = span->status == NULL ? 0 : (size_t)span->status->code;

    return code < sizeof(codes) / sizeof(codes[0]) ? codes[code] : codes[0];
}

static json_t *describe(const struct gathered *g) {
    const Otlp__Span *span = g->span;
    json_t *object = json_object();

    json_set(object, "name", json_string(span->name));
    json_set(object, "span_id", hex(g->id, TRACE_SPAN_ID_SIZE));
    if (span->parent_span_id.len > 0) {
        json_set(object, "parent_span_id", hex(g->parent_id, TRACE_SPAN_ID_SIZE));
    }
    json_set(object, "service", json_string(g->service));
    json_set(object, "kind", json_string(kind_of(span)));
    json_set(object, "start_unix_nano", json_integer((json_int_t)span->start_time_unix_nano));
    json_set(object, "end_unix_nano", json_integer((json_int_t)span->end_time_unix_nano));
    json_set(object, "status", json_string(status_of(span)));
    if (span->status != NULL && span->status->message[0] != '\0') {
        json_set(object, "message", json_string(span->status->message));
    }
    json_set(object, "attributes", pairs_of(span->attributes, span->n_attributes));
    json_set(object, "events", events_of(span));
    json_set(object, "children", json_array());
    return object;
}

struct nesting {
    json_t *lists[NESTED_MAX]; /* where children of each depth go; borrowed */
};

static void place(void *ctx, struct gathered *span, size_t depth) {
    struct nesting *nesting = ctx;
    size_t at = depth < NESTED_MAX - 1 ? depth : NESTED_MAX - 2;
    json_t *object = describe(span);

    json_array_append_new(nesting->lists[at], object);
    nesting->lists[at + 1] = json_object_get(object, "children");
    span->shown = true;
}

void print_trace_json(const struct trace_tree *tree) {
    struct nesting nesting;
    json_t *object = json_object();

    json_set(object, "trace_id", hex(tree->spans->trace_id, TRACE_ID_SIZE));
    json_set(object, "start_unix_nano", json_integer((json_int_t)tree->start_ns));
    json_set(object, "end_unix_nano", json_integer((json_int_t)tree->end_ns));
    json_set(object, "span_count", json_integer((json_int_t)tree->count));
    json_set(object, "failed", json_integer((json_int_t)tree->errors));
    json_set(object, "spans", json_array());
    nesting.lists[0] = json_object_get(object, "spans");
    trace_walk(tree, place, &nesting);
    json_print_line(object);
}
