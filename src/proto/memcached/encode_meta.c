/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "proto/memcached/encode.h"
#include "proto/memcached/token.h"

/* Room for a status, a size and the flags: each flag needs at most a space, its letter and a 64-bit number, or stands as
 * it came in the request. A key in base64 is a third longer than the key. */
enum { STATUS_ROOM = 64, FLAG_ROOM = NUMBER_MAX_DIGITS + 3, KEY_ROOM = REQUEST_KEY_MAX * 4 / 3 + 8 };

static char *put_ttl(char *at, int64_t ttl) {
    return ttl < 0 ? PUT_LITERAL(at, "-1") : put_number(at, (uint64_t)ttl);
}

static char *put_key(char *at, struct slice key, bool binary) {
    at = put_char(at, 'k');
    if (!binary) {
        return put_slice(at, key);
    }
    base64_encode(key, at);
    at += base64_encoded_size(key.size);
    return PUT_LITERAL(at, " b");
}

/* Whether the key goes out in base64: as the entry was stored, or, where none is shown, as it was asked for. */
static bool key_is_binary(const struct mc_command *command, const struct reply *reply) {
    if (command->verb == 'g' && reply->result == RESULT_HIT) {
        return reply->item.binary_key;
    }
    return (command->request.options & REQUEST_BINARY_KEY) != 0;
}

/* Which of the asked-for flags an answer of this kind has something to say to, beside O and k. */
static const char *answered_flags(const struct mc_command *command, const struct reply *reply) {
    switch (command->verb) {
    case 'g':
        return reply->result == RESULT_HIT ? "stcflh" : "";
    case 's':
        return "cs";
    case 'a':
        return reply->result == RESULT_DONE ? "tc" : "";
    default:
        return "";
    }
}

/* One flag of the reply, led by its space; nothing if there is nothing to say. */
static char *put_flag(char *at, const struct mc_command *command, const struct reply *reply, struct slice token,
                      bool touched) {
    const struct item *item = &reply->item;
    char flag = token.data[0];

    if (flag == 'O') {
        at = put_char(at, ' ');
        return put_slice(at, token);
    }
    if (flag == 'k') {
        at = put_char(at, ' ');
        return put_key(at, command->request.key, key_is_binary(command, reply));
    }
    if (strchr(answered_flags(command, reply), flag) == NULL) {
        return at;
    }
    at = put_char(at, ' ');
    at = put_char(at, flag);
    switch (flag) {
    case 's':
        return put_number(at, item->value.size);
    case 't':
        return put_ttl(at, touched ? item->ttl : item->ttl_before);
    case 'c':
        return put_number(at, item->cas);
    case 'f':
        return put_number(at, item->client_flags);
    case 'l':
        return put_number(at, item->last_access);
    default:
        return put_char(at, item->fetched ? '1' : '0');
    }
}

static char *put_flags(char *at, const struct mc_command *command, const struct reply *reply) {
    struct slice rest = command->flags;
    struct slice token;
    bool touched = false;

    while (token_next(&rest, &token)) {
        touched = touched || token.data[0] == 'T';
        at = put_flag(at, command, reply, token, touched);
    }
    if (reply->item.win_sent) {
        at = PUT_LITERAL(at, " Z");
    }
    if (reply->item.stale) {
        at = PUT_LITERAL(at, " X");
    }
    if (reply->item.won) {
        at = PUT_LITERAL(at, " W");
    }
    return at;
}

static bool shows_value(const struct mc_command *command, const struct reply *reply) {
    return command->show_value && !reply->item.unchanged && (command->verb == 'g' || command->verb == 'a');
}

/* The two letters of the answer; empty for an error line. */
static struct slice status_of(const struct mc_command *command, const struct reply *reply) {
    switch (reply->result) {
    case RESULT_HIT:
    case RESULT_STORED:
    case RESULT_DELETED:
    case RESULT_DONE:
        return shows_value(command, reply) ? SLICE("VA") : SLICE("HD");
    case RESULT_MISS:
        return SLICE("EN");
    case RESULT_NOT_STORED:
        return SLICE("NS");
    case RESULT_EXISTS:
        return SLICE("EX");
    case RESULT_NOT_FOUND:
        return SLICE("NF");
    default:
        return slice_make("", 0);
    }
}

/* Quiet mode hides what the caller expects: a miss of mg, the success of the others. */
static bool is_expected(const struct mc_command *command, enum result result) {
    if (command->verb == 'g') {
        return result == RESULT_MISS;
    }
    return result == RESULT_STORED || result == RESULT_DELETED || result == RESULT_DONE;
}

enum larder_error mc_encode_meta(struct outbox *out, const struct mc_command *command, const struct reply *reply,
                                 size_t reference_from) {
    struct slice status = status_of(command, reply);
    char number[NUMBER_MAX_DIGITS];
    struct item item = reply->item;
    bool value;
    char *start;
    char *at;

    if (command->quiet && is_expected(command, reply->result)) {
        return LARDER_OK;
    }
    if (status.size == 0) {
        return outbox_append(out, mc_error_line(reply->result));
    }
    value = slice_equal(status, SLICE("VA"));
    if (value && command->verb == 'a') {
        item.value = slice_make(number, number_format_u64(reply->number, number));
        item.blob = NULL;
    }
    start = outbox_reserve(out, STATUS_ROOM + KEY_ROOM + command->flags.size + MC_META_FLAGS_MAX * FLAG_ROOM);
    if (start == NULL) {
        return LARDER_ERROR_LIMIT;
    }
    at = put_slice(start, status);
    if (value) {
        at = put_char(at, ' ');
        at = put_number(at, item.value.size);
    }
    at = put_flags(at, command, reply);
    at = PUT_LITERAL(at, "\r\n");
    outbox_commit(out, (size_t)(at - start));
    return value ? mc_put_value(out, &item, reference_from) : LARDER_OK;
}

enum larder_error mc_encode_debug(struct outbox *out, const struct mc_command *command, const struct reply *reply) {
    const struct item *item = &reply->item;
    char *start;
    char *at;

    if (reply->result != RESULT_HIT) {
        struct slice line = mc_error_line(reply->result);

        return outbox_append(out, line.size > 0 ? line : SLICE("EN\r\n"));
    }
    start = outbox_reserve(out, STATUS_ROOM + KEY_ROOM + 6 * FLAG_ROOM);
    if (start == NULL) {
        return LARDER_ERROR_LIMIT;
    }
    at = PUT_LITERAL(start, "ME ");
    if (item->binary_key) {
        base64_encode(command->request.key, at);
        at += base64_encoded_size(command->request.key.size);
    } else {
        at = put_slice(at, command->request.key);
    }
    at = PUT_LITERAL(at, " exp=");
    at = put_ttl(at, item->ttl);
    at = PUT_LITERAL(at, " la=");
    at = put_number(at, item->last_access);
    at = PUT_LITERAL(at, " cas=");
    at = put_number(at, item->cas);
    at = PUT_LITERAL(at, " fetch=");
    at = item->fetched ? PUT_LITERAL(at, "yes") : PUT_LITERAL(at, "no");
    at = PUT_LITERAL(at, " cls=");
    at = put_number(at, item->queue);
    at = PUT_LITERAL(at, " size=");
    at = put_number(at, item->footprint);
    at = PUT_LITERAL(at, "\r\n");
    outbox_commit(out, (size_t)(at - start));
    return LARDER_OK;
}
