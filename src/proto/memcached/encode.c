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

struct slice mc_error_line(enum result result) {
    switch (result) {
    case RESULT_TOO_LARGE:
        return MC_ERROR_TOO_LARGE;
    case RESULT_NO_MEMORY:
        return MC_ERROR_NO_MEMORY;
    case RESULT_NOT_A_NUMBER:
        return SLICE("CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    case RESULT_INVALID:
        return MC_ERROR_FORMAT;
    case RESULT_UNSUPPORTED:
        return SLICE("SERVER_ERROR not supported here\r\n");
    case RESULT_NOT_IN_STORE:
        return SLICE("CLIENT_ERROR this flag has no meaning in a store group\r\n");
    case RESULT_BAD_KEY:
        return SLICE("CLIENT_ERROR this key is none that a client may use in a store group\r\n");
    case RESULT_UNAUTHENTICATED:
        return SLICE("CLIENT_ERROR unauthenticated\r\n");
    case RESULT_FORBIDDEN:
        return SLICE("CLIENT_ERROR permission denied\r\n");
    case RESULT_NO_SPACE:
        return SLICE("SERVER_ERROR the store is full\r\n");
    case RESULT_TOO_MANY_REQUESTS:
        return SLICE("SERVER_ERROR too many requests wait for the store\r\n");
    case RESULT_CONTENDED:
        return SLICE("SERVER_ERROR the key changes too often, nothing was done\r\n");
    case RESULT_STORE_FAILED:
        return SLICE("SERVER_ERROR the store cannot be read or written\r\n");
    case RESULT_STORE_UNAVAILABLE:
        return SLICE("SERVER_ERROR the etcd cluster cannot be reached, nothing was done\r\n");
    case RESULT_TOO_OLD:
        return SLICE("SERVER_ERROR the etcd cluster cannot be reached, and nothing here is fresh enough\r\n");
    case RESULT_STORE_DENIED:
        return SLICE("SERVER_ERROR the etcd cluster refuses the user of this node\r\n");
    case RESULT_STORE_UNKNOWN:
        return SLICE("SERVER_ERROR the answer was lost, it may have been done or not\r\n");
    case RESULT_OWNER_AWAY:
        return SLICE("SERVER_ERROR the node that has this key cannot be reached, nothing was done\r\n");
    case RESULT_OWNER_UNKNOWN:
        return SLICE(
            "SERVER_ERROR the answer of the node that has this key was lost, it may have been done or not\r\n");
    case RESULT_ISOLATED:
        return SLICE("SERVER_ERROR this node is cut off from its cluster, nothing was done\r\n");
    case RESULT_NO_RING:
        return SLICE("SERVER_ERROR this node has not joined its cluster yet, nothing was done\r\n");
    case RESULT_UNSETTLED:
        return SLICE("SERVER_ERROR the nodes do not agree yet who has this key, nothing was done\r\n");
    default:
        return slice_make("", 0);
    }
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

static enum larder_error encode_line(struct outbox *out, const struct mc_command *command, const struct reply *reply) {
    enum command asked = command->request.command;

    if (command->noreply) {
        return LARDER_OK;
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
