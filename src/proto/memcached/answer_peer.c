/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"
#include "proto/memcached/answer.h"
#include "proto/memcached/error_line.h"
#include "proto/memcached/peer_words.h"
#include "proto/memcached/token.h"

/* What another node answers (peer_words.h): its reply, field by field. */

/* How the command ends if nothing stands against it. */
static enum result success_of(enum command command) {
    switch (command) {
    case COMMAND_GET:
    case COMMAND_GAT:
    case COMMAND_DEBUG:
        return RESULT_HIT;
    case COMMAND_TOUCH:
        return RESULT_TOUCHED;
    case COMMAND_DELETE:
    case COMMAND_INVALIDATE:
        return RESULT_DELETED;
    case COMMAND_INCR:
    case COMMAND_DECR:
        return RESULT_DONE;
    default:
        return RESULT_STORED;
    }
}

/* RESULT_COUNT: no status of ours. */
static enum result result_of(enum command command, enum mc_response_kind kind) {
    switch (kind) {
    case MC_RESPONSE_VA:
    case MC_RESPONSE_HD:
        return success_of(command);
    case MC_RESPONSE_EN:
        return RESULT_MISS;
    case MC_RESPONSE_NS:
        return RESULT_NOT_STORED;
    case MC_RESPONSE_EX:
        return RESULT_EXISTS;
    case MC_RESPONSE_NF:
        return RESULT_NOT_FOUND;
    default:
        return RESULT_COUNT;
    }
}

static bool read_marks(struct slice letters, struct item *item) {
    for (size_t i = 0; i < letters.size; i++) {
        switch (letters.data[i]) {
        case 'h':
            item->fetched = true;
            break;
        case 'b':
            item->binary_key = true;
            break;
        case 'x':
            item->stale = true;
            break;
        case 'w':
            item->won = true;
            break;
        case 'z':
            item->win_sent = true;
            break;
        case 'u':
            item->unchanged = true;
            break;
        case 'n':
            item->created = true;
            break;
        default:
            return false;
        }
    }
    return true;
}

static bool read_time(struct slice token, int64_t *ret_ttl) {
    return number_parse_i64(token, ret_ttl) && *ret_ttl >= ITEM_TTL_FOREVER;
}

static bool read_size(struct slice token, size_t *ret_size) {
    uint64_t size;

    if (!number_parse_u64(token, &size)) {
        return false;
    }
    *ret_size = (size_t)size;
    return true;
}

static bool read_u8(struct slice token, uint8_t *ret_number) {
    uint64_t number;

    if (!number_parse_u64(token, &number) || number > UINT8_MAX) {
        return false;
    }
    *ret_number = (uint8_t)number;
    return true;
}

/* Cuts what stands before the next dot off `rest`. */
static struct slice next_part(struct slice *rest) {
    const char *dot = rest->size > 0 ? memchr(rest->data, '.', rest->size) : NULL;
    struct slice part = dot != NULL ? slice_make(rest->data, (size_t)(dot - rest->data)) : *rest;

    *rest = slice_skip(*rest, dot != NULL ? part.size + 1 : part.size);
    return part;
}

static bool read_origin(struct slice token, struct reply *reply) {
    uint64_t head, source, status;

    if (!number_parse_u64(next_part(&token), &head) || !number_parse_u64(next_part(&token), &source) ||
        !number_parse_u64(next_part(&token), &status) || head == 0 || head > UINT32_MAX || source < REPLY_ORIGIN_HIT ||
        source > REPLY_ORIGIN_BYPASS || status > 999) {
        return false;
    }
    reply->item.head_size = (uint32_t)head;
    reply->source = (enum reply_source)source;
    reply->origin_status = (unsigned)status;
    reply->collapsed = slice_has_prefix(token, SLICE("c"));
    token = slice_skip(token, reply->collapsed ? 1 : 0);
    token = slice_skip(token, reply->collapsed && token.size > 0 ? 1 : 0);
    reply->stored = slice_equal(token, SLICE("s"));
    return reply->stored || token.size == 0;
}

static bool read_copy(struct slice token, int64_t *copy_ns) {
    uint64_t us;

    if (*copy_ns != 0 || !number_parse_u64(token, &us) || us == 0 || us > PEER_COPY_MAX_US) {
        return false;
    }
    *copy_ns = (int64_t)us * PEER_COPY_UNIT_NS;
    return true;
}

/* Nodes of one version number their results alike. */
static bool read_result(struct slice token, struct reply *reply) {
    uint64_t result, revision = 0;

    if (!number_parse_u64(next_part(&token), &result) || result >= RESULT_COUNT || result == RESULT_HIT ||
        (token.size > 0 && !number_parse_u64(token, &revision)) || revision > INT64_MAX) {
        return false;
    }
    reply->result = (enum result)result;
    reply->revision = (int64_t)revision;
    return true;
}

static bool read_field(struct slice token, uint64_t opaque, struct reply *reply, bool *opaque_seen, bool *before_seen) {
    struct slice argument = slice_skip(token, 1);
    struct item *item = &reply->item;
    uint64_t seen;

    switch (token.data[0]) {
    case 'c':
        return number_parse_u64(argument, &item->cas);
    case 'f':
        return token_u32(argument, &item->client_flags);
    case 't':
        return read_time(argument, &item->ttl);
    case 'e':
        *before_seen = true;
        return read_time(argument, &item->ttl_before);
    case 'l':
        return token_u32(argument, &item->last_access);
    case 'g':
        return token_u32(argument, &item->footprint);
    case 'q':
        return read_u8(argument, &item->queue);
    case 's':
        return read_size(argument, &item->value.size);
    case 'A':
        return read_marks(argument, item);
    case 'N':
        return number_parse_u64(argument, &reply->number);
    case 'H':
        return read_origin(argument, reply);
    case 'G':
        return read_copy(argument, &reply->copy_ns);
    case 'X':
        return read_result(argument, reply);
    case 'O':
        *opaque_seen = number_parse_u64(argument, &seen) && seen == opaque;
        return *opaque_seen;
    default:
        return false;
    }
}

static bool read_reply(const struct mc_response *response, uint64_t opaque, struct reply *reply) {
    struct slice rest = response->flags;
    bool opaque_seen = false;
    bool before_seen = false;
    struct slice token;

    while (token_next(&rest, &token)) {
        if (!read_field(token, opaque, reply, &opaque_seen, &before_seen)) {
            return false;
        }
    }
    if (!before_seen) {
        reply->item.ttl_before = reply->item.ttl;
    }
    if (reply->item.head_size > response->value.size) {
        return false;
    }
    if (reply->copy_ns != 0 && response->kind != MC_RESPONSE_VA) {
        return false; /* what would be kept is not here */
    }
    if (response->kind == MC_RESPONSE_VA) {
        reply->item.value = response->value;
    } else if (reply->result == RESULT_HIT && reply->item.value.size > 0 && !reply->item.unchanged) {
        return false; /* nobody has the value */
    }
    return opaque_seen;
}

static enum result error_result(const struct mc_response *response, int64_t *ret_revision) {
    if (mc_wrong_epoch_read(response, ret_revision)) {
        return RESULT_WRONG_EPOCH;
    }
    return mc_error_result(response);
}

enum larder_error answer_read_peer(enum command command, uint64_t opaque, const struct mc_response *response,
                                   struct answer *ret_answer) {
    struct reply *reply = &ret_answer->reply;

    *ret_answer = (struct answer){.more = false};
    if (mc_response_is_error(response)) {
        reply->result = error_result(response, &reply->revision);
        ret_answer->text = response->text;
        /* A node has no words but those: whatever this is, what it did with the request is not known. */
        return reply->result != RESULT_COUNT ? LARDER_OK : LARDER_ERROR_PROTOCOL;
    }
    reply->result = result_of(command, response->kind);
    if (reply->result == RESULT_COUNT || (response->kind == MC_RESPONSE_VA) > (reply->result == RESULT_HIT)) {
        return LARDER_ERROR_PROTOCOL;
    }
    return read_reply(response, opaque, reply) ? LARDER_OK : LARDER_ERROR_PROTOCOL;
}
