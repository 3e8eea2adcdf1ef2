/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/number.h"
#include "proto/memcached/decode.h"
#include "proto/memcached/peer_words.h"
#include "proto/memcached/token.h"

#define ERROR_STRANGER SLICE("CLIENT_ERROR a node does not ask like this\r\n")

static int digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_digest(struct slice text, uint64_t *ret_digest) {
    uint64_t digest = 0;

    if (text.size != PEER_DIGEST_DIGITS) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        int digit = digit_of(text.data[i]);

        if (digit < 0) {
            return false;
        }
        digest = digest << 4 | (unsigned)digit;
    }
    *ret_digest = digest;
    return true;
}

/* Cuts what stands before the next dot off `rest`. */
static struct slice next_part(struct slice *rest) {
    const char *dot = rest->size > 0 ? memchr(rest->data, '.', rest->size) : NULL;
    struct slice part = *rest;

    if (dot == NULL) {
        *rest = slice_skip(*rest, rest->size);
        return part;
    }
    part.size = (size_t)(dot - rest->data);
    *rest = slice_skip(*rest, part.size + 1);
    return part;
}

static bool read_stamp(struct mc_command *command, struct slice token, int64_t now_ns) {
    struct request *r = &command->request;
    bool has_deadline;
    uint64_t left_ms;

    command->stamp = (struct peer_stamp){.give_up = false};
    if (!number_parse_i64(next_part(&token), &command->stamp.revision) ||
        !read_digest(next_part(&token), &command->stamp.digest)) {
        return false;
    }
    has_deadline = token.size > 0;
    if (has_deadline && (!number_parse_u64(token, &left_ms) || left_ms > PEER_DEADLINE_MAX_MS)) {
        return false;
    }
    r->deadline_ns = has_deadline ? now_ns + (int64_t)left_ms * CLOCK_NS_PER_MS : 0;
    r->peer = &command->stamp;
    return true;
}

static bool read_options(struct request *r, struct slice letters) {
    for (size_t i = 0; i < letters.size; i++) {
        unsigned at = 0;

        while (at < peer_option_count && peer_options[at].letter != letters.data[i]) {
            at++;
        }
        if (at == peer_option_count) {
            return false;
        }
        r->options |= peer_options[at].option;
    }
    return true;
}

static bool read_asked(struct mc_command *command, struct slice letters) {
    for (unsigned i = 0; letters.size > 0 && i < peer_command_count; i++) {
        if (peer_commands[i].letter == letters.data[0]) {
            command->request.command = peer_commands[i].command;
            return peer_commands[i].verb == command->verb && read_options(&command->request, slice_skip(letters, 1));
        }
    }
    return false;
}

static bool read_list(struct slice *rest, struct condition *condition) {
    condition->kind = CONDITION_LIST;
    while (rest->size > 0 && rest->data[0] != '!') {
        size_t size = 0;

        while (size < rest->size && rest->data[size] != ',' && rest->data[size] != '!') {
            size++;
        }
        if (condition->count == CONDITION_NUMBERS_MAX ||
            !number_parse_u64(slice_make(rest->data, size), &condition->numbers[condition->count++])) {
            return false;
        }
        *rest = slice_skip(*rest, size);
        if (rest->size > 1 && rest->data[0] == ',') {
            *rest = slice_skip(*rest, 1);
        }
    }
    return true;
}

/* Reads one condition off `rest` if it begins with its mark. */
static bool read_condition(struct slice *rest, char mark, struct condition *condition) {
    if (rest->size == 0 || rest->data[0] != mark) {
        return true;
    }
    *rest = slice_skip(*rest, 1);
    if (rest->size > 0 && rest->data[0] == '*') {
        condition->kind = CONDITION_ANY;
        *rest = slice_skip(*rest, 1);
        return true;
    }
    return read_list(rest, condition);
}

static bool read_conditions(struct mc_command *command, struct slice token) {
    command->conditions = (struct conditions){.match = {.kind = CONDITION_NONE}};
    command->request.conditions = &command->conditions;
    return read_condition(&token, '=', &command->conditions.match) &&
           read_condition(&token, '!', &command->conditions.none_match) && token.size == 0;
}

static bool read_key(struct mc_command *command) {
    struct request *r = &command->request;
    size_t size;

    if (r->key.size > base64_encoded_size(REQUEST_KEY_MAX) || !base64_decode(r->key, command->decoded_key, &size)) {
        return false;
    }
    r->key = slice_make(command->decoded_key, size);
    return true;
}

static bool read_wish(struct mc_command *command, struct slice token) {
    struct request *r = &command->request;
    struct http_caching_request *c = &command->caching;
    uint64_t numbers[7];

    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (!number_parse_u64(next_part(&token), &numbers[i]) || numbers[i] > (uint64_t)HTTP_SECONDS_MAX * 1000) {
            return false;
        }
    }
    if (token.size > 0 || numbers[0] > FRESHNESS_LINEARIZABLE + 1) {
        return false;
    }
    if (numbers[0] > 0) {
        r->options |= REQUEST_FRESHNESS;
        r->freshness.kind = (enum freshness_kind)(numbers[0] - 1);
        r->freshness.max_stale_ns = (int64_t)numbers[1] * CLOCK_NS_PER_MS;
    }
    *c = (struct http_caching_request){
        .words = (uint32_t)numbers[2],
        .max_age = (int64_t)numbers[3],
        .min_fresh = (int64_t)numbers[4],
        .max_stale = (int64_t)numbers[5],
        .if_error = (int64_t)numbers[6],
    };
    r->caching = c;
    return numbers[2] <= UINT32_MAX && c->max_age <= HTTP_SECONDS_MAX && c->min_fresh <= HTTP_SECONDS_MAX &&
           c->max_stale <= HTTP_SECONDS_MAX && c->if_error <= HTTP_SECONDS_MAX;
}

static bool read_trace(struct slice text, struct trace_context *ret_trace) {
    uint64_t words[3];

    if (text.size != PEER_TRACE_SIZE) {
        return false;
    }
    for (unsigned i = 0; i < 3; i++) {
        if (!read_digest(slice_make(text.data + (size_t)i * PEER_DIGEST_DIGITS, PEER_DIGEST_DIGITS), &words[i])) {
            return false;
        }
        words[i] = htobe64(words[i]);
    }
    memcpy(ret_trace->trace_id, words, TRACE_ID_SIZE);
    memcpy(ret_trace->span_id, words + 2, TRACE_SPAN_ID_SIZE);
    ret_trace->flags = text.data[PEER_TRACE_SIZE - 1] == '1' ? TRACE_FLAG_SAMPLED : 0;
    return ret_trace->flags != 0 || text.data[PEER_TRACE_SIZE - 1] == '0';
}

static bool has_errand(const struct peer_stamp *stamp) {
    return stamp->give_up || stamp->keeps || stamp->revoke != 0;
}

/* L, K or U. */
static bool read_errand(struct peer_stamp *stamp, char flag, struct slice argument) {
    if (has_errand(stamp)) {
        return false;
    }
    if (flag == 'U') {
        return number_parse_u64(argument, &stamp->revoke) && stamp->revoke != 0;
    }
    stamp->give_up = flag == 'L';
    stamp->keeps = flag == 'K';
    return (stamp->give_up && argument.size == 0) || number_parse_i64(argument, &stamp->purges);
}

static bool read_flag(struct mc_command *command, char flag, struct slice argument) {
    struct request *r = &command->request;

    switch (flag) {
    case 'A':
        return read_asked(command, argument);
    case 'L':
    case 'K':
    case 'U':
        return read_errand(&command->stamp, flag, argument);
    case 'b':
        return argument.size == 0 && read_key(command);
    case 'T':
        return number_parse_i64(argument, &r->ttl);
    case 'N':
        return number_parse_i64(argument, &r->vivify_ttl);
    case 'R':
        return number_parse_i64(argument, &r->recache_ttl);
    case 'F':
        return token_u32(argument, &r->client_flags);
    case 'C':
        return token_u64(argument, &r->compare);
    case 'E':
        return token_u64(argument, &r->cas);
    case 'D':
        return token_u64(argument, &r->delta);
    case 'J':
        return token_u64(argument, &r->initial);
    case 'Y':
        return read_conditions(command, argument);
    case 'W':
        return read_wish(command, argument);
    case 'H':
        return read_trace(argument, &r->trace);
    case 'O':
        command->arguments = argument;
        return argument.size > 0 && argument.size < MC_OPAQUE_MAX;
    default:
        return false;
    }
}

static bool read_flags(struct slice rest, int64_t now_ns, struct mc_command *command) {
    struct request *r = &command->request;
    bool asked = false;
    struct slice token;

    if (!token_next(&rest, &token) || token.data[0] != 'P' || !read_stamp(command, slice_skip(token, 1), now_ns)) {
        return false;
    }
    while (token_next(&rest, &token)) {
        asked = asked || token.data[0] == 'A';
        if (!read_flag(command, token.data[0], slice_skip(token, 1))) {
            return false;
        }
    }
    if ((command->stamp.keeps || command->stamp.revoke != 0) && r->command != COMMAND_GET) {
        return false;
    }
    /* Without an opaque nobody could tell the reply. */
    return asked && command->arguments.size > 0 && r->key.size <= REQUEST_KEY_MAX;
}

/* The size of a value is looked at first, so that its end is known whatever else is wrong. */
static bool read_size(struct slice *rest, struct mc_command *command) {
    struct slice size;

    if (command->verb != 's') {
        return true;
    }
    if (!token_next(rest, &size) || !token_u32(size, &command->request.body_size) ||
        command->request.body_size > MC_BODY_MAX) {
        return false;
    }
    command->has_body = true;
    return true;
}

static void refuse(struct mc_command *command) {
    command->request.command = COMMAND_INVALID;
    command->request.peer = NULL;
    command->bad_body = command->has_body;
    mc_fail(command, ERROR_STRANGER);
}

static bool is_verb(struct slice word) {
    return word.size == 2 && word.data[0] == 'm' && memchr("gsdae", word.data[1], 5) != NULL;
}

void mc_decode_greeted(struct slice line, int64_t now_ns, struct mc_command *command) {
    struct slice rest = line;
    struct slice word;

    mc_command_clear(command);
    command->request.command = COMMAND_INVALID;
    if (!token_next(&rest, &word) || !is_verb(word)) {
        mc_decode(line, command);
        if (command->form != MC_FORM_NOOP && command->form != MC_FORM_QUIT) {
            refuse(command);
        }
        return;
    }
    command->verb = word.data[1];
    command->form = MC_FORM_PEER;
    if (!token_next(&rest, &command->request.key) || !read_size(&rest, command) || !read_flags(rest, now_ns, command)) {
        refuse(command);
    }
}
