/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_SESSION_GATEWAY_H
#define LARDER_SESSION_GATEWAY_H

#include "session/http.h"

/* etcd's JSON gateway: POST /v3/kv/range and its like are calls of rpc/ whose messages are JSON (docs/PROTOCOLS.md, "JSON
 * gateway"). A session has one such call at a time. Until it is answered the requests behind it wait, as they do behind a
 * reply that is still to come; they are read, up to a bound, so that the end of the connection is noticed. */

enum {
    GATEWAY_BODY_MAX = 4 << 20,    /* bytes of a request's body: its largest message in base64, and what is around it */
    GATEWAY_BEHIND_MAX = 64 << 10, /* bytes of input behind an open call, then no more is read */
};

/* A call that came in by JSON. */
struct gateway_call {
    struct rpc_call call; /* first */
    struct session *session;
    struct http_form form;
    char *token; /* NULL: none */
    struct span *span;
    struct trace_scope *scope;
    struct buf body; /* the response of a call that has exactly one, as JSON */
    bool begun;      /* the head of a stream of responses is written */
    bool unread;     /* the request could not be read: that is said in the same form of all methods */
};

/* --- gateway.c --- */

/* True: the path is one of the gateway's, *ret_progress is what became of the request, and *ret_taken as with HTTP_TAKEN. */
bool http_session_gateway(struct session *s, struct http_request *r, enum http_progress *ret_progress,
                          size_t *ret_taken);

/* There may be room in the outbox again. Lets go of the call if it has been answered. */
void http_session_gateway_resume(struct session *s);

/* --- gateway_answer.c --- */

extern const struct rpc_transport gateway_transport;

/* --- gateway_refuse.c --- */

/* The HTTP status of a gRPC status, as etcd's gateway has it. */
unsigned gateway_http_status(enum grpc_status status);

/* {"error":"...","message":"...","code":N}, as a whole answer. Bytes of the text that are not UTF-8 become '?'. */
enum larder_error gateway_write_error(struct session *s, struct outbox *out, const struct http_form *form,
                                      unsigned http_status, enum grpc_status status, struct slice text);

/* {"error":{"grpc_code":N,"http_code":N,"message":"...","http_status":"..."}}, which ends a stream. Errors: LIMIT, NO_MEMORY;
 * the text may then end in the middle. */
enum larder_error gateway_append_stream_error(struct buf *out, enum grpc_status status, struct slice text);

/* A request that becomes no call is answered with gateway_write_error, and counted. For the statuses 400, 403, 413 and 507. */
void gateway_refuse(struct session *s, const struct http_ask *ask, const struct http_refusal *refusal);

/* There is no such path, or it takes another method: answered in plain text as etcd does, and counted. */
void gateway_refuse_path(struct session *s, const struct http_ask *ask, unsigned status, struct slice text);

#endif
