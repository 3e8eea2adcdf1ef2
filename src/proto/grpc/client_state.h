/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_GRPC_CLIENT_STATE_H
#define LARDER_PROTO_GRPC_CLIENT_STATE_H

#include "proto/grpc/client.h"
#include "proto/grpc/reader.h"
#include "proto/grpc/wire.h"

/* A call, from grpc_client_call to the end of its HTTP/2 stream. */
struct client_call {
    struct grpc_call call;    /* first: the two pointers are turned into each other */
    struct client_call *next; /* in client->calls or client->spare */
    struct client_call *previous;
    struct client_call *next_due; /* in client->due */
    bool is_due;                  /* something is to be done with it at the end of a write: on_room, or a reset */
    bool has_room;
    bool is_half_open; /* the server is through with it, and we have not said that we are */
    bool is_ended;     /* we add no more messages */
    bool is_cancelled; /* its owner gave it up */
    bool is_failed;    /* this room gave it up; status and text say why */
    bool is_paused;    /* `out` ran empty, nghttp2 waits to be told */
    bool is_full;
    bool is_held;    /* the server is to send no more for now */
    bool has_status; /* the server has said how it ended */
    unsigned http_status;
    enum grpc_status status;
    char *text; /* decoded, or NULL */
    size_t text_size;
    struct grpc_reader in;
    struct grpc_queue out;
};

struct grpc_client {
    struct grpc_wire wire;
    struct grpc_client_limits limits;
    const struct grpc_client_events *events;
    void *ctx;
    char *authority;
    size_t authority_size;
    struct client_call *calls; /* not ended, the newest first */
    size_t call_count;
    struct client_call *recent; /* the call that was looked up last, or NULL */
    struct client_call *spare;
    size_t spare_count;
    struct client_call *due;
    size_t partial_bytes; /* in the readers of all calls */
    size_t waiting_bytes; /* in the queues of all calls, beside what lies in their structs */
    size_t list_size;     /* of the header list that comes in */
    struct grpc_client_heard heard;
    bool is_broken; /* a GOAWAY may still be to send */
    bool is_dead;   /* not even that */
};

static inline struct client_call *client_call_of(struct grpc_call *call) {
    return (struct client_call *)(void *)call;
}

/* --- client_call.c: the structs of calls --- */

/* A call, linked into the client. NULL: out of memory. */
struct client_call *client_call_new(struct grpc_client *client);

/* Takes back a call that has not begun: no event. */
void client_call_take_back(struct client_call *call);

/* The end of a call: on_close with `status` and `text`, then its struct is put away. `keep` it as long as the client lives,
 * because nghttp2 may still look at it. */
void client_call_end(struct client_call *call, const struct grpc_end *end, bool keep);

/* The call of a stream, or NULL. */
struct client_call *client_call_find(struct grpc_client *client, int32_t id);

/* Gives up all memory of calls that nobody uses. */
void client_call_free_spare(struct grpc_client *client);

/* --- client_answer.c: what the server sends --- */

/* A field of an answer's header or trailer. */
void client_call_field(struct client_call *call, struct slice name, struct slice value);

/* Takes in bytes of the call's messages. */
void client_call_feed(struct client_call *call, struct slice input);

/* How a call ended whose stream was closed with an HTTP/2 error code. */
struct grpc_end client_call_verdict(const struct client_call *call, uint32_t error);

/* --- client_send.c --- */

/* Notes that something is to be done with the call at the end of a write. */
void client_call_due(struct client_call *call);

/* Gives the call up for a reason of this room's. */
void client_call_fail(struct client_call *call, enum grpc_status status, struct slice text);

/* An nghttp2_send_data_callback. */
int client_call_put_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header, size_t size,
                         nghttp2_data_source *source, void *user);

/* --- client_events.c: what nghttp2 reports --- */

/* The callbacks, for nghttp2_session_callbacks_del. 0 or an error of nghttp2's. */
int client_events_set(nghttp2_session_callbacks **ret_callbacks);

#endif
