/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/trace/gather.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/json_scan.h"
#include "proto/etcd/message.h"

enum { FIRST_CAPACITY = 256, JSON_DEPTH_MAX = 128, ID_TEXT_MAX = 2 * TRACE_ID_SIZE };

void gather_init(struct gather *g) {
    *g = (struct gather){.count = 0};
    arena_init(&g->arena, GATHER_MAX);
}

void gather_fini(struct gather *g) {
    free(g->spans);
    arena_fini(&g->arena);
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(const char *text, uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* An id of `size` bytes. OTLP's JSON has ids in hexadecimal digits where protobuf's has base64: the digits were read as base64,
 * and are made text again, which loses nothing because their number is a multiple of 4. */
static bool read_id(ProtobufCBinaryData id, uint8_t *bytes, size_t size) {
    char text[ID_TEXT_MAX];

    if (id.len == size) {
        memcpy(bytes, id.data, size);
        return true;
    }
    if (base64_encoded_size(id.len) != 2 * size || id.len % 3 != 0) {
        return false;
    }
    base64_encode(etcd_bytes_slice(id), text);
    return read_hex(text, bytes, size);
}

static bool is_zero(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static const char *service_of(const Otlp__Resource *resource) {
    for (size_t i = 0; resource != NULL && i < resource->n_attributes; i++) {
        const Otlp__KeyValue *pair = resource->attributes[i];

        if (strcmp(pair->key, "service.name") == 0 && pair->value != NULL &&
            pair->value->value_case == OTLP__ANY_VALUE__VALUE_STRING_VALUE) {
            return pair->value->string_value;
        }
    }
    return "";
}

static bool make_room(struct gather *g) {
    size_t capacity = g->capacity == 0 ? FIRST_CAPACITY : 2 * g->capacity;
    struct gathered *spans;

    if (g->count < g->capacity) {
        return true;
    }
    if (capacity > GATHER_MAX / sizeof(*spans)) {
        return false;
    }
    spans = realloc(g->spans, capacity * sizeof(*spans));
    if (spans == NULL) {
        return false;
    }
    g->spans = spans;
    g->capacity = capacity;
    return true;
}

static bool add(struct gather *g, const Otlp__Span *span, const char *service, int64_t now_ns) {
    struct gathered *place;

    if (!make_room(g)) {
        return false;
    }
    place = &g->spans[g->count];
    *place = (struct gathered){.span = span, .service = service, .came_ns = now_ns};
    if (!read_id(span->trace_id, place->trace_id, TRACE_ID_SIZE) || is_zero(place->trace_id, TRACE_ID_SIZE) ||
        !read_id(span->span_id, place->id, TRACE_SPAN_ID_SIZE) || is_zero(place->id, TRACE_SPAN_ID_SIZE) ||
        (span->parent_span_id.len > 0 && !read_id(span->parent_span_id, place->parent_id, TRACE_SPAN_ID_SIZE))) {
        g->refused++;
        return true;
    }
    g->count++;
    return true;
}

static enum larder_error add_all(struct gather *g, const Otlp__Traces *traces, int64_t now_ns) {
    for (size_t r = 0; r < traces->n_resource_spans; r++) {
        const Otlp__ResourceSpans *of_resource = traces->resource_spans[r];

        for (size_t s = 0; s < of_resource->n_scope_spans; s++) {
            const Otlp__ScopeSpans *of_scope = of_resource->scope_spans[s];

            for (size_t i = 0; i < of_scope->n_spans; i++) {
                if (!add(g, of_scope->spans[i], service_of(of_resource->resource), now_ns)) {
                    return LARDER_ERROR_NO_MEMORY;
                }
            }
        }
    }
    return LARDER_OK;
}

enum larder_error gather_protobuf(struct gather *g, struct slice bytes, int64_t now_ns, struct buf *why) {
    ProtobufCMessage *message;

    if (bytes.size == 0) {
        return LARDER_OK; /* an empty message */
    }
    message = etcd_message_unpack(&otlp__traces__descriptor, bytes, &g->arena);
    if (message == NULL) {
        (void)buf_printf(why, "this is no OTLP, or more than %d MiB of it", GATHER_MAX >> 20);
        return LARDER_ERROR_INVALID;
    }
    return add_all(g, (const Otlp__Traces *)(const void *)message, now_ns);
}

enum larder_error gather_json(struct gather *g, struct slice text, int64_t now_ns, struct buf *why) {
    struct json_scanner scanner = json_scan(text.size > 0 ? text : SLICE(""));

    for (;;) {
        struct slice raw;
        enum json_token token = json_next(&scanner, &raw);
        const char *start = scanner.at - 1; /* the brace */
        ProtobufCMessage *message;
        enum larder_error error;

        if (token == JSON_TOKEN_END) {
            return LARDER_OK;
        }
        if (token != JSON_TOKEN_OBJECT || !json_skip(&scanner, token, JSON_DEPTH_MAX)) {
            (void)buf_printf(why, "this is no JSON object, or it ends too early");
            return LARDER_ERROR_INVALID;
        }
        message = etcd_message_from_json(&otlp__traces__descriptor, slice_make(start, (size_t)(scanner.at - start)),
                                         &g->arena, why);
        if (message == NULL) {
            return LARDER_ERROR_INVALID;
        }
        error = add_all(g, (const Otlp__Traces *)(const void *)message, now_ns);
        if (error != LARDER_OK) {
            return error;
        }
    }
}

/* The first that is no white space. */
static char first_character(struct slice text) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != ' ' && text.data[i] != '\t' && text.data[i] != '\r' && text.data[i] != '\n') {
            return text.data[i];
        }
    }
    return '\0';
}

/* A message of protobuf begins with a newline, which is the tag of its first field, and a brace may follow that. */
enum larder_error gather_any(struct gather *g, struct slice bytes, int64_t now_ns, struct buf *why) {
    enum larder_error error;

    if (bytes.size > 0 && bytes.data[0] == '{') {
        return gather_json(g, bytes, now_ns, why);
    }
    error = gather_protobuf(g, bytes, now_ns, why);
    if (error == LARDER_ERROR_INVALID && first_character(bytes) == '{') {
        why->size = 0;
        error = gather_json(g, bytes, now_ns, why);
    }
    return error;
}

void gather_forget_shown(struct gather *g) {
    size_t kept = 0;

    for (size_t i = 0; i < g->count; i++) {
        if (!g->spans[i].shown) {
            g->spans[kept++] = g->spans[i];
        }
    }
    g->count = kept;
    if (kept == 0) {
        arena_reset(&g->arena);
    }
}
