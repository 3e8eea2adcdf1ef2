/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/json.h"
#include "session/http.h"
#include "session/slots.h"

enum { REPORT_MAX = 16 << 20 /* bytes of the text: keys of the largest size, escaped */ };

/* {"compared":5,"differences":1,"keys":[{"key":"config/a"}]} */
static enum larder_error write_report(const struct reply *reply, struct buf *out) {
    struct audit_report report;
    enum larder_error error;

    audit_report_of(reply, &report);
    error = buf_printf(out, "{\"compared\":%" PRIu64 ",\"differences\":%" PRIu64 ",\"keys\":[", report.compared,
                       report.differences);
    for (size_t i = 0; i < report.key_count && error == LARDER_OK; i++) {
        error = buf_append_slice(out, i > 0 ? SLICE(",{") : SLICE("{"));
        error = error == LARDER_OK ? json_append_member(out, SLICE("key"), report.keys[i]) : error;
        error = error == LARDER_OK ? buf_append_slice(out, SLICE("}")) : error;
    }
    return error == LARDER_OK ? buf_append_slice(out, SLICE("]}\n")) : error;
}

static void send_report(struct session *s, const struct http_ask *ask, struct slice text) {
    struct outbox *out = session_outbox(s);
    struct http_answer a;

    if (out != NULL) {
        http_answer_begin(&a, out, &ask->form, 200);
        http_answer_line(&a, http_session_date(s));
        http_answer_line(&a, SLICE("Content-Type: application/json\r\nCache-Control: no-store\r\n"));
        session_check(s, http_answer_body(&a, text));
    }
    http_session_note(s, ask, 200, RESULT_DONE);
}

static void refuse(struct session *s, const struct http_ask *ask, unsigned status, struct slice text,
                   enum result result) {
    http_session_refuse(s, ask, &(struct http_refusal){.status = status, .text = text, .result = result});
}

static void refuse_result(struct session *s, const struct http_ask *ask, enum result result) {
    unsigned status;
    struct slice text = http_failure_text(result, &status);

    if (result == RESULT_TOO_MANY_REQUESTS) {
        refuse(s, ask, 503, SLICE("an audit is under way already"), result);
    } else if (result == RESULT_TOO_OLD) {
        refuse(s, ask, 503,
               SLICE("the etcd cluster cannot be reached, or this node stays behind it: nothing to compare"), result);
    } else {
        refuse(s, ask, status != 0 ? status : 500, text, result);
    }
}

static void answer(struct session *s, const struct http_ask *ask, struct reply *reply) {
    struct buf text;

    buf_init(&text, REPORT_MAX);
    if (reply->result != RESULT_DONE) {
        refuse_result(s, ask, reply->result);
    } else if (write_report(reply, &text) == LARDER_OK) {
        send_report(s, ask, buf_slice(&text));
    } else {
        refuse(s, ask, 507, SLICE("the report found no room"), RESULT_NO_MEMORY);
    }
    buf_fini(&text);
    reply_release(reply);
}

static void answer_slot(struct session *s, struct slot *slot, struct reply *reply) {
    struct http_ask ask;

    memcpy(&ask, slot->data, sizeof(ask));
    answer(s, &ask, reply);
}

void http_session_audit(struct session *s, const struct http_request *r) {
    const struct slot_request slot = {
        .answer = answer_slot,
        .data = slice_make((const char *)&r->ask, sizeof(r->ask)),
        .cost = sizeof(r->ask),
    };
    struct reply reply;

    if (s->worker->context.node->store == NULL) {
        refuse(s, &r->ask, 404, SLICE("this node has no store, so there is nothing to compare with"), RESULT_INVALID);
        return;
    }
    cmd_audit(&s->worker->context, &reply);
    if (reply.result == RESULT_PENDING) {
        session_slot_add(s, &reply, &slot);
        if (!r->ask.form.keep_alive) {
            s->over = true;
        }
    } else {
        answer(s, &r->ask, &reply);
    }
}
