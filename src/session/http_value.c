/* SPDX-License-Identifier: Apache-2.0 */
#include "session/http_value.h"

#include "cmd/guard.h"
#include "proto/memcached/token.h"
#include "session/http_list.h"
#include "session/http_watch.h"

enum {
    READ_PARAMETERS = HTTP_PARAMETER_BIT(USE_CACHE) | HTTP_PARAMETER_BIT(MAX_STALE),
    READ_PARAMETERS_DURABLE = READ_PARAMETERS | HTTP_PARAMETER_BIT(MIN_REV) | HTTP_PARAMETER_BIT(REV),
    WRITE_PARAMETERS = HTTP_PARAMETER_BIT(USE_CACHE),
};

/* --- GET, HEAD, DELETE --- */

/* How much of an answer must be known before it can be begun. A body of unknown size that breaks off would look whole to an
 * HTTP/1.0 client, who knows no chunks. */
static enum request_stream streaming_of(const struct http_value_ask *v) {
    if (v->ask.form.head_only || v->if_none_match.data != NULL || v->if_modified_since.data != NULL) {
        return REQUEST_WHOLE;
    }
    return v->ask.form.old ? REQUEST_STREAM_SIZED : REQUEST_STREAM;
}

static struct request read_of(const struct http_wish *w) {
    struct request request = {.command = COMMAND_GET, .key = w->value.key};

    /* In a memory group there is nothing between what the owner has and a copy that is as good, so one wish alone is one. */
    if (w->has_freshness && (w->value.durable || w->value.origin || w->freshness.kind == FRESHNESS_LINEARIZABLE)) {
        request.options |= REQUEST_FRESHNESS;
        request.freshness = w->freshness;
    }
    if (w->value.origin) {
        request.caching = &w->caching;
        request.stream = streaming_of(&w->value);
    }
    if (http_parameters_have(&w->parameters, HTTP_PARAMETER_REV)) {
        request.options |= REQUEST_AT_REVISION;
        request.revision = w->parameters.revision;
    }
    return request;
}

static void get(struct session *s, struct http_wish *w) {
    struct http_problem problem;
    struct request request;

    if (!http_wish_allows(w, w->value.durable ? READ_PARAMETERS_DURABLE : READ_PARAMETERS, &problem)) {
        http_session_refuse_problem(s, w, &problem);
    } else if (!http_wish_reach(s, w)) {
        http_value_refuse(s, &w->value, 412, HTTP_VALUE_NOT_REACHED, RESULT_FUTURE_REVISION);
    } else {
        request = read_of(w);
        http_value_run(s, &w->value, &request);
    }
}

/* Which kind of reading it is. */
static void read(struct session *s, const struct http_request *r, struct http_wish *w) {
    if (http_parameters_have(&w->parameters, HTTP_PARAMETER_WATCH) && w->parameters.watch) {
        w->value.ask.command = COMMAND_WATCH;
        http_session_watch(s, r, w);
    } else if ((w->parameters.given & HTTP_LIST_MARKS) != 0) {
        w->value.ask.command = COMMAND_LIST;
        http_session_list(s, w);
    } else {
        get(s, w);
    }
}

static struct request delete_of(const struct http_wish *w) {
    return (struct request){
        .command = COMMAND_DELETE,
        .key = w->value.key,
        .conditions = conditions_are_given(&w->value.conditions) ? &w->value.conditions : NULL,
    };
}

static void delete_key(struct session *s, const struct http_wish *w) {
    struct request request = delete_of(w);
    struct http_problem problem;

    if (!http_wish_allows(w, WRITE_PARAMETERS, &problem)) {
        http_session_refuse_problem(s, w, &problem);
    } else {
        http_value_run(s, &w->value, &request);
    }
}

/* --- PUT --- */

/* The write of a PUT, but for its value. */
static struct request write_of(const struct http_wish *w) {
    bool has_ttl = http_parameters_have(&w->parameters, HTTP_PARAMETER_TTL);

    return (struct request){
        .command = COMMAND_SET,
        .options =
            (token_can_hold(w->value.key) ? 0u : REQUEST_BINARY_KEY) | (w->value.durable ? REQUEST_WANT_CREATED : 0u),
        .key = w->value.key,
        .ttl = has_ttl ? w->parameters.ttl : REQUEST_TTL_FOREVER,
        .conditions = conditions_are_given(&w->value.conditions) ? &w->value.conditions : NULL,
    };
}

/* Goes on with a PUT whose whole value has come. */
static void put_whole(struct session *s, struct http_request *r, struct slice value, struct placed_value *placed) {
    struct http_problem problem;
    struct http_wish w;
    struct request request;

    if (!http_wish_read(s, r, &w, &problem)) {
        http_session_refuse_problem(s, &w, &problem); /* the groups were changed meanwhile */
        return;
    }
    request = write_of(&w);
    request.value = value;
    request.body_size = (uint32_t)value.size;
    request.placed = placed;
    http_value_run(s, &w.value, &request);
}

static const struct http_body_use value_use = {
    .take = put_whole,
    .refuse = http_session_refuse,
    .too_large = {"the value is larger than this group takes", sizeof("the value is larger than this group takes") - 1},
    .no_room = {"there is no room for the value", sizeof("there is no room for the value") - 1},
    .command = COMMAND_SET,
};

static void refuse_value(struct session *s, const struct http_wish *w, const struct request *request,
                         enum result result) {
    struct reply reply;

    cmd_refuse(&s->worker->context, request, result, &reply);
    http_value_reply(s, &w->value, request, &reply);
}

/* Begins to take in a value that is not all there. */
static enum http_progress put_later(struct session *s, const struct http_request *r, const struct http_wish *w,
                                    const struct request *request, size_t *ret_taken) {
    struct cmd_context *context = &s->worker->context;
    bool chunked = r->head.body == HTTP_BODY_CHUNKED;
    enum result result = guard_write(context, request);
    struct placed_value placed = {0};

    if (result != RESULT_DONE) {
        refuse_value(s, w, request, result);
        return HTTP_ANSWERED;
    }
    if (!chunked && !cmd_places(context, request)) {
        http_session_body_invite(s, r);
        s->wanted = r->text.size + request->body_size;
        return HTTP_WAITS;
    }
    result = RESULT_NO_MEMORY;
    if ((!chunked && !cmd_place(context, request, &placed, &result)) ||
        !http_session_body_begin(s, r, w->policy->max_item, &value_use, chunked ? NULL : &placed)) {
        cmd_place_cancel(&placed);
        refuse_value(s, w, request, result);
        return HTTP_ANSWERED;
    }
    http_session_body_invite(s, r);
    *ret_taken = http_session_body_feed(s, r->rest);
    return HTTP_TAKEN;
}

/* The size of the body, if it was told; as much as no group takes, if it is more than that. */
static size_t body_size_of(const struct http_request *r) {
    return r->head.content_length < UINT32_MAX ? (size_t)r->head.content_length : UINT32_MAX;
}

static enum http_progress put(struct session *s, const struct http_request *r, struct http_wish *w, size_t *ret_taken) {
    bool chunked = r->head.body == HTTP_BODY_CHUNKED;
    struct request request = write_of(w);
    struct http_problem problem;

    request.body_size = (uint32_t)body_size_of(r);
    if (!http_wish_allows(w, WRITE_PARAMETERS | HTTP_PARAMETER_BIT(TTL), &problem)) {
        http_session_refuse_problem(s, w, &problem);
        return HTTP_ANSWERED;
    }
    if (!chunked && !cmd_accepts(&s->worker->context, &request)) {
        refuse_value(s, w, &request, RESULT_TOO_LARGE);
        return HTTP_ANSWERED;
    }
    if (chunked || r->rest.size < request.body_size) {
        return put_later(s, r, w, &request, ret_taken);
    }
    request.value = slice_make(r->rest.data, request.body_size);
    w->value.ask.form = http_form_of(&r->head); /* no body is to be dropped */
    http_value_run(s, &w->value, &request);
    *ret_taken = request.body_size;
    return HTTP_TAKEN;
}

/* --- all --- */

/* The request for the key, but for its value. False: it is none that could be run beside others. */
static bool plain_request(const struct http_request *r, const struct http_wish *w, struct request *ret_request) {
    struct http_problem problem;

    switch (r->head.verb) {
    case HTTP_VERB_PUT:
        *ret_request = write_of(w);
        ret_request->body_size = (uint32_t)body_size_of(r);
        return r->head.body != HTTP_BODY_CHUNKED && r->rest.size >= ret_request->body_size &&
               http_wish_allows(w, WRITE_PARAMETERS | HTTP_PARAMETER_BIT(TTL), &problem);
    case HTTP_VERB_DELETE:
        *ret_request = delete_of(w);
        return r->head.body == HTTP_BODY_NONE && http_wish_allows(w, WRITE_PARAMETERS, &problem);
    case HTTP_VERB_GET:
    case HTTP_VERB_HEAD:
        *ret_request = read_of(w);
        return r->head.body == HTTP_BODY_NONE && !w->value.durable && http_wish_allows(w, READ_PARAMETERS, &problem);
    default:
        return false;
    }
}

enum cmd_order http_session_order(struct session *s, const struct http_request *r) {
    const struct cmd_context *context = &s->worker->context;
    struct http_problem problem;
    struct http_wish w;
    struct request request;

    if (!http_wish_read(s, r, &w, &problem) || !plain_request(r, &w, &request) ||
        (request.command == COMMAND_SET && !cmd_accepts(context, &request))) {
        return CMD_ALONE;
    }
    return cmd_order_of(context, &request);
}

enum http_progress http_session_value(struct session *s, struct http_request *r, size_t *ret_taken) {
    static const enum command commands[HTTP_VERB_OTHER] = {
        [HTTP_VERB_GET] = COMMAND_GET,       [HTTP_VERB_HEAD] = COMMAND_GET,     [HTTP_VERB_PUT] = COMMAND_SET,
        [HTTP_VERB_DELETE] = COMMAND_DELETE, [HTTP_VERB_POST] = COMMAND_INVALID, [HTTP_VERB_OPTIONS] = COMMAND_INVALID,
    };
    struct http_problem problem;
    struct http_wish w;

    r->ask.command = r->head.verb < HTTP_VERB_OTHER ? commands[r->head.verb] : COMMAND_INVALID;
    if (r->ask.command == COMMAND_INVALID) {
        http_session_refuse(s, &r->ask,
                            &(struct http_refusal){
                                .status = 405,
                                .text = SLICE("a key takes GET, HEAD, PUT and DELETE"),
                                .lines = SLICE("Allow: GET, HEAD, PUT, DELETE, OPTIONS\r\n"),
                                .result = RESULT_INVALID,
                            });
        return HTTP_ANSWERED;
    }
    if (!http_wish_read(s, r, &w, &problem)) {
        http_session_refuse_problem(s, &w, &problem);
        return HTTP_ANSWERED;
    }
    switch (r->ask.command) {
    case COMMAND_SET:
        return put(s, r, &w, ret_taken);
    case COMMAND_DELETE:
        delete_key(s, &w);
        return HTTP_ANSWERED;
    default:
        read(s, r, &w);
        return HTTP_ANSWERED;
    }
}
