/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "proto/memcached/token.h"
#include "session/memcached.h"
#include "session/tracing.h"

enum { KEYS_PER_TURN = 1024 /* of one get; then other connections have their turn */ };

/* Keys still to be run, once there is room or other replies have come; the line they stood in is gone by then. */
struct unfinished_get {
    struct mc_command command;
    struct buf keys;
    uint64_t number;
};

/* What a slot keeps of a key; its text follows. */
struct key_slot {
    uint64_t get;
    enum command command;
    bool show_cas;
    bool last; /* of its line: the end of the answer follows it */
};

/* How far the keys of a line were run. */
enum progress {
    ALL_RUN,
    ALL_TOLD, /* the same, and the slot of the last one will end the answer */
    BROKEN,   /* by an error, which is the end of the answer */
    NO_ROOM,  /* the command's present key is next */
    MUST_WAIT /* likewise, when replies have come that it may not be run beside */
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

/* --- replies that come later --- */

/* An error ends the answer: no more is said to this get, and what was not run of it is not. */
static void break_off(struct session *s, uint64_t number) {
    s->broken_get = number;
    if (s->get != NULL && s->get->number == number) {
        session_get_free(s);
    }
}

static void answer_key(struct session *s, struct slot *slot, struct reply *reply) {
    struct mc_command command = {.form = MC_FORM_GET};
    struct key_slot key;
    bool broken = mc_breaks_get(reply);

    memcpy(&key, slot->data, sizeof(key));
    command.request.command = key.command;
    command.request.key = slice_make(slot->data + sizeof(key), slot->size - sizeof(key));
    command.show_cas = key.show_cas;
    session_learn(s, reply);
    if (key.get == s->broken_get) {
        reply_release(reply);
        mc_session_note(s, &command, reply);
        return;
    }
    mc_session_answer(s, &command, reply);
    if (broken) {
        break_off(s, key.get);
    } else if (key.last) {
        mc_session_end(s);
    }
}

/* As far as can be seen at a glance. */
static bool is_last(const struct mc_command *command) {
    return command->more_keys.size == 0;
}

static void add_key(struct session *s, const struct mc_command *command, uint64_t number, struct reply *reply) {
    char data[sizeof(struct key_slot) + REQUEST_KEY_MAX];
    const struct key_slot key = {
        .get = number,
        .command = command->request.command,
        .show_cas = command->show_cas,
        .last = is_last(command),
    };
    struct slice text = command->request.key;

    memcpy(data, &key, sizeof(key));
    memcpy(data + sizeof(key), text.data, text.size);
    session_slot_add(s, reply,
                     &(struct slot_request){
                         .answer = answer_key,
                         .data = slice_make(data, sizeof(key) + text.size),
                         .cost = sizeof(key) + text.size + s->read_cost,
                         .order = cmd_order_of(&s->worker->context, &command->request),
                     });
}

static void answer_end(struct session *s, struct slot *slot, struct reply *reply) {
    uint64_t number;

    (void)reply;
    memcpy(&number, slot->data, sizeof(number));
    if (number != s->broken_get) {
        mc_session_end(s);
    }
}

/* Ends the answer, in its turn. */
static void end(struct session *s, uint64_t number) {
    struct reply reply = {.result = RESULT_DONE};

    if (!session_is_waiting(s)) {
        mc_session_end(s);
        return;
    }
    session_slot_add(s, &reply,
                     &(struct slot_request){
                         .answer = answer_end,
                         .data = slice_make((const char *)&number, sizeof(number)),
                         .order = session_order_of_any(s),
                     });
}

/* --- running them --- */

/* Runs keys until the line ends, no more answers may wait, or one may not be run beside those that are pending. */
static enum progress run_keys(struct session *s, struct mc_command *command, uint64_t number) {
    struct reply reply;
    size_t foreseen = command->more_keys.size > 0 ? 0 : 1;
    size_t run = 0;

    do {
        if (__builtin_expect(session_is_waiting(s), 0) && !mc_session_may_run(s, command)) {
            return MUST_WAIT;
        }
        if (foreseen-- == 0) {
            foreseen = foresee_keys(s, command) - 1;
        }
        session_trace_memcached(s, command);
        cmd_run(&s->worker->context, &command->request, &reply);
        if (__builtin_expect(reply.result == RESULT_PENDING || session_is_waiting(s), 0)) {
            add_key(s, command, number, &reply);
            if (is_last(command)) {
                return s->failed ? BROKEN : ALL_TOLD;
            }
        } else {
            mc_session_answer(s, command, &reply);
            if (__builtin_expect(mc_breaks_get(&reply), 0)) {
                return BROKEN;
            }
        }
        if (__builtin_expect(session_is_full(s) || ++run == KEYS_PER_TURN, 0)) {
            return mc_next_key(command) ? NO_ROOM : ALL_RUN;
        }
    } while (!s->failed && mc_next_key(command));
    return s->failed ? BROKEN : ALL_RUN;
}

/* Keeps what is left of the line: the present key and those behind it. */
static void put_off(struct session *s, const struct mc_command *command, uint64_t number) {
    struct unfinished_get *get = malloc(sizeof(*get));
    const char *start = command->request.key.data;
    const char *end_of_line = command->more_keys.size > 0 ? command->more_keys.data + command->more_keys.size
                                                          : start + command->request.key.size;

    if (get == NULL) {
        session_fail(s);
        return;
    }
    get->command = *command;
    get->number = number;
    buf_init(&get->keys, s->worker->max_line);
    s->get = get;
    if (buf_append(&get->keys, start, (size_t)(end_of_line - start)) != LARDER_OK) {
        session_fail(s);
        return;
    }
    get->command.more_keys = buf_slice(&get->keys);
    mc_next_key(&get->command);
}

void mc_session_get(struct session *s, struct mc_command *command) {
    uint64_t number = ++s->gets;

    switch (run_keys(s, command, number)) {
    case ALL_RUN:
        end(s, number);
        break;
    case ALL_TOLD:
    case BROKEN:
        break;
    case NO_ROOM:
    case MUST_WAIT:
        put_off(s, command, number);
        break;
    }
}

void mc_session_continue_get(struct session *s) {
    uint64_t number = s->get->number;

    switch (run_keys(s, &s->get->command, number)) {
    case ALL_RUN:
        session_get_free(s);
        end(s, number);
        break;
    case ALL_TOLD:
    case BROKEN:
        session_get_free(s);
        break;
    case NO_ROOM:
    case MUST_WAIT:
        break;
    }
}
