/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_SESSION_TRACING_H
#define LARDER_SESSION_TRACING_H

#include "proto/grpc/server.h"
#include "proto/grpc/status.h"
#include "session/http.h"
#include "session/memcached.h"
#include "trace/scope.h"

/* Spans of what clients, and other nodes, ask for. What a session works on has its span in session->span, if it records, and what
 * is done for it is done within session->scope. Both are there from the request's beginning until it is answered; the span of one
 * that is answered later lies in its slot meanwhile, and what it waits for holds the scope.
 *
 * Whether it is sampled, the client has decided if he says so (W3C Trace Context in HTTP and gRPC), else the node's sampler; what
 * another node asks for belongs to a trace only if that says so. Without a tracer each of these functions costs one branch.
 *
 * Names and attributes: opentelemetry.io/docs/specs/semconv, http, rpc and database; larder.* are ours (docs/OPERATIONS.md). */

/* The slow halves. */
void session_trace_begin_http(struct session *s, const struct http_request *r);
void session_trace_begin_memcached(struct session *s, struct mc_command *command);
void session_trace_show_reply(struct session *s, const struct reply *reply);
void session_trace_end_http(struct session *s, const struct http_ask *ask, unsigned status);
void session_trace_end_memcached(struct session *s, const struct reply *reply);

/* Ends whatever there is: nobody will be answered. */
void session_trace_drop(struct session *s);

/* Ends the span of a request that will not be answered. NULL is allowed. */
void session_trace_abandon(struct span *span);

/* Before a request of HTTP is run; twice is fine. */
static inline void session_trace_http(struct session *s, const struct http_request *r) {
    if (__builtin_expect(s->worker->context.tracer != NULL, 0) && s->scope == NULL) {
        session_trace_begin_http(s, r);
    }
}

/* Before a command, or one key of a get, is run; its request then knows its scope. */
static inline void session_trace_memcached(struct session *s, struct mc_command *command) {
    if (__builtin_expect(s->worker->context.tracer != NULL, 0)) {
        session_trace_begin_memcached(s, command);
    }
}

/* What is known of the answer, before it is written. */
static inline void session_trace_reply(struct session *s, const struct reply *reply) {
    if (__builtin_expect(s->span != NULL, 0)) {
        session_trace_show_reply(s, reply);
    }
}

/* A request of HTTP was answered with this status. */
static inline void session_trace_http_answered(struct session *s, const struct http_ask *ask, unsigned status) {
    if (__builtin_expect(s->scope != NULL || s->span != NULL, 0)) {
        session_trace_end_http(s, ask, status);
    }
}

static inline void session_trace_memcached_answered(struct session *s, const struct reply *reply) {
    if (__builtin_expect(s->scope != NULL || s->span != NULL, 0)) {
        session_trace_end_memcached(s, reply);
    }
}

/* --- between a session and its slots --- */

struct session_tracing {
    struct span *span;
    struct trace_scope *scope;
};

/* Puts other ones in place of those that are there, which it returns. */
static inline struct session_tracing session_trace_swap(struct session *s, struct session_tracing other) {
    const struct session_tracing before = {s->span, s->scope};

    s->span = other.span;
    s->scope = other.scope;
    return before;
}

/* The request will be answered later: the caller has its span from now on. */
static inline struct span *session_trace_hand_over(struct session *s) {
    struct span *span = s->span;

    if (__builtin_expect(s->scope != NULL, 0)) {
        s->span = NULL;
        session_trace_drop(s);
    }
    return span;
}

/* --- calls of etcd's API, of which many may be open at a time --- */

/* A call by gRPC begins: its span, NULL if none records, and its scope, NULL if there is none. The caller ends the one and gives
 * back the other. */
struct span *session_trace_begin_call(struct session_worker *w, const struct grpc_head *head,
                                      struct trace_scope **ret_scope);

/* The session's request turned out to be a call by JSON: hands over what session_trace_begin_call returns. */
struct span *session_trace_take(struct session *s, struct slice path, struct trace_scope **ret_scope);

/* NULL is allowed. */
void session_trace_end_call(struct span *span, enum grpc_status status, struct slice text);

#endif
