/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/log.h"
#include "cmd/guard.h"
#include "session/memcached.h"
#include "session/peering.h"

/* Runs a command whose value and CRLF lie at `data`. */
static void run_with_body(struct session *s, struct mc_command *command, struct slice line, const char *data) {
    size_t size = command->request.body_size;

    if (memcmp(data + size, "\r\n", MC_SESSION_CRLF) != 0) {
        mc_session_bad_chunk(s, command, line);
        return;
    }
    command->request.value = slice_make(data, size);
    mc_session_run(s, command, line);
}

static const char *reason_of(enum result result) {
    switch (result) {
    case RESULT_TOO_LARGE:
        return "max-item";
    case RESULT_UNAUTHENTICATED:
    case RESULT_FORBIDDEN:
        return "not allowed";
    default:
        return "memory";
    }
}

static void refuse_body(struct session *s, struct mc_command *command, struct slice line, enum result result) {
    struct reply reply;

    cmd_refuse(&s->worker->context, &command->request, result, &reply);
    log_debug("refused a value", log_key(command->request.key), log_number("bytes", command->request.body_size),
              log_string("reason", reason_of(result)));
    mc_session_reply(s, command, line, &reply);
    s->swallow = (size_t)command->request.body_size + MC_SESSION_CRLF;
}

/* Starts to take in a large value; what has come of it already is copied to its place. */
static void begin_body(struct session *s, struct mc_command *command, struct slice line, struct slice rest) {
    struct body *body = calloc(1, sizeof(*body));
    enum result result = RESULT_NO_MEMORY;

    if (body != NULL) {
        buf_init(&body->line, MC_LINE_MAX);
        s->body = body;
    }
    if (body == NULL || buf_append_slice(&body->line, line) != LARDER_OK ||
        !cmd_place(&s->worker->context, &command->request, &body->value, &result)) {
        session_body_free(s);
        refuse_body(s, command, line, result);
        return;
    }
    while (rest.size > 0) {
        char *place;
        size_t room;

        if (!session_body_place(s, &place, &room)) {
            break;
        }
        room = room < rest.size ? room : rest.size;
        memcpy(place, rest.data, room);
        session_body_filled(s, room);
        rest = slice_skip(rest, room);
    }
}

ssize_t mc_session_take_body(struct session *s, struct mc_command *command, struct slice line, struct slice rest) {
    size_t size = (size_t)command->request.body_size + MC_SESSION_CRLF;

    enum result result;

    if (command->bad_body) {
        mc_session_run(s, command, line);
        s->swallow = size;
        return 0;
    }
    if (__builtin_expect(mc_session_is_login(command), 0)) {
        return mc_session_log_in(s, command, line, rest);
    }
    if (!cmd_accepts(&s->worker->context, &command->request)) {
        refuse_body(s, command, line, RESULT_TOO_LARGE);
        return 0;
    }
    if (rest.size >= size) {
        run_with_body(s, command, line, rest.data);
        return (ssize_t)size;
    }
    result = guard_write(&s->worker->context, &command->request);
    if (result != RESULT_DONE) {
        refuse_body(s, command, line, result);
        return 0;
    }
    if (cmd_places(&s->worker->context, &command->request)) {
        begin_body(s, command, line, rest);
        return s->swallow > 0 ? 0 : (ssize_t)rest.size;
    }
    return -1;
}

bool session_body_place(struct session *s, char **ret_data, size_t *ret_size) {
    struct body *body = s->body;

    if (body->filled < body->value.size) {
        *ret_data = body->value.data + body->filled;
        *ret_size = body->value.size - body->filled;
        return true;
    }
    *ret_data = body->tail + body->tail_filled;
    *ret_size = MC_SESSION_CRLF - body->tail_filled;
    return body->tail_filled < MC_SESSION_CRLF;
}

static void run_placed(struct session *s, struct body *body) {
    struct slice line = buf_slice(&body->line);
    struct mc_command command;

    session_decode(s, line, &command);
    if (memcmp(body->tail, "\r\n", MC_SESSION_CRLF) != 0) {
        mc_session_bad_chunk(s, &command, line);
        return;
    }
    command.request.value = slice_make(body->value.data, body->value.size);
    command.request.placed = &body->value;
    mc_session_run(s, &command, line);
}

void session_body_filled(struct session *s, size_t size) {
    struct body *body = s->body;

    if (body->filled < body->value.size) {
        body->filled += size;
    } else {
        body->tail_filled += size;
    }
    if (body->tail_filled == MC_SESSION_CRLF) {
        run_placed(s, body);
        session_body_free(s);
    }
}

void session_body_free(struct session *s) {
    if (s->body != NULL) {
        cmd_place_cancel(&s->body->value);
        buf_fini(&s->body->line);
        free(s->body);
        s->body = NULL;
    }
}
