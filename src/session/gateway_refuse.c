/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/utf8.h"
#include "session/gateway.h"

enum { TEXT_MAX = 1 << 20 /* bytes of an error's body */ };

unsigned gateway_http_status(enum grpc_status status) {
    static const unsigned statuses[] = {
        [GRPC_OK] = 200,
        [GRPC_CANCELLED] = 408,
        [GRPC_UNKNOWN] = 500,
        [GRPC_INVALID_ARGUMENT] = 400,
        [GRPC_DEADLINE_EXCEEDED] = 504,
        [GRPC_NOT_FOUND] = 404,
        [GRPC_ALREADY_EXISTS] = 409,
        [GRPC_PERMISSION_DENIED] = 403,
        [GRPC_RESOURCE_EXHAUSTED] = 429,
        [GRPC_FAILED_PRECONDITION] = 412,
        [GRPC_ABORTED] = 409,
        [GRPC_OUT_OF_RANGE] = 400,
        [GRPC_UNIMPLEMENTED] = 501,
        [GRPC_INTERNAL] = 500,
        [GRPC_UNAVAILABLE] = 503,
        [GRPC_DATA_LOSS] = 500,
        [GRPC_UNAUTHENTICATED] = 401,
    };

    return statuses[status];
}

/* JSON has nothing but UTF-8, and a text may quote what a client sent. */
static enum larder_error append_text(struct buf *out, struct slice text) {
    size_t start = out->size;
    bool good = utf8_is_valid(text);
    enum larder_error error = json_append_string(out, text);

    for (size_t i = start; !good && i < out->size; i++) {
        if ((unsigned char)out->data[i] >= 0x80) {
            out->data[i] = '?';
        }
    }
    return error;
}

static enum larder_error append_error(struct buf *out, enum grpc_status status, struct slice text) {
    enum larder_error error = buf_append_slice(out, SLICE("{\"error\":"));

    if (error == LARDER_OK) {
        error = append_text(out, text);
    }
    if (error == LARDER_OK) {
        error = buf_append_slice(out, SLICE(",\"message\":"));
    }
    if (error == LARDER_OK) {
        error = append_text(out, text);
    }
    return error == LARDER_OK ? buf_printf(out, ",\"code\":%d}", (int)status) : error;
}

enum larder_error gateway_append_stream_error(struct buf *out, enum grpc_status status, struct slice text) {
    unsigned http_status = gateway_http_status(status);
    struct slice reason = http_status_reason(http_status);
    enum larder_error error =
        buf_printf(out, "{\"error\":{\"grpc_code\":%d,\"http_code\":%u,\"message\":", (int)status, http_status);

    if (error == LARDER_OK) {
        error = append_text(out, text);
    }
    return error == LARDER_OK ? buf_printf(out, ",\"http_status\":\"%.*s\"}}", (int)reason.size, reason.data) : error;
}

enum larder_error gateway_write_error(struct session *s, struct outbox *out, const struct http_form *form,
                                      unsigned http_status, enum grpc_status status, struct slice text) {
    struct http_answer a;
    struct buf body;
    enum larder_error error;

    buf_init(&body, TEXT_MAX);
    error = append_error(&body, status, text);
    if (error == LARDER_OK) {
        http_answer_begin(&a, out, form, http_status);
        http_answer_line(&a, http_session_date(s));
        http_answer_line(&a, SLICE("Content-Type: application/json\r\n"));
        error = http_answer_body(&a, buf_slice(&body));
    }
    buf_fini(&body);
    return error;
}

void gateway_refuse(struct session *s, const struct http_ask *ask, const struct http_refusal *refusal) {
    struct outbox *out = session_outbox(s);
    enum grpc_status status = refusal->status == 413 || refusal->status == 507 ? GRPC_RESOURCE_EXHAUSTED
                              : refusal->status == 403                         ? GRPC_PERMISSION_DENIED
                                                                               : GRPC_INVALID_ARGUMENT;

    if (out != NULL) {
        session_check(s, gateway_write_error(s, out, &ask->form, refusal->status, status, refusal->text));
    }
    http_session_note(s, ask, refusal->status, refusal->result);
}

void gateway_refuse_path(struct session *s, const struct http_ask *ask, unsigned status, struct slice text) {
    struct outbox *out = session_outbox(s);
    struct http_answer a;

    if (out != NULL) {
        http_answer_begin(&a, out, &ask->form, status);
        http_answer_line(&a, http_session_date(s));
        http_answer_line(&a, SLICE("Content-Type: text/plain; charset=utf-8\r\n"));
        http_answer_line(&a, status == 405 ? SLICE("Allow: POST\r\n") : SLICE(""));
        session_check(s, http_answer_body(&a, text));
    }
    http_session_note(s, ask, status, RESULT_INVALID);
}
