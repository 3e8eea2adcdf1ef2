/* SPDX-License-Identifier: Apache-2.0 */
#include <strings.h>

#include "base/base64.h"
#include "cmd/guard.h"
#include "session/http.h"
#include "session/login.h"

/* Who asks, by the field Authorization of each request (RFC 9110, 11): Basic with a name and a password (RFC 7617), or
 * Bearer with a token that etcd's Authenticate has given (RFC 6750). Whatever else is said there, and what is wrong, is
 * nobody: memory groups are everybody's, and the rest is refused with 401. */

enum { CREDENTIALS_MAX = AUTH_NAME_MAX + 1 + AUTH_PASSWORD_MAX };

/* What follows the scheme. False: it is another one. */
static bool has_scheme(struct slice field, struct slice scheme, struct slice *ret_rest) {
    if (field.size <= scheme.size || strncasecmp(field.data, scheme.data, scheme.size) != 0 ||
        field.data[scheme.size] != ' ') {
        return false;
    }
    field = slice_skip(field, scheme.size);
    while (field.size > 0 && field.data[0] == ' ') {
        field = slice_skip(field, 1);
    }
    *ret_rest = field;
    return true;
}

/* The name ends at the first colon. `place` has room for CREDENTIALS_MAX bytes in base64. */
static bool read_basic(struct slice text, char *place, struct slice *ret_user, struct slice *ret_password) {
    const char *colon;
    size_t size;

    if (text.size > base64_encoded_size(CREDENTIALS_MAX) || !base64_decode(text, place, &size)) {
        return false;
    }
    colon = memchr(place, ':', size);
    if (colon == NULL) {
        return false;
    }
    *ret_user = slice_make(place, (size_t)(colon - place));
    *ret_password = slice_skip(slice_make(place, size), ret_user->size + 1);
    return true;
}

static void refuse(struct session *s, const struct http_request *r, enum result result) {
    http_session_refuse(s, &r->ask,
                        &(struct http_refusal){
                            .status = result == RESULT_TOO_MANY_REQUESTS ? 503 : 507,
                            .text = result == RESULT_TOO_MANY_REQUESTS
                                        ? SLICE("too many authentications are under way already")
                                        : SLICE("there is no room for the request"),
                            .result = result,
                        });
}

/* Goes on with a request whose login has ended so. False: it is answered. */
static bool go_on(struct session *s, const struct http_request *r, enum result result,
                  enum http_progress *ret_progress) {
    if (result == RESULT_DONE || result == RESULT_UNAUTHENTICATED) {
        return true;
    }
    refuse(s, r, result);
    *ret_progress = HTTP_ANSWERED;
    return false;
}

/* Writes nothing: the request, which waits in the input, comes again. */
static void answer_slot(struct session *s, struct slot *slot, struct reply *reply) {
    enum result result = session_logged_in(s, reply);

    (void)slot;
    s->who->answered = true;
    s->who->problem = result;
    reply_release(reply);
}

static bool log_in(struct session *s, const struct http_request *r, struct slice user, struct slice password,
                   enum http_progress *ret_progress) {
    struct reply reply;
    enum result result;

    /* There must be room for what becomes of it. */
    if (!session_who_set(s, &(struct auth_known){0})) {
        return go_on(s, r, RESULT_NO_MEMORY, ret_progress);
    }
    session_log_in(s, user, password, &reply);
    if (reply.result == RESULT_PENDING) {
        session_slot_add(s, &reply, &(struct slot_request){.answer = answer_slot, .is_aside = true});
        s->waiting = true;
        *ret_progress = HTTP_WAITS;
        return false;
    }
    result = session_logged_in(s, &reply);
    reply_release(&reply);
    return go_on(s, r, result, ret_progress);
}

static bool identify_basic(struct session *s, const struct http_request *r, struct slice text,
                           enum http_progress *ret_progress) {
    const struct cmd_context *context = &s->worker->context;
    char place[(CREDENTIALS_MAX + 2) / 3 * 4];
    struct auth_known known;
    struct slice user;
    struct slice password;
    bool good = true;

    if (!read_basic(text, place, &user, &password)) {
        return true;
    }
    if (!auth_remembers(context->node->auth, user, password, context->now_ns, &known)) {
        good = log_in(s, r, user, password, ret_progress);
    } else if (!session_who_set(s, &known)) {
        good = go_on(s, r, RESULT_NO_MEMORY, ret_progress);
    }
    explicit_bzero(place, sizeof(place));
    return good;
}

static bool identify_bearer(struct session *s, const struct http_request *r, struct slice token,
                            enum http_progress *ret_progress) {
    const struct cmd_context *context = &s->worker->context;
    struct auth_known known;

    if (auth_know_token(context->node->auth, token, context->now_ns, &known) == ETCD_OK &&
        !session_who_set(s, &known)) {
        return go_on(s, r, RESULT_NO_MEMORY, ret_progress);
    }
    return true;
}

bool http_session_identify(struct session *s, const struct http_request *r, enum http_progress *ret_progress) {
    struct slice field = r->head.fields[HTTP_FIELD_AUTHORIZATION];
    struct slice rest;

    if (s->who != NULL && s->who->answered) {
        s->who->answered = false;
        return go_on(s, r, s->who->problem, ret_progress);
    }
    session_who_forget(s);
    if (!guard_is_up(&s->worker->context)) {
        return true;
    }
    if (has_scheme(field, SLICE("Basic"), &rest)) {
        return identify_basic(s, r, rest, ret_progress);
    }
    if (has_scheme(field, SLICE("Bearer"), &rest)) {
        return identify_bearer(s, r, rest, ret_progress);
    }
    return true;
}
