/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/memcached/peer_encode.h"

#include <assert.h>
#include <endian.h>

#include "base/base64.h"
#include "base/clock.h"
#include "proto/http/caching_request.h"
#include "proto/memcached/encode.h"
#include "proto/memcached/peer_words.h"
#include "proto/memcached/token.h"

enum {
    FLAG_ROOM = NUMBER_MAX_DIGITS + 3,
    FLAGS = 13, /* that are numbers: of the line, of the stamp and the opaque */
    KEY_ROOM = (REQUEST_KEY_MAX + 2) / 3 * 4,
    CONDITION_ROOM = 2 + CONDITION_NUMBERS_MAX * (NUMBER_MAX_DIGITS + 1),
    LETTERS_ROOM = 40,
    WISH_NUMBERS = 7,
    LINE_ROOM = KEY_ROOM + WISH_NUMBERS * FLAG_ROOM + FLAGS * FLAG_ROOM + 2 * CONDITION_ROOM + PEER_DIGEST_DIGITS +
                2 * LETTERS_ROOM + 2 + PEER_TRACE_SIZE,
};
static_assert((int)LINE_ROOM <= (int)MC_LINE_MAX, "the longest request is a line");

static char *put_signed(char *at, int64_t number) {
    uint64_t magnitude = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

    return put_number(number < 0 ? put_char(at, '-') : at, magnitude);
}

static char *put_hex64(char *at, uint64_t number) {
    for (int shift = 60; shift >= 0; shift -= 4) {
        *at++ = "0123456789abcdef"[number >> shift & 15];
    }
    return at;
}

static const struct peer_command *find_command(enum command command) {
    for (unsigned i = 0; i < peer_command_count; i++) {
        if (peer_commands[i].command == command) {
            return &peer_commands[i];
        }
    }
    return NULL;
}

static char *put_stamp(char *at, const struct request *r, int64_t now_ns) {
    const struct peer_stamp *stamp = r->peer;

    at = PUT_LITERAL(at, " P");
    at = put_signed(at, stamp->revision);
    at = put_char(at, '.');
    at = put_hex64(at, stamp->digest);
    if (r->deadline_ns != 0) {
        int64_t left_ms = (r->deadline_ns - now_ns) / CLOCK_NS_PER_MS;

        left_ms = left_ms < 0 ? 0 : left_ms > PEER_DEADLINE_MAX_MS ? PEER_DEADLINE_MAX_MS : left_ms;
        at = put_char(at, '.');
        at = put_number(at, (uint64_t)left_ms);
    }
    return at;
}

static char *put_asked(char *at, const struct peer_command *command, const struct request *r) {
    uint32_t rest = r->options;

    at = PUT_LITERAL(at, " A");
    at = put_char(at, command->letter);
    for (unsigned i = 0; rest != 0 && i < peer_option_count; i++) {
        if ((rest & peer_options[i].option) != 0) {
            at = put_char(at, peer_options[i].letter);
            rest &= ~peer_options[i].option;
        }
    }
    assert((rest & ~(PEER_OPTIONS_OF_STORES | REQUEST_FRESHNESS)) == 0);
    return at;
}

static char *put_field(char *at, char flag, uint64_t number) {
    if (number == 0) {
        return at;
    }
    return put_number(put_char(put_char(at, ' '), flag), number);
}

static char *put_time(char *at, char flag, int64_t ttl) {
    return ttl == 0 ? at : put_signed(put_char(put_char(at, ' '), flag), ttl);
}

static char *put_condition(char *at, char mark, const struct condition *condition) {
    if (condition->kind == CONDITION_NONE) {
        return at;
    }
    at = put_char(at, mark);
    if (condition->kind == CONDITION_ANY) {
        return put_char(at, '*');
    }
    assert(condition->count <= CONDITION_NUMBERS_MAX);
    for (unsigned i = 0; i < condition->count; i++) {
        at = put_number(i > 0 ? put_char(at, ',') : at, condition->numbers[i]);
    }
    return at;
}

static char *put_conditions(char *at, const struct conditions *conditions) {
    if (conditions == NULL) {
        return at;
    }
    at = PUT_LITERAL(at, " Y");
    at = put_condition(at, '=', &conditions->match);
    return put_condition(at, '!', &conditions->none_match);
}

static char *put_key(char *at, struct slice key, bool token) {
    if (token) {
        return put_slice(at, key);
    }
    base64_encode(key, at);
    return at + base64_encoded_size(key.size);
}

/* What a get is beside one; the stamp says one of these at most. */
static char *put_errand(char *at, const struct request *r) {
    const struct peer_stamp *stamp = r->peer;

    assert((int)stamp->give_up + (int)stamp->keeps + (int)(stamp->revoke != 0) <= 1);
    assert((!stamp->keeps && stamp->revoke == 0) || r->command == COMMAND_GET);
    if (stamp->give_up || stamp->keeps) {
        return put_signed(put_char(put_char(at, ' '), stamp->keeps ? 'K' : 'L'), stamp->purges);
    }
    return put_field(at, 'U', stamp->revoke);
}

static char *put_operands(char *at, const struct request *r) {
    at = put_time(at, 'T', r->ttl);
    at = put_time(at, 'N', r->vivify_ttl);
    at = put_time(at, 'R', r->recache_ttl);
    at = put_field(at, 'F', r->client_flags);
    at = put_field(at, 'C', r->compare);
    at = put_field(at, 'E', r->cas);
    at = put_field(at, 'D', r->delta);
    at = put_field(at, 'J', r->initial);
    return put_conditions(at, r->conditions);
}

/* What a get asks of an origin's answer; nothing if it is nothing in particular. */
static char *put_wish(char *at, const struct request *r) {
    static const struct http_caching_request nothing;
    const struct http_caching_request *c = r->caching != NULL ? r->caching : &nothing;
    bool fresh = (r->options & REQUEST_FRESHNESS) != 0;
    const uint64_t numbers[WISH_NUMBERS] = {
        fresh ? (uint64_t)r->freshness.kind + 1 : 0,
        fresh ? (uint64_t)(r->freshness.max_stale_ns / CLOCK_NS_PER_MS) : 0,
        c->words,
        (uint64_t)c->max_age,
        (uint64_t)c->min_fresh,
        (uint64_t)c->max_stale,
        (uint64_t)c->if_error,
    };

    if (!fresh && c->words == 0) {
        return at;
    }
    at = PUT_LITERAL(at, " W");
    for (unsigned i = 0; i < WISH_NUMBERS; i++) {
        at = put_number(i > 0 ? put_char(at, '.') : at, numbers[i]);
    }
    return at;
}

/* Where it stands in a trace; nothing if it is in none. */
static char *put_trace(char *at, const struct trace_context *trace) {
    uint64_t words[3];

    memcpy(words, trace->trace_id, TRACE_ID_SIZE);
    memcpy(words + 2, trace->span_id, TRACE_SPAN_ID_SIZE);
    if ((words[0] | words[1]) == 0 || words[2] == 0) {
        return at;
    }
    at = PUT_LITERAL(at, " H");
    for (unsigned i = 0; i < 3; i++) {
        at = put_hex64(at, be64toh(words[i]));
    }
    return put_char(at, (trace->flags & TRACE_FLAG_SAMPLED) != 0 ? '1' : '0');
}

static char *put_line(char *at, const struct peer_command *command, const struct request *r, uint64_t opaque,
                      int64_t now_ns) {
    bool token = token_can_hold(r->key);

    at = put_char(put_char(put_char(at, 'm'), command->verb), ' ');
    at = put_key(at, r->key, token);
    if (command->verb == 's') {
        at = put_number(put_char(at, ' '), r->value.size);
    }
    at = put_stamp(at, r, now_ns);
    at = put_asked(at, command, r);
    at = put_errand(at, r);
    at = token ? at : PUT_LITERAL(at, " b");
    at = put_operands(at, r);
    at = put_wish(at, r);
    at = put_trace(at, &r->trace);
    at = put_number(PUT_LITERAL(at, " O"), opaque);
    return PUT_LITERAL(at, "\r\n");
}

enum larder_error peer_request_encode(struct buf *out, const struct request *request, uint64_t opaque, int64_t now_ns) {
    const struct peer_command *command = find_command(request->command);
    bool has_value = command != NULL && command->verb == 's';
    enum larder_error error;
    char *start;
    char *at;

    if (command == NULL || (request->options & PEER_OPTIONS_OF_STORES) != 0) {
        return LARDER_ERROR_UNSUPPORTED;
    }
    if (request->key.size == 0 || request->key.size > REQUEST_KEY_MAX) {
        return LARDER_ERROR_INVALID;
    }
    error = buf_reserve(out, LINE_ROOM + (has_value ? request->value.size + 2 : 0));
    if (error != LARDER_OK) {
        return error;
    }
    start = out->data + out->size;
    at = put_line(start, command, request, opaque, now_ns);
    assert(at - start <= LINE_ROOM);
    if (has_value) {
        at = request->value.size > 0 ? put_slice(at, request->value) : at;
        at = PUT_LITERAL(at, "\r\n");
    }
    out->size += (size_t)(at - start);
    return LARDER_OK;
}
