/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "session/http.h"
#include "session/slots.h"

/* POST /admin/flush: what flush_all is in memcached. */

enum { MISSING_TEXT_MAX = 512 };

static void done(struct session *s, const struct http_ask *ask) {
    struct outbox *out = session_outbox(s);
    struct http_answer a;

    if (out != NULL) {
        http_answer_begin(&a, out, &ask->form, 204);
        http_answer_line(&a, http_session_date(s));
        session_check(s, http_answer_empty(&a));
    }
    http_session_note(s, ask, RESULT_DONE);
}

static void refuse(struct session *s, const struct http_ask *ask, const struct reply *reply) {
    char text[MISSING_TEXT_MAX];
    unsigned status;
    struct http_refusal refusal = {.text = http_failure_text(reply->result, &status), .result = reply->result};
    int size;

    if (reply->result == RESULT_NODES_MISSING) {
        size = snprintf(text, sizeof(text), "the flush stands, but these nodes have not done it yet: %.*s",
                        (int)reply->item.value.size, reply->item.value.data);
        refusal.text = slice_make(text, size < (int)sizeof(text) ? (size_t)size : sizeof(text) - 1);
    }
    refusal.status = status != 0 ? status : 500;
    http_session_refuse(s, ask, &refusal);
}

static void answer(struct session *s, const struct http_ask *ask, struct reply *reply) {
    if (reply->result == RESULT_DONE) {
        done(s, ask);
    } else {
        refuse(s, ask, reply);
    }
    reply_release(reply);
}

static void answer_slot(struct session *s, struct slot *slot, struct reply *reply) {
    struct http_ask ask;

    memcpy(&ask, slot->data, sizeof(ask));
    answer(s, &ask, reply);
}

void http_session_flush(struct session *s, const struct http_request *r) {
    const struct request request = {.command = COMMAND_FLUSH};
    const struct slot_request slot = {
        .answer = answer_slot,
        .data = slice_make((const char *)&r->ask, sizeof(r->ask)),
        .cost = sizeof(r->ask),
    };
    struct reply reply;

    cmd_run(&s->worker->context, &request, &reply);
    if (reply.result == RESULT_PENDING) {
        session_slot_add(s, &reply, &slot);
        if (!r->ask.form.keep_alive) {
            s->over = true;
        }
    } else {
        answer(s, &r->ask, &reply);
    }
}
