/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_GRPC_CLIENT_H
#define LARDER_PROTO_GRPC_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/outbox.h"
#include "proto/grpc/status.h"

/* The client's side of gRPC on one connection, without I/O, the mirror of server.h: calls in, bytes out; bytes in, answers
 * out. It knows neither methods nor messages nor time: whoever calls keeps the deadlines (grpc_call_cancel). One thread
 * uses it.
 *
 * The life of a call, from grpc_client_call on:
 *     on_message    each message the server sends, whole, in order; not after grpc_call_cancel
 *     on_room       a call that was full (grpc_call_is_full) has room again; not after grpc_call_cancel
 *     on_close      the last: how it ended. Always once for each call, never from inside a function on the call. The call
 *                   is gone afterwards
 *
 * Everything here may be called from inside the events, but grpc_client_feed, grpc_client_write and grpc_client_free. */
struct grpc_client;

struct grpc_call {
    struct grpc_client *client;
    void *owner; /* for whoever takes the events */
    int32_t id;
};

/* How a call ended. */
struct grpc_end {
    enum grpc_status
        status;        /* UNAVAILABLE: also when the connection ended first; CANCELLED: also after grpc_call_cancel */
    struct slice text; /* what the server said, decoded, else ours; valid during on_close */
    bool untouched;    /* the server has not looked at the call: to send it again elsewhere cannot do it twice */
};

struct grpc_client_events {
    void (*on_message)(void *ctx, struct grpc_call *call, struct slice message);
    void (*on_room)(void *ctx, struct grpc_call *call); /* may be NULL */
    void (*on_close)(void *ctx, struct grpc_call *call, const struct grpc_end *end);
};

struct grpc_client_limits {
    size_t max_message; /* bytes of a message that comes in; a longer one ends its call with RESOURCE_EXHAUSTED */
    size_t full_at;     /* bytes that wait in one call before it is full */
};

/* `authority`: what the server is called, "host:port"; copied. `events` and `ctx` outlive it. NULL: out of memory. */
struct grpc_client *grpc_client_new(const struct grpc_client_limits *limits, struct slice authority,
                                    const struct grpc_client_events *events, void *ctx);

/* Ends all calls (on_close with UNAVAILABLE) and frees it. NULL is allowed. */
void grpc_client_free(struct grpc_client *client);

/* Takes in what the server sent, all of it. False: the connection is broken or the server does not keep to the protocol;
 * all calls have ended (on_close), what grpc_client_write still gives is to be sent, then the connection closed. Some
 * faults come to light only as grpc_client_write says goodbye over them: ask grpc_client_is_over after it. */
bool grpc_client_feed(struct grpc_client *client, struct slice input);

/* Appends to `out` what is to be sent, as long as less than `most` bytes wait in it. *ret_more: there is more, which `most`
 * held back. False: no memory, the connection is broken. Nothing is sent before the first write, which begins with the
 * connection's preface. */
bool grpc_client_write(struct grpc_client *client, struct outbox *out, size_t most, bool *ret_more);

/* Whether new calls are taken: not after the server's GOAWAY, nor on a broken connection, nor when the numbers of streams
 * are used up. Open calls go on (but those that the server has not taken, which end as untouched). */
bool grpc_client_is_open(const struct grpc_client *client);

/* Whether the connection has nothing more to do: grpc_client_is_open is false, and all calls have ended. */
bool grpc_client_is_over(const struct grpc_client *client);

/* Calls that have not ended. */
size_t grpc_client_calls(const struct grpc_client *client);

/* Calls that may be open at a time; more wait here until there is room. Until the server has said how many, 100 are
 * assumed; those that were too many end as untouched. */
uint32_t grpc_client_max_calls(const struct grpc_client *client);

/* Sends a PING (RFC 9113, 6.7) with the next write. False: no memory, or the connection is broken. */
bool grpc_client_ping(struct grpc_client *client);

/* What has come, to see whether the server lives. */
struct grpc_client_heard {
    uint64_t pongs;  /* answers to pings */
    uint64_t frames; /* HEADERS and DATA, whole ones */
};

struct grpc_client_heard grpc_client_heard(const struct grpc_client *client);

/* Bytes of memory that the connection takes, messages that wait included. */
size_t grpc_client_memory(const struct grpc_client *client);

/* What goes along with a call; all zero is nothing. */
struct grpc_call_options {
    struct slice token; /* metadata `token`, if it is not empty; may go after the call has begun */
    int64_t timeout_ns; /* above 0: grpc-timeout */
    bool has_leader;    /* metadata `hasleader: true`: a member of etcd's without a leader refuses */
    /* Metadata `grpcgateway-accept`, as etcd's own gateway sends it: to an etcd with --client-cert-auth, a call without a token
     * is then nobody's. Else it is that of the user who has the Common Name of our certificate. */
    bool is_nameless;
    /* Metadata of those names (W3C Trace Context), each if it is not empty; may go after the call has begun. */
    struct slice traceparent, tracestate;
};

/* Begins a call. `path` is "/package.Service/Method", and may go after this. NULL: no memory, or grpc_client_is_open is
 * false. */
struct grpc_call *grpc_client_call(struct grpc_client *client, struct slice path,
                                   const struct grpc_call_options *options);

/* Room for a message of exactly `size` bytes, which the caller fills in before it calls anything else here. It will be
 * sent. NULL: no memory, or over what may wait (GRPC_CALL_WAITING_MAX); nothing is added then. Not after
 * grpc_call_end_sending or grpc_call_cancel. */
char *grpc_call_message(struct grpc_call *call, size_t size);

/* No more messages will come from here. Twice is fine. */
void grpc_call_end_sending(struct grpc_call *call);

/* Gives the call up; no event but on_close comes after this. Twice is fine. */
void grpc_call_cancel(struct grpc_call *call);

/* Lets the server send no more in this call than what it has leave for already (GRPC_CLIENT_STREAM_WINDOW in limits.h), until it
 * shall go on; other calls do not wait. False: no memory, the connection is broken. Twice is fine. */
bool grpc_call_hold(struct grpc_call *call);
bool grpc_call_go_on(struct grpc_call *call);

/* Whether so much waits in the call that nothing should be added until on_room. */
bool grpc_call_is_full(const struct grpc_call *call);

enum { GRPC_CALL_WAITING_MAX = 1 << 30 /* bytes of one call that may wait */ };

#endif
