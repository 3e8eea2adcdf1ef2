/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_PROTO_GRPC_PAIR_H
#define LARDER_TESTS_PROTO_GRPC_PAIR_H

#include <stdio.h>
#include <stdlib.h>

#include "proto/grpc/client.h"
#include "proto/grpc/server.h"

/* Our client and our server, connected by memory. What either hears is written into a transcript.
 *
 * The calls that the server knows, by path:
 *     /echo    each message comes back at once; OK at the end
 *     /hold    nothing: the test answers, through pair->held
 *     /early   ends after the first message, with ABORTED, whatever the client still sends
 *     /fail    ends at once with NOT_FOUND and a text */
struct pair {
    struct grpc_server *server;
    struct grpc_client *client;
    struct outbox to_server;
    struct outbox to_client;
    size_t step; /* bytes that are handed over at a time */
    struct grpc_stream *held;
    struct buf log;
    size_t calls; /* grpc_client_call less on_close */
    size_t streams;
    uint64_t sum; /* of the bytes of all messages that the client got */
    enum grpc_status last_status;
    bool last_untouched;
};

enum { PAIR_MESSAGE_MAX = 1 << 20, PAIR_FULL_AT = 64 << 10, PAIR_STREAMS = 20, PAIR_MOST = 1 << 16 };

static inline void pair_must(bool good) {
    if (!good) {
        abort();
    }
}

#define PAIR_LOG(pair, ...) pair_must(buf_printf(&(pair)->log, __VA_ARGS__) == LARDER_OK)

static inline void pair_server_open(void *ctx, struct grpc_stream *stream, const struct grpc_head *head) {
    struct pair *pair = ctx;

    pair->streams++;
    stream->owner = (void *)(uintptr_t)(unsigned char)head->path.data[1];
    PAIR_LOG(pair, "server: open %.*s by %.*s", (int)head->path.size, head->path.data, (int)head->authority.size,
             head->authority.data);
    if (head->token.size > 0 || head->timeout_ns > 0) {
        PAIR_LOG(pair, " %.*s %lld", (int)head->token.size, head->token.data, (long long)head->timeout_ns);
    }
    PAIR_LOG(pair, "%s%s", head->needs_leader ? " hasleader" : "", head->is_nameless ? " nameless" : "");
    PAIR_LOG(pair, "%s%.*s\n", head->traceparent.size > 0 ? " " : "", (int)head->traceparent.size,
             head->traceparent.data);
    if (head->path.data[1] == 'h') {
        pair->held = stream;
    } else if (head->path.data[1] == 'f') {
        grpc_stream_finish(stream, GRPC_NOT_FOUND, SLICE("100% \xc3\xa9\n"));
    }
}

static inline void pair_server_message(void *ctx, struct grpc_stream *stream, struct slice message) {
    struct pair *pair = ctx;
    char *copy;

    PAIR_LOG(pair, "server: message %zu\n", message.size);
    if ((uintptr_t)stream->owner == 'e') {
        copy = grpc_stream_message(stream, message.size);
        pair_must(copy != NULL);
        if (message.size > 0) {
            memcpy(copy, message.data, message.size);
        }
    } else if ((uintptr_t)stream->owner == 'a') {
        grpc_stream_finish(stream, GRPC_ABORTED, SLICE("early"));
    }
}

static inline void pair_server_end(void *ctx, struct grpc_stream *stream) {
    struct pair *pair = ctx;

    PAIR_LOG(pair, "server: end\n");
    if ((uintptr_t)stream->owner == 'e') {
        grpc_stream_finish(stream, GRPC_OK, SLICE(""));
    }
}

static inline void pair_server_room(void *ctx, struct grpc_stream *stream) {
    struct pair *pair = ctx;

    (void)stream;
    PAIR_LOG(pair, "server: room\n");
}

static inline void pair_server_close(void *ctx, struct grpc_stream *stream) {
    struct pair *pair = ctx;

    pair_must(pair->streams > 0);
    pair->streams--;
    PAIR_LOG(pair, "server: close\n");
    if (pair->held == stream) {
        pair->held = NULL;
    }
}

static inline void pair_client_message(void *ctx, struct grpc_call *call, struct slice message) {
    struct pair *pair = ctx;

    PAIR_LOG(pair, "client: message %d %zu\n", call->id, message.size);
    for (size_t i = 0; i < message.size; i++) {
        pair->sum += (unsigned char)message.data[i];
    }
}

static inline void pair_client_room(void *ctx, struct grpc_call *call) {
    struct pair *pair = ctx;

    PAIR_LOG(pair, "client: room %d\n", call->id);
}

static inline void pair_client_close(void *ctx, struct grpc_call *call, const struct grpc_end *end) {
    struct pair *pair = ctx;

    pair_must(pair->calls > 0);
    pair->calls--;
    pair->last_status = end->status;
    pair->last_untouched = end->untouched;
    PAIR_LOG(pair, "client: close %d %d %.*s%s\n", call->id, (int)end->status, (int)end->text.size, end->text.data,
             end->untouched ? " (untouched)" : "");
}

static const struct grpc_server_events pair_server_events = {pair_server_open, pair_server_message, pair_server_end,
                                                             pair_server_room, pair_server_close};
static const struct grpc_client_events pair_client_events = {pair_client_message, pair_client_room, pair_client_close};

static inline void pair_init(struct pair *pair) {
    const struct grpc_server_limits server = {PAIR_STREAMS, PAIR_MESSAGE_MAX, PAIR_FULL_AT};
    const struct grpc_client_limits client = {PAIR_MESSAGE_MAX, PAIR_FULL_AT};

    memset(pair, 0, sizeof(*pair));
    outbox_init(&pair->to_server, SIZE_MAX / 2);
    outbox_init(&pair->to_client, SIZE_MAX / 2);
    buf_init(&pair->log, SIZE_MAX / 2);
    pair->step = SIZE_MAX;
    pair->server = grpc_server_new(&server, &pair_server_events, pair);
    pair->client = grpc_client_new(&client, SLICE("larder:2379"), &pair_client_events, pair);
    pair_must(pair->server != NULL && pair->client != NULL);
}

static inline void pair_fini(struct pair *pair) {
    grpc_client_free(pair->client);
    grpc_server_free(pair->server);
    pair_must(pair->calls == 0 && pair->streams == 0);
    outbox_fini(&pair->to_server);
    outbox_fini(&pair->to_client);
    buf_fini(&pair->log);
}

/* One way; false: nothing was on it. */
static inline bool pair_carry(struct pair *pair, bool up) {
    struct outbox *out = up ? &pair->to_server : &pair->to_client;
    struct slice all;
    bool more;

    if (up) {
        (void)grpc_client_write(pair->client, out, PAIR_MOST, &more);
    } else {
        (void)grpc_server_write(pair->server, out, PAIR_MOST, &more);
    }
    all = buf_slice(&out->bytes);
    for (size_t at = 0; at < all.size; at += pair->step) {
        size_t size = all.size - at < pair->step ? all.size - at : pair->step;

        if (up) {
            (void)grpc_server_feed(pair->server, slice_make(all.data + at, size));
        } else {
            (void)grpc_client_feed(pair->client, slice_make(all.data + at, size));
        }
        if (all.size - at <= pair->step) {
            break;
        }
    }
    outbox_clear(out, SIZE_MAX);
    return all.size > 0;
}

/* Until both have nothing more to say. */
static inline void pair_run(struct pair *pair) {
    bool some;

    do {
        some = pair_carry(pair, true);
        some |= pair_carry(pair, false);
    } while (some);
}

static inline struct grpc_call *pair_call(struct pair *pair, const char *path) {
    struct grpc_call *call = grpc_client_call(pair->client, slice_from_string(path), &(struct grpc_call_options){0});

    pair->calls += call != NULL;
    return call;
}

static inline void pair_send(struct grpc_call *call, size_t size) {
    char *message = grpc_call_message(call, size);

    pair_must(message != NULL);
    memset(message, 'c', size);
}

/* The transcript since the last time. */
static inline const char *pair_log(struct pair *pair) {
    pair_must(buf_append(&pair->log, "", 1) == LARDER_OK);
    pair->log.size = 0;
    return pair->log.data;
}

#endif
