/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "session/http.h"
#include "session/slots.h"

/* POST /admin/flush: what flush_all is in memcached, or of one group the same. */

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

static void run(struct session *s, struct http_ask *ask, struct slice group) {
    const struct request request = {.command = COMMAND_FLUSH, .key = group};
    const struct slot_request slot = {
        .answer = answer_slot,
        .data = slice_make((const char *)ask, sizeof(*ask)),
        .cost = sizeof(*ask),
    };
    struct reply reply;

    cmd_run(&s->worker->context, &request, &reply);
    ask->group = reply.group;
    if (reply.result == RESULT_PENDING) {
        session_slot_add(s, &reply, &slot);
        if (!ask->form.keep_alive) {
            s->over = true;
        }
    } else {
        answer(s, ask, &reply);
    }
}

/* The parameter `group`, or none at all: *ret_group is empty then. What is misspelt must not empty everything. */
static bool read_group(struct slice query_text, char *place, struct slice *ret_group) {
    struct http_query query = {.rest = query_text, .place = place};
    struct slice name;

    *ret_group = SLICE("");
    if (query_text.size == 0) {
        return true;
    }
    return http_query_next(&query, &name, ret_group) == HTTP_QUERY_PARAMETER && slice_equal(name, SLICE("group")) &&
           ret_group->size > 0 && query.rest.size == 0;
}

void http_session_flush(struct session *s, const struct http_request *r) {
    struct http_ask ask = r->ask;
    char place[HTTP_HEAD_MAX];
    struct slice group;

    if (r->target.query.size <= sizeof(place) && read_group(r->target.query, place, &group)) {
        run(s, &ask, group);
    } else {
        http_session_refuse_request(s, &ask, 400,
                                    SLICE("name one group, or none to forget all: /admin/flush?group=NAME"));
    }
}
