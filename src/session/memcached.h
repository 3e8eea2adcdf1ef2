/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_SESSION_MEMCACHED_H
#define LARDER_SESSION_MEMCACHED_H

#include "proto/memcached/command.h"
#include "session/internal.h"
#include "session/slots.h"

/* Between the files of the memcached session. `line` is the line that `command` was decoded from, without its end. */

/* Encodes the reply, lets go of what it held and counts it. For a reply whose turn it is. */
void mc_session_answer(struct session *s, const struct mc_command *command, struct reply *reply);

/* The same, in its turn: a reply that is pending, or that stands behind such, gets a slot. */
void mc_session_reply(struct session *s, const struct mc_command *command, struct slice line, struct reply *reply);

/* Answers that the value was not followed by its CRLF, in its turn. */
void mc_session_bad_chunk(struct session *s, struct mc_command *command, struct slice line);

/* Counts the request. */
void mc_session_note(struct session *s, const struct mc_command *command, const struct reply *reply);

/* Whether its reply may have a value. */
bool mc_session_reads(const struct mc_command *command);

/* Ends the answer of a get or stats. */
void mc_session_end(struct session *s);

/* Runs a command that is complete. */
void mc_session_run(struct session *s, struct mc_command *command, struct slice line);

/* Whether it may be run, or its value taken in, while replies are pending. */
bool mc_session_may_run(const struct session *s, const struct mc_command *command);

/* --- memcached_get.c --- */

void mc_session_get(struct session *s, struct mc_command *command);
void mc_session_continue_get(struct session *s);

/* --- memcached_body.c --- */

/* Goes on with a command that has a value. Returns how many bytes behind the line it took, or -1 when the value must
 * first come. */
ssize_t mc_session_take_body(struct session *s, struct mc_command *command, struct slice line, struct slice rest);

/* --- memcached_login.c --- */

/* Whether it says who speaks: a `set` or `ms` of the key MC_LOGIN_KEY, which is never stored. */
bool mc_session_is_login(const struct mc_command *command);

/* Goes on with one, as mc_session_take_body. */
ssize_t mc_session_log_in(struct session *s, struct mc_command *command, struct slice line, struct slice rest);

#define MC_LOGIN_KEY SLICE("larder-auth")

enum { MC_SESSION_CRLF = 2 };

#endif
