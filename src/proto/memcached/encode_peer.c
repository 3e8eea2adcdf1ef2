/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/memcached/encode.h"
#include "proto/memcached/peer_words.h"

/* A node's reply to another: all that it says (peer_words.h). */

enum {
    FIELD_ROOM = NUMBER_MAX_DIGITS + 3,
    FIELDS = 16, /* that are numbers, the size of VA and the revision of wrong-epoch counted */
    LINE_ROOM = FIELDS * FIELD_ROOM + MC_OPAQUE_MAX + 64,
};

static char *put_field(char *at, char flag, uint64_t number) {
    if (number == 0) {
        return at;
    }
    return put_number(put_char(put_char(at, ' '), flag), number);
}

/* Seconds, or -1 for ever. */
static char *put_time(char *at, char flag, int64_t ttl) {
    at = put_char(put_char(at, ' '), flag);
    return ttl < 0 ? PUT_LITERAL(at, "-1") : put_number(at, (uint64_t)ttl);
}

static char *put_marks(char *at, const struct item *item) {
    const struct {
        bool set;
        char letter;
    } marks[] = {{item->fetched, 'h'},  {item->binary_key, 'b'}, {item->stale, 'x'},  {item->won, 'w'},
                 {item->win_sent, 'z'}, {item->unchanged, 'u'},  {item->created, 'n'}};
    char *start = at;

    at = PUT_LITERAL(at, " A");
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        at = marks[i].set ? put_char(at, marks[i].letter) : at;
    }
    return at - start > 2 ? at : start;
}

static char *put_origin(char *at, const struct reply *reply) {
    if (reply->item.head_size == 0) {
        return at;
    }
    at = put_number(PUT_LITERAL(at, " H"), reply->item.head_size);
    at = put_number(put_char(at, '.'), reply->source);
    at = put_number(put_char(at, '.'), reply->origin_status);
    at = reply->collapsed ? PUT_LITERAL(at, ".c") : at;
    return reply->stored ? PUT_LITERAL(at, ".s") : at;
}

/* Never longer than it was granted for. */
static char *put_copy(char *at, int64_t copy_ns) {
    int64_t us = copy_ns / PEER_COPY_UNIT_NS;

    return us > 0 ? put_field(at, 'G', us > PEER_COPY_MAX_US ? PEER_COPY_MAX_US : (uint64_t)us) : at;
}

static char *put_item(char *at, const struct item *item, bool shown, bool plain) {
    at = put_field(at, 'c', item->cas);
    at = put_field(at, 'f', item->client_flags);
    if (plain) {
        return at;
    }
    at = item->ttl != 0 ? put_time(at, 't', item->ttl) : at;
    at = item->ttl_before != item->ttl ? put_time(at, 'e', item->ttl_before) : at;
    at = put_field(at, 'l', item->last_access);
    at = put_field(at, 'g', item->footprint);
    at = put_field(at, 'q', item->queue);
    at = shown ? at : put_field(at, 's', item->value.size);
    return put_marks(at, item);
}

/* What an origin has answered, whatever became of it, says so itself. */
static bool is_origins(const struct reply *reply) {
    return reply->item.head_size > 0 && reply->result != RESULT_NO_MEMORY;
}

static bool shows_value(const struct mc_command *command, const struct reply *reply) {
    return is_origins(reply) ||
           (reply->result == RESULT_HIT && command->request.command != COMMAND_DEBUG && !reply->item.unchanged);
}

/* Empty: an error line is to be written. */
static struct slice status_of(const struct mc_command *command, const struct reply *reply) {
    if (is_origins(reply)) {
        return SLICE("VA ");
    }
    switch (reply->result) {
    case RESULT_HIT:
    case RESULT_STORED:
    case RESULT_DELETED:
    case RESULT_TOUCHED:
    case RESULT_DONE:
        return shows_value(command, reply) ? SLICE("VA ") : SLICE("HD");
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

/* An error that says to what it is one. */
static enum larder_error encode_result(struct outbox *out, const struct mc_command *command,
                                       const struct reply *reply) {
    char *start = outbox_reserve(out, LINE_ROOM);
    char *at;

    if (start == NULL) {
        return LARDER_ERROR_LIMIT;
    }
    at = put_number(PUT_LITERAL(start, "HD X"), reply->result);
    if (reply->result == RESULT_WRONG_EPOCH) {
        at = put_number(put_char(at, '.'), (uint64_t)reply->revision);
    }
    at = put_slice(PUT_LITERAL(at, " O"), command->arguments);
    at = PUT_LITERAL(at, "\r\n");
    outbox_commit(out, (size_t)(at - start));
    return LARDER_OK;
}

static enum larder_error encode_error(struct outbox *out, const struct mc_command *command, const struct reply *reply) {
    struct slice line = mc_error_line(reply->result);
    char *start;
    char *at;

    if ((command->request.options & REQUEST_OUT_OF_TURN) != 0) {
        return encode_result(out, command, reply);
    }
    if (reply->result != RESULT_WRONG_EPOCH) {
        /* Nothing that a memory group answers is without a line; but no request may stay without an answer. */
        return outbox_append(out, line.size > 0 ? line : mc_error_line(RESULT_UNSUPPORTED));
    }
    start = outbox_reserve(out, LINE_ROOM);
    if (start == NULL) {
        return LARDER_ERROR_LIMIT;
    }
    at = put_slice(start, MC_WRONG_EPOCH);
    at = put_number(at, (uint64_t)reply->revision);
    at = PUT_LITERAL(at, "\r\n");
    outbox_commit(out, (size_t)(at - start));
    return LARDER_OK;
}

enum larder_error mc_encode_peer(struct outbox *out, const struct mc_command *command, const struct reply *reply,
                                 size_t reference_from) {
    struct slice status = status_of(command, reply);
    bool shown = shows_value(command, reply);
    char *start;
    char *at;

    if (status.size == 0) {
        return encode_error(out, command, reply);
    }
    start = outbox_reserve(out, LINE_ROOM);
    if (start == NULL) {
        return LARDER_ERROR_LIMIT;
    }
    at = put_slice(start, status);
    at = shown ? put_number(at, reply->item.value.size) : at;
    at = put_item(at, &reply->item, shown, shown && (command->request.options & REQUEST_PLAIN) != 0);
    at = put_origin(at, reply);
    at = shown ? put_copy(at, reply->copy_ns) : at;
    at = put_field(at, 'N', reply->number);
    at = put_slice(PUT_LITERAL(at, " O"), command->arguments);
    at = PUT_LITERAL(at, "\r\n");
    outbox_commit(out, (size_t)(at - start));
    return shown ? mc_put_value(out, &reply->item, reference_from) : LARDER_OK;
}
