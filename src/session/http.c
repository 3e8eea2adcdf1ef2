/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/http.h"

#include "session/internal.h"

#define TEXT_PLAIN SLICE("text/plain; charset=utf-8")
#define APPLICATION_JSON SLICE("application/json")
#define PROMETHEUS_TEXT SLICE("text/plain; version=0.0.4; charset=utf-8")

enum { METRICS_MAX = 48 << 20 /* 256 groups that have seen every command and result */ };

/* Answers a route; `body` is lent for texts that are made up on the spot. */
typedef void route_fn(struct session *s, struct http_answer *answer, struct buf *body);

static void not_found(struct session *s, struct http_answer *answer, struct buf *body) {
    (void)s;
    (void)body;
    answer->status = 404;
    answer->content_type = APPLICATION_JSON;
    answer->body = SLICE("{\"code\":404,\"message\":\"no such route; there are /metrics, /healthz, /readyz and "
                         "/version\"}\n");
}

static void show_metrics(struct session *s, struct http_answer *answer, struct buf *body) {
    if (cmd_metrics(&s->worker->context, body) != LARDER_OK) {
        answer->status = 500;
        answer->body = SLICE("the text of the metrics found no room: out of memory, or over its limit\n");
        return;
    }
    answer->content_type = PROMETHEUS_TEXT;
    answer->body = buf_slice(body);
}

static void show_health(struct session *s, struct http_answer *answer, struct buf *body) {
    (void)s;
    (void)body;
    answer->body = SLICE("ok\n");
}

static void show_readiness(struct session *s, struct http_answer *answer, struct buf *body) {
    (void)body;
    answer->body = SLICE("ready\n");
    if (atomic_load(&s->worker->context.node->draining)) {
        answer->status = 503;
        answer->body = SLICE("draining\n");
    }
}

static void show_version(struct session *s, struct http_answer *answer, struct buf *body) {
    (void)s;
    (void)body;
    answer->content_type = APPLICATION_JSON;
    answer->body = SLICE("{\"larder\":\"" LARDER_VERSION "\"}\n");
}

static const struct route {
    struct slice path;
    enum command command;
    route_fn *answer;
} routes[] = {
    {{"/metrics", sizeof("/metrics") - 1}, COMMAND_METRICS, show_metrics},
    {{"/healthz", sizeof("/healthz") - 1}, COMMAND_HEALTH, show_health},
    {{"/readyz", sizeof("/readyz") - 1}, COMMAND_HEALTH, show_readiness},
    {{"/version", sizeof("/version") - 1}, COMMAND_VERSION, show_version},
};

static const struct route *find_route(struct slice path) {
    static const struct route unknown = {.command = COMMAND_INVALID, .answer = not_found};

    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (slice_equal(routes[i].path, path)) {
            return &routes[i];
        }
    }
    return &unknown;
}

static void send(struct session *s, enum command command, const struct http_answer *answer) {
    struct outbox *out = session_outbox(s);
    enum result result = answer->status < 400   ? RESULT_DONE
                         : answer->status < 500 ? RESULT_INVALID
                                                : RESULT_UNSUPPORTED;

    if (out != NULL) {
        session_check(s, http_encode(out, answer));
    }
    telemetry_request(s->worker->context.telemetry, PROTOCOL_HTTP, command, GROUP_DEFAULT, result_class(result));
    if (!answer->keep_alive) {
        s->over = true;
    }
}

static void respond(struct session *s, const struct http_message *message) {
    const struct route *route = find_route(message->path);
    struct http_answer answer = {
        .status = 200,
        .content_type = TEXT_PLAIN,
        .extra = SLICE("Cache-Control: no-store\r\n"),
        .head_only = message->verb == HTTP_VERB_HEAD,
        .keep_alive = message->keep_alive,
    };
    struct buf body;

    buf_init(&body, METRICS_MAX);
    if (message->verb == HTTP_VERB_OTHER && route->answer != not_found) {
        answer.status = 405;
        answer.extra = SLICE("Allow: GET, HEAD\r\n");
        answer.content_type = APPLICATION_JSON;
        answer.body = SLICE("{\"code\":405,\"message\":\"this route is only read: use GET or HEAD\"}\n");
    } else {
        route->answer(s, &answer, &body);
    }
    send(s, route->command, &answer);
    buf_fini(&body);
}

/* What cannot be read as a request is answered once, then the connection ends: nobody knows where the next one begins. */
static void reject(struct session *s, bool too_large) {
    const struct http_answer answer = {
        .status = too_large ? 413 : 400,
        .content_type = APPLICATION_JSON,
        .body = too_large ? SLICE("{\"code\":413,\"message\":\"the request is larger than this route takes\"}\n")
                          : SLICE("{\"code\":400,\"message\":\"this is not an HTTP/1.1 request\"}\n"),
    };

    send(s, COMMAND_INVALID, &answer);
}

size_t session_http(struct session *s, struct slice input) {
    size_t done = 0;

    while (done < input.size && !s->over) {
        struct http_message message;
        size_t taken = 0;

        if (session_is_full(s)) {
            s->stalled = true;
            break;
        }
        switch (http_decode(slice_skip(input, done), &message, &taken)) {
        case HTTP_DECODE_MORE:
            return done;
        case HTTP_DECODE_DONE:
            respond(s, &message);
            done += taken;
            break;
        case HTTP_DECODE_BAD:
            reject(s, false);
            break;
        case HTTP_DECODE_TOO_LARGE:
            reject(s, true);
            break;
        }
    }
    return done;
}
