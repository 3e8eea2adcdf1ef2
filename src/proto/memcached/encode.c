/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/memcached/encode.h"

#include "base/version.h"

/* Beside key and value: the words, the numbers, the line ends. */
enum { VALUE_LINE_ROOM = 128, STAT_LINE_ROOM = 16 };

/* Why there was no room for `size` bytes. */
static enum larder_error room_error(const struct outbox *out, size_t size) {
    return size > out->bytes.limit - out->bytes.size ? LARDER_ERROR_LIMIT : LARDER_ERROR_NO_MEMORY;
}

enum larder_error mc_put_value(struct outbox *out, const struct item *item, size_t reference_from) {
    if (item->blob != NULL && item->value.size >= reference_from) {
        enum larder_error error = outbox_append_blob(out, item->blob, item->value);

        return error != LARDER_OK ? error : outbox_append(out, SLICE("\r\n"));
    }
    if (outbox_reserve(out, item->value.size + 2) == NULL) {
        return room_error(out, item->value.size + 2);
    }
    outbox_append(out, item->value);
    return outbox_append(out, SLICE("\r\n"));
}

static enum larder_error encode_value(struct outbox *out, const struct mc_command *command, const struct item *item,
                                      size_t reference_from) {
    bool copy = item->blob == NULL || item->value.size < reference_from;
    size_t room = command->request.key.size + VALUE_LINE_ROOM + (copy ? item->value.size : 0);
    char *start = outbox_reserve(out, room);
    char *at = start;

    if (start == NULL) {
        return room_error(out, room);
    }
    at = PUT_LITERAL(at, "VALUE ");
    at = put_slice(at, command->request.key);
    at = put_char(at, ' ');
    at = put_number(at, item->client_flags);
    at = put_char(at, ' ');
    at = put_number(at, item->value.size);
    if (command->show_cas) {
        at = put_char(at, ' ');
        at = put_number(at, item->cas);
    }
    at = PUT_LITERAL(at, "\r\n");
    if (copy) {
        at = put_slice(at, item->value);
        at = PUT_LITERAL(at, "\r\n");
    }
    outbox_commit(out, (size_t)(at - start));
    return copy ? LARDER_OK : mc_put_value(out, item, reference_from);
}

static struct slice word_of(const struct mc_command *command, enum result result) {
    switch (result) {
    case RESULT_STORED:
        return SLICE("STORED\r\n");
    case RESULT_NOT_STORED:
        return SLICE("NOT_STORED\r\n");
    case RESULT_EXISTS:
        return SLICE("EXISTS\r\n");
    case RESULT_NOT_FOUND:
    case RESULT_MISS:
        return SLICE("NOT_FOUND\r\n");
    case RESULT_DELETED:
        return SLICE("DELETED\r\n");
    case RESULT_TOUCHED:
        return SLICE("TOUCHED\r\n");
    case RESULT_DONE:
        return command->request.command == COMMAND_VERSION ? SLICE("VERSION " LARDER_MEMCACHED_VERSION "\r\n")
                                                           : SLICE("OK\r\n");
    default:
        return mc_error_line(result);
    }
}

static enum larder_error encode_number(struct outbox *out, uint64_t number) {
    char *start = outbox_reserve(out, NUMBER_MAX_DIGITS + 2);
    char *at = start;

    if (start == NULL) {
        return room_error(out, NUMBER_MAX_DIGITS + 2);
    }
    at = put_number(at, number);
    at = PUT_LITERAL(at, "\r\n");
    outbox_commit(out, (size_t)(at - start));
    return LARDER_OK;
}

/* A flush that stands, but that some nodes have not done yet. */
static enum larder_error encode_missing(struct outbox *out, struct slice names) {
    static const struct slice words = {"SERVER_ERROR it stands, but these nodes have not done it yet: ",
                                       sizeof("SERVER_ERROR it stands, but these nodes have not done it yet: ") - 1};
    char *start = outbox_reserve(out, words.size + names.size + 2);
    char *at = start;

    if (start == NULL) {
        return room_error(out, words.size + names.size + 2);
    }
    at = put_slice(at, words);
    at = put_slice(at, names);
    at = PUT_LITERAL(at, "\r\n");
    outbox_commit(out, (size_t)(at - start));
    return LARDER_OK;
}

static enum larder_error encode_line(struct outbox *out, const struct mc_command *command, const struct reply *reply) {
    enum command asked = command->request.command;

    if (command->noreply) {
        return LARDER_OK;
    }
    if (reply->result == RESULT_NODES_MISSING && reply->item.value.size > 0) {
        return encode_missing(out, reply->item.value);
    }
    if ((asked == COMMAND_INCR || asked == COMMAND_DECR) && reply->result == RESULT_DONE) {
        return encode_number(out, reply->number);
    }
    return outbox_append(out, word_of(command, reply->result));
}

enum larder_error mc_encode(struct outbox *out, const struct mc_command *command, const struct reply *reply,
                            size_t reference_from) {
    switch (command->form) {
    case MC_FORM_GET:
        if (__builtin_expect(mc_breaks_get(reply), 0)) {
            return outbox_append(out, mc_error_line(reply->result));
        }
        return reply->result == RESULT_HIT ? encode_value(out, command, &reply->item, reference_from) : LARDER_OK;
    case MC_FORM_LINE:
        return encode_line(out, command, reply);
    case MC_FORM_META:
        return mc_encode_meta(out, command, reply, reference_from);
    case MC_FORM_DEBUG:
        return mc_encode_debug(out, command, reply);
    case MC_FORM_PEER:
        return mc_encode_peer(out, command, reply, reference_from);
    case MC_FORM_NOOP:
        return outbox_append(out, SLICE("MN\r\n"));
    case MC_FORM_ERROR:
        return command->noreply ? LARDER_OK : outbox_append(out, command->error);
    case MC_FORM_STATS:
    case MC_FORM_QUIT:
        break;
    }
    return LARDER_OK;
}

enum larder_error mc_encode_end(struct outbox *out) {
    return outbox_append(out, SLICE("END\r\n"));
}

enum larder_error mc_encode_stat(struct outbox *out, const char *name, const char *value) {
    size_t room = strlen(name) + strlen(value) + STAT_LINE_ROOM;
    char *start = outbox_reserve(out, room);
    char *at = start;

    if (start == NULL) {
        return room_error(out, room);
    }
    at = PUT_LITERAL(at, "STAT ");
    at = put_slice(at, slice_from_string(name));
    at = put_char(at, ' ');
    at = put_slice(at, slice_from_string(value));
    at = PUT_LITERAL(at, "\r\n");
    outbox_commit(out, (size_t)(at - start));
    return LARDER_OK;
}

bool mc_hides(const struct mc_command *command, const struct reply *reply) {
    enum result_class class = result_class(reply->result);

    return command->noreply && (class == RESULT_CLASS_ERROR || class == RESULT_CLASS_REFUSED ||
                                class == RESULT_CLASS_FAILED || class == RESULT_CLASS_UNKNOWN);
}
