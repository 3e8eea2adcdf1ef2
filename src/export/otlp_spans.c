/* SPDX-License-Identifier: Apache-2.0 */
#include "export/otlp_resource.h"

enum {
    REQUEST_RESOURCE_SPANS = 1, /* ExportTraceServiceRequest */
    RESOURCE_SCOPE_SPANS = 2,   /* ResourceSpans */
    SCOPE_SPANS = 2,            /* ScopeSpans */
    PAIR_KEY = 1,               /* KeyValue */
    PAIR_VALUE = 2,
    ANY_TEXT = 1, /* AnyValue */
    ANY_TRUTH = 2,
    ANY_INTEGER = 3,
    ANY_REAL = 4,
    EVENT_TIME = 1, /* Span.Event */
    EVENT_NAME = 2,
    STATUS_MESSAGE = 2, /* Status */
    STATUS_CODE = 3,
    FLAG_PARENT_IS_KNOWN = 0x100, /* SpanFlags: the next bit says where the parent is */
    FLAG_PARENT_IS_REMOTE = 0x200,
};

enum span_field {
    SPAN_TRACE_ID = 1,
    SPAN_SPAN_ID = 2,
    SPAN_TRACE_STATE = 3,
    SPAN_PARENT_SPAN_ID = 4,
    SPAN_NAME = 5,
    SPAN_KIND = 6,
    SPAN_START = 7,
    SPAN_END = 8,
    SPAN_ATTRIBUTES = 9,
    SPAN_ATTRIBUTES_DROPPED = 10,
    SPAN_EVENTS = 11,
    SPAN_EVENTS_DROPPED = 12,
    SPAN_STATUS = 15,
    SPAN_FLAGS = 16,
};

static void put_value(struct protobuf *p, const struct span_value *value) {
    size_t any = protobuf_begin(p, PAIR_VALUE);

    switch (value->kind) {
    case SPAN_VALUE_TEXT:
        protobuf_put_text(p, ANY_TEXT, value->text);
        break;
    case SPAN_VALUE_INTEGER:
        protobuf_put_varint(p, ANY_INTEGER, (uint64_t)value->integer);
        break;
    case SPAN_VALUE_REAL:
        protobuf_double(p, ANY_REAL, value->real);
        break;
    case SPAN_VALUE_TRUTH:
        protobuf_put_varint(p, ANY_TRUTH, value->truth);
        break;
    }
    protobuf_end(p, any);
}

static void put_attributes(struct protobuf *p, const struct span *span) {
    for (uint32_t i = 0; i < span->attribute_count; i++) {
        size_t pair = protobuf_begin(p, SPAN_ATTRIBUTES);

        protobuf_text(p, PAIR_KEY, span->attributes[i].key);
        put_value(p, &span->attributes[i].value);
        protobuf_end(p, pair);
    }
    protobuf_varint(p, SPAN_ATTRIBUTES_DROPPED, span->attributes_dropped);
}

static void put_events(struct protobuf *p, const struct span *span) {
    for (uint32_t i = 0; i < span->event_count; i++) {
        size_t event = protobuf_begin(p, SPAN_EVENTS);

        protobuf_fixed64(p, EVENT_TIME, (uint64_t)span->events[i].time_ns);
        protobuf_text(p, EVENT_NAME, span->events[i].name);
        protobuf_end(p, event);
    }
    protobuf_varint(p, SPAN_EVENTS_DROPPED, span->events_dropped);
}

static void put_status(struct protobuf *p, const struct span *span) {
    size_t status;

    if (span->status != SPAN_UNSET) {
        status = protobuf_begin(p, SPAN_STATUS);
        protobuf_text(p, STATUS_MESSAGE, span->message);
        protobuf_varint(p, STATUS_CODE, span->status);
        protobuf_end(p, status);
    }
}

static bool has_parent(const struct span *span) {
    static const uint8_t none[TRACE_SPAN_ID_SIZE];

    return memcmp(span->parent_id, none, sizeof(none)) != 0;
}

static void put_span(struct protobuf *p, const struct span *span) {
    size_t mark = protobuf_begin(p, SCOPE_SPANS);
    uint32_t remote = span->parent_is_remote ? FLAG_PARENT_IS_REMOTE : 0;

    protobuf_bytes(p, SPAN_TRACE_ID, span->context.trace_id, TRACE_ID_SIZE);
    protobuf_bytes(p, SPAN_SPAN_ID, span->context.span_id, TRACE_SPAN_ID_SIZE);
    protobuf_text(p, SPAN_TRACE_STATE, span->state);
    if (has_parent(span)) {
        protobuf_bytes(p, SPAN_PARENT_SPAN_ID, span->parent_id, TRACE_SPAN_ID_SIZE);
    }
    protobuf_text(p, SPAN_NAME, span->name);
    protobuf_varint(p, SPAN_KIND, span->kind);
    protobuf_fixed64(p, SPAN_START, (uint64_t)span->start_ns);
    protobuf_fixed64(p, SPAN_END, (uint64_t)span->end_ns);
    put_attributes(p, span);
    put_events(p, span);
    put_status(p, span);
    protobuf_fixed32(p, SPAN_FLAGS, span->context.flags | FLAG_PARENT_IS_KNOWN | remote);
    protobuf_end(p, mark);
}

enum larder_error otlp_write_span(const struct span *span, struct buf *out) {
    struct protobuf p = protobuf_into(out);

    put_span(&p, span);
    return p.error;
}

enum larder_error otlp_write_spans(const struct otlp_resource *resource, struct slice spans, struct buf *out) {
    struct protobuf p = protobuf_into(out);
    size_t of_resource = protobuf_begin(&p, REQUEST_RESOURCE_SPANS), of_scope;

    otlp_put_resource(&p, resource);
    of_scope = protobuf_begin(&p, RESOURCE_SCOPE_SPANS);
    otlp_put_scope(&p);
    protobuf_put_encoded(&p, spans);
    protobuf_end(&p, of_scope);
    protobuf_end(&p, of_resource);
    return p.error;
}
