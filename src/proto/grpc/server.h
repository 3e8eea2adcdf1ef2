/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_GRPC_SERVER_H
#define LARDER_PROTO_GRPC_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/outbox.h"
#include "proto/grpc/status.h"

/* The server's side of gRPC on one connection, without I/O (RFC 9113; github.com/grpc/grpc, "PROTOCOL-HTTP2.md"): bytes in,
 * calls out; answers in, bytes out. It knows neither methods nor messages. One thread uses it.
 *
 * The life of a call:
 *     on_open       its head has come
 *     on_message    each message the client sends, whole, in order; not after grpc_stream_finish
 *     on_end        the client will send no more; not after grpc_stream_finish
 *     on_room       a call that was full (grpc_stream_is_full) has room again; not after grpc_stream_finish
 *     on_close      the last: everything was sent, the client has given up, or the connection ends. Always once for
 *                   each on_open. The stream is gone afterwards
 *
 * What gRPC says is wrong with a call is answered here, without on_open (or, once it is open, with on_close alone): another
 * content type (HTTP status 415), another method than POST (405), a compressed message (UNIMPLEMENTED, with
 * grpc-accept-encoding: identity), a message over the limit (RESOURCE_EXHAUSTED), one that was cut off (INTERNAL). What is
 * wrong with the connection ends the connection (GOAWAY). */
struct grpc_server;

struct grpc_stream {
    struct grpc_server *server;
    void *owner; /* for whoever takes the events; NULL at first */
    int32_t id;
};

/* What a call begins with; slices are valid during on_open. */
struct grpc_head {
    struct slice path;        /* "/package.Service/Method" */
    struct slice authority;   /* what the client calls this server; may be empty */
    struct slice token;       /* metadata `token`, else `authorization`; may be empty */
    struct slice traceparent; /* W3C Trace Context; may be empty */
    struct slice tracestate;  /* likewise */
    int64_t timeout_ns;       /* grpc-timeout; 0: none was given */
    bool needs_leader; /* metadata `hasleader: true`: of etcd, to be refused while its member knows of no leader */
    bool is_nameless;  /* metadata `grpcgateway-accept`: of etcd, no certificate says who the caller is */
};

struct grpc_server_events {
    void (*on_open)(void *ctx, struct grpc_stream *stream, const struct grpc_head *head);
    void (*on_message)(void *ctx, struct grpc_stream *stream, struct slice message);
    void (*on_end)(void *ctx, struct grpc_stream *stream);
    void (*on_room)(void *ctx, struct grpc_stream *stream);
    void (*on_close)(void *ctx, struct grpc_stream *stream);
};

struct grpc_server_limits {
    uint32_t max_streams; /* calls at a time; the client is told */
    size_t max_message;   /* bytes of a message that comes in */
    size_t full_at;       /* bytes of answers that wait in one call before it is full */
};

/* NULL: out of memory. `events` and `ctx` outlive it. */
struct grpc_server *grpc_server_new(const struct grpc_server_limits *limits, const struct grpc_server_events *events,
                                    void *ctx);

/* Ends all calls (on_close) and frees it. NULL is allowed. */
void grpc_server_free(struct grpc_server *server);

/* Takes in what the client sent, all of it. False: the connection is broken or the client does not keep to the protocol;
 * all calls have ended, what grpc_server_write still gives is to be sent, then the connection closed. Some faults come to
 * light only as grpc_server_write says goodbye over them: ask grpc_server_is_over after it. */
bool grpc_server_feed(struct grpc_server *server, struct slice input);

/* Appends to `out` what is to be sent, as long as less than `most` bytes wait in it. *ret_more: there is more, which `most`
 * held back. False: no memory, the connection is broken. */
bool grpc_server_write(struct grpc_server *server, struct outbox *out, size_t most, bool *ret_more);

/* No new calls are taken (GOAWAY); those that are open go on. Twice is fine. */
void grpc_server_drain(struct grpc_server *server);

/* Calls that are open. */
size_t grpc_server_calls(const struct grpc_server *server);

/* Whether the connection has nothing more to do: it was drained or broken, and all its calls have ended. */
bool grpc_server_is_over(const struct grpc_server *server);

/* Bytes of memory that the connection takes, answers and messages that wait included. */
size_t grpc_server_memory(const struct grpc_server *server);

/* --- answers --- */

/* Room for a message of exactly `size` bytes, which the caller fills in before it calls anything else here. It will be
 * sent. NULL: no memory, or over what may wait (GRPC_STREAM_WAITING_MAX); nothing is added then. */
char *grpc_stream_message(struct grpc_stream *stream, size_t size);

/* Ends the call: `text` (UTF-8 or any bytes; percent-encoded here) goes with every status but OK. Not twice. on_close comes
 * later, never from inside this. */
void grpc_stream_finish(struct grpc_stream *stream, enum grpc_status status, struct slice text);

/* Whether so much waits in the call that nothing should be added until on_room. */
bool grpc_stream_is_full(const struct grpc_stream *stream);

enum { GRPC_STREAM_WAITING_MAX = 1 << 30 /* bytes of answers of one call that may wait */ };

#endif
