/* SPDX-License-Identifier: Apache-2.0 */
#include "session/grpc.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/grpc/server.h"
#include "rpc/rpc.h"
#include "session/slots.h"
#include "session/tracing.h"

enum { SPARE_CALLS_MAX = 64 /* that a worker keeps to be used again */ };

struct grpc_session {
    struct session *session;
    struct grpc_server *server;
    size_t counted; /* bytes of its memory that the node knows of */
    bool broken;    /* the client does not keep to the protocol, or has gone */
};

/* One call: rpc's, and the stream it came in on. */
struct grpc_rpc {
    struct rpc_call call; /* first */
    struct grpc_stream *stream;
    struct grpc_session *grpc;
    char *token; /* NULL: none */
    struct span *span;
    struct trace_scope *scope;
    struct grpc_rpc *next_spare;
};

static struct grpc_rpc *rpc_of(struct rpc_call *call) {
    return (struct grpc_rpc *)(void *)call;
}

/* --- what the calls answer --- */

/* Answers come in from a late reply, too: then somebody has to write them out. */
static void has_output(struct grpc_rpc *r) {
    struct session *s = r->grpc->session;

    if (!s->processing) {
        session_mark_ready(s);
    }
}

static char *place(struct rpc_call *call, size_t size) {
    struct grpc_rpc *r = rpc_of(call);
    char *room = grpc_stream_message(r->stream, size);

    if (room == NULL) {
        rpc_finish(call, ETCD_ERROR_ANSWER_TOO_LARGE);
    } else {
        has_output(r);
    }
    return room;
}

static void send_response(struct rpc_call *call, const ProtobufCMessage *response) {
    char *room = place(call, protobuf_c_message_get_packed_size(response));

    if (room != NULL) {
        protobuf_c_message_pack(response, (uint8_t *)room);
    }
}

static void finish(struct rpc_call *call, enum grpc_status status, struct slice text) {
    struct grpc_rpc *r = rpc_of(call);

    grpc_stream_finish(r->stream, status, text);
    session_trace_end_call(r->span, status, text);
    r->span = NULL;
    has_output(r);
}

static bool is_full(const struct rpc_call *call) {
    return grpc_stream_is_full(((const struct grpc_rpc *)(const void *)call)->stream);
}

static const struct rpc_transport transport = {
    .send = send_response, .place = place, .finish = finish, .is_full = is_full};

/* --- what the client says --- */

static struct grpc_rpc *take_call(struct session_worker *w) {
    struct grpc_rpc *r = w->spare_calls;

    if (r == NULL) {
        return calloc(1, sizeof(*r));
    }
    w->spare_calls = r->next_spare;
    w->spare_call_count--;
    *r = (struct grpc_rpc){0};
    return r;
}

static void give_call(struct session_worker *w, struct grpc_rpc *r) {
    free(r->token);
    session_trace_end_call(r->span, GRPC_CANCELLED, SLICE(""));
    trace_scope_unref(r->scope);
    if (w->spare_call_count >= SPARE_CALLS_MAX) {
        free(r);
        return;
    }
    r->next_spare = w->spare_calls;
    w->spare_calls = r;
    w->spare_call_count++;
}

static bool keep_token(struct grpc_rpc *r, struct slice token) {
    if (token.size > 0) {
        r->token = malloc(token.size);
        if (r->token == NULL) {
            return false;
        }
        memcpy(r->token, token.data, token.size);
        r->call.token = slice_make(r->token, token.size);
    }
    return true;
}

static void refuse(struct grpc_stream *stream, enum etcd_error error) {
    grpc_stream_finish(stream, etcd_error_status(error), etcd_error_text(error));
}

/* As grpc-go says it. */
static void refuse_method(struct grpc_stream *stream, struct slice path) {
    char text[160];
    int size = snprintf(text, sizeof(text), "unknown method %.*s", (int)(path.size < 100 ? path.size : 100), path.data);

    grpc_stream_finish(stream, GRPC_UNIMPLEMENTED, slice_make(text, (size_t)size));
}

static void on_open(void *ctx, struct grpc_stream *stream, const struct grpc_head *head) {
    struct grpc_session *g = ctx;
    struct session_worker *w = g->session->worker;
    const struct etcd_method *method = etcd_method_find(head->path);
    struct grpc_rpc *r;

    if (method == NULL) {
        refuse_method(stream, head->path);
        return;
    }
    r = take_call(w);
    if (r == NULL || !keep_token(r, head->token)) {
        free(r);
        refuse(stream, ETCD_ERROR_NO_MEMORY);
        return;
    }
    r->stream = stream;
    r->grpc = g;
    r->span = session_trace_begin_call(w, head, &r->scope);
    r->call.scope = r->scope;
    r->call.transport = &transport;
    stream->owner = r;
    rpc_open(&r->call, &w->rpc, method, head->timeout_ns);
}

static void on_message(void *ctx, struct grpc_stream *stream, struct slice message) {
    struct grpc_rpc *r = stream->owner;

    (void)ctx;
    if (r != NULL) {
        rpc_message_bytes(&r->call, message);
    }
}

static void on_end(void *ctx, struct grpc_stream *stream) {
    struct grpc_rpc *r = stream->owner;

    (void)ctx;
    if (r != NULL) {
        rpc_end(&r->call);
    }
}

static void on_room(void *ctx, struct grpc_stream *stream) {
    struct grpc_rpc *r = stream->owner;

    (void)ctx;
    if (r != NULL) {
        rpc_room(&r->call);
    }
}

static void on_close(void *ctx, struct grpc_stream *stream) {
    struct grpc_session *g = ctx;
    struct grpc_rpc *r = stream->owner;

    if (r != NULL) {
        rpc_close(&r->call);
        give_call(g->session->worker, r);
        stream->owner = NULL;
    }
}

static const struct grpc_server_events events = {
    .on_open = on_open,
    .on_message = on_message,
    .on_end = on_end,
    .on_room = on_room,
    .on_close = on_close,
};

/* --- the session --- */

static bool begin(struct session *s) {
    static const struct grpc_server_limits limits = {
        .max_streams = SESSION_GRPC_STREAMS_MAX,
        .max_message = SESSION_GRPC_MESSAGE_MAX,
        .full_at = SESSION_GRPC_FULL_AT,
    };
    struct grpc_session *g = calloc(1, sizeof(*g));

    if (g == NULL) {
        return false;
    }
    g->session = s;
    g->server = grpc_server_new(&limits, &events, g);
    if (g->server == NULL) {
        free(g);
        return false;
    }
    s->grpc = g;
    return true;
}

size_t session_grpc(struct session *s, struct slice input) {
    if (s->grpc == NULL && !begin(s)) {
        session_fail(s);
        return input.size;
    }
    if (input.size > 0 && !s->grpc->broken && !grpc_server_feed(s->grpc->server, input)) {
        s->grpc->broken = true;
    }
    return input.size;
}

/* Tells the node how much memory the connection takes now. */
static void count_memory(struct grpc_session *g, size_t bytes) {
    if (bytes != g->counted) {
        /* The difference may be negative: unsigned numbers wrap, and so does the sum. */
        atomic_fetch_add_explicit(&g->session->worker->context.node->grpc_memory, bytes - g->counted,
                                  memory_order_relaxed);
        g->counted = bytes;
    }
}

void session_grpc_settle(struct session *s) {
    struct grpc_session *g = s->grpc;
    struct outbox *out = session_outbox(s);
    bool more = false;
    bool good;

    if (out == NULL || s->failed) {
        return;
    }
    good = grpc_server_write(g->server, out, s->worker->max_output, &more);
    count_memory(g, grpc_server_memory(g->server));
    if (!good) {
        session_fail(s);
        return;
    }
    s->stalled = more;
    if (!more && (g->broken || grpc_server_is_over(g->server))) {
        s->over = true;
    }
}

size_t session_grpc_calls(const struct session *s) {
    return s->grpc != NULL ? grpc_server_calls(s->grpc->server) : 0;
}

void session_grpc_drain(struct session *s) {
    if (s->grpc != NULL) {
        grpc_server_drain(s->grpc->server);
        session_mark_ready(s);
    }
}

void session_grpc_free(struct session *s) {
    if (s->grpc != NULL) {
        s->processing = true; /* nobody is told of what the calls still say */
        grpc_server_free(s->grpc->server);
        count_memory(s->grpc, 0);
        free(s->grpc);
        s->grpc = NULL;
    }
}

void session_worker_free_calls(struct session_worker *w) {
    while (w->spare_calls != NULL) {
        struct grpc_rpc *r = w->spare_calls;

        w->spare_calls = r->next_spare;
        free(r);
    }
}
