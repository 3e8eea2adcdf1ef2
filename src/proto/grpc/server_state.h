/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_GRPC_SERVER_STATE_H
#define LARDER_PROTO_GRPC_SERVER_STATE_H

#include "proto/grpc/bucket.h"
#include "proto/grpc/head.h"
#include "proto/grpc/reader.h"
#include "proto/grpc/server.h"
#include "proto/grpc/wire.h"

/* A call. Its struct lives from its head to the end of its HTTP/2 stream; afterwards it waits for the next call, or is
 * freed. */
struct server_call {
    struct grpc_stream stream; /* first: the two pointers are turned into each other */
    struct server_call *next;  /* in server->calls or server->spare */
    struct server_call *previous;
    struct server_call *next_roomy; /* in server->roomy */
    bool is_ended;                  /* the client sends no more than the frame that is coming in */
    bool is_finished;               /* nothing is added any more; status and text say how it ended */
    bool is_refused;                /* finished by this room, which its owner does not know yet */
    bool is_answering;              /* its response headers are on their way, and `out` is read */
    bool is_paused;                 /* `out` ran empty, nghttp2 waits to be told */
    bool is_closing;                /* its trailers are on their way */
    bool is_full;
    bool is_roomy;    /* in server->roomy */
    bool takes_turns; /* see GRPC_TURNS_FROM */
    enum grpc_status status;
    char *text; /* percent-encoded, or NULL */
    size_t text_size;
    struct grpc_reader in;
    struct grpc_queue out;
};

struct grpc_server {
    struct grpc_wire wire;
    struct grpc_server_limits limits;
    const struct grpc_server_events *events;
    void *ctx;
    struct server_call *calls; /* open, the newest first */
    size_t call_count;
    struct server_call *recent; /* the call that was looked up last, or NULL */
    struct server_call *spare;  /* for the next calls */
    size_t spare_count;
    struct server_call *roomy; /* calls that were full and are to hear of room */
    size_t partial_bytes;      /* in the readers of all calls */
    size_t waiting_bytes;      /* in the queues of all calls, beside what lies in their structs */
    struct grpc_head_reader head;
    struct grpc_bucket resets;
    unsigned continuations; /* of the header block that comes in */
    unsigned idle_frames;   /* without use, since the last one that was of use */
    bool is_draining;
    bool is_broken; /* a GOAWAY may still be to send */
    bool is_dead;   /* not even that */
};

static inline struct server_call *call_of(struct grpc_stream *stream) {
    return (struct server_call *)(void *)stream;
}

/* --- server_call.c: the structs of calls --- */

/* A call, linked into the server. NULL: out of memory. */
struct server_call *server_call_new(struct grpc_server *server, int32_t id);

/* The end of a call: on_close, then its struct is put away. `keep` it as long as the server lives, because nghttp2 may
 * still look at it. */
void server_call_end(struct server_call *call, bool keep);

/* The call of a stream; NULL: none, or one that was refused from the start. */
struct server_call *server_call_find(struct grpc_server *server, int32_t id);

/* Gives up all memory of calls that nobody uses. */
void server_call_free_spare(struct grpc_server *server);

/* --- server_input.c: what the client sends --- */

/* Takes in bytes of the call's messages. */
void server_call_feed(struct server_call *call, struct slice input);

/* The client will send no more. */
void server_call_end_input(struct server_call *call);

/* --- server_answer.c --- */

/* Ends a call from inside this room. */
void server_call_refuse(struct server_call *call, enum grpc_status status, struct slice text);

/* An nghttp2_send_data_callback. */
int server_call_put_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header, size_t size,
                         nghttp2_data_source *source, void *user);

/* --- server_events.c: what nghttp2 reports --- */

/* The callbacks, for nghttp2_session_callbacks_del. 0 or an error of nghttp2's. */
int server_events_set(nghttp2_session_callbacks **ret_callbacks);

#endif
