/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_PROTO_GRPC_RAW_H
#define LARDER_TESTS_PROTO_GRPC_RAW_H

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/grpc/reader.h"
#include "proto/grpc/server.h"

/* A gRPC server that is talked to in frames written by hand. What it does is written into a transcript, a line for each
 * event, and behind them one for each frame that it sent. Shared by the tests and the fuzzer.
 *
 * The calls it knows, by path:
 *     /echo    each message comes back; OK at the end
 *     /hold    nothing: the test answers, through raw->held
 *     /fail    ends at once with NOT_FOUND and a text
 *     others   UNIMPLEMENTED at the end */
struct raw {
    struct grpc_server *server;
    struct grpc_stream *held;
    struct outbox out;
    nghttp2_hd_inflater *inflater;
    struct buf input;  /* frames to be fed */
    struct buf events; /* the transcript */
    struct buf frames;
    bool is_quiet; /* no transcript */
    size_t open;   /* calls between on_open and on_close */
    size_t opened;
    size_t closed;
};

enum { RAW_MESSAGE_MAX = 1000, RAW_FULL_AT = 4000, RAW_STREAMS = 100, RAW_FRAME_HEADER = 9 };

static inline void raw_must(bool good) {
    if (!good) {
        abort();
    }
}

#define RAW_PRINT(raw, to, ...) ((raw)->is_quiet ? (void)0 : raw_must(buf_printf(&(raw)->to, __VA_ARGS__) == LARDER_OK))

/* What a call is for, kept in its `owner`. */
enum raw_kind { RAW_ECHO = 1, RAW_HOLD, RAW_FAIL, RAW_OTHER };

static inline enum raw_kind raw_kind_of(const struct grpc_stream *stream) {
    return (enum raw_kind)(uintptr_t)stream->owner;
}

static inline enum raw_kind raw_kind_by(struct slice path) {
    return slice_equal(path, SLICE("/echo"))   ? RAW_ECHO
           : slice_equal(path, SLICE("/hold")) ? RAW_HOLD
           : slice_equal(path, SLICE("/fail")) ? RAW_FAIL
                                               : RAW_OTHER;
}

static inline void raw_on_open(void *ctx, struct grpc_stream *stream, const struct grpc_head *head) {
    struct raw *raw = ctx;

    raw->open++;
    raw->opened++;
    stream->owner = (void *)(uintptr_t)raw_kind_by(head->path);
    RAW_PRINT(raw, events, "open %d %.*s", stream->id, (int)head->path.size, head->path.data);
    if (head->token.size > 0) {
        RAW_PRINT(raw, events, " token=%.*s", (int)head->token.size, head->token.data);
    }
    if (head->timeout_ns != 0) {
        RAW_PRINT(raw, events, " timeout=%lld", (long long)head->timeout_ns);
    }
    if (head->traceparent.size > 0) {
        RAW_PRINT(raw, events, " traceparent=%.*s", (int)head->traceparent.size, head->traceparent.data);
    }
    RAW_PRINT(raw, events, "\n");
    if (raw_kind_of(stream) == RAW_HOLD) {
        raw->held = stream;
    }
    if (raw_kind_of(stream) == RAW_FAIL) {
        grpc_stream_finish(stream, GRPC_NOT_FOUND, SLICE("no such key: 50% \xc3\xa9"));
    }
}

static inline void raw_on_message(void *ctx, struct grpc_stream *stream, struct slice message) {
    struct raw *raw = ctx;
    char *copy;

    RAW_PRINT(raw, events, "message %d %zu\n", stream->id, message.size);
    if (raw_kind_of(stream) == RAW_ECHO) {
        copy = grpc_stream_message(stream, message.size);
        if (copy == NULL) {
            grpc_stream_finish(stream, GRPC_RESOURCE_EXHAUSTED, SLICE("no room"));
        } else if (message.size > 0) {
            memcpy(copy, message.data, message.size);
        }
    }
}

static inline void raw_on_end(void *ctx, struct grpc_stream *stream) {
    struct raw *raw = ctx;

    RAW_PRINT(raw, events, "end %d\n", stream->id);
    if (raw_kind_of(stream) == RAW_ECHO) {
        grpc_stream_finish(stream, GRPC_OK, SLICE(""));
    } else if (raw_kind_of(stream) == RAW_OTHER) {
        grpc_stream_finish(stream, GRPC_UNIMPLEMENTED, SLICE("unknown"));
    }
}

static inline void raw_on_room(void *ctx, struct grpc_stream *stream) {
    struct raw *raw = ctx;

    RAW_PRINT(raw, events, "room %d\n", stream->id);
}

static inline void raw_on_close(void *ctx, struct grpc_stream *stream) {
    struct raw *raw = ctx;

    raw_must(raw->open > 0);
    raw->open--;
    raw->closed++;
    RAW_PRINT(raw, events, "close %d\n", stream->id);
    if (raw->held == stream) {
        raw->held = NULL;
    }
}

static const struct grpc_server_events raw_events = {raw_on_open, raw_on_message, raw_on_end, raw_on_room,
                                                     raw_on_close};

static inline void raw_init(struct raw *raw) {
    const struct grpc_server_limits limits = {RAW_STREAMS, RAW_MESSAGE_MAX, RAW_FULL_AT};

    memset(raw, 0, sizeof(*raw));
    outbox_init(&raw->out, SIZE_MAX / 2);
    buf_init(&raw->input, SIZE_MAX / 2);
    buf_init(&raw->events, SIZE_MAX / 2);
    buf_init(&raw->frames, SIZE_MAX / 2);
    raw_must(nghttp2_hd_inflate_new(&raw->inflater) == 0);
    raw->server = grpc_server_new(&limits, &raw_events, raw);
    raw_must(raw->server != NULL);
}

static inline void raw_fini(struct raw *raw) {
    grpc_server_free(raw->server);
    raw_must(raw->open == 0 && raw->opened == raw->closed);
    nghttp2_hd_inflate_del(raw->inflater);
    outbox_fini(&raw->out);
    buf_fini(&raw->input);
    buf_fini(&raw->events);
    buf_fini(&raw->frames);
}

/* --- frames in --- */

static inline void raw_bytes(struct raw *raw, const void *data, size_t size) {
    raw_must(buf_append(&raw->input, data, size) == LARDER_OK);
}

static inline void raw_frame(struct raw *raw, unsigned type, unsigned flags, uint32_t id, const void *data,
                             size_t size) {
    const uint8_t header[RAW_FRAME_HEADER] = {
        (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size,      (uint8_t)type, (uint8_t)flags,
        (uint8_t)(id >> 24),   (uint8_t)(id >> 16),  (uint8_t)(id >> 8), (uint8_t)id,
    };

    raw_bytes(raw, header, sizeof(header));
    raw_bytes(raw, data, size);
}

static inline void raw_preface(struct raw *raw) {
    raw_bytes(raw, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    raw_frame(raw, NGHTTP2_SETTINGS, 0, 0, "", 0);
}

/* A length of HPACK's, of 7 bits and more (RFC 7541, 5.1). */
static inline void raw_length(struct buf *block, size_t size) {
    uint8_t byte = size < 127 ? (uint8_t)size : 127;

    raw_must(buf_append(block, &byte, 1) == LARDER_OK);
    if (size < 127) {
        return;
    }
    for (size -= 127; size >= 128; size >>= 7) {
        byte = (uint8_t)(size | 128);
        raw_must(buf_append(block, &byte, 1) == LARDER_OK);
    }
    byte = (uint8_t)size;
    raw_must(buf_append(block, &byte, 1) == LARDER_OK);
}

/* A field as a literal that goes into no table. */
static inline void raw_field(struct buf *block, struct slice name, struct slice value) {
    raw_must(buf_append(block, "", 1) == LARDER_OK);
    raw_length(block, name.size);
    raw_must(buf_append_slice(block, name) == LARDER_OK);
    raw_length(block, value.size);
    raw_must(buf_append_slice(block, value) == LARDER_OK);
}

/* Fields from text, "name: value" in lines; a name may begin with a colon. */
static inline void raw_fields(struct buf *block, const char *lines) {
    while (*lines != '\0') {
        const char *colon = strstr(lines + 1, ": ");
        const char *end = strchr(lines, '\n');

        raw_must(colon != NULL && end != NULL && colon < end);
        raw_field(block, slice_make(lines, (size_t)(colon - lines)), slice_make(colon + 2, (size_t)(end - colon - 2)));
        lines = end + 1;
    }
}

/* HEADERS with these fields. `flags`: NGHTTP2_FLAG_END_STREAM or 0. */
static inline void raw_headers(struct raw *raw, uint32_t id, unsigned flags, const char *lines) {
    struct buf block;

    buf_init(&block, 1 << 20);
    raw_fields(&block, lines);
    raw_frame(raw, NGHTTP2_HEADERS, flags | NGHTTP2_FLAG_END_HEADERS, id, block.data, block.size);
    buf_fini(&block);
}

#define RAW_HEAD(path)                                                                                                 \
    ":method: POST\n:scheme: http\n:path: " path "\n:authority: larder\nte: trailers\ncontent-type: "                  \
    "application/grpc\n"

/* DATA with one message of `size` bytes, whose prefix says `says` and begins with `flag`. */
static inline void raw_message_as(struct raw *raw, uint32_t id, unsigned flags, uint8_t flag, size_t says,
                                  size_t size) {
    char *data = calloc(1, size + GRPC_PREFIX_SIZE);

    raw_must(data != NULL);
    data[0] = (char)flag;
    for (int i = 0; i < 4; i++) {
        data[1 + i] = (char)(says >> (24 - 8 * i));
    }
    memset(data + GRPC_PREFIX_SIZE, 'm', size);
    raw_frame(raw, NGHTTP2_DATA, flags, id, data, size + GRPC_PREFIX_SIZE);
    free(data);
}

static inline void raw_message(struct raw *raw, uint32_t id, unsigned flags, size_t size) {
    raw_message_as(raw, id, flags, 0, size, size);
}

static inline void raw_number(struct raw *raw, unsigned type, uint32_t id, uint32_t number) {
    const uint8_t data[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};

    raw_frame(raw, type, 0, id, data, sizeof(data));
}

static inline void raw_reset(struct raw *raw, uint32_t id, uint32_t code) {
    raw_number(raw, NGHTTP2_RST_STREAM, id, code);
}

static inline void raw_window(struct raw *raw, uint32_t id, uint32_t size) {
    raw_number(raw, NGHTTP2_WINDOW_UPDATE, id, size);
}

static inline void raw_setting(struct raw *raw, uint16_t name, uint32_t value) {
    const uint8_t data[6] = {(uint8_t)(name >> 8),   (uint8_t)name,         (uint8_t)(value >> 24),
                             (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};

    raw_frame(raw, NGHTTP2_SETTINGS, 0, 0, data, sizeof(data));
}

/* --- frames out --- */

static inline uint32_t raw_u32(const char *data) {
    const uint8_t *at = (const uint8_t *)data;

    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void raw_log_fields(struct raw *raw, const char *data, size_t size) {
    const uint8_t *in = (const uint8_t *)data;
    int flags = 0;

    while ((flags & NGHTTP2_HD_INFLATE_FINAL) == 0) {
        nghttp2_nv field;
        ssize_t used = nghttp2_hd_inflate_hd2(raw->inflater, &field, &flags, in, size, 1);

        raw_must(used >= 0);
        in += used;
        size -= (size_t)used;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
            RAW_PRINT(raw, frames, " %.*s=%.*s", (int)field.namelen, (char *)field.name, (int)field.valuelen,
                      (char *)field.value);
        }
    }
    nghttp2_hd_inflate_end_headers(raw->inflater);
}

/* SETTINGS, their ACKs and WINDOW_UPDATEs are left out: they are in every transcript. */
static inline void raw_log_frame(struct raw *raw, const char *frame, size_t size) {
    const char *payload = frame + RAW_FRAME_HEADER;
    unsigned type = (uint8_t)frame[3];
    const char *end = (frame[4] & NGHTTP2_FLAG_END_STREAM) != 0 ? " END" : "";
    uint32_t id = raw_u32(frame + 5);

    switch (type) {
    case NGHTTP2_HEADERS:
        RAW_PRINT(raw, frames, "< HEADERS %u", id);
        raw_log_fields(raw, payload, size);
        RAW_PRINT(raw, frames, "%s\n", end);
        break;
    case NGHTTP2_DATA:
        RAW_PRINT(raw, frames, "< DATA %u %zu%s\n", id, size, end);
        break;
    case NGHTTP2_RST_STREAM:
        RAW_PRINT(raw, frames, "< RST_STREAM %u %s\n", id, nghttp2_http2_strerror(raw_u32(payload)));
        break;
    case NGHTTP2_GOAWAY:
        RAW_PRINT(raw, frames, "< GOAWAY %u %s\n", raw_u32(payload), nghttp2_http2_strerror(raw_u32(payload + 4)));
        break;
    case NGHTTP2_PING:
        RAW_PRINT(raw, frames, "< PING\n");
        break;
    default:
        break;
    }
}

/* Takes the whole frames out of the outbox and into the transcript. */
static inline void raw_take_output(struct raw *raw) {
    const char *data = raw->out.bytes.data;
    size_t left = raw->out.bytes.size;

    while (left > 0) {
        size_t size;

        raw_must(left >= RAW_FRAME_HEADER);
        size = raw_u32(data) >> 8;
        raw_must(left >= RAW_FRAME_HEADER + size);
        raw_log_frame(raw, data, size);
        data += RAW_FRAME_HEADER + size;
        left -= RAW_FRAME_HEADER + size;
    }
    outbox_clear(&raw->out, SIZE_MAX);
}

/* Sends what waits, as long as less than `most` bytes are in the outbox; returns whether there is more. */
static inline bool raw_write(struct raw *raw, size_t most) {
    bool more = true;

    (void)grpc_server_write(raw->server, &raw->out, most, &more);
    raw_take_output(raw);
    return more;
}

/* Feeds the frames in pieces of `step` bytes, with everything that is to be said written after each. False: the connection
 * has ended. */
static inline bool raw_run_in(struct raw *raw, size_t step) {
    bool good = true;

    for (size_t at = 0; at < raw->input.size && good; at += step) {
        size_t size = raw->input.size - at < step ? raw->input.size - at : step;
        char *exact = malloc(size); /* so that a checking allocator sees every step beyond it */

        raw_must(exact != NULL);
        memcpy(exact, raw->input.data + at, size);
        good = grpc_server_feed(raw->server, slice_make(exact, size));
        free(exact);
        (void)raw_write(raw, SIZE_MAX);
        good = good && !grpc_server_is_over(raw->server);
    }
    raw->input.size = 0;
    return good;
}

static inline bool raw_run(struct raw *raw) {
    return raw_run_in(raw, SIZE_MAX);
}

/* The transcript since the last time. */
static inline const char *raw_log(struct raw *raw) {
    raw_must(buf_append_slice(&raw->events, buf_slice(&raw->frames)) == LARDER_OK);
    raw_must(buf_append(&raw->events, "", 1) == LARDER_OK);
    raw->events.size = 0;
    raw->frames.size = 0;
    return raw->events.data;
}

#endif
