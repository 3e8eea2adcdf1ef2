/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "session/http.h"
#include "session/slots.h"

/* POST /admin/flush: what flush_all is in memcached, or of one group the same. */

enum { MISSING_TEXT_MAX = 512 };

/* What is to go. */
struct aim {
    struct slice group;  /* empty: all */
    struct slice prefix; /* of its keys, behind the group's name; empty: all of them */
};

static void done(struct session *s, const struct http_ask *ask) {
    struct outbox *out = session_outbox(s);
    struct http_answer a;

    if (out != NULL) {
        http_answer_begin(&a, out, &ask->form, 204);
        http_answer_line(&a, http_session_date(s));
        session_check(s, http_answer_empty(&a));
    }
    http_session_note(s, ask, 204, RESULT_DONE);
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

static void run(struct session *s, struct http_ask *ask, const struct aim *aim) {
    const struct request request = {.command = COMMAND_FLUSH, .key = aim->group, .value = aim->prefix};
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

/* Takes the next parameter, of these two and each once. */
static bool read_parameter(struct http_query *query, struct aim *aim) {
    struct slice name, value;
    struct slice *place;

    if (http_query_next(query, &name, &value) != HTTP_QUERY_PARAMETER || value.size == 0) {
        return false;
    }
    place = slice_equal(name, SLICE("group")) ? &aim->group : slice_equal(name, SLICE("prefix")) ? &aim->prefix : NULL;
    if (place == NULL || place->size > 0) {
        return false;
    }
    *place = value;
    return true;
}

/* A group, perhaps with a prefix, or nothing at all. What is misspelt must not empty everything. */
static bool read_aim(struct slice query_text, char *place, struct aim *ret_aim) {
    struct http_query query = {.rest = query_text, .place = place};

    *ret_aim = (struct aim){.group = SLICE(""), .prefix = SLICE("")};
    if (query_text.size == 0) {
        return true;
    }
    while (query.rest.size > 0) {
        if (!read_parameter(&query, ret_aim)) {
            return false;
        }
    }
    return ret_aim->group.size > 0;
}

void http_session_flush(struct session *s, const struct http_request *r) {
    struct http_ask ask = r->ask;
    char place[HTTP_HEAD_MAX];
    struct aim aim;

    if (r->target.query.size <= sizeof(place) && read_aim(r->target.query, place, &aim)) {
        run(s, &ask, &aim);
    } else {
        http_session_refuse_request(s, &ask, 400,
                                    SLICE("name one group, or none to forget all: /admin/flush?group=NAME, and perhaps "
                                          "&prefix=BYTES"));
    }
}
