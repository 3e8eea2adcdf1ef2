/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "session/http_origin.h"
#include "session/http_value.h"
#include "session/tracing.h"

enum { REVISION_LINE_MAX = 64 };

static struct slice revision_line(const struct http_value_ask *v, const struct reply *reply,
                                  char text[REVISION_LINE_MAX]) {
    int size = 0;

    if (v->durable && reply->revision > 0) {
        size = snprintf(text, REVISION_LINE_MAX, "X-Larder-Revision: %" PRId64 "\r\n", reply->revision);
    }
    return slice_make(text, (size_t)size);
}

static void refuse(struct session *s, const struct http_value_ask *v, const struct reply *reply, unsigned status,
                   struct slice text) {
    char line[REVISION_LINE_MAX];
    const struct http_refusal refusal = {
        .status = status,
        .text = text,
        .lines = reply->result == RESULT_UNAUTHENTICATED ? HTTP_GUARD_LINES : revision_line(v, reply, line),
        .key = &v->key,
        .result = reply->result,
    };

    http_session_refuse(s, &v->ask, &refusal);
}

void http_value_refuse(struct session *s, const struct http_value_ask *v, unsigned status, struct slice text,
                       enum result result) {
    const struct reply reply = {.result = result};

    refuse(s, v, &reply, status, text);
}

/* The lines that the answers about a value have in common. */
static void begin_answer(struct session *s, struct http_answer *a, struct outbox *out, const struct http_value_ask *v,
                         unsigned status, const struct reply *reply) {
    http_answer_begin(a, out, &v->ask.form, status);
    http_answer_line(a, http_session_date(s));
    if (reply->item.cas != 0) {
        http_answer_tag(a, reply->item.cas, v->tag_suffix);
    }
    if (v->durable) {
        http_answer_number(a, SLICE("X-Larder-Revision"), (uint64_t)reply->revision);
    }
}

void http_value_freshness(struct http_answer *a, const struct reply *reply) {
    static const struct slice sources[] = {
#define SOURCE(source, text)                                                                                           \
    [REPLY_##source] = {"Cache-Status: larder; " text "\r\n", sizeof("Cache-Status: larder; " text "\r\n") - 1}
        SOURCE(FROM_MEMORY, "hit"),
        SOURCE(PROVEN_ON_DEMAND, "fwd=request; detail=proof"),
        SOURCE(PROVEN_STALE, "fwd=stale; detail=proof"),
        SOURCE(ASKED_ON_DEMAND, "fwd=request"),
        SOURCE(ASKED, "fwd=miss"),
#undef SOURCE
    };

    http_answer_line(a, sources[reply->source]);
    if (reply->age_ns <= 0) {
        http_answer_line(a, SLICE("Age: 0\r\n"));
    } else {
        http_answer_number(a, SLICE("Age"), ((uint64_t)reply->age_ns + CLOCK_NS_PER_S - 1) / CLOCK_NS_PER_S);
    }
}

/* A value, from where it lies if it is large. */
static enum larder_error write_value(struct session *s, struct outbox *out, const struct http_value_ask *v,
                                     const struct reply *reply) {
    const struct item *item = &reply->item;
    struct http_answer a;

    begin_answer(s, &a, out, v, 200, reply);
    if (__builtin_expect(reply->source == REPLY_FROM_MEMORY && reply->age_ns <= 0, 1)) {
        http_answer_line(&a, SLICE("Content-Type: application/octet-stream\r\n"
                                   "Cache-Status: larder; hit\r\nAge: 0\r\n"));
    } else {
        http_answer_line(&a, SLICE("Content-Type: application/octet-stream\r\n"));
        http_value_freshness(&a, reply);
    }
    return item->blob != NULL && item->value.size >= SESSION_REFERENCE_FROM
               ? http_answer_blob(&a, item->value, item->blob)
               : http_answer_body(&a, item->value);
}

static enum larder_error write_bare(struct session *s, struct outbox *out, const struct http_value_ask *v,
                                    unsigned status, const struct reply *reply) {
    struct http_answer a;

    begin_answer(s, &a, out, v, status, reply);
    /* Only 204 and 304 end with their head by themselves. */
    return status == 204 || status == 304 ? http_answer_empty(&a) : http_answer_body(&a, SLICE(""));
}

static void answer_bare(struct session *s, const struct http_value_ask *v, unsigned status, const struct reply *reply) {
    struct outbox *out = session_outbox(s);

    if (out != NULL) {
        session_check(s, write_bare(s, out, v, status, reply));
    }
    http_session_note(s, &v->ask, status, reply->result);
}

static void answer_value(struct session *s, const struct http_value_ask *v, const struct reply *reply) {
    struct outbox *out = session_outbox(s);

    if (out != NULL) {
        session_check(s, write_value(s, out, v, reply));
    }
    http_session_note(s, &v->ask, 200, reply->result);
}

static void refuse_condition(struct session *s, const struct http_value_ask *v, const struct reply *reply) {
    struct reply conflict = {.result = RESULT_EXISTS, .revision = reply->revision};

    refuse(s, v, &conflict, 412, SLICE("the condition of the request does not hold"));
}

static void answer_hit(struct session *s, const struct http_value_ask *v, const struct reply *reply) {
    const struct conditions *c = &v->conditions;
    uint64_t number = reply->item.cas;

    if (__builtin_expect(!conditions_are_given(c) || conditions_hold(c, true, number), 1)) {
        answer_value(s, v, reply);
    } else if (c->match.kind != CONDITION_NONE && !condition_names(&c->match, true, number)) {
        refuse_condition(s, v, reply);
    } else {
        answer_bare(s, v, 304, reply);
    }
}

static void answer_absent(struct session *s, const struct http_value_ask *v, const struct reply *reply) {
    if (v->conditions.match.kind != CONDITION_NONE) {
        refuse_condition(s, v, reply);
    } else {
        refuse(s, v, reply, 404, SLICE("there is no value of this key"));
    }
}

/* What the results that are no success are answered with. */
static const struct failure {
    unsigned status;
    struct slice text;
} failures[RESULT_COUNT] = {
#define FAILURE(result, code, words) [RESULT_##result] = {code, {words, sizeof(words) - 1}}
    FAILURE(TOO_LARGE, 413, "the value is larger than this group takes"),
    FAILURE(NO_MEMORY, 507, "there is no room for the value in memory"),
    FAILURE(BAD_KEY, 403, "this key is Larder's own, or empty in the store"),
    FAILURE(NO_GROUP, 404, "there is no group of this name"),
    FAILURE(NOT_PURGEABLE, 409, "this group is durable: its keys go by DELETE only, and nothing was done"),
    FAILURE(UNAUTHENTICATED, 401, HTTP_GUARD_NOBODY),
    FAILURE(FORBIDDEN, 403, HTTP_GUARD_FORBIDDEN),
    FAILURE(COMPACTED, 410, "the revision has been compacted"),
    FAILURE(FUTURE_REVISION, 412, "the revision is not reached yet"),
    FAILURE(NO_SPACE, 507, "the store is full: its quota or the disk is used up"),
    FAILURE(TOO_MANY_WATCHERS, 503, "there are too many watches already"),
    FAILURE(TOO_MANY_REQUESTS, 503, "too many requests wait for the store already"),
    FAILURE(CONTENDED, 503, "the key was changed too often in between"),
    FAILURE(STORE_FAILED, 500, "the store could not do it; the log of the node says why"),
    FAILURE(STORE_UNAVAILABLE, 503, "the etcd cluster cannot be reached, so nothing was done"),
    FAILURE(
        TOO_OLD, 503,
        "the etcd cluster cannot be reached, and what this node has of it is older than this read allows, if there is "
        "anything"),
    FAILURE(STORE_DENIED, 502, "the etcd cluster refuses the user of this node, so nothing was done"),
    FAILURE(OWNER_AWAY, 503, "the node that has this key cannot be reached, so nothing was done"),
    FAILURE(OWNER_UNKNOWN, 504, "the answer of the node that has this key was lost: it may have been done or not"),
    FAILURE(ISOLATED, 503, "this node is cut off from its cluster, so nothing was done"),
    FAILURE(NO_RING, 503, "this node has not joined its cluster yet, so nothing was done"),
    FAILURE(UNSETTLED, 503, "the nodes do not agree yet who has this key, so nothing was done"),
    FAILURE(ORIGIN_FAILED, 502, "the origin gave no answer"),
    FAILURE(ORIGIN_TIMEOUT, 504, "the origin did not answer, or failed a moment ago"),
    FAILURE(ORIGIN_BUSY, 503, "too many requests wait for the origin already"),
    FAILURE(NOT_CACHED, 504, "only what is here was asked for, and nothing here will do"),
    FAILURE(NOT_IN_ORIGIN, 400, "this has no meaning in an origin group"),
    FAILURE(NO_ORIGIN_KEY, 400, "the origin cannot be asked for this key"),
    FAILURE(NODES_MISSING, 503, "it stands, but some nodes have not done it yet"),
    FAILURE(STORE_UNKNOWN, 504, "the answer of the etcd cluster was lost: the write may have been done or not"),
#undef FAILURE
};

struct slice http_failure_text(enum result result, unsigned *ret_status) {
    *ret_status = failures[result].status;
    return failures[result].text;
}

static void answer_failure(struct session *s, const struct http_value_ask *v, const struct reply *reply) {
    unsigned status;
    struct slice text = http_failure_text(reply->result, &status);

    if (status != 0) {
        refuse(s, v, reply, status, text);
    } else {
        refuse(s, v, reply, 500, SLICE("this cannot be done"));
    }
}

bool http_value_is_reached(struct session *s, const struct http_value_ask *v, const struct reply *reply) {
    const struct reply behind = {.result = RESULT_FUTURE_REVISION, .revision = reply->revision};

    if (__builtin_expect(reply->revision >= v->min_revision, 1)) {
        return true;
    }
    refuse(s, v, &behind, 412, HTTP_VALUE_NOT_REACHED);
    return false;
}

/* A read that has an answer. */
static void answer_read(struct session *s, const struct http_value_ask *v, const struct reply *reply) {
    if (!http_value_is_reached(s, v, reply)) {
        return;
    }
    if (reply->result == RESULT_HIT) {
        answer_hit(s, v, reply);
    } else {
        answer_absent(s, v, reply);
    }
}

static void answer_by_result(struct session *s, const struct http_value_ask *v, const struct reply *reply) {
    switch (reply->result) {
    case RESULT_HIT:
    case RESULT_MISS:
        answer_read(s, v, reply);
        break;
    case RESULT_NOT_FOUND:
        answer_absent(s, v, reply);
        break;
    case RESULT_STORED:
        answer_bare(s, v, reply->item.created ? 201 : 204, reply);
        break;
    case RESULT_DELETED:
        answer_bare(s, v, 204, reply);
        break;
    case RESULT_EXISTS:
        refuse_condition(s, v, reply);
        break;
    default:
        answer_failure(s, v, reply);
        break;
    }
}

void http_value_answer(struct session *s, const struct http_value_ask *v, struct reply *reply) {
    session_trace_reply(s, reply);
    if (__builtin_expect(v->origin, 0) && http_origin_has_answer(reply)) {
        http_origin_answer(s, v, reply);
    } else {
        answer_by_result(s, v, reply);
    }
    reply_release(reply);
}

/* A slot keeps the ask, and its texts behind it. */
static struct http_value_ask ask_of(const struct slot *slot) {
    struct http_value_ask v;
    const char *at = slot->data + sizeof(v);

    memcpy(&v, slot->data, sizeof(v));
    v.key.data = at;
    if (v.if_none_match.data != NULL) {
        v.if_none_match.data = at + v.key.size;
    }
    if (v.if_modified_since.data != NULL) {
        v.if_modified_since.data = at + v.key.size + v.if_none_match.size;
    }
    return v;
}

static void flow_slot(struct session *s, struct slot *slot, struct answer_stream *stream) {
    const struct http_value_ask v = ask_of(slot);

    slot->begun = true;
    slot->sized = stream->has_length;
    http_origin_flow(s, &v, stream);
}

static void answer_slot(struct session *s, struct slot *slot, struct reply *reply) {
    const struct http_value_ask v = ask_of(slot);

    if (v.ask.command == COMMAND_GET) {
        session_learn(s, reply);
    }
    if (slot->begun) {
        http_origin_finish(s, &v, reply, slot->sized);
        reply_release(reply);
    } else {
        http_value_answer(s, &v, reply);
    }
}

static char *keep(char *place, struct slice text) {
    if (text.size > 0) {
        memcpy(place, text.data, text.size);
    }
    return place + text.size;
}

static void add_slot(struct session *s, const struct http_value_ask *v, const struct request *request,
                     struct reply *reply) {
    char data[sizeof(*v) + HTTP_HEAD_MAX];
    const size_t size = sizeof(*v) + v->key.size + v->if_none_match.size + v->if_modified_since.size;
    const struct slot_request slot = {
        .answer = answer_slot,
        .flow = request->stream != REQUEST_WHOLE ? flow_slot : NULL,
        .data = slice_make(data, size),
        .cost = size + request->value.size + (request->command == COMMAND_GET ? s->read_cost : 0),
        .order = cmd_order_of(&s->worker->context, request),
    };
    char *at;

    memcpy(data, v, sizeof(*v));
    at = keep(data + sizeof(*v), v->key);
    at = keep(at, v->if_none_match);
    (void)keep(at, v->if_modified_since);
    session_slot_add(s, reply, &slot);
    if (!v->ask.form.keep_alive) {
        s->over = true; /* nothing that may follow is taken any more */
    }
}

void http_value_reply(struct session *s, const struct http_value_ask *v, const struct request *request,
                      struct reply *reply) {
    if (__builtin_expect(reply->result == RESULT_PENDING || session_is_waiting(s), 0)) {
        add_slot(s, v, request, reply);
    } else {
        http_value_answer(s, v, reply);
    }
}

void http_value_run(struct session *s, const struct http_value_ask *v, struct request *request) {
    struct reply reply;

    request->scope = s->scope;
    cmd_run(&s->worker->context, request, &reply);
    http_value_reply(s, v, request, &reply);
}
