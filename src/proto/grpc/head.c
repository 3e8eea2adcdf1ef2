/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/grpc/head.h"

#include "proto/grpc/timeout.h"

enum { FIELD_EXTRA = 32 /* what a field counts beside its bytes (RFC 9113, 6.5.2) */ };

static void drop(nghttp2_rcbuf **held) {
    if (*held != NULL) {
        nghttp2_rcbuf_decref(*held);
        *held = NULL;
    }
}

/* Of a field that comes twice the first counts. */
static void hold(nghttp2_rcbuf **held, nghttp2_rcbuf *value) {
    if (*held == NULL) {
        nghttp2_rcbuf_incref(value);
        *held = value;
    }
}

void grpc_head_reader_clear(struct grpc_head_reader *reader) {
    drop(&reader->path);
    drop(&reader->authority);
    drop(&reader->token);
    drop(&reader->authorization);
    drop(&reader->traceparent);
    drop(&reader->tracestate);
    reader->list_size = 0;
    reader->timeout_ns = 0;
    reader->is_post = false;
    reader->is_grpc = false;
    reader->is_timeout_bad = false;
    reader->needs_leader = false;
    reader->is_nameless = false;
}

static bool is(nghttp2_vec text, struct slice literal) {
    return text.len == literal.size && memcmp(text.base, literal.data, literal.size) == 0;
}

/* "application/grpc" alone, or with the form of the messages ("+proto" is ours) or parameters behind it. */
static bool is_grpc_type(nghttp2_vec value) {
    struct slice type = slice_make((const char *)value.base, value.len);

    if (!slice_has_prefix(type, SLICE("application/grpc"))) {
        return false;
    }
    type = slice_skip(type, SLICE("application/grpc").size);
    if (slice_has_prefix(type, SLICE("+proto"))) {
        type = slice_skip(type, SLICE("+proto").size);
    }
    return type.size == 0 || type.data[0] == ';';
}

static void read_timeout(struct grpc_head_reader *reader, nghttp2_vec value) {
    if (!grpc_timeout_parse(slice_make((const char *)value.base, value.len), &reader->timeout_ns)) {
        reader->is_timeout_bad = true;
    }
}

void grpc_head_reader_add(struct grpc_head_reader *reader, nghttp2_rcbuf *name_buf, nghttp2_rcbuf *value_buf) {
    nghttp2_vec name = nghttp2_rcbuf_get_buf(name_buf);
    nghttp2_vec value = nghttp2_rcbuf_get_buf(value_buf);

    reader->list_size += name.len + value.len + FIELD_EXTRA;
    switch (name.len) {
    case 5:
        if (is(name, SLICE(":path"))) {
            hold(&reader->path, value_buf);
        } else if (is(name, SLICE("token"))) {
            hold(&reader->token, value_buf);
        }
        break;
    case 7:
        if (is(name, SLICE(":method"))) {
            reader->is_post = is(value, SLICE("POST"));
        }
        break;
    case 9:
        if (is(name, SLICE("hasleader"))) {
            reader->needs_leader = is(value, SLICE("true"));
        }
        break;
    case 10:
        if (is(name, SLICE(":authority"))) {
            hold(&reader->authority, value_buf);
        } else if (is(name, SLICE("tracestate"))) {
            hold(&reader->tracestate, value_buf);
        }
        break;
    case 11:
        if (is(name, SLICE("traceparent"))) {
            hold(&reader->traceparent, value_buf);
        }
        break;
    case 12:
        if (is(name, SLICE("content-type"))) {
            reader->is_grpc = is_grpc_type(value);
        } else if (is(name, SLICE("grpc-timeout"))) {
            read_timeout(reader, value);
        }
        break;
    case 13:
        if (is(name, SLICE("authorization"))) {
            hold(&reader->authorization, value_buf);
        }
        break;
    case 18:
        reader->is_nameless |= is(name, SLICE("grpcgateway-accept"));
        break;
    default:
        break;
    }
}

static struct slice held_slice(nghttp2_rcbuf *held) {
    nghttp2_vec value;

    if (held == NULL) {
        return (struct slice){0};
    }
    value = nghttp2_rcbuf_get_buf(held);
    return slice_make((const char *)value.base, value.len);
}

struct grpc_head grpc_head_reader_head(const struct grpc_head_reader *reader) {
    return (struct grpc_head){
        .path = held_slice(reader->path),
        .authority = held_slice(reader->authority),
        .token = held_slice(reader->token != NULL ? reader->token : reader->authorization),
        .traceparent = held_slice(reader->traceparent),
        .tracestate = held_slice(reader->tracestate),
        .timeout_ns = reader->timeout_ns,
        .needs_leader = reader->needs_leader,
        .is_nameless = reader->is_nameless,
    };
}
