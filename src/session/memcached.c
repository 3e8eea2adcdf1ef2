/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/log.h"
#include "proto/memcached/command.h"
#include "proto/memcached/token.h"
#include "session/internal.h"

enum {
    CRLF = 2,
    KEYS_PER_TURN = 1024, /* of one get; then other connections have their turn */
};

static void note(struct session *s, const struct mc_command *command, const struct reply *reply) {
    struct worker_telemetry *w = s->worker->context.telemetry;

    telemetry_request(w, PROTOCOL_MEMCACHED, command->request.command, reply->group, result_class(reply->result));
    if (__builtin_expect(mc_hides(command, reply), 0)) {
        telemetry_count(w, COUNTER_NOREPLY_ERRORS, 1);
    }
}

/* Encodes the reply, lets go of what it held and counts it. */
static void answer(struct session *s, const struct mc_command *command, struct reply *reply) {
    struct outbox *out = session_outbox(s);

    if (out != NULL) {
        session_check(s, mc_encode(out, command, reply, SESSION_REFERENCE_FROM));
    }
    reply_release(reply);
    note(s, command, reply);
}

static void answer_end(struct session *s) {
    struct outbox *out = session_outbox(s);

    if (out != NULL) {
        session_check(s, mc_encode_end(out));
    }
}

static void answer_error(struct session *s, struct mc_command *command, struct slice line) {
    struct reply reply = {.result = RESULT_INVALID};

    command->form = MC_FORM_ERROR;
    command->error = line;
    answer(s, command, &reply);
}

static bool emit_stat(void *ctx, const char *name, const char *value) {
    struct outbox *out = session_outbox(ctx);

    return out != NULL && mc_encode_stat(out, name, value) == LARDER_OK;
}

static void run_stats(struct session *s, struct mc_command *command) {
    struct reply reply = {.result = RESULT_DONE};
    struct slice topic = mc_first_argument(command);

    switch (cmd_stats(&s->worker->context, topic, emit_stat, s)) {
    case CMD_STATS_DONE:
        answer_end(s);
        note(s, command, &reply);
        break;
    case CMD_STATS_RESET:
        command->form = MC_FORM_ERROR;
        command->error = MC_RESET;
        answer(s, command, &reply);
        break;
    case CMD_STATS_UNKNOWN:
        answer_error(s, command, MC_ERROR);
        break;
    case CMD_STATS_FAILED:
        s->over = true;
        break;
    }
}

/* Keys still to be answered once there is room; the line they stood in is gone by then. */
struct unfinished_get {
    struct mc_command command;
    struct buf keys;
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

/* Lets the table prepare for the keys of the next commands. Returns how many bytes of input they take. */
static size_t foresee_commands(const struct session *s, struct slice input) {
    struct slice keys[CMD_FORESEE_MAX];
    struct mc_glance glance;
    size_t count = 0;
    size_t size = 0;

    while (count < CMD_FORESEE_MAX && size < input.size && mc_glance_at(slice_skip(input, size), &glance)) {
        if (token_next(&glance.keys, &keys[count])) {
            count++;
        }
        size += glance.size;
    }
    if (count > 1) {
        cmd_foresee(&s->worker->context, keys, count);
    }
    return size;
}

/* Answers keys until the line ends or no more answers may wait. False: keys are left. */
static bool answer_keys(struct session *s, struct mc_command *command) {
    struct reply reply;
    size_t foreseen = command->more_keys.size > 0 ? 0 : 1;
    size_t answered = 0;

    do {
        if (foreseen-- == 0) {
            foreseen = foresee_keys(s, command) - 1;
        }
        cmd_run(&s->worker->context, &command->request, &reply);
        answer(s, command, &reply);
        if (__builtin_expect(session_is_full(s) || ++answered == KEYS_PER_TURN, 0)) {
            return !mc_next_key(command);
        }
    } while (mc_next_key(command));
    return true;
}

/* Keeps what is left of the line: the key that is next and those behind it. */
static void put_off(struct session *s, const struct mc_command *command) {
    struct unfinished_get *get = malloc(sizeof(*get));
    const char *start = command->request.key.data;
    const char *end = command->more_keys.data + command->more_keys.size;

    if (get == NULL) {
        s->over = true;
        return;
    }
    get->command = *command;
    buf_init(&get->keys, s->worker->max_line);
    s->get = get;
    if (buf_append(&get->keys, start, (size_t)(end - start)) != LARDER_OK) {
        s->over = true;
        return;
    }
    get->command.more_keys = buf_slice(&get->keys);
    mc_next_key(&get->command);
}

static void run_get(struct session *s, struct mc_command *command) {
    if (answer_keys(s, command)) {
        answer_end(s);
    } else {
        put_off(s, command);
    }
}

static void continue_get(struct session *s) {
    if (answer_keys(s, &s->get->command)) {
        session_get_free(s);
        answer_end(s);
    }
}

static void run(struct session *s, struct mc_command *command) {
    struct reply reply;

    switch (command->form) {
    case MC_FORM_GET:
        run_get(s, command);
        break;
    case MC_FORM_ERROR:
        reply = (struct reply){.result = RESULT_INVALID};
        answer(s, command, &reply);
        break;
    case MC_FORM_STATS:
        run_stats(s, command);
        break;
    case MC_FORM_QUIT:
        reply = (struct reply){.result = RESULT_DONE};
        note(s, command, &reply);
        s->over = true;
        break;
    case MC_FORM_DEBUG:
        telemetry_count(s->worker->context.telemetry, COUNTER_META_COMMANDS, 1);
        /* fall through */
    default:
        cmd_run(&s->worker->context, &command->request, &reply);
        answer(s, command, &reply);
        break;
    }
}

/* Runs a command whose value and CRLF lie at `data`. */
static void run_with_body(struct session *s, struct mc_command *command, const char *data) {
    size_t size = command->request.body_size;

    if (memcmp(data + size, "\r\n", CRLF) != 0) {
        answer_error(s, command, MC_ERROR_CHUNK);
        return;
    }
    command->request.value = slice_make(data, size);
    run(s, command);
}

static void refuse_body(struct session *s, struct mc_command *command, enum result result) {
    struct reply reply;

    cmd_refuse(&s->worker->context, &command->request, result, &reply);
    log_debug("refused a value", log_key(command->request.key), log_number("bytes", command->request.body_size),
              log_string("reason", result == RESULT_TOO_LARGE ? "max-item" : "memory"));
    answer(s, command, &reply);
    s->swallow = (size_t)command->request.body_size + CRLF;
}

/* Starts to take in a large value; what has come of it already is copied to its place. */
static void begin_body(struct session *s, struct mc_command *command, struct slice line, struct slice rest) {
    struct body *body = calloc(1, sizeof(*body));

    if (body != NULL) {
        buf_init(&body->line, MC_LINE_MAX);
        s->body = body;
    }
    if (body == NULL || buf_append_slice(&body->line, line) != LARDER_OK ||
        !memory_place(s->worker->context.node->table, command->request.key, command->request.body_size,
                      s->worker->context.now, &body->value)) {
        session_body_free(s);
        refuse_body(s, command, RESULT_NO_MEMORY);
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

/* Goes on with a command that has a value. Returns how many bytes behind the line it took, or -1 when the value must
 * first come. */
static ssize_t take_body(struct session *s, struct mc_command *command, struct slice line, struct slice rest) {
    size_t size = (size_t)command->request.body_size + CRLF;

    if (command->bad_body) {
        run(s, command);
        s->swallow = size;
        return 0;
    }
    if (!cmd_accepts(&s->worker->context, &command->request)) {
        refuse_body(s, command, RESULT_TOO_LARGE);
        return 0;
    }
    if (rest.size >= size) {
        run_with_body(s, command, rest.data);
        return (ssize_t)size;
    }
    if (memory_places(s->worker->context.node->table, command->request.key, command->request.body_size)) {
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
    *ret_size = CRLF - body->tail_filled;
    return body->tail_filled < CRLF;
}

static void run_placed(struct session *s, struct body *body) {
    struct mc_command command;

    mc_decode(buf_slice(&body->line), &command);
    if (memcmp(body->tail, "\r\n", CRLF) != 0) {
        answer_error(s, &command, MC_ERROR_CHUNK);
        return;
    }
    command.request.value = slice_make(body->value.data, body->value.size);
    command.request.placed = &body->value;
    run(s, &command);
}

void session_body_filled(struct session *s, size_t size) {
    struct body *body = s->body;

    if (body->filled < body->value.size) {
        body->filled += size;
    } else {
        body->tail_filled += size;
    }
    if (body->tail_filled == CRLF) {
        run_placed(s, body);
        session_body_free(s);
    }
}

void session_body_free(struct session *s) {
    if (s->body != NULL) {
        memory_place_cancel(&s->body->value);
        buf_fini(&s->body->line);
        free(s->body);
        s->body = NULL;
    }
}

/* A line is waited for as long as it may still become one; then the connection ends without a word, as memcached's does:
 * nobody knows where the next command begins. False: it has ended. */
static bool await_line(struct session *s, struct slice start) {
    size_t limit = mc_line_may_be_long(start) ? s->worker->max_line : MC_LINE_MAX;

    if (start.size > limit) {
        telemetry_count(s->worker->context.telemetry, COUNTER_LIMIT_MAX_LINE, 1);
        log_debug("a line without an end", log_string("limit", "max-line"));
        s->over = true;
    }
    return !s->over;
}

static size_t swallow(struct session *s, struct slice input) {
    size_t size = s->swallow < input.size ? s->swallow : input.size;

    s->swallow -= size;
    return size;
}

/* Processes one command. Returns the bytes it took; 0 when more must come first. */
static size_t process_one(struct session *s, struct slice input) {
    const char *newline = memchr(input.data, '\n', input.size);
    struct mc_command command;
    struct slice line;
    size_t taken;

    if (newline == NULL) {
        await_line(s, input);
        return 0;
    }
    taken = (size_t)(newline - input.data) + 1;
    line = slice_make(input.data, taken - 1);
    if (line.size > 0 && line.data[line.size - 1] == '\r') {
        line.size--;
    }
    if (line.size > MC_LINE_MAX && !await_line(s, line)) {
        return 0;
    }
    mc_decode(line, &command);
    if (command.has_body) {
        ssize_t body = take_body(s, &command, line, slice_skip(input, taken));

        if (body < 0) {
            s->wanted = taken + command.request.body_size + CRLF;
            return 0;
        }
        return taken + (size_t)body;
    }
    run(s, &command);
    return taken;
}

size_t session_memcached(struct session *s, struct slice input) {
    size_t done = 0;
    size_t foreseen = 0;

    s->wanted = 0;
    if (s->get != NULL && !session_is_full(s)) {
        continue_get(s);
    }
    while (done < input.size && !s->over && s->get == NULL) {
        struct slice rest = slice_skip(input, done);
        size_t taken;

        if (s->swallow > 0) {
            done += swallow(s, rest);
            continue;
        }
        if (session_is_full(s)) {
            s->stalled = true;
            telemetry_count(s->worker->context.telemetry, COUNTER_LIMIT_MAX_OUTPUT, 1);
            break;
        }
        if (done >= foreseen) {
            foreseen = done + foresee_commands(s, rest);
        }
        taken = process_one(s, rest);
        if (taken == 0) {
            break;
        }
        done += taken;
    }
    if (s->get != NULL) {
        s->stalled = true;
        if (session_is_full(s)) {
            telemetry_count(s->worker->context.telemetry, COUNTER_LIMIT_MAX_OUTPUT, 1);
        }
    }
    return done;
}
