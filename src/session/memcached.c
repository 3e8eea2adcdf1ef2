/* SPDX-License-Identifier: Apache-2.0 */
#include "session/memcached.h"

#include "base/log.h"
#include "proto/memcached/token.h"
#include "session/peering.h"
#include "session/tracing.h"

void mc_session_note(struct session *s, const struct mc_command *command, const struct reply *reply) {
    struct worker_telemetry *w = s->worker->context.telemetry;

    session_trace_memcached_answered(s, reply);
    telemetry_request(w, command->form == MC_FORM_PEER ? PROTOCOL_PEER : PROTOCOL_MEMCACHED, command->request.command,
                      reply->group, result_class(reply->result));
    if (__builtin_expect(mc_hides(command, reply), 0)) {
        telemetry_count(w, COUNTER_NOREPLY_ERRORS, 1);
    }
}

/* What an origin has answered, as memcached knows it: the body without its head, and a miss where it has no such thing. */
static void make_plain(struct reply *reply) {
    if (reply->result == RESULT_ORIGIN_ABSENT) {
        reply->result = RESULT_MISS;
    } else if (reply->result == RESULT_HIT) {
        reply->item.value = slice_skip(reply->item.value, reply->item.head_size);
    }
}

void mc_session_answer(struct session *s, const struct mc_command *command, struct reply *reply) {
    struct outbox *out = session_outbox(s);
    enum result result = reply->result;

    session_trace_reply(s, reply);
    if (__builtin_expect(reply->item.head_size > 0, 0) && command->form != MC_FORM_PEER) {
        make_plain(reply);
    }
    if (out != NULL) {
        session_check(s, mc_encode(out, command, reply, SESSION_REFERENCE_FROM));
    }
    reply_release(reply);
    reply->result = result; /* which tells more than what was said */
    mc_session_note(s, command, reply);
}

void mc_session_end(struct session *s) {
    struct outbox *out = session_outbox(s);

    if (out != NULL) {
        session_check(s, mc_encode_end(out));
    }
}

static void make_error(struct mc_command *command, struct slice text) {
    command->form = MC_FORM_ERROR;
    command->error = text;
}

static void answer_error(struct session *s, struct mc_command *command, struct slice text) {
    struct reply reply = {.result = RESULT_INVALID};

    make_error(command, text);
    mc_session_answer(s, command, &reply);
}

/* A slot keeps the line of its command, which says how the reply is to be encoded. */
static void answer_slot(struct session *s, struct slot *slot, struct reply *reply) {
    struct mc_command command;

    session_decode(s, slice_make(slot->data, slot->size), &command);
    if (mc_session_reads(&command)) {
        session_learn(s, reply);
    }
    mc_session_answer(s, &command, reply);
}

static void answer_bad_chunk(struct session *s, struct slot *slot, struct reply *reply) {
    struct mc_command command;

    session_decode(s, slice_make(slot->data, slot->size), &command);
    make_error(&command, MC_ERROR_CHUNK);
    mc_session_answer(s, &command, reply);
}

/* Who speaks must be known before what is said is run. */
static enum cmd_order order_of(const struct session *s, const struct mc_command *command) {
    switch (command->form) {
    case MC_FORM_GET:
    case MC_FORM_LINE:
    case MC_FORM_META:
    case MC_FORM_DEBUG:
    case MC_FORM_PEER:
        return mc_session_is_login(command) ? CMD_ALONE : cmd_order_of(&s->worker->context, &command->request);
    case MC_FORM_NOOP:
        return session_order_of_any(s);
    default:
        return CMD_ALONE;
    }
}

bool mc_session_may_run(const struct session *s, const struct mc_command *command) {
    return !session_is_waiting(s) || session_may_run(s, order_of(s, command));
}

bool mc_session_reads(const struct mc_command *command) {
    return command->request.command == COMMAND_GET || command->request.command == COMMAND_GAT;
}

static void add_slot(struct session *s, const struct mc_command *command, struct slice line, struct reply *reply,
                     slot_answer_fn *answer) {
    /* What waits for an origin is not to keep others from being read; what it will hold, group/origin.h limits. */
    const bool out_of_turn = command->form == MC_FORM_PEER && (command->request.options & REQUEST_OUT_OF_TURN) != 0;
    const struct slot_request request = {
        .answer = answer,
        .data = line,
        .cost =
            out_of_turn ? 0 : line.size + command->request.value.size + (mc_session_reads(command) ? s->read_cost : 0),
        .order = order_of(s, command),
        .out_of_turn = out_of_turn,
    };

    session_slot_add(s, reply, &request);
}

void mc_session_reply(struct session *s, const struct mc_command *command, struct slice line, struct reply *reply) {
    if (__builtin_expect(reply->result == RESULT_PENDING || session_is_waiting(s), 0)) {
        add_slot(s, command, line, reply, answer_slot);
    } else {
        mc_session_answer(s, command, reply);
    }
}

void mc_session_bad_chunk(struct session *s, struct mc_command *command, struct slice line) {
    struct reply reply = {.result = RESULT_INVALID};

    if (session_is_waiting(s)) {
        add_slot(s, command, line, &reply, answer_bad_chunk);
    } else {
        answer_error(s, command, MC_ERROR_CHUNK);
    }
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
        mc_session_end(s);
        mc_session_note(s, command, &reply);
        break;
    case CMD_STATS_RESET:
        command->form = MC_FORM_ERROR;
        command->error = MC_RESET;
        mc_session_answer(s, command, &reply);
        break;
    case CMD_STATS_UNKNOWN:
        answer_error(s, command, MC_ERROR);
        break;
    case CMD_STATS_FAILED:
        session_fail(s);
        break;
    }
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

void mc_session_run(struct session *s, struct mc_command *command, struct slice line) {
    struct reply reply;

    switch (command->form) {
    case MC_FORM_GET:
        mc_session_get(s, command);
        break;
    case MC_FORM_ERROR:
        if (__builtin_expect(s->peer == NULL && greeting_is(line), 0)) {
            session_greet(s, line);
            break;
        }
        reply = (struct reply){.result = RESULT_INVALID};
        mc_session_answer(s, command, &reply);
        break;
    case MC_FORM_STATS:
        run_stats(s, command);
        break;
    case MC_FORM_QUIT:
        reply = (struct reply){.result = RESULT_DONE};
        mc_session_note(s, command, &reply);
        s->over = true;
        break;
    case MC_FORM_DEBUG:
        telemetry_count(s->worker->context.telemetry, COUNTER_META_COMMANDS, 1);
        /* fall through */
    default:
        session_trace_memcached(s, command);
        cmd_run(&s->worker->context, &command->request, &reply);
        mc_session_reply(s, command, line, &reply);
        break;
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

/* Processes one command. Returns the bytes it took; 0 when more must come first, or earlier replies. */
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
    if (__builtin_expect(session_is_greeting(s), 0)) {
        session_greet(s, line);
        return taken;
    }
    session_decode(s, line, &command);
    if (__builtin_expect(!mc_session_may_run(s, &command), 0)) {
        s->waiting = true;
        return 0;
    }
    if (command.has_body) {
        ssize_t body = mc_session_take_body(s, &command, line, slice_skip(input, taken));

        if (body < 0) {
            s->wanted = taken + command.request.body_size + MC_SESSION_CRLF;
            return 0;
        }
        return taken + (size_t)body;
    }
    mc_session_run(s, &command, line);
    return taken;
}

static void continue_get(struct session *s) {
    if (s->get != NULL && !session_is_full(s)) {
        mc_session_continue_get(s);
    }
}

/* What a get that is put off waits for. */
static void note_unfinished_get(struct session *s) {
    if (session_is_waiting(s)) {
        s->waiting = true;
        return;
    }
    s->stalled = true;
    if (session_is_full(s)) {
        telemetry_count(s->worker->context.telemetry, COUNTER_LIMIT_MAX_OUTPUT, 1);
    }
}

size_t session_memcached(struct session *s, struct slice input) {
    size_t done = 0;
    size_t foreseen = 0;

    s->wanted = 0;
    continue_get(s);
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
        note_unfinished_get(s);
    }
    return done;
}
