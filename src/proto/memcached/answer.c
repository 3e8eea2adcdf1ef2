/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/memcached/answer.h"

#include "base/number.h"
#include "model/request.h"
#include "proto/memcached/command_encode.h"

static enum result refusal(const struct mc_response *r) {
    switch (r->kind) {
    case MC_RESPONSE_ERROR:
        return RESULT_UNSUPPORTED;
    case MC_RESPONSE_SERVER_ERROR:
        return slice_has_prefix(r->text, SLICE("object too large")) ? RESULT_TOO_LARGE : RESULT_NO_MEMORY;
    default:
        return slice_has_prefix(r->text, SLICE("cannot increment or decrement")) ? RESULT_NOT_A_NUMBER : RESULT_INVALID;
    }
}

/* RESULT_COUNT: the word does not belong to the command. */
static enum result read_result(enum command command, enum mc_response_kind kind) {
    switch (kind) {
    case MC_RESPONSE_HD:
    case MC_RESPONSE_VA:
        switch (command) {
        case COMMAND_GET:
        case COMMAND_GAT:
            return RESULT_HIT;
        case COMMAND_TOUCH:
            return RESULT_TOUCHED;
        case COMMAND_DELETE:
            return RESULT_DELETED;
        case COMMAND_INCR:
        case COMMAND_DECR:
            return RESULT_DONE;
        default:
            return RESULT_STORED;
        }
    case MC_RESPONSE_EN:
        return command == COMMAND_TOUCH                           ? RESULT_NOT_FOUND
               : command == COMMAND_GET || command == COMMAND_GAT ? RESULT_MISS
                                                                  : RESULT_COUNT;
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

static bool take_number(const struct mc_response *r, char flag, uint64_t max, uint64_t *number) {
    struct slice token;

    return !mc_response_flag(r, flag, &token) || (number_parse_u64(token, number) && *number <= max);
}

static bool take_ttl(const struct mc_response *r, int64_t *ret_ttl) {
    struct slice token;
    int64_t ttl;

    *ret_ttl = REQUEST_TTL_FOREVER;
    if (!mc_response_flag(r, 't', &token)) {
        return true;
    }
    if (!number_parse_i64(token, &ttl)) {
        return false;
    }
    if (ttl >= 0) {
        *ret_ttl = ttl == 0 ? 1 : ttl;
    }
    return true;
}

static bool take_item(const struct mc_response *r, struct item *item) {
    struct slice ignored;
    uint64_t client_flags = 0;

    if (!take_number(r, 'f', UINT32_MAX, &client_flags) || !take_number(r, 'c', UINT64_MAX, &item->cas) ||
        !take_ttl(r, &item->ttl)) {
        return false;
    }
    item->value = r->value;
    item->client_flags = (uint32_t)client_flags;
    item->won = mc_response_flag(r, 'W', &ignored);
    item->stale = mc_response_flag(r, 'X', &ignored);
    item->win_sent = mc_response_flag(r, 'Z', &ignored);
    return true;
}

static bool opaque_matches(const struct mc_response *r, uint64_t opaque) {
    uint64_t seen;
    struct slice token;

    return mc_response_flag(r, 'O', &token) && number_parse_u64(token, &seen) && seen == opaque;
}

static bool read_meta(enum command command, uint64_t opaque, const struct mc_response *r, struct answer *answer) {
    bool is_number = command == COMMAND_INCR || command == COMMAND_DECR;

    answer->reply.result = read_result(command, r->kind);
    if (answer->reply.result == RESULT_COUNT || !opaque_matches(r, opaque) || !take_item(r, &answer->reply.item)) {
        return false;
    }
    return !is_number || r->kind != MC_RESPONSE_VA || number_parse_u64(r->value, &answer->reply.number);
}

static bool read_stats(const struct mc_response *r, struct answer *answer) {
    answer->more = r->kind == MC_RESPONSE_STAT;
    answer->name = r->key;
    answer->text = r->text;
    return answer->more || r->kind == MC_RESPONSE_END || r->kind == MC_RESPONSE_RESET || r->kind == MC_RESPONSE_OK;
}

static bool read_text(enum command command, const struct mc_response *r, struct answer *answer) {
    answer->reply.result = RESULT_DONE;
    switch (command) {
    case COMMAND_STATS:
        return read_stats(r, answer);
    case COMMAND_VERSION:
        answer->text = r->text;
        return r->kind == MC_RESPONSE_VERSION;
    case COMMAND_FLUSH:
        return r->kind == MC_RESPONSE_OK;
    default:
        return r->kind == MC_RESPONSE_MN;
    }
}

enum larder_error answer_read(enum command command, uint64_t opaque, const struct mc_response *response,
                              struct answer *ret_answer) {
    bool read;

    *ret_answer = (struct answer){.more = false};
    if (mc_response_is_error(response)) {
        ret_answer->reply.result = refusal(response);
        ret_answer->text = response->text;
        return LARDER_OK;
    }
    read = command_has_opaque(command) ? read_meta(command, opaque, response, ret_answer)
                                       : read_text(command, response, ret_answer);
    return read ? LARDER_OK : LARDER_ERROR_PROTOCOL;
}
