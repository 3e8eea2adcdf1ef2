/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "proto/memcached/token.h"
#include "session/memcached.h"

enum { KEYS_PER_TURN = 1024 /* of one get; then other connections have their turn */ };

/* Keys still to be answered, once there is room or the reply of the first has come; the line they stood in is gone by
 * then. */
struct unfinished_get {
    struct mc_command command;
    struct buf keys;
};

/* How far the keys of a line were answered. */
enum progress {
    ALL_ANSWERED,
    BROKEN,  /* by an error, which is the end of the answer */
    NO_ROOM, /* the command's present key is next */
    PENDING, /* the reply of the command's present key is still to come */
};

void session_get_free(struct session *s) {
    if (s->get != NULL) {
        buf_fini(&s->get->keys);
        free(s->get);
        s->get = NULL;
    }
}

/* Lets the table prepare for the next keys of a line. Returns for how many. */
static size_t foresee_keys(const struct session *s, const struct mc_command *command) {
    struct slice keys[CMD_FORESEE_MAX] = {command->request.key};
    struct slice rest = command->more_keys;
    size_t count = 1;

    while (count < CMD_FORESEE_MAX && token_next(&rest, &keys[count])) {
        count++;
    }
    cmd_foresee(&s->worker->context, keys, count);
    return count;
}

/* The reply of the key that the others of the line wait for. */
static void answer_pending_key(struct session *s, struct slot *slot, struct reply *reply) {
    struct mc_command *command = &s->get->command;

    bool broken = mc_breaks_get(reply);

    (void)slot;
    mc_session_answer(s, command, reply);
    if (broken) {
        session_get_free(s);
    } else if (mc_next_key(command)) {
        s->stalled = true;
        s->waiting = false;
    } else {
        session_get_free(s);
        mc_session_end(s);
    }
}

/* Answers keys until the line ends, no more answers may wait, or one is pending: then *ret_pending is its reply. */
static enum progress answer_keys(struct session *s, struct mc_command *command, struct reply *ret_pending) {
    struct reply reply;
    size_t foreseen = command->more_keys.size > 0 ? 0 : 1;
    size_t answered = 0;

    do {
        if (foreseen-- == 0) {
            foreseen = foresee_keys(s, command) - 1;
        }
        cmd_run(&s->worker->context, &command->request, &reply);
        if (__builtin_expect(reply.result == RESULT_PENDING, 0)) {
            *ret_pending = reply;
            return PENDING;
        }
        mc_session_answer(s, command, &reply);
        if (__builtin_expect(mc_breaks_get(&reply), 0)) {
            return BROKEN;
        }
        if (__builtin_expect(session_is_full(s) || ++answered == KEYS_PER_TURN, 0)) {
            return mc_next_key(command) ? NO_ROOM : ALL_ANSWERED;
        }
    } while (mc_next_key(command));
    return ALL_ANSWERED;
}

/* Keeps what is left of the line: the present key and those behind it. False: no memory, the session has failed. */
static bool put_off(struct session *s, const struct mc_command *command) {
    struct unfinished_get *get = malloc(sizeof(*get));
    const char *start = command->request.key.data;
    const char *end = command->more_keys.size > 0 ? command->more_keys.data + command->more_keys.size
                                                  : start + command->request.key.size;

    if (get == NULL) {
        session_fail(s);
        return false;
    }
    get->command = *command;
    buf_init(&get->keys, s->worker->max_line);
    s->get = get;
    if (buf_append(&get->keys, start, (size_t)(end - start)) != LARDER_OK) {
        session_fail(s);
        return false;
    }
    get->command.more_keys = buf_slice(&get->keys);
    mc_next_key(&get->command);
    return true;
}

static void wait_for_key(struct session *s, struct reply *pending) {
    session_slot_add(s, pending, &(struct slot_request){.answer = answer_pending_key});
}

void mc_session_get(struct session *s, struct mc_command *command) {
    struct reply pending;

    switch (answer_keys(s, command, &pending)) {
    case ALL_ANSWERED:
        mc_session_end(s);
        break;
    case BROKEN:
        break;
    case NO_ROOM:
        put_off(s, command);
        break;
    case PENDING:
        if (put_off(s, command)) {
            wait_for_key(s, &pending);
        } else {
            pending_abandon(pending.pending);
        }
        break;
    }
}

void mc_session_continue_get(struct session *s) {
    struct reply pending;

    switch (answer_keys(s, &s->get->command, &pending)) {
    case ALL_ANSWERED:
        session_get_free(s);
        mc_session_end(s);
        break;
    case BROKEN:
        session_get_free(s);
        break;
    case NO_ROOM:
        break;
    case PENDING:
        wait_for_key(s, &pending);
        break;
    }
}
