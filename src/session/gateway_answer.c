/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/stream.h"
#include "session/gateway.h"
#include "session/slots.h"
#include "session/tracing.h"

/* What calls that came in by JSON answer: a call with one response as one body, the others as a stream of JSON texts, one a
 * line, each in a chunk of its own that goes out at once. */

static struct gateway_call *gateway_of(struct rpc_call *call) {
    return (struct gateway_call *)(void *)call;
}

/* A late answer must be written out by somebody. */
static void has_output(struct session *s) {
    if (!s->processing) {
        session_mark_ready(s);
    }
}

static void begin_head(struct gateway_call *g, struct http_answer *a, struct outbox *out) {
    http_answer_begin(a, out, &g->form, 200);
    http_answer_line(a, http_session_date(g->session));
    http_answer_line(a, SLICE("Content-Type: application/json\r\nGrpc-Metadata-Content-Type: application/grpc\r\n"));
}

/* --- one response --- */

static void keep_body(struct gateway_call *g, const ProtobufCMessage *response) {
    enum larder_error error = etcd_message_to_json(response, &g->body);

    if (error != LARDER_OK) {
        rpc_finish(&g->call, error == LARDER_ERROR_LIMIT ? ETCD_ERROR_ANSWER_TOO_LARGE : ETCD_ERROR_NO_MEMORY);
    }
}

static enum larder_error write_body(struct gateway_call *g, struct outbox *out) {
    struct http_answer a;

    begin_head(g, &a, out);
    return http_answer_body(&a, buf_slice(&g->body));
}

/* --- streams --- */

static enum larder_error begin_stream(struct gateway_call *g, struct outbox *out) {
    struct http_answer a;

    if (g->begun) {
        return LARDER_OK;
    }
    g->begun = true;
    begin_head(g, &a, out);
    return http_answer_stream(&a);
}

static enum larder_error append_result(struct buf *out, const ProtobufCMessage *response) {
    enum larder_error error = buf_append_slice(out, SLICE("{\"result\":"));

    if (error == LARDER_OK) {
        error = etcd_message_to_json(response, out);
    }
    return error == LARDER_OK ? buf_append_slice(out, SLICE("}\n")) : error;
}

static enum larder_error write_result(struct gateway_call *g, struct outbox *out, const ProtobufCMessage *response) {
    size_t mark;
    enum larder_error error = http_stream_open(out, &g->form, &mark);

    if (error != LARDER_OK) {
        return error;
    }
    error = append_result(&out->bytes, response);
    if (error != LARDER_OK) {
        http_stream_cancel(out, mark);
        return error;
    }
    return http_stream_close(out, &g->form, mark);
}

static void send_result(struct gateway_call *g, const ProtobufCMessage *response) {
    struct session *s = g->session;
    struct outbox *out = session_outbox(s);
    enum larder_error error;

    if (out == NULL) {
        return;
    }
    session_check(s, begin_stream(g, out));
    if (s->failed) {
        return;
    }
    error = write_result(g, out, response);
    if (error != LARDER_OK) {
        rpc_finish(&g->call, error == LARDER_ERROR_LIMIT ? ETCD_ERROR_ANSWER_TOO_LARGE : ETCD_ERROR_NO_MEMORY);
    }
    if (session_is_full(s)) {
        s->stalled = true; /* and so resumed when there is room */
    }
}

static enum larder_error write_stream_error(struct gateway_call *g, struct outbox *out, enum grpc_status status,
                                            struct slice text) {
    size_t mark;
    enum larder_error error = http_stream_open(out, &g->form, &mark);

    if (error == LARDER_OK) {
        error = gateway_append_stream_error(&out->bytes, status, text);
    }
    return error == LARDER_OK ? http_stream_close(out, &g->form, mark) : error;
}

static enum larder_error end_stream(struct gateway_call *g, struct outbox *out, enum grpc_status status,
                                    struct slice text) {
    enum larder_error error = begin_stream(g, out);

    if (error == LARDER_OK && status != GRPC_OK) {
        error = write_stream_error(g, out, status, text);
    }
    return error == LARDER_OK ? http_stream_end(out, &g->form) : error;
}

/* --- both --- */

static void send_response(struct rpc_call *call, const ProtobufCMessage *response) {
    struct gateway_call *g = gateway_of(call);

    if (g->session->failed) {
        return;
    }
    if (call->method->server_streams) {
        send_result(g, response);
        has_output(g->session);
    } else {
        keep_body(g, response);
    }
}

/* The error of a stream that has not begun is one body, with the status that goes with it. */
static enum larder_error refuse_stream(struct gateway_call *g, struct outbox *out, enum grpc_status status,
                                       struct slice text) {
    struct http_answer a;
    struct buf body;
    enum larder_error error;

    buf_init(&body, SESSION_REPLY_MAX);
    error = gateway_append_stream_error(&body, status, text);
    if (error == LARDER_OK) {
        http_answer_begin(&a, out, &g->form, gateway_http_status(status));
        http_answer_line(&a, http_session_date(g->session));
        http_answer_line(&a, SLICE("Content-Type: application/json\r\n"));
        error = http_answer_body(&a, buf_slice(&body));
    }
    buf_fini(&body);
    return error;
}

static enum larder_error write_end(struct gateway_call *g, struct outbox *out, enum grpc_status status,
                                   struct slice text) {
    if (!g->call.method->server_streams || g->unread) {
        return status == GRPC_OK
                   ? write_body(g, out)
                   : gateway_write_error(g->session, out, &g->form, gateway_http_status(status), status, text);
    }
    return status != GRPC_OK && !g->begun ? refuse_stream(g, out, status, text) : end_stream(g, out, status, text);
}

static void finish(struct rpc_call *call, enum grpc_status status, struct slice text) {
    struct gateway_call *g = gateway_of(call);
    struct session *s = g->session;
    struct outbox *out = s->failed ? NULL : session_outbox(s);

    if (out != NULL) {
        session_check(s, write_end(g, out, status, text));
    }
    session_trace_end_call(g->span, status, text);
    g->span = NULL;
    if (!g->form.keep_alive) {
        s->over = true;
    }
    if (!s->processing && !s->over) {
        s->waiting = false;
        s->stalled = true; /* what came behind it may go on */
    }
    has_output(s);
}

static bool is_full(const struct rpc_call *call) {
    return session_is_full(((const struct gateway_call *)(const void *)call)->session);
}

const struct rpc_transport gateway_transport = {.send = send_response, .finish = finish, .is_full = is_full};
