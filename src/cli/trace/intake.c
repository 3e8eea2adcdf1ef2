/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/trace/intake.h"

#include "proto/http/head.h"

enum { INPUT_MAX = HTTP_HEAD_MAX + (128 << 10), OUTPUT_MAX = 64 << 10, WHY_MAX = 1024 };

void intake_init(struct intake *in, struct gather *gather) {
    *in = (struct intake){.gather = gather};
    buf_init(&in->input, INPUT_MAX);
    buf_init(&in->body, INTAKE_BODY_MAX);
    buf_init(&in->output, OUTPUT_MAX);
}

void intake_fini(struct intake *in) {
    buf_fini(&in->input);
    buf_fini(&in->body);
    buf_fini(&in->output);
}

/* `reason` is of the status line, `text` the body. */
static bool answer(struct intake *in, unsigned status, const char *reason, const char *type, struct slice text) {
    if (!in->keep_alive) {
        in->closes = true;
    }
    return buf_printf(&in->output, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n%.*s", status,
                      reason, type, text.size,
                      in->closes   ? "Connection: close\r\n"
                      : in->is_old ? "Connection: keep-alive\r\n"
                                   : "",
                      (int)text.size, text.data) == LARDER_OK;
}

static bool refuse(struct intake *in, unsigned status, const char *reason, struct slice why) {
    return answer(in, status, reason, "text/plain", why);
}

static bool is_compressed(struct slice body) {
    return slice_has_prefix(body, SLICE("\x1f\x8b"));
}

/* A whole request has come. */
static bool act(struct intake *in, int64_t now_ns) {
    struct slice body = buf_slice(&in->body);
    struct buf why;
    enum larder_error error;
    bool done;

    if (!in->is_known) {
        return refuse(in, 404, "Not Found", SLICE("POST to /v1/traces, /v1/metrics or /v1/logs\n"));
    }
    if (is_compressed(body)) {
        return refuse(in, 415, "Unsupported Media Type", SLICE("compressed bodies are not read here\n"));
    }
    buf_init(&why, WHY_MAX);
    error = !in->is_traces ? LARDER_OK
            : in->is_json  ? gather_json(in->gather, body, now_ns, &why)
                           : gather_protobuf(in->gather, body, now_ns, &why);
    if (error == LARDER_OK) {
        done = in->is_json ? answer(in, 200, "OK", "application/json", SLICE("{}"))
                           : answer(in, 200, "OK", "application/x-protobuf", SLICE(""));
    } else if (error == LARDER_ERROR_INVALID) {
        done = refuse(in, 400, "Bad Request", buf_slice(&why));
    } else {
        done = refuse(in, 503, "Service Unavailable", SLICE("out of memory\n"));
    }
    buf_fini(&why);
    return done;
}

static void take_head(struct intake *in, const struct http_head *head) {
    struct slice type = head->fields[HTTP_FIELD_CONTENT_TYPE];

    in->keep_alive = head->keep_alive;
    in->is_old = head->old;
    in->is_traces = slice_equal(head->target, SLICE("/v1/traces"));
    in->is_known = head->verb == HTTP_VERB_POST && (in->is_traces || slice_equal(head->target, SLICE("/v1/metrics")) ||
                                                    slice_equal(head->target, SLICE("/v1/logs")));
    in->is_json = slice_has_prefix(type, SLICE("application/json"));
    in->in_body = true;
    in->body.size = 0;
    http_body_begin(&in->state, head, INTAKE_BODY_MAX);
}

static bool refuse_form(struct intake *in, enum http_verdict verdict) {
    in->keep_alive = false;
    return refuse(in, http_verdict_status(verdict), "Refused", http_verdict_text(verdict));
}

/* One step; *ret_more is false when more has to come. */
static bool step(struct intake *in, int64_t now_ns, bool *ret_more) {
    struct http_head head;
    struct slice data;
    enum http_verdict verdict;
    size_t size = 0;

    if (!in->in_body) {
        verdict = http_head_decode(buf_slice(&in->input), &head, &size);
        if (verdict == HTTP_DONE) {
            bool asks = head.expectation == HTTP_EXPECTS_CONTINUE;

            take_head(in, &head);
            buf_consume(&in->input, size);
            return !asks || buf_append_slice(&in->output, SLICE("HTTP/1.1 100 Continue\r\n\r\n")) == LARDER_OK;
        }
    } else if (http_body_is_complete(&in->state)) {
        in->in_body = false;
        return act(in, now_ns);
    } else {
        verdict = http_body_next(&in->state, buf_slice(&in->input), &data, &size);
        if (verdict == HTTP_DONE || verdict == HTTP_MORE) {
            if (buf_append_slice(&in->body, data) != LARDER_OK) {
                return false;
            }
            buf_consume(&in->input, size);
            *ret_more = verdict == HTTP_DONE || in->input.size > 0;
            return true;
        }
    }
    *ret_more = false;
    return verdict == HTTP_MORE || refuse_form(in, verdict);
}

bool intake_feed(struct intake *in, struct slice bytes, int64_t now_ns) {
    bool more = true;

    if (buf_append_slice(&in->input, bytes) != LARDER_OK) {
        return false;
    }
    while (more && !in->closes) {
        if (!step(in, now_ns, &more)) {
            return false;
        }
    }
    return true;
}
