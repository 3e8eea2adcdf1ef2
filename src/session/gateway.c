/* SPDX-License-Identifier: Apache-2.0 */
#include "session/gateway.h"

#include <stdlib.h>

#include "base/json_scan.h"
#include "proto/grpc/timeout.h"
#include "session/tracing.h"

enum {
    JSON_DEPTH_MAX = 100,   /* objects and arrays in one another */
    WHY_MAX = 1 << 10,      /* bytes of a sentence on what is wrong with a message */
    ANSWER_SPARE = 4 << 10, /* of SESSION_REPLY_MAX, for the head of an answer */
};

/* --- the call of a session --- */

static bool keep_token(struct gateway_call *g, struct slice token) {
    if (token.size == 0) {
        return true;
    }
    g->token = malloc(token.size);
    if (g->token == NULL) {
        return false;
    }
    memcpy(g->token, token.data, token.size);
    g->call.token = slice_make(g->token, token.size);
    return true;
}

static struct gateway_call *new_call(struct session *s, const struct http_request *r,
                                     const struct etcd_method *method) {
    struct gateway_call *g = calloc(1, sizeof(*g));

    if (g == NULL || !keep_token(g, r->head.fields[HTTP_FIELD_AUTHORIZATION])) {
        free(g);
        return NULL;
    }
    g->call.transport = &gateway_transport;
    g->session = s;
    g->span = session_trace_take(s, method->path, &g->scope);
    g->call.scope = g->scope;
    g->form = http_form_of(&r->head);
    g->form.keep_alive &=
        !(g->form.old && method->server_streams); /* the end of the connection is that of the stream */
    buf_init(&g->body, SESSION_REPLY_MAX - ANSWER_SPARE);
    return g;
}

void session_gateway_free(struct session *s) {
    struct gateway_call *g = s->gateway;

    if (g != NULL) {
        s->gateway = NULL;
        rpc_close(&g->call);
        session_trace_end_call(g->span, GRPC_CANCELLED, SLICE(""));
        trace_scope_unref(g->scope);
        buf_fini(&g->body);
        free(g->token);
        free(g);
    }
}

bool session_gateway_is_waiting(const struct session *s) {
    return s->gateway != NULL && !s->gateway->call.finished && s->gateway->call.stream_place == NULL;
}

void session_gateway_settle(struct session *s) {
    if (s->gateway->call.finished || s->failed) {
        session_gateway_free(s);
    }
}

void http_session_gateway_resume(struct session *s) {
    struct gateway_call *g = s->gateway;

    if (!session_is_full(s)) {
        rpc_room(&g->call);
    } else if (g->begun) {
        s->stalled = true;
    }
    session_gateway_settle(s);
}

/* --- requests --- */

/* Takes one JSON value off the text; if it is none, all there is, for the reader to say what is wrong. */
static struct slice take_value(struct slice *text) {
    struct json_scanner scanner = json_scan(*text);
    struct slice raw;
    struct slice value = *text;
    enum json_token token = json_next(&scanner, &raw);

    if (token != JSON_TOKEN_END && json_skip(&scanner, token, JSON_DEPTH_MAX)) {
        value.size = (size_t)(scanner.at - text->data);
    }
    *text = slice_skip(*text, value.size);
    return value;
}

static bool is_blank(struct slice text) {
    for (size_t i = 0; i < text.size; i++) {
        if (memchr(" \t\r\n", text.data[i], 4) == NULL) {
            return false;
        }
    }
    return true;
}

/* A message, in the worker's scratch. NULL: it is none, and the call is finished. */
static ProtobufCMessage *read_message(struct gateway_call *g, struct slice json) {
    ProtobufCMessage *request;
    struct buf why;

    buf_init(&why, WHY_MAX);
    request = etcd_message_from_json(g->call.method->request, json, &g->call.worker->scratch, &why);
    if (request == NULL) {
        g->unread = true;
        rpc_fail(&g->call, GRPC_INVALID_ARGUMENT,
                 why.size > 0 ? buf_slice(&why) : SLICE("the request is no such message"));
    }
    buf_fini(&why);
    return request;
}

static void hand_in(struct gateway_call *g, struct slice json) {
    ProtobufCMessage *request = read_message(g, json);

    if (request != NULL) {
        rpc_message(&g->call, request);
    }
    arena_reset(&g->call.worker->scratch);
}

/* Nothing is done of what is not all good: the answers would come together with the error, in any order. */
static bool are_messages(struct gateway_call *g, struct slice body) {
    while (!g->call.finished && !is_blank(body)) {
        (void)read_message(g, take_value(&body));
        arena_reset(&g->call.worker->scratch);
    }
    return !g->call.finished;
}

/* A call with one request takes the first text of the body, as in etcd; what stands behind it has no meaning. */
static void hand_in_all(struct gateway_call *g, struct slice body) {
    if (!g->call.method->client_streams) {
        hand_in(g, take_value(&body));
    } else if (are_messages(g, body)) {
        while (!g->call.finished && !is_blank(body)) {
            hand_in(g, take_value(&body));
        }
    }
    rpc_end(&g->call);
    if (!g->call.asked) {
        g->unread = true;
        rpc_fail(&g->call, GRPC_INVALID_ARGUMENT, SLICE("the body has no request"));
    }
}

static void refuse(struct session *s, const struct http_request *r, unsigned status, struct slice text,
                   enum result result) {
    gateway_refuse(s, &r->ask, &(struct http_refusal){.status = status, .text = text, .result = result});
}

static void run(struct session *s, const struct http_request *r, const struct etcd_method *method, struct slice body) {
    struct slice timeout = r->head.fields[HTTP_FIELD_GRPC_TIMEOUT];
    int64_t timeout_ns = 0;
    struct gateway_call *g;

    if (timeout.size > 0 && !grpc_timeout_parse(timeout, &timeout_ns)) {
        refuse(s, r, 400, SLICE("Grpc-Timeout is not a timeout: at most 8 digits and one of H, M, S, m, u, n"),
               RESULT_INVALID);
        return;
    }
    g = new_call(s, r, method);
    if (g == NULL) {
        refuse(s, r, 507, etcd_error_text(ETCD_ERROR_NO_MEMORY), RESULT_NO_MEMORY);
        return;
    }
    s->gateway = g;
    rpc_open(&g->call, &s->worker->rpc, method, timeout_ns);
    hand_in_all(g, body);
    session_gateway_settle(s);
}

/* --- HTTP --- */

static bool take_version(struct slice *path) {
    static const struct slice versions[] = {SLICE("/v3/"), SLICE("/v3beta/"), SLICE("/v3alpha/")};

    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        if (slice_has_prefix(*path, versions[i])) {
            *path = slice_skip(*path, versions[i].size);
            return true;
        }
    }
    return false;
}

/* NULL: there is none. `path` is behind the version. etcd has three of the lease's methods under "kv/" as well. */
static const struct etcd_method *find_method(struct slice path) {
    static const struct slice also[] = {SLICE("kv/lease/revoke"), SLICE("kv/lease/timetolive"),
                                        SLICE("kv/lease/leases")};

    for (size_t i = 0; i < sizeof(also) / sizeof(also[0]); i++) {
        if (slice_equal(path, also[i])) {
            path = slice_skip(path, SLICE("kv/").size);
        }
    }
    return etcd_method_find_gateway(path);
}

static void take_body(struct session *s, struct http_request *r, struct slice body, struct placed_value *placed) {
    struct slice path = r->target.path;

    (void)placed;
    (void)take_version(&path);
    run(s, r, find_method(path), body);
}

static const struct http_body_use body_use = {
    .take = take_body,
    .refuse = gateway_refuse,
    .too_large = {"the body is larger than a request may be", sizeof("the body is larger than a request may be") - 1},
    .no_room = {"there is no room for the body", sizeof("there is no room for the body") - 1},
    .command = COMMAND_INVALID,
};

/* The whole body if it is there, else it is taken in as it comes. */
static enum http_progress read_body(struct session *s, struct http_request *r, const struct etcd_method *method,
                                    size_t *ret_taken) {
    bool chunked = r->head.body == HTTP_BODY_CHUNKED;
    uint64_t size = r->head.body == HTTP_BODY_LENGTH ? r->head.content_length : 0;

    if (size > GATEWAY_BODY_MAX) {
        telemetry_count(s->worker->context.telemetry, COUNTER_LIMIT_MAX_ITEM, 1);
        refuse(s, r, 413, body_use.too_large, RESULT_TOO_LARGE);
        return HTTP_ANSWERED;
    }
    r->ask.form = http_form_of(&r->head); /* no body is to be dropped */
    if (!chunked && size <= r->rest.size) {
        run(s, r, method, slice_make(r->rest.data, (size_t)size));
        *ret_taken = (size_t)size;
        return HTTP_TAKEN;
    }
    if (!http_session_body_begin(s, r, GATEWAY_BODY_MAX, &body_use, NULL)) {
        r->ask.form.keep_alive = false;
        refuse(s, r, 507, body_use.no_room, RESULT_NO_MEMORY);
        return HTTP_ANSWERED;
    }
    http_session_body_invite(s, r);
    *ret_taken = http_session_body_feed(s, r->rest);
    return HTTP_TAKEN;
}

/* A browser names the page that makes it send a POST. A page of somebody else's must not do so: it needs no leave to, as it
 * would for a PUT, and no answer to do harm. */
static bool is_of_another_origin(const struct http_request *r) {
    struct slice origin = r->head.fields[HTTP_FIELD_ORIGIN];
    struct slice host = r->target.authority.data != NULL ? r->target.authority : r->head.fields[HTTP_FIELD_HOST];

    if (origin.data == NULL) {
        return false;
    }
    if (slice_has_prefix(origin, SLICE("http://"))) {
        return !slice_equal(slice_skip(origin, SLICE("http://").size), host);
    }
    return !slice_has_prefix(origin, SLICE("https://")) ||
           !slice_equal(slice_skip(origin, SLICE("https://").size), host);
}

bool http_session_gateway(struct session *s, struct http_request *r, enum http_progress *ret_progress,
                          size_t *ret_taken) {
    struct slice path = r->target.path;
    const struct etcd_method *method;

    if (!take_version(&path)) {
        return false;
    }
    method = find_method(path);
    *ret_progress = HTTP_ANSWERED;
    if (method == NULL) {
        gateway_refuse_path(s, &r->ask, 404, SLICE("Not Found\n"));
    } else if (r->head.verb != HTTP_VERB_POST) {
        gateway_refuse_path(s, &r->ask, 405, SLICE("Method Not Allowed\n"));
    } else if (is_of_another_origin(r)) {
        refuse(s, r, 403, SLICE("pages of another origin may not call this node"), RESULT_INVALID);
    } else {
        *ret_progress = read_body(s, r, method, ret_taken);
    }
    return true;
}
