/* SPDX-License-Identifier: Apache-2.0 */
#include "session/http.h"

#include "base/clock.h"
#include "proto/http/host.h"
#include "session/gateway.h"
#include "session/http_watch.h"
#include "session/slots.h"
#include "session/tracing.h"

struct slice http_session_date(struct session *s) {
    struct session_worker *w = s->worker;

    if (w->date_now != w->context.now) {
        w->date_now = w->context.now;
        http_date_line(&w->date, clock_wall_ns() / CLOCK_NS_PER_S);
    }
    return slice_make(w->date.line, w->date.size);
}

void http_session_note(struct session *s, const struct http_ask *ask, unsigned status, enum result result) {
    session_trace_http_answered(s, ask, status);
    telemetry_request(s->worker->context.telemetry, PROTOCOL_HTTP, ask->command, ask->group, result_class(result));
    if (!ask->form.keep_alive) {
        s->over = true;
    }
}

void http_session_refuse(struct session *s, const struct http_ask *ask, const struct http_refusal *refusal) {
    struct outbox *out = session_outbox(s);

    if (out != NULL) {
        session_check(s, http_answer_error(out, &ask->form, refusal->status, http_session_date(s), refusal->lines,
                                           refusal->text, refusal->key));
    }
    http_session_note(s, ask, refusal->status, refusal->result);
}

void http_session_refuse_request(struct session *s, const struct http_ask *ask, unsigned status, struct slice text) {
    const struct http_refusal refusal = {.status = status, .text = text, .result = RESULT_INVALID};

    http_session_refuse(s, ask, &refusal);
}

/* What cannot be read as a request is answered once, then the connection ends: nobody knows where the next one begins. */
static void reject(struct session *s, enum http_verdict verdict) {
    const struct http_ask nothing = {.command = COMMAND_INVALID, .group = GROUP_DEFAULT};

    http_session_refuse_request(s, &nothing, http_verdict_status(verdict), http_verdict_text(verdict));
}

enum http_verdict http_session_read(struct slice input, struct http_request *ret_request) {
    struct http_request *r = ret_request;
    size_t size = 0;
    enum http_verdict verdict = http_head_decode(input, &r->head, &size);

    if (verdict != HTTP_DONE) {
        return verdict;
    }
    if (!http_target_split(r->head.target, &r->target)) {
        return HTTP_BAD_TARGET;
    }
    r->text = slice_make(input.data, size);
    r->rest = slice_skip(input, size);
    r->ask.form = http_form_of(&r->head);
    r->ask.command = COMMAND_INVALID;
    r->ask.group = GROUP_DEFAULT;
    return HTTP_DONE;
}

/* Whether the host that the request names may be this node; an HTTP/1.0 client need not name any. */
static bool is_meant_for_us(struct session *s, const struct http_request *r) {
    struct session_worker *w = s->worker;
    struct slice host = r->target.authority.data != NULL ? r->target.authority : r->head.fields[HTTP_FIELD_HOST];

    if (host.data == NULL) {
        return true;
    }
    if (slice_equal(host, slice_make(w->good_host, w->good_host_size)) && host.size > 0) {
        return true;
    }
    if (!http_host_is_allowed(host, w->hosts)) {
        return false;
    }
    if (host.size <= sizeof(w->good_host)) {
        memcpy(w->good_host, host.data, host.size);
        w->good_host_size = (uint8_t)host.size;
    }
    return true;
}

static void refuse_host(struct session *s, const struct http_request *r) {
    telemetry_count(s->worker->context.telemetry, COUNTER_HTTP_REFUSED_HOSTS, 1);
    http_session_refuse_request(s, &r->ask, 421,
                                SLICE("this node is not known by the host that the request names; it takes addresses, "
                                      "localhost, and the names in its option http-hosts"));
}

static void answer_options(struct session *s, struct http_request *r) {
    struct outbox *out = session_outbox(s);
    struct http_answer a;

    if (out != NULL) {
        http_answer_begin(&a, out, &r->ask.form, 204);
        http_answer_line(&a, http_session_date(s));
        http_answer_line(&a, SLICE("Allow: GET, HEAD, PUT, DELETE, OPTIONS\r\n"));
        session_check(s, http_answer_empty(&a));
    }
    http_session_note(s, &r->ask, 204, RESULT_DONE);
}

/* Hands the request to those who know what it is for. */
static enum http_progress run(struct session *s, struct http_request *r, size_t *ret_taken) {
    enum http_progress progress;

    if (!http_session_is_probe(r) && !is_meant_for_us(s, r)) {
        refuse_host(s, r);
        return HTTP_ANSWERED;
    }
    if (r->head.expectation == HTTP_EXPECTS_UNKNOWN) {
        http_session_refuse_request(s, &r->ask, 417, SLICE("the only expectation understood is 100-continue"));
        return HTTP_ANSWERED;
    }
    if (r->head.verb == HTTP_VERB_OPTIONS) {
        answer_options(s, r);
        return HTTP_ANSWERED;
    }
    if (http_session_gateway(s, r, &progress, ret_taken) ||
        (!http_session_is_probe(r) && !http_session_identify(s, r, &progress))) {
        return progress;
    }
    if (http_session_route(s, r)) {
        return HTTP_ANSWERED;
    }
    return http_session_value(s, r, ret_taken);
}

/* Whether a request may be run although answers to earlier ones are still to come. */
static bool may_run(struct session *s, const struct http_request *r) {
    return is_meant_for_us(s, r) && r->head.expectation == HTTP_EXPECTS_NOTHING &&
           session_may_run(s, http_session_order(s, r));
}

/* Processes one request. Returns the bytes it took; 0 when more must come first, or the session is over. */
static size_t process_one(struct session *s, struct slice input) {
    struct http_request r;
    size_t taken = 0;
    enum http_verdict verdict = http_session_read(input, &r);

    if (verdict == HTTP_MORE) {
        return 0;
    }
    if (verdict != HTTP_DONE && session_is_waiting(s)) {
        s->waiting = true;
        return 0;
    }
    if (verdict != HTTP_DONE) {
        reject(s, verdict);
        return 0;
    }
    if (session_is_waiting(s) && !may_run(s, &r)) {
        s->waiting = true;
        return 0;
    }
    http_session_drop_prepare(&r);
    session_trace_http(s, &r);
    switch (run(s, &r, &taken)) {
    case HTTP_WAITS:
        return 0;
    case HTTP_TAKEN:
        return r.text.size + taken;
    default:
        return r.text.size + http_session_drop(s, &r);
    }
}

static size_t swallow(struct session *s, struct slice input) {
    size_t size = s->swallow < input.size ? s->swallow : input.size;

    s->swallow -= size;
    return size;
}

size_t session_http(struct session *s, struct slice input) {
    size_t done = 0;

    s->wanted = 0;
    if (s->watch != NULL) {
        http_session_watch_resume(s);
        return input.size;
    }
    if (s->gateway != NULL) {
        http_session_gateway_resume(s);
    }
    while (done < input.size && !s->over) {
        struct slice rest = slice_skip(input, done);
        size_t taken;

        if (s->gateway != NULL) {
            s->waiting = rest.size >= GATEWAY_BEHIND_MAX;
            break;
        }
        if (s->swallow > 0) {
            done += swallow(s, rest);
            continue;
        }
        if (s->upload != NULL) {
            done += http_session_body_feed(s, rest);
            continue;
        }
        if (session_is_full(s)) {
            s->stalled = true;
            telemetry_count(s->worker->context.telemetry, COUNTER_LIMIT_MAX_OUTPUT, 1);
            break;
        }
        taken = process_one(s, rest);
        if (taken == 0) {
            break;
        }
        done += taken;
        if (s->watch != NULL) {
            return input.size; /* nothing is answered behind a watch */
        }
    }
    return done;
}
