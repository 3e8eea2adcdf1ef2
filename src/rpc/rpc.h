/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_RPC_H
#define LARDER_RPC_RPC_H

#include "cmd/context.h"
#include "proto/etcd/error.h"
#include "proto/etcd/message.h"
#include "proto/etcd/method.h"
#include "proto/etcd/rpc.pb-c.h"
#include "rpc/node.h"

/* A call of an RPC of etcd's API, whatever way it came in: gRPC or JSON. A transport (session/) opens it, hands in the
 * requests and takes the responses; a handler, one for each method (handlers.c), does the work. All of it happens on one
 * worker's thread.
 *
 *     rpc_open       by the transport, once the method is known
 *     rpc_message    each request. Of a method whose client does not stream: exactly one
 *     rpc_end        the client says no more
 *     rpc_room       is_full is no longer so
 *     rpc_close      always, the last: the handler lets go of all it has. What was begun in the store is done all the same
 *
 * A handler answers with rpc_send, any number of times, and rpc_finish, once; from inside the calls above or later, from
 * the worker's queue of late answers. After rpc_finish it is told nothing but rpc_close. */
struct rpc_call;
struct rpc_task;

struct rpc_transport {
    /* Takes a copy of the response. It may be lost if there is no memory; the transport then ends the call by itself. */
    void (*send)(struct rpc_call *call, const ProtobufCMessage *response);
    /* The end. `text` is valid during the call; empty for OK. It must not rpc_close from inside. */
    void (*finish)(struct rpc_call *call, enum grpc_status status, struct slice text);
    /* Room for a response of `size` bytes that is encoded already, by protobuf, as with `send`. NULL: no memory; the call is
     * then finished. The whole function is NULL where responses are not sent so. */
    char *(*place)(struct rpc_call *call, size_t size);
    /* Whether so much waits that nothing should be sent until rpc_room. */
    bool (*is_full)(const struct rpc_call *call);
};

/* What all calls of one worker share. */
struct rpc_worker {
    struct cmd_context *context; /* its time is set before every entry */
    struct rpc_node *node;
    struct arena scratch;    /* of the request at hand; see struct rpc_handler */
    struct rpc_task *spares; /* at rest, to be used again */
    unsigned spare_count;
    struct rpc_call *due_first; /* the calls that have a deadline, the next one first */
    struct rpc_call *due_last;
    struct watch_hub *watches;   /* NULL: there were none yet */
    struct permit_book *permits; /* likewise */
    struct rpc_call *streams;    /* see rpc_hold */
};

struct rpc_handler {
    /* A request, in call->worker->scratch. A handler that goes on later takes the arena over (rpc_task). */
    void (*message)(struct rpc_call *call, const ProtobufCMessage *request);
    void (*end)(struct rpc_call *call);  /* NULL: the call is finished with OK */
    void (*room)(struct rpc_call *call); /* NULL: it does not send that much */
    void (*tick)(
        struct rpc_call *call); /* of a call that rpc_hold was called for: once a second or so. NULL: nothing */
    void (*stop)(
        struct rpc_call *call); /* of a call that rpc_hold was called for: lets go of the store. NULL: nothing */
    void (*close)(struct rpc_call *call); /* frees call->state; NULL: there is none */
};

struct rpc_call {
    const struct etcd_method *method;
    const struct rpc_handler *handler;
    const struct rpc_transport *transport;
    struct rpc_worker *worker;
    void *state;               /* the handler's; NULL at first */
    struct rpc_task *task;     /* that works for it; NULL: none */
    struct slice token;        /* who asks, for auth; the transport's, as long as the call */
    struct trace_scope *scope; /* likewise; what is done for it is done within this. NULL: nobody follows it */
    int64_t start_ns;          /* when the request came */
    int64_t deadline_ns;       /* monotonic; 0: none */
    struct rpc_call *due_next;
    struct rpc_call *due_previous;
    struct rpc_call *stream_next; /* rpc_hold */
    struct rpc_call **stream_place;
    bool asked; /* a request has come */
    bool ended; /* the client says no more */
    bool finished;
};

/* All of it outlives the worker. */
void rpc_worker_init(struct rpc_worker *w, struct cmd_context *context, struct rpc_node *node);

/* All its calls are closed, and the queue of late answers has run. */
void rpc_worker_fini(struct rpc_worker *w);

/* `timeout_ns` 0: none. The transport has filled in `transport` and `token`. */
void rpc_open(struct rpc_call *call, struct rpc_worker *worker, const struct etcd_method *method, int64_t timeout_ns);

/* `bytes` are a message of the method's request type, by protobuf. One that is not ends the call with an error. */
void rpc_message_bytes(struct rpc_call *call, struct slice bytes);

/* The same, decoded already, in worker->scratch. */
void rpc_message(struct rpc_call *call, const ProtobufCMessage *request);
void rpc_end(struct rpc_call *call);
void rpc_room(struct rpc_call *call);
void rpc_close(struct rpc_call *call);

/* --- for handlers --- */

void rpc_send(struct rpc_call *call, const ProtobufCMessage *response);

/* ETCD_OK, or why not. */
void rpc_finish(struct rpc_call *call, enum etcd_error error);

/* The same with a text of one's own. */
void rpc_fail(struct rpc_call *call, enum grpc_status status, struct slice text);

/* Sends the one response and finishes. */
void rpc_answer(struct rpc_call *call, const ProtobufCMessage *response);

/* Puts the call among those that the node ends by itself when it drains (rpc_end_streams): it would not end otherwise. It
 * stays there until it is closed, because a finished call may still hold something of the store. Calls whose client streams
 * are there from the beginning. Twice is fine. */
void rpc_hold(struct rpc_call *call);

/* Once a second or so. */
void rpc_tick(struct rpc_worker *w);

/* Ends those, because the node stops. */
void rpc_end_streams(struct rpc_worker *w);

/* What a status of the store is in etcd's API. */
enum etcd_error rpc_error_of(enum store_status status);

/* The header that every response has; `revision` as of which it was answered. */
Etcdserverpb__ResponseHeader rpc_header(const struct rpc_worker *w, int64_t revision);

/* --- deadlines --- */

/* When the next call's deadline passes, INT64_MAX: none. Whoever has the loop calls rpc_expire then. */
int64_t rpc_next_deadline(const struct rpc_worker *w);

/* Ends all calls whose deadline has passed. */
void rpc_expire(struct rpc_worker *w);

#endif
