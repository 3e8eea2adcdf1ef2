/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "proto/memcached/decode.h"
#include "proto/memcached/token.h"

#define ERROR_DUPLICATE SLICE("CLIENT_ERROR duplicate flag\r\n")
#define ERROR_INVALID SLICE("CLIENT_ERROR invalid flag\r\n")
#define ERROR_FLAG SLICE("CLIENT_ERROR invalid or duplicate flag\r\n")
#define ERROR_KEY SLICE("CLIENT_ERROR error decoding key\r\n")
#define ERROR_TOKEN SLICE("CLIENT_ERROR bad token in command line format\r\n")
#define ERROR_OPAQUE SLICE("CLIENT_ERROR opaque token too long\r\n")
#define ERROR_MODE_LENGTH SLICE("CLIENT_ERROR incorrect length for M token\r\n")
#define ERROR_SET_MODE SLICE("CLIENT_ERROR invalid mode for ms M token\r\n")
#define ERROR_ARITH_MODE SLICE("CLIENT_ERROR invalid mode for ma M token\r\n")
#define ERROR_INITIAL SLICE("CLIENT_ERROR invalid numeric initial value\r\n")
#define ERROR_DELTA SLICE("CLIENT_ERROR invalid numeric delta value\r\n")
#define ERROR_MANY_GET SLICE("CLIENT_ERROR options flags are too long\r\n")
#define ERROR_MANY SLICE("CLIENT_ERROR options flags too long\r\n")

/* The flags that a meta command may carry, whether or not it does something with them. */
static const char known_flags[] = "bNTRlOPLksthfvcuqFCMJDIEx";

/* What goes on while the flags are read from left to right. */
struct flag_reader {
    struct mc_command *command;
    struct slice error;      /* of an argument: the last one counts */
    struct slice late_error; /* told only if there is no other: first the opaque's, then the mode's */
    uint32_t seen[4];        /* a bit per flag byte below 128 */
};

static bool note_flag(struct flag_reader *reader, unsigned char flag) {
    uint32_t bit = UINT32_C(1) << (flag & 31);

    if (flag >= 128) {
        return true;
    }
    if ((reader->seen[flag / 32] & bit) != 0) {
        return false;
    }
    reader->seen[flag / 32] |= bit;
    return true;
}

static void want_late(struct flag_reader *reader, bool good, struct slice error) {
    if (!good && (reader->late_error.size == 0 || slice_equal(error, ERROR_OPAQUE))) {
        reader->late_error = error;
    }
}

static void want(struct flag_reader *reader, bool good, struct slice error) {
    if (!good) {
        reader->error = error;
    }
}

static void read_mode(struct flag_reader *reader, struct slice argument) {
    struct request *r = &reader->command->request;
    char mode = argument.size == 1 ? argument.data[0] : '\0';

    if (argument.size != 1) {
        reader->error = ERROR_MODE_LENGTH;
        return;
    }
    if (reader->command->verb == 's') {
        static const struct {
            char mode;
            enum command command;
        } modes[] = {{'E', COMMAND_ADD},
                     {'A', COMMAND_APPEND},
                     {'P', COMMAND_PREPEND},
                     {'R', COMMAND_REPLACE},
                     {'S', COMMAND_SET}};

        for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
            if (modes[i].mode == mode) {
                r->command = modes[i].command;
                return;
            }
        }
        want_late(reader, false, ERROR_SET_MODE);
    } else if (reader->command->verb == 'a') {
        if (mode == 'I' || mode == '+') {
            r->command = COMMAND_INCR;
        } else if (mode == 'D' || mode == '-') {
            r->command = COMMAND_DECR;
        } else {
            want_late(reader, false, ERROR_ARITH_MODE);
        }
    }
}

static void read_flag(struct flag_reader *reader, char flag, struct slice argument) {
    struct mc_command *command = reader->command;
    struct request *r = &command->request;

    switch (flag) {
    case 'b':
        r->options |= REQUEST_BINARY_KEY;
        break;
    case 'N':
        want(reader, token_ttl(argument, &r->vivify_ttl), ERROR_TOKEN);
        r->options |= REQUEST_VIVIFY;
        if ((r->options & REQUEST_TOUCH) != 0) {
            r->options |= REQUEST_VIVIFY_AFTER_TOUCH;
        }
        break;
    case 'T':
        want(reader, token_ttl(argument, &r->ttl), ERROR_TOKEN);
        r->options |= REQUEST_TOUCH;
        break;
    case 'R':
        want(reader, token_ttl(argument, &r->recache_ttl), ERROR_TOKEN);
        r->options |= REQUEST_RECACHE;
        if ((r->options & REQUEST_TOUCH) != 0) {
            r->options |= REQUEST_RECACHE_AFTER_TOUCH;
        }
        break;
    case 'F':
        want(reader, token_u32(argument, &r->client_flags), MC_ERROR_FORMAT);
        break;
    case 'C':
        want(reader, token_u64(argument, &r->compare), ERROR_TOKEN);
        r->options |= REQUEST_COMPARE;
        break;
    case 'E':
        want(reader, token_u64(argument, &r->cas), ERROR_TOKEN);
        r->options |= REQUEST_SET_CAS;
        break;
    case 'J':
        want(reader, token_u64(argument, &r->initial), ERROR_INITIAL);
        break;
    case 'D':
        want(reader, token_u64(argument, &r->delta), ERROR_DELTA);
        break;
    case 'M':
        read_mode(reader, argument);
        break;
    case 'O':
        want_late(reader, argument.size < MC_OPAQUE_MAX, ERROR_OPAQUE);
        break;
    case 'I':
        r->options |= REQUEST_INVALIDATE;
        break;
    case 'x':
        r->options |= REQUEST_DROP_VALUE;
        break;
    case 'q':
        command->quiet = true;
        break;
    case 'v':
        command->show_value = true;
        break;
    case 'u':
        r->options |= REQUEST_NO_BUMP;
        break;
    case 't':
        r->options |= REQUEST_WANT_TTL;
        break;
    default:
        break; /* asks for something in the reply, or means nothing here */
    }
}

static bool decode_key(struct mc_command *command) {
    struct request *r = &command->request;
    size_t size;

    if ((r->options & REQUEST_BINARY_KEY) == 0) {
        return true;
    }
    if (!base64_decode(r->key, command->decoded_key, &size)) {
        return false;
    }
    r->key = slice_make(command->decoded_key, size);
    return true;
}

/* Reads all flags; false with the line to answer. An unknown or repeated flag ends it at once; a bad argument is told at
 * the end. */
static bool read_flags(struct mc_command *command, struct slice *ret_error) {
    struct flag_reader reader = {.command = command};
    struct slice rest = command->flags;
    struct slice token;

    while (token_next(&rest, &token)) {
        unsigned char flag = (unsigned char)token.data[0];

        if (!note_flag(&reader, flag)) {
            *ret_error = ERROR_DUPLICATE;
            return false;
        }
        if (memchr(known_flags, flag, sizeof(known_flags) - 1) == NULL) {
            *ret_error = ERROR_INVALID;
            return false;
        }
        read_flag(&reader, (char)flag, slice_skip(token, 1));
    }
    want(&reader, decode_key(command), ERROR_KEY);
    *ret_error = reader.error.size > 0 ? reader.error : reader.late_error;
    return ret_error->size == 0;
}

static bool read_body_size(struct slice *rest, struct mc_command *command) {
    struct request *r = &command->request;
    struct slice size;

    if (!token_next(rest, &size) || !token_u32(size, &r->body_size) || r->body_size > MC_BODY_MAX) {
        return false;
    }
    command->has_body = true;
    return true;
}

static void fail(struct mc_command *command, struct slice error) {
    /* md and ma tell less than mg and ms; clients match on these lines. */
    bool vague = (command->verb == 'd' || command->verb == 'a') && !slice_equal(error, ERROR_OPAQUE) &&
                 !slice_equal(error, ERROR_ARITH_MODE);

    command->bad_body = command->has_body;
    mc_fail(command, vague ? ERROR_FLAG : error);
}

/* The flags may make another command of it: what changes a life is a touch, what compares is a cas, what only marks as
 * stale deletes nothing. */
static void refine_command(struct request *r) {
    if (r->command == COMMAND_GET && (r->options & REQUEST_TOUCH) != 0) {
        r->command = COMMAND_GAT;
    } else if ((r->command == COMMAND_SET || r->command == COMMAND_REPLACE) && (r->options & REQUEST_COMPARE) != 0) {
        r->command = COMMAND_CAS;
    } else if (r->command == COMMAND_DELETE && (r->options & REQUEST_INVALIDATE) != 0 &&
               (r->options & REQUEST_DROP_VALUE) == 0) {
        r->command = COMMAND_INVALIDATE;
    }
}

void mc_decode_meta(struct slice rest, struct mc_command *command) {
    struct request *r = &command->request;
    struct slice error;

    r->delta = 1;
    token_next(&rest, &r->key);
    if (command->verb == 's') {
        r->options |= REQUEST_EVICT_ON_REFUSAL;
        if (!read_body_size(&rest, command)) {
            mc_fail(command, MC_ERROR_FORMAT);
            return;
        }
    } else if (command->verb == 'g') {
        r->options |= REQUEST_MAY_WIN;
    }
    command->flags = rest;
    if (r->key.size > REQUEST_KEY_MAX) {
        command->bad_body = command->has_body;
        mc_fail(command, MC_ERROR_FORMAT);
    } else if (token_count(rest, MC_META_FLAGS_MAX + 1) > MC_META_FLAGS_MAX) {
        command->bad_body = command->has_body;
        mc_fail(command, command->verb == 'g' ? ERROR_MANY_GET : ERROR_MANY);
    } else if (!read_flags(command, &error)) {
        fail(command, error);
    } else {
        refine_command(r);
    }
}

void mc_decode_meta_debug(struct slice rest, struct mc_command *command) {
    struct request *r = &command->request;
    struct slice flag;

    if (!token_next(&rest, &r->key) || r->key.size > REQUEST_KEY_MAX) {
        mc_fail(command, MC_ERROR_FORMAT);
        return;
    }
    if (token_next(&rest, &flag) && slice_equal(flag, SLICE("b"))) {
        r->options |= REQUEST_BINARY_KEY;
    }
    if (!decode_key(command)) {
        mc_fail(command, MC_ERROR_FORMAT);
    }
}
