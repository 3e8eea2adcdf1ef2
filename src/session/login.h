/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_SESSION_LOGIN_H
#define LARDER_SESSION_LOGIN_H

#include "auth/auth.h"
#include "session/slots.h"

/* Who speaks on a session that says so by name and password, or by token. */

struct session_who {
    struct auth_known known;
    bool answered; /* HTTP: the login of the request that the input begins with has ended, so; not yet looked at */
    enum result problem; /* of that login: DONE, or as session_log_in */
};

/* What is run from now on is asked by whoever speaks here: sets the worker's context.who. */
void session_who_show(struct session *s);

/* It is `known` who speaks. False: out of memory; it is then nobody. */
bool session_who_set(struct session *s, const struct auth_known *known);

/* Nobody does. */
void session_who_forget(struct session *s);
void session_who_free(struct session *s);

/* Finds out whether the password is the user's. *ret_reply is complete, or RESULT_PENDING for session_slot_add, because a
 * password takes some 70 ms in the background. Its result is DONE; UNAUTHENTICATED (no such user, or another password);
 * TOO_MANY_REQUESTS (AUTH_LOGINS_MAX are under way); NO_MEMORY; STORE_FAILED (the node ends). */
void session_log_in(struct session *s, struct slice user, struct slice password, struct reply *ret_reply);

/* Of the complete reply: it is that user who speaks from now on; nobody, if the result is not DONE. Returns the result, or
 * NO_MEMORY. */
enum result session_logged_in(struct session *s, const struct reply *reply);

#endif
