/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/answer.h"
#include "proto/http/body.h"
#include "proto/http/target.h"
#include "session/internal.h"

#define TEXT_PLAIN SLICE("text/plain; charset=utf-8")
#define APPLICATION_JSON SLICE("application/json")
#define PROMETHEUS_TEXT SLICE("text/plain; version=0.0.4; charset=utf-8")

enum {
    METRICS_MAX = 48 << 20, /* 256 groups that have seen every command and result */
    BODY_MAX = 64 << 10,    /* of a request to a route: it is read and dropped */
};

/* What a route answers. */
struct page {
    unsigned status;
    struct slice content_type;
    struct slice lines; /* further field lines */
    struct slice body;
};

/* Answers a route; `body` is lent for texts that are made up on the spot. */
typedef void route_fn(struct session *s, struct page *page, struct buf *body);

static void not_found(struct session *s, struct page *page, struct buf *body) {
    (void)s;
    (void)body;
    page->status = 404;
    page->content_type = APPLICATION_JSON;
    page->body = SLICE("{\"code\":404,\"message\":\"no such route; there are /metrics, /healthz, /readyz and "
                       "/version\"}\n");
}

static void show_metrics(struct session *s, struct page *page, struct buf *body) {
    if (cmd_metrics(&s->worker->context, body) != LARDER_OK) {
        page->status = 500;
        page->body = SLICE("the text of the metrics found no room: out of memory, or over its limit\n");
        return;
    }
    page->content_type = PROMETHEUS_TEXT;
    page->body = buf_slice(body);
}

static void show_health(struct session *s, struct page *page, struct buf *body) {
    (void)s;
    (void)body;
    page->body = SLICE("ok\n");
}

static void show_readiness(struct session *s, struct page *page, struct buf *body) {
    (void)body;
    page->body = SLICE("ready\n");
    if (atomic_load(&s->worker->context.node->draining)) {
        page->status = 503;
        page->body = SLICE("draining\n");
    }
}

static void show_version(struct session *s, struct page *page, struct buf *body) {
    (void)s;
    (void)body;
    page->content_type = APPLICATION_JSON;
    page->body = SLICE("{\"larder\":\"" LARDER_VERSION "\"}\n");
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

/* Counts the request, and ends the session behind its answer if the client wants it or nobody knows how to go on. */
static void note(struct session *s, enum command command, unsigned status, bool keep_alive) {
    enum result result = status < 400 ? RESULT_DONE : status < 500 ? RESULT_INVALID : RESULT_UNSUPPORTED;

    telemetry_request(s->worker->context.telemetry, PROTOCOL_HTTP, command, GROUP_DEFAULT, result_class(result));
    if (!keep_alive) {
        s->over = true;
    }
}

static void send(struct session *s, const struct http_form *form, const struct page *page) {
    struct outbox *out = session_outbox(s);
    struct http_answer answer;

    if (out != NULL) {
        http_answer_begin(&answer, out, form, page->status);
        http_answer_field(&answer, SLICE("Content-Type"), page->content_type);
        http_answer_line(&answer, page->lines);
        session_check(s, http_answer_body(&answer, page->body));
    }
}

static void respond(struct session *s, const struct http_head *head, struct slice path) {
    const struct route *route = find_route(path);
    const struct http_form form = http_form_of(head);
    struct page page = {
        .status = 200,
        .content_type = TEXT_PLAIN,
        .lines = SLICE("Cache-Control: no-store\r\n"),
    };
    struct buf body;

    buf_init(&body, METRICS_MAX);
    if (head->verb != HTTP_VERB_GET && head->verb != HTTP_VERB_HEAD && route->answer != not_found) {
        page.status = 405;
        page.lines = SLICE("Allow: GET, HEAD\r\n");
        page.content_type = APPLICATION_JSON;
        page.body = SLICE("{\"code\":405,\"message\":\"this route is only read: use GET or HEAD\"}\n");
    } else {
        route->answer(s, &page, &body);
    }
    send(s, &form, &page);
    note(s, route->command, page.status, form.keep_alive);
    buf_fini(&body);
}

/* What cannot be read as a request is answered once, then the connection ends: nobody knows where the next one begins. */
static void reject(struct session *s, unsigned status, struct slice text) {
    const struct http_form form = {.keep_alive = false};
    struct outbox *out = session_outbox(s);

    if (out != NULL) {
        session_check(s, http_answer_error(out, &form, status, SLICE(""), text, NULL));
    }
    note(s, COMMAND_INVALID, status, false);
}

/* Reads the body and drops it. */
static enum http_verdict drop_body(const struct http_head *head, struct slice input, size_t *ret_size) {
    enum http_verdict verdict = HTTP_MORE;
    struct http_body body;
    size_t done = 0;

    http_body_begin(&body, head, BODY_MAX);
    while (verdict == HTTP_MORE) {
        struct slice data;
        size_t size;

        verdict = http_body_next(&body, slice_skip(input, done), &data, &size);
        done += size;
        if (done == input.size) {
            break;
        }
    }
    *ret_size = done;
    return verdict;
}

/* Processes one request. Returns the bytes it took; 0 when more must come first, or the session is over. */
static size_t process_one(struct session *s, struct slice input) {
    struct http_target target;
    struct http_head head;
    size_t head_size = 0;
    size_t body_size = 0;
    enum http_verdict verdict = http_head_decode(input, &head, &head_size);

    if (verdict == HTTP_DONE) {
        verdict = drop_body(&head, slice_skip(input, head_size), &body_size);
    }
    if (verdict == HTTP_MORE) {
        return 0;
    }
    if (verdict != HTTP_DONE) {
        reject(s, http_verdict_status(verdict), http_verdict_text(verdict));
        return 0;
    }
    if (!http_target_split(head.target, &target)) {
        reject(s, 400, SLICE("the target of the request is neither a path nor an http URI"));
        return 0;
    }
    respond(s, &head, target.path);
    return head_size + body_size;
}

size_t session_http(struct session *s, struct slice input) {
    size_t done = 0;

    while (done < input.size && !s->over) {
        size_t taken;

        if (session_is_full(s)) {
            s->stalled = true;
            break;
        }
        taken = process_one(s, slice_skip(input, done));
        if (taken == 0) {
            break;
        }
        done += taken;
    }
    return done;
}
