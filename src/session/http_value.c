/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "proto/http/condition.h"
#include "session/http.h"

enum {
    TEXT_MAX = 300,
    READ_OPTIONS = HTTP_PARAMETER_BIT(USE_CACHE) | HTTP_PARAMETER_BIT(MAX_STALE),
};

/* What is asked of a key, and all that its answer needs. */
struct value_ask {
    struct http_ask ask;
    struct slice key;
    struct slice tag_suffix; /* of entity tags in the key's group */
    struct conditions conditions;
};

/* What a request for a key says, read. The key and the parameters lie in the places. */
struct wish {
    struct value_ask value;
    const struct group_policy *policy;
    struct http_parameters parameters;
    char key_place[HTTP_HEAD_MAX];
    char query_place[HTTP_HEAD_MAX];
};

static void refuse_key(struct session *s, const struct value_ask *v, unsigned status, struct slice text,
                       enum result result) {
    http_session_refuse(s, &v->ask,
                        &(struct http_refusal){.status = status, .text = text, .key = &v->key, .result = result});
}

/* --- answers --- */

static void begin_answer(struct session *s, struct http_answer *a, struct outbox *out, const struct value_ask *v,
                         unsigned status, const struct reply *reply) {
    http_answer_begin(a, out, &v->ask.form, status);
    http_answer_line(a, http_session_date(s));
    if (reply->item.cas != 0) {
        http_answer_tag(a, reply->item.cas, v->tag_suffix);
    }
}

/* A value, from where it lies if it is large. */
static enum larder_error answer_value(struct session *s, struct outbox *out, const struct value_ask *v,
                                      const struct reply *reply) {
    const struct item *item = &reply->item;
    struct http_answer a;

    begin_answer(s, &a, out, v, 200, reply);
    http_answer_line(&a, SLICE("Content-Type: application/octet-stream\r\nCache-Status: larder; hit\r\nAge: 0\r\n"));
    return item->blob != NULL && item->value.size >= SESSION_REFERENCE_FROM
               ? http_answer_blob(&a, item->value, item->blob)
               : http_answer_body(&a, item->value);
}

static enum larder_error answer_bare(struct session *s, struct outbox *out, const struct value_ask *v, unsigned status,
                                     const struct reply *reply) {
    struct http_answer a;

    begin_answer(s, &a, out, v, status, reply);
    /* Only 204 and 304 end with their head by themselves. */
    return status == 204 || status == 304 ? http_answer_empty(&a) : http_answer_body(&a, SLICE(""));
}

static void send_bare(struct session *s, const struct value_ask *v, unsigned status, const struct reply *reply) {
    struct outbox *out = session_outbox(s);

    if (out != NULL) {
        session_check(s, answer_bare(s, out, v, status, reply));
    }
    http_session_note(s, &v->ask, reply->result);
}

static void refuse_condition(struct session *s, const struct value_ask *v) {
    refuse_key(s, v, 412, SLICE("the condition of the request does not hold"), RESULT_EXISTS);
}

static void answer_hit(struct session *s, const struct value_ask *v, const struct reply *reply) {
    const struct conditions *c = &v->conditions;
    struct outbox *out;

    if (__builtin_expect(conditions_are_given(c) && !conditions_hold(c, true, reply->item.cas), 0)) {
        if (c->match.kind != CONDITION_NONE && !condition_names(&c->match, true, reply->item.cas)) {
            refuse_condition(s, v);
        } else {
            send_bare(s, v, 304, reply);
        }
        return;
    }
    out = session_outbox(s);
    if (out != NULL) {
        session_check(s, answer_value(s, out, v, reply));
    }
    http_session_note(s, &v->ask, reply->result);
}

static void answer_absent(struct session *s, const struct value_ask *v, enum result result) {
    if (v->conditions.match.kind != CONDITION_NONE) {
        refuse_condition(s, v);
    } else {
        refuse_key(s, v, 404, SLICE("there is no value of this key"), result);
    }
}

/* Answers, whatever became of the request, lets go of what the reply held and counts it. */
static void answer(struct session *s, const struct value_ask *v, struct reply *reply) {
    switch (reply->result) {
    case RESULT_HIT:
        answer_hit(s, v, reply);
        break;
    case RESULT_MISS:
    case RESULT_NOT_FOUND:
        answer_absent(s, v, reply->result);
        break;
    case RESULT_STORED:
        send_bare(s, v, reply->item.created ? 201 : 204, reply);
        break;
    case RESULT_DELETED:
        send_bare(s, v, 204, reply);
        break;
    case RESULT_EXISTS:
        refuse_condition(s, v);
        break;
    case RESULT_TOO_LARGE:
        refuse_key(s, v, 413, SLICE("the value is larger than this group takes"), reply->result);
        break;
    case RESULT_NO_MEMORY:
        refuse_key(s, v, 507, SLICE("there is no room for the value"), reply->result);
        break;
    default:
        refuse_key(s, v, 500, SLICE("this cannot be done"), reply->result);
        break;
    }
    reply_release(reply);
}

static void run(struct session *s, const struct value_ask *v, const struct request *request) {
    struct reply reply;

    cmd_run(&s->worker->context, request, &reply);
    answer(s, v, &reply);
}

/* --- requests --- */

static void refuse_parameter(struct session *s, const struct wish *w, struct slice name, struct slice text) {
    char escaped[SLICE_ESCAPED_MAX];
    char whole[TEXT_MAX];
    int size = snprintf(whole, sizeof(whole), "the parameter '%s' %.*s", slice_escape(name, escaped), (int)text.size,
                        text.data);

    assert(size > 0 && (size_t)size < sizeof(whole));
    http_session_refuse_request(s, &w->value.ask, 400, slice_make(whole, (size_t)size));
}

/* False: it is answered. */
static bool check_parameters(struct session *s, const struct wish *w, uint32_t allowed) {
    enum http_parameter outside = http_parameters_outside(&w->parameters, allowed);

    if (outside == HTTP_PARAMETER_COUNT) {
        return true;
    }
    refuse_parameter(s, w, http_parameter_name(outside), SLICE("has no meaning for this request"));
    return false;
}

/* Paths that are not keys, though no route either. */
static bool is_reserved(struct slice key) {
    const char *slash = memchr(key.data, '/', key.size);

    return group_name_is_route(slice_make(key.data, slash != NULL ? (size_t)(slash - key.data) : key.size));
}

/* Reads which key is meant. False: it is answered. */
static bool read_key(struct session *s, const struct http_request *r, struct wish *w) {
    struct slice *key = &w->value.key;

    if (!http_target_decode(r->target.path, w->key_place, key)) {
        http_session_refuse_request(s, &w->value.ask, 400,
                                    SLICE("a '%' in the path is not followed by two hexadecimal digits"));
        return false;
    }
    if (key->size == 0 || is_reserved(*key)) {
        http_session_refuse_request(s, &w->value.ask, 404,
                                    SLICE("there is no such route; keys have the path /group/key"));
        return false;
    }
    w->policy = group_set_find(s->worker->context.groups, *key);
    w->value.ask.group = w->policy->index;
    w->value.tag_suffix = s->worker->tag_suffix;
    if (key->size > REQUEST_KEY_MAX) {
        refuse_key(s, &w->value, 400, SLICE("the key is longer than 250 bytes"), RESULT_INVALID);
        return false;
    }
    return true;
}

/* Reads the rest. False: it is answered. */
static bool read_wish(struct session *s, const struct http_request *r, struct wish *w) {
    struct http_parameter_problem problem;

    w->value.ask = r->ask;
    w->value.conditions.match.kind = CONDITION_NONE;
    w->value.conditions.none_match.kind = CONDITION_NONE;
    w->parameters.given = 0;
    if (!read_key(s, r, w)) {
        return false;
    }
    if (r->target.query.size > 0 && !http_parameters_read(r->target.query, w->query_place, &w->parameters, &problem)) {
        refuse_parameter(s, w, problem.name, problem.text);
        return false;
    }
    if (!http_conditions_read(&r->head, w->value.tag_suffix, &w->value.conditions)) {
        http_session_refuse_request(s, &w->value.ask, 400,
                                    SLICE("If-Match and If-None-Match have '*' or at most 12 tags like \"5\", quoted"));
        return false;
    }
    return true;
}

static enum http_progress get(struct session *s, const struct wish *w) {
    const struct request request = {.command = COMMAND_GET, .key = w->value.key};

    if (check_parameters(s, w, READ_OPTIONS)) {
        run(s, &w->value, &request);
    }
    return HTTP_ANSWERED;
}

static enum http_progress delete (struct session *s, const struct wish *w) {
    const struct request request =
        {
            .command = COMMAND_DELETE,
            .key = w->value.key,
            .conditions = conditions_are_given(&w->value.conditions) ? &w->value.conditions : NULL,
        };

    if (check_parameters(s, w, HTTP_PARAMETER_BIT(USE_CACHE))){run(s, &w->value, &request);}
return HTTP_ANSWERED;
}

/* Whether memcached's text protocol could not name the key, so that it is shown in base64 there. */
static bool is_binary(struct slice key) {
    for (size_t i = 0; i < key.size; i++) {
        if ((unsigned char)key.data[i] <= ' ' || key.data[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

/* The write of a PUT, but for its value. */
static struct request write_of(const struct wish *w) {
    return (struct request){
        .command = COMMAND_SET,
        .options = is_binary(w->value.key) ? REQUEST_BINARY_KEY : 0,
        .key = w->value.key,
        .ttl = http_parameters_have(&w->parameters, HTTP_PARAMETER_TTL) ? w->parameters.ttl : REQUEST_TTL_FOREVER,
        .conditions = conditions_are_given(&w->value.conditions) ? &w->value.conditions : NULL,
    };
}

void http_session_put(struct session *s, struct http_request *r, struct slice value, struct placed_value *placed) {
    struct wish w;
    struct request request;

    if (!read_wish(s, r, &w)) {
        return; /* the groups were changed meanwhile */
    }
    request = write_of(&w);
    request.value = value;
    request.body_size = (uint32_t)value.size;
    request.placed = placed;
    run(s, &w.value, &request);
}

static void refuse_size(struct session *s, const struct wish *w) {
    telemetry_count(s->worker->context.telemetry, COUNTER_LIMIT_MAX_ITEM, 1);
    refuse_key(s, &w->value, 413, SLICE("the value is larger than this group takes"), RESULT_TOO_LARGE);
}

/* Says to a client that waits for it that the body may come. */
static void invite(struct session *s, const struct http_request *r) {
    struct outbox *out;

    if (r->head.expectation == HTTP_EXPECTS_CONTINUE && r->rest.size == 0) {
        out = session_outbox(s);
        if (out != NULL) {
            session_check(s, http_answer_continue(out));
        }
    }
}

/* Begins to take in a value that is not all there. */
static enum http_progress put_later(struct session *s, const struct http_request *r, const struct wish *w,
                                    const struct request *request, size_t *ret_taken) {
    const struct table *table = s->worker->context.node->table;
    bool chunked = r->head.body == HTTP_BODY_CHUNKED;
    struct placed_value placed = {0};

    if (!chunked && !memory_places(table, request->key, request->body_size)) {
        invite(s, r);
        s->wanted = r->text.size + request->body_size;
        return HTTP_WAITS;
    }
    if ((!chunked && !memory_place(s->worker->context.node->table, request->key, request->body_size,
                                   s->worker->context.now, &placed)) ||
        !http_session_body_begin(s, r, w->policy->max_item, chunked ? NULL : &placed)) {
        memory_place_cancel(&placed);
        telemetry_count(s->worker->context.telemetry, COUNTER_LIMIT_MEMORY, 1);
        refuse_key(s, &w->value, 507, SLICE("there is no room for the value"), RESULT_NO_MEMORY);
        return HTTP_ANSWERED;
    }
    invite(s, r);
    *ret_taken = http_session_body_feed(s, r->rest);
    return HTTP_TAKEN;
}

static enum http_progress put(struct session *s, const struct http_request *r, struct wish *w, size_t *ret_taken) {
    struct request request = write_of(w);
    size_t size = 0;

    if (!check_parameters(s, w, HTTP_PARAMETER_BIT(USE_CACHE) | HTTP_PARAMETER_BIT(TTL))) {
        return HTTP_ANSWERED;
    }
    if (r->head.body != HTTP_BODY_CHUNKED) {
        size = r->head.content_length < UINT32_MAX ? (size_t)r->head.content_length : UINT32_MAX;
        request.body_size = (uint32_t)size;
        if (!cmd_accepts(&s->worker->context, &request)) {
            refuse_size(s, w);
            return HTTP_ANSWERED;
        }
    }
    if (r->head.body == HTTP_BODY_CHUNKED || r->rest.size < size) {
        return put_later(s, r, w, &request, ret_taken);
    }
    request.value = slice_make(r->rest.data, size);
    w->value.ask.form = http_form_of(&r->head); /* nothing is to be dropped */
    run(s, &w->value, &request);
    *ret_taken = size;
    return HTTP_TAKEN;
}

enum http_progress http_session_value(struct session *s, struct http_request *r, size_t *ret_taken) {
    struct wish w;

    switch (r->head.verb) {
    case HTTP_VERB_GET:
    case HTTP_VERB_HEAD:
        r->ask.command = COMMAND_GET;
        return read_wish(s, r, &w) ? get(s, &w) : HTTP_ANSWERED;
    case HTTP_VERB_PUT:
        r->ask.command = COMMAND_SET;
        return read_wish(s, r, &w) ? put(s, r, &w, ret_taken) : HTTP_ANSWERED;
    case HTTP_VERB_DELETE:
        r->ask.command = COMMAND_DELETE;
        return read_wish(s, r, &w) ? delete (s, &w) : HTTP_ANSWERED;
    default:
        http_session_refuse(s, &r->ask,
                            &(struct http_refusal){
                                .status = 405,
                                .text = SLICE("a key takes GET, HEAD, PUT and DELETE"),
                                .lines = SLICE("Allow: GET, HEAD, PUT, DELETE, OPTIONS\r\n"),
                                .result = RESULT_INVALID,
                            });
        return HTTP_ANSWERED;
    }
}
