/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/memcached/text_encode.h"

#include "base/number.h"

enum { RELATIVE_MAX_S = 60 * 60 * 24 * 30 /* beyond, a server reads an exptime as a date */ };

static const struct slice words[] = {
    [MC_TEXT_GET] = SLICE("get"),         [MC_TEXT_GETS] = SLICE("gets"),       [MC_TEXT_GAT] = SLICE("gats"),
    [MC_TEXT_SET] = SLICE("set"),         [MC_TEXT_ADD] = SLICE("add"),         [MC_TEXT_REPLACE] = SLICE("replace"),
    [MC_TEXT_APPEND] = SLICE("append"),   [MC_TEXT_PREPEND] = SLICE("prepend"), [MC_TEXT_CAS] = SLICE("cas"),
    [MC_TEXT_DELETE] = SLICE("delete"),   [MC_TEXT_INCR] = SLICE("incr"),       [MC_TEXT_DECR] = SLICE("decr"),
    [MC_TEXT_TOUCH] = SLICE("touch"),     [MC_TEXT_FLUSH] = SLICE("flush_all"), [MC_TEXT_STATS] = SLICE("stats"),
    [MC_TEXT_VERSION] = SLICE("version"),
};

bool mc_text_key_is_valid(struct slice key) {
    if (key.size == 0 || key.size > MC_TEXT_KEY_MAX) {
        return false;
    }
    for (size_t i = 0; i < key.size; i++) {
        unsigned char byte = (unsigned char)key.data[i];

        if (byte <= ' ' || byte == 0x7f) {
            return false;
        }
    }
    return true;
}

static char *put(char *at, struct slice s) {
    memcpy(at, s.data, s.size);
    return at + s.size;
}

static char *put_number(char *at, uint64_t number) {
    *at++ = ' ';
    return at + number_format_u64(number, at);
}

static char *put_expiry(char *at, int64_t expiry_s, int64_t unix_s) {
    if (expiry_s < 0) {
        return put(at, SLICE(" -1"));
    }
    if (expiry_s > RELATIVE_MAX_S && expiry_s <= INT64_MAX - unix_s) {
        expiry_s += unix_s;
    }
    /* Old servers read 32 bits, and what is later than that is as good as for ever. */
    return put_number(at, expiry_s > INT32_MAX ? 0 : (uint64_t)expiry_s);
}

size_t mc_text_start(enum mc_text_verb verb, int64_t expiry_s, int64_t unix_s, char *ret_text) {
    char *at = put(ret_text, words[verb]);

    if (verb == MC_TEXT_GAT) {
        at = put_expiry(at, expiry_s, unix_s);
    }
    return (size_t)(at - ret_text);
}

static char *put_key(char *at, struct slice key) {
    *at++ = ' ';
    return put(at, key);
}

static char *put_store(char *at, const struct mc_text_command *c, int64_t unix_s) {
    at = put_number(put_key(at, c->key), c->flags);
    at = put_number(put_expiry(at, c->expiry_s, unix_s), c->value.size);
    return c->verb == MC_TEXT_CAS ? put_number(at, c->number) : at;
}

size_t mc_text_head(const struct mc_text_command *command, int64_t unix_s, char *ret_text) {
    char *at = ret_text + mc_text_start(command->verb, command->expiry_s, unix_s, ret_text);

    if (mc_text_stores(command->verb)) {
        at = put_store(at, command, unix_s);
    } else if (command->verb < MC_TEXT_FLUSH) {
        at = put_key(at, command->key);
    }
    if (command->verb == MC_TEXT_INCR || command->verb == MC_TEXT_DECR) {
        at = put_number(at, command->number);
    } else if (command->verb == MC_TEXT_TOUCH || (command->verb == MC_TEXT_FLUSH && command->expiry_s > 0)) {
        at = put_expiry(at, command->expiry_s, unix_s);
    }
    at = put(at, SLICE("\r\n"));
    return (size_t)(at - ret_text);
}
