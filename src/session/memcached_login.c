/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/guard.h"
#include "session/login.h"
#include "session/memcached.h"

/* Authentication as memcached's text protocol has it: a `set` (here also an `ms`) whose value is a name, a space and a password. There it is
 * the first command of a connection, whatever its key. Here memory groups need none, so a key of its own tells it from a
 * value that is to be kept, and it may come at any time. */

enum { LOGIN_MAX = AUTH_NAME_MAX + 1 + AUTH_PASSWORD_MAX };

bool mc_session_is_login(const struct mc_command *command) {
    return command->request.command == COMMAND_SET &&
           (command->form == MC_FORM_LINE || command->form == MC_FORM_META) &&
           slice_equal(command->request.key, MC_LOGIN_KEY);
}

static void answer(struct session *s, struct mc_command *command, enum result result) {
    struct reply reply = {.result = result == RESULT_DONE ? RESULT_STORED : result};

    if (result == RESULT_UNAUTHENTICATED) {
        command->form = MC_FORM_ERROR;
        command->error = SLICE("CLIENT_ERROR authentication failure\r\n");
    } else if (result == RESULT_TOO_MANY_REQUESTS) {
        command->form = MC_FORM_ERROR;
        command->error = SLICE("SERVER_ERROR too many authentications are under way\r\n");
    }
    mc_session_answer(s, command, &reply);
}

static void finish(struct session *s, struct mc_command *command, struct reply *reply) {
    enum result result = session_logged_in(s, reply);

    reply_release(reply);
    answer(s, command, result);
}

static void answer_slot(struct session *s, struct slot *slot, struct reply *reply) {
    struct mc_command command;

    mc_decode(slice_make(slot->data, slot->size), &command);
    finish(s, &command, reply);
}

/* Takes `words` apart. False: they are not two. */
static bool split(struct slice words, struct slice *ret_user, struct slice *ret_password) {
    const char *space = memchr(words.data, ' ', words.size);

    if (space == NULL) {
        return false;
    }
    *ret_user = slice_make(words.data, (size_t)(space - words.data));
    *ret_password = slice_skip(words, ret_user->size + 1);
    return true;
}

/* Nothing is pending before it, or it would have waited. */
static void log_in(struct session *s, struct mc_command *command, struct slice line, struct slice words) {
    const struct cmd_context *context = &s->worker->context;
    struct slice user;
    struct slice password;
    struct auth_known known;
    struct reply reply;

    session_who_forget(s);
    if (!guard_is_up(context)) {
        answer(s, command, RESULT_DONE); /* anybody may do anything; and nothing is kept */
    } else if (!split(words, &user, &password)) {
        answer(s, command, RESULT_UNAUTHENTICATED);
    } else if (auth_remembers(context->node->auth, user, password, context->now_ns, &known)) {
        answer(s, command, session_who_set(s, &known) ? RESULT_DONE : RESULT_NO_MEMORY);
    } else {
        session_log_in(s, user, password, &reply);
        if (reply.result == RESULT_PENDING) {
            session_slot_add(s, &reply, &(struct slot_request){.answer = answer_slot, .data = line, .cost = line.size});
        } else {
            finish(s, command, &reply);
        }
    }
}

ssize_t mc_session_log_in(struct session *s, struct mc_command *command, struct slice line, struct slice rest) {
    size_t size = (size_t)command->request.body_size + MC_SESSION_CRLF;

    if (command->request.body_size > LOGIN_MAX) {
        session_who_forget(s);
        answer(s, command, RESULT_UNAUTHENTICATED);
        s->swallow = size;
        return 0;
    }
    if (rest.size < size) {
        return -1;
    }
    if (memcmp(rest.data + command->request.body_size, "\r\n", MC_SESSION_CRLF) != 0) {
        mc_session_bad_chunk(s, command, line);
    } else {
        log_in(s, command, line, slice_make(rest.data, command->request.body_size));
    }
    return (ssize_t)size;
}
