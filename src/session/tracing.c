/* SPDX-License-Identifier: Apache-2.0 */
#include "session/tracing.h"

#include <stdio.h>

#include "base/clock.h"
#include "trace/context.h"
#include "trace/tracer.h"

enum { PATH_SHOWN_MAX = 512, NAME_MAX_SHOWN = 320 };

/* --- beginning --- */

/* What came with a request. */
struct arrival {
    bool has_parent;
    struct trace_context parent;
    struct slice state;
};

/* What is done for a request is done within that of its span; of one without a span, within what the caller has said. Who has a
 * span has a scope. */
static struct span *enter(struct span *span, const struct arrival *arrival, struct trace_scope **ret_scope) {
    *ret_scope = NULL;
    if (span != NULL) {
        *ret_scope = trace_scope_new(&span->context, span->state);
        if (*ret_scope == NULL) {
            session_trace_abandon(span);
            span = NULL;
        }
    } else if (arrival->has_parent) {
        *ret_scope = trace_scope_new(&arrival->parent, arrival->state);
    }
    return span;
}

/* The span of what has come, NULL if it does not record; *ret_scope is NULL if it belongs to no trace that anybody follows. */
static struct span *begin(struct session_worker *w, struct slice name, const struct arrival *arrival,
                          struct trace_scope **ret_scope) {
    struct tracer *t = w->context.tracer;
    struct span *span;

    if (!arrival->has_parent) {
        span = tracer_begin_drawn(t, &w->dice, name, SPAN_SERVER, w->context.now_ns);
    } else {
        span = tracer_begin_served(t, name, SPAN_SERVER, &arrival->parent, arrival->state, w->context.now_ns);
    }
    return enter(span, arrival, ret_scope);
}

/* As trace_state_accept wants it, its lines put together. */
static struct slice read_state(const struct http_head *head, char place[TRACE_STATE_MAX]) {
    struct slice line;
    size_t cursor = 0, size = 0;

    while (http_head_next(head, HTTP_FIELD_TRACESTATE, &cursor, &line)) {
        if (size + 1 + line.size > TRACE_STATE_MAX) {
            break;
        }
        if (size > 0) {
            place[size++] = ',';
        }
        if (line.size > 0) {
            memcpy(place + size, line.data, line.size);
            size += line.size;
        }
    }
    return trace_state_accept(slice_make(place, size));
}

/* A field that stands twice says nothing. */
static struct arrival read_arrival(const struct http_head *head, char place[TRACE_STATE_MAX]) {
    struct arrival arrival = {0};
    struct slice text, other;
    size_t cursor = 0;

    if (head->fields[HTTP_FIELD_TRACEPARENT].data != NULL &&
        http_head_next(head, HTTP_FIELD_TRACEPARENT, &cursor, &text) &&
        !http_head_next(head, HTTP_FIELD_TRACEPARENT, &cursor, &other) && trace_parent_parse(text, &arrival.parent)) {
        arrival.has_parent = true;
        arrival.state = read_state(head, place);
    }
    return arrival;
}

static struct slice shown(struct slice text) {
    return slice_make(text.data, text.size < PATH_SHOWN_MAX ? text.size : PATH_SHOWN_MAX);
}

/* There are few of them, whatever clients say. */
static struct slice method_of(enum http_verb verb) {
    switch (verb) {
    case HTTP_VERB_GET:
        return SLICE("GET");
    case HTTP_VERB_HEAD:
        return SLICE("HEAD");
    case HTTP_VERB_PUT:
        return SLICE("PUT");
    case HTTP_VERB_DELETE:
        return SLICE("DELETE");
    case HTTP_VERB_POST:
        return SLICE("POST");
    case HTTP_VERB_OPTIONS:
        return SLICE("OPTIONS");
    default:
        return SLICE("_OTHER");
    }
}

void session_trace_begin_http(struct session *s, const struct http_request *r) {
    char place[TRACE_STATE_MAX];
    const struct arrival arrival = read_arrival(&r->head, place);
    struct slice method = method_of(r->head.verb);

    s->span = begin(s->worker, method, &arrival, &s->scope);
    if (s->span != NULL) {
        span_set(s->span, SLICE("http.request.method"), span_text(method));
        span_set(s->span, SLICE("url.scheme"), span_text(SLICE("http")));
        span_set(s->span, SLICE("url.path"), span_text(shown(r->target.path)));
        if (r->target.query.size > 0) {
            span_set(s->span, SLICE("url.query"), span_text(shown(r->target.query)));
        }
        span_set(s->span, SLICE("network.protocol.version"), span_text(r->head.old ? SLICE("1.0") : SLICE("1.1")));
    }
}

static struct slice label_of(const struct mc_command *command) {
    return slice_from_string(command_label(command->request.command));
}

/* Of those, a worker may have millions in a second: hardly more than the draw is to be done for one that is not sampled. */
static struct span *draw(struct session *s, const struct mc_command *command) {
    struct session_worker *w = s->worker;

    return tracer_begin_drawn(w->context.tracer, &w->dice, label_of(command), SPAN_SERVER, w->context.now_ns);
}

static void begin_command(struct session *s, struct mc_command *command, struct span *span,
                          const struct arrival *arrival, struct slice system) {
    s->span = enter(span, arrival, &s->scope);
    command->request.scope = s->scope;
    if (s->span != NULL) {
        span_set(s->span, SLICE("db.system.name"), span_text(system));
        span_set(s->span, SLICE("db.operation.name"), span_text(label_of(command)));
    }
}

/* Of another node: without a parent it belongs to what a client asks for elsewhere, which nobody follows. */
static void begin_of_peer(struct session *s, struct mc_command *command) {
    const struct arrival arrival = {.has_parent = true, .parent = command->request.trace};
    struct session_worker *w = s->worker;

    if (trace_context_is_valid(&arrival.parent)) {
        begin_command(s, command,
                      tracer_begin_served(w->context.tracer, label_of(command), SPAN_SERVER, &arrival.parent,
                                          arrival.state, w->context.now_ns),
                      &arrival, SLICE("larder"));
    }
}

void session_trace_begin_memcached(struct session *s, struct mc_command *command) {
    const struct arrival nothing = {0};
    struct span *span;

    command->request.scope = NULL; /* that of the key before, in a get of many */
    if (s->scope != NULL) {
        session_trace_drop(s); /* of one that was not answered, because the session has failed */
    }
    if (command->form == MC_FORM_PEER) {
        begin_of_peer(s, command);
        return;
    }
    span = draw(s, command);
    if (span != NULL) {
        begin_command(s, command, span, &nothing, SLICE("memcached"));
    }
}

/* --- answers --- */

static struct slice source_text(enum reply_source source) {
    switch (source) {
    case REPLY_FROM_MEMORY:
        return SLICE("memory");
    case REPLY_PROVEN_ON_DEMAND:
    case REPLY_PROVEN_STALE:
        return SLICE("memory, proven");
    case REPLY_ASKED_ON_DEMAND:
    case REPLY_ASKED:
        return SLICE("store");
    case REPLY_ORIGIN_HIT:
        return SLICE("origin's answer");
    default:
        return SLICE("origin");
    }
}

/* Whether nobody was asked for a value, but at most whether it is still the one. */
static bool is_from_memory(enum reply_source source) {
    return source <= REPLY_PROVEN_STALE || source == REPLY_ORIGIN_HIT;
}

void session_trace_show_reply(struct session *s, const struct reply *reply) {
    const enum result_class class = result_class(reply->result);
    bool hit = class == RESULT_CLASS_HIT;
    struct span *span = s->span;

    span_set(span, SLICE("larder.result"), span_text(slice_from_string(result_class_label(class))));
    if (!hit && class != RESULT_CLASS_MISS) {
        return;
    }
    hit = hit && is_from_memory(reply->source);
    span_set(span, SLICE("cache.hit"), span_truth(hit));
    span_add_event(span, hit ? SLICE("Cache hit") : SLICE("Cache miss"), span_time_ns(span, clock_monotonic_ns()));
    span_set(span, SLICE("larder.source"), span_text(source_text(reply->source)));
    if (reply->revision > 0) {
        span_set(span, SLICE("larder.revision"), span_integer(reply->revision));
        span_set(span, SLICE("larder.age_ms"), span_integer(reply->age_ns / CLOCK_NS_PER_MS));
    }
    if (reply->collapsed) {
        span_set(span, SLICE("larder.collapsed"), span_truth(true));
    }
}

/* --- the end --- */

static void leave(struct session *s) {
    s->span = NULL;
    trace_scope_unref(s->scope);
    s->scope = NULL;
}

static void end(struct session *s) {
    tracer_end(s->span, clock_monotonic_ns());
    leave(s);
}

static struct slice group_of(const struct session *s, unsigned group) {
    return group_policy_name(&s->worker->context.groups->policies[group]);
}

/* The name says what kind of path it was, so that there are few of them. */
static void name_http(struct session *s, const struct http_ask *ask) {
    struct slice group = group_of(s, ask->group);
    struct slice method = s->span->name;
    char name[NAME_MAX_SHOWN];
    int size;

    switch (ask->command) {
    case COMMAND_GET:
    case COMMAND_SET:
    case COMMAND_DELETE:
    case COMMAND_WATCH:
    case COMMAND_LIST:
        size = snprintf(name, sizeof(name), "%.*s /%.*s/{key}", (int)method.size, method.data, (int)group.size,
                        group.data);
        span_set(s->span, SLICE("larder.group"), span_text(group));
        break;
    case COMMAND_INVALID:
        return;
    default:
        size = snprintf(name, sizeof(name), "%.*s %s", (int)method.size, method.data, command_label(ask->command));
        break;
    }
    span_rename(s->span, slice_make(name, (size_t)size < sizeof(name) ? (size_t)size : sizeof(name) - 1));
}

void session_trace_end_http(struct session *s, const struct http_ask *ask, unsigned status) {
    if (s->span != NULL) {
        name_http(s, ask);
        span_set(s->span, SLICE("http.response.status_code"), span_integer(status));
        if (status >= 500) {
            char text[16];

            snprintf(text, sizeof(text), "%u", status);
            span_set(s->span, SLICE("error.type"), span_text(slice_from_string(text)));
            span_set_status(s->span, SPAN_ERROR, SLICE(""));
        }
    }
    end(s);
}

void session_trace_end_memcached(struct session *s, const struct reply *reply) {
    const enum result_class class = result_class(reply->result);

    if (s->span != NULL) {
        span_set(s->span, SLICE("larder.group"), span_text(group_of(s, reply->group)));
        if (class >= RESULT_CLASS_ERROR) {
            span_set(s->span, SLICE("error.type"), span_text(slice_from_string(result_class_label(class))));
            span_set_status(s->span, SPAN_ERROR, SLICE(""));
        }
    }
    end(s);
}

void session_trace_drop(struct session *s) {
    session_trace_abandon(s->span);
    leave(s);
}

void session_trace_abandon(struct span *span) {
    if (span != NULL) {
        span_set(span, SLICE("error.type"), span_text(SLICE("closed")));
        span_set_status(span, SPAN_ERROR, SLICE("the connection ended before the answer"));
        tracer_end(span, clock_monotonic_ns());
    }
}

/* --- calls of etcd's API --- */

/* "/etcdserverpb.KV/Range" */
static void describe_call(struct span *span, struct slice path) {
    const char *slash = path.size > 1 ? memchr(path.data + 1, '/', path.size - 1) : NULL;

    span_set(span, SLICE("rpc.system"), span_text(SLICE("grpc")));
    if (slash != NULL) {
        const size_t service = (size_t)(slash - path.data);

        span_set(span, SLICE("rpc.service"), span_text(slice_make(path.data + 1, service - 1)));
        span_set(span, SLICE("rpc.method"), span_text(slice_skip(path, service + 1)));
    }
}

struct span *session_trace_begin_call(struct session_worker *w, const struct grpc_head *head,
                                      struct trace_scope **ret_scope) {
    struct arrival arrival = {0};
    struct span *span;

    *ret_scope = NULL;
    if (w->context.tracer == NULL) {
        return NULL;
    }
    if (trace_parent_parse(head->traceparent, &arrival.parent)) {
        arrival.has_parent = true;
        arrival.state = trace_state_accept(head->tracestate);
    }
    span = begin(w, slice_skip(head->path, 1), &arrival, ret_scope);
    if (span != NULL) {
        describe_call(span, head->path);
    }
    return span;
}

struct span *session_trace_take(struct session *s, struct slice path, struct trace_scope **ret_scope) {
    struct span *span = s->span;

    *ret_scope = s->scope;
    s->span = NULL;
    s->scope = NULL;
    if (span != NULL) {
        span_rename(span, slice_skip(path, 1));
        describe_call(span, path);
    }
    return span;
}

void session_trace_end_call(struct span *span, enum grpc_status status, struct slice text) {
    if (span != NULL) {
        span_set(span, SLICE("rpc.grpc.status_code"), span_integer((int64_t)status));
        switch (status) { /* those that the conventions hold against a server */
        case GRPC_UNKNOWN:
        case GRPC_DEADLINE_EXCEEDED:
        case GRPC_UNIMPLEMENTED:
        case GRPC_INTERNAL:
        case GRPC_UNAVAILABLE:
        case GRPC_DATA_LOSS:
            span_set_status(span, SPAN_ERROR, text);
            break;
        default:
            break;
        }
        tracer_end(span, clock_monotonic_ns());
    }
}
