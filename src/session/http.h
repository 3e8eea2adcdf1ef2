/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_SESSION_HTTP_H
#define LARDER_SESSION_HTTP_H

#include "proto/http/answer.h"
#include "proto/http/parameters.h"
#include "proto/http/target.h"
#include "session/internal.h"

/* Between the files of the HTTP session. */

enum {
    HTTP_SESSION_DROP_MAX = 1 << 20,     /* bytes of a body nobody wants that are read away, then the connection ends */
    HTTP_SESSION_CHUNKED_MAX = 64 << 20, /* bytes of values that come in chunks, of all sessions of a worker */
};

/* What answering a request needs to know of it. */
struct http_ask {
    struct http_form form;
    enum command command; /* what it is counted as */
    unsigned group;
};

/* A request that is worked on. Slices point into the input, `text` is its head there, and `rest` what has come behind. */
struct http_request {
    struct slice text;
    struct slice rest;
    struct http_head head;
    struct http_target target;
    struct http_ask ask;
};

/* What a handler made of a request that has a body. */
enum http_progress {
    HTTP_ANSWERED, /* the body, as far as it is not yet taken, is to be dropped */
    HTTP_TAKEN,    /* the body is dealt with: `*ret_taken` bytes of `rest` are used up */
    HTTP_WAITS,    /* nothing is used up; it comes again when session->wanted bytes are there */
};

/* --- http.c --- */

/* Reads the head that `input` begins with and looks at what it is for. DONE: *ret_request is filled in. */
enum http_verdict http_session_read(struct slice input, struct http_request *ret_request);

/* The Date line of now. */
struct slice http_session_date(struct session *s);

/* Counts the request, which was answered with this status, and lets the session end behind its answer if that is the last. */
void http_session_note(struct session *s, const struct http_ask *ask, unsigned status, enum result result);

/* An error, to be answered in JSON. */
struct http_refusal {
    unsigned status;
    struct slice text;       /* for people; UTF-8 */
    struct slice lines;      /* further field lines, or empty */
    const struct slice *key; /* the key it is about; NULL: none */
    enum result result;      /* what it is counted as */
};

/* Answers it and counts it. */
void http_session_refuse(struct session *s, const struct http_ask *ask, const struct http_refusal *refusal);

/* The request is wrong: the same with this status, about no key. */
void http_session_refuse_request(struct session *s, const struct http_ask *ask, unsigned status, struct slice text);

/* --- http_identity.c --- */

/* Finds out who asks, from the field Authorization. False: that takes a while, and the request comes again (HTTP_WAITS); or
 * it cannot be found out, which was answered (HTTP_ANSWERED). */
bool http_session_identify(struct session *s, const struct http_request *r, enum http_progress *ret_progress);

/* What is answered if it takes somebody, with 401, or somebody else, with 403. */
#define HTTP_GUARD_NOBODY                                                                                              \
    "this takes a user: say who you are, by Basic with a name and a password or by Bearer with a token"
#define HTTP_GUARD_FORBIDDEN "this user may not do this"

/* Goes with 401. */
#define HTTP_GUARD_LINES                                                                                               \
    SLICE("WWW-Authenticate: Basic realm=\"larder\", charset=\"UTF-8\", Bearer realm=\"larder\"\r\n")

/* --- http_routes.c: paths that are about the node --- */

/* Whether it asks for the node's health, which tells nothing to whom it should not. */
bool http_session_is_probe(const struct http_request *r);

/* True: it was one of them and is answered. */
bool http_session_route(struct session *s, struct http_request *r);

/* --- http_audit.c --- */

/* POST /admin/audit, of somebody who may. The answer comes in its turn, when the audit is over. */
void http_session_audit(struct session *s, const struct http_request *r);

/* --- http_flush.c --- */

/* POST /admin/flush, of somebody who may: 204, or 503 that names the nodes of the cluster that have not done it in time. With
 * ?group=NAME of that memory group alone: 404 if there is none of this name, 409 if it is durable. The answer comes in its
 * turn. */
void http_session_flush(struct session *s, const struct http_request *r);

/* --- http_groupcache.c --- */

/* GET /_groupcache/<group>/<key>, of another member of the group's pool: the value in a message, 404 if there is no group of
 * that name in a pool, or 500 that says why there is no value. The answer comes in its turn. */
void http_session_groupcache(struct session *s, const struct http_request *r);

/* --- http_answer.c --- */

/* What a result that is no success is answered with; status 0: there is nothing to be said of it. */
struct slice http_failure_text(enum result result, unsigned *ret_status);

/* --- http_value.c: keys --- */

/* Beside which others, whose answers are still to come, it may be run (slots.h): a request for a key that is all there and
 * good. */
enum cmd_order http_session_order(struct session *s, const struct http_request *r);

enum http_progress http_session_value(struct session *s, struct http_request *r, size_t *ret_taken);

/* --- http_body.c: bodies that come bit by bit --- */

/* What becomes of a body that comes bit by bit. */
struct http_body_use {
    /* The whole body has come, to where it was placed if it was, else `placed` is NULL. Good during the call; so is the
     * request, whose `rest` is empty. */
    void (*take)(struct session *s, struct http_request *r, struct slice body, struct placed_value *placed);
    /* It cannot be taken in: answers why. */
    void (*refuse)(struct session *s, const struct http_ask *ask, const struct http_refusal *refusal);
    struct slice too_large; /* for people, with status 413 */
    struct slice no_room;   /* the same with 507 */
    enum command command;   /* what the request is counted as */
};

/* Starts to take in a body of at most `limit` bytes: straight to `placed`, which it then takes over, or, NULL, to memory of
 * its own, which grows with what comes. `use` outlives it. False: there is no memory for it, and nothing is begun. */
bool http_session_body_begin(struct session *s, const struct http_request *r, uint64_t limit,
                             const struct http_body_use *use, struct placed_value *placed);

/* Says to a client that waits for it that the body may come. */
void http_session_body_invite(struct session *s, const struct http_request *r);

/* Takes the next bytes of the body that is on its way. Returns how many. */
size_t http_session_body_feed(struct session *s, struct slice input);

/* Lets the connection close behind the answer if the body of the request is too large to be read away, or if its sender
 * may not send it at all. Before the answer is written. */
void http_session_drop_prepare(struct http_request *r);

/* Drops the body, behind the answer. Returns how many bytes of r->rest it took. */
size_t http_session_drop(struct session *s, const struct http_request *r);

#endif
