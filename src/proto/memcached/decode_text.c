/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/memcached/decode.h"
#include "proto/memcached/token.h"

#define ERROR_EXPTIME SLICE("CLIENT_ERROR invalid exptime argument\r\n")
#define ERROR_DELTA SLICE("CLIENT_ERROR invalid numeric delta argument\r\n")
#define ERROR_DELETE SLICE("CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n")

/* "noreply" counts only as the last token, and whatever else stands there is ignored. */
static bool ends_in_noreply(struct slice rest) {
    static const char word[] = "noreply";
    const size_t size = sizeof(word) - 1;

    while (rest.size > 0 && rest.data[rest.size - 1] == ' ') {
        rest.size--;
    }
    return rest.size >= size && memcmp(rest.data + rest.size - size, word, size) == 0 &&
           (rest.size == size || rest.data[rest.size - size - 1] == ' ');
}

/* All keys are looked at before the first is answered: a bad one fails the whole command. */
void mc_decode_get(struct slice rest, struct mc_command *command) {
    struct slice keys;
    struct slice key;

    if (command->request.command == COMMAND_GAT) {
        token_next(&rest, &key);
        if (!token_ttl(key, &command->request.ttl)) {
            mc_fail(command, ERROR_EXPTIME);
            return;
        }
        command->request.options |= REQUEST_TOUCH;
    }
    command->request.options |= REQUEST_PLAIN;
    keys = rest;
    while (token_next(&keys, &key)) {
        if (key.size > REQUEST_KEY_MAX) {
            mc_fail(command, MC_ERROR_FORMAT);
            return;
        }
    }
    command->more_keys = rest;
    if (!mc_next_key(command)) {
        /* gat with an exptime and nothing to get */
        command->form = MC_FORM_ERROR;
        command->error = SLICE("END\r\n");
    }
}

void mc_decode_store(struct slice rest, struct mc_command *command) {
    struct request *r = &command->request;
    struct slice flags;
    struct slice exptime;
    struct slice size;
    struct slice cas;
    bool good;

    command->noreply = ends_in_noreply(rest);
    token_next(&rest, &r->key);
    token_next(&rest, &flags);
    token_next(&rest, &exptime);
    token_next(&rest, &size);
    if (!token_u32(size, &r->body_size) || r->body_size > MC_BODY_MAX) {
        /* Without the length nobody knows where the next command begins; it is taken to be the next line. */
        mc_fail(command, MC_ERROR_FORMAT);
        return;
    }
    command->has_body = true;
    good = r->key.size <= REQUEST_KEY_MAX && token_u32(flags, &r->client_flags) && token_ttl(exptime, &r->ttl);
    if (r->command == COMMAND_CAS) {
        token_next(&rest, &cas);
        good = good && token_u64(cas, &r->compare);
        r->options |= REQUEST_COMPARE;
    }
    if (r->command == COMMAND_SET) {
        r->options |= REQUEST_EVICT_ON_REFUSAL;
    }
    if (!good) {
        command->bad_body = true;
        mc_fail(command, MC_ERROR_FORMAT);
    }
}

void mc_decode_arith(struct slice rest, struct mc_command *command) {
    struct request *r = &command->request;
    struct slice delta;

    command->noreply = ends_in_noreply(rest);
    token_next(&rest, &r->key);
    token_next(&rest, &delta);
    if (r->key.size > REQUEST_KEY_MAX) {
        mc_fail(command, MC_ERROR_FORMAT);
    } else if (!token_u64(delta, &r->delta)) {
        mc_fail(command, ERROR_DELTA);
    }
}

void mc_decode_touch(struct slice rest, struct mc_command *command) {
    struct request *r = &command->request;
    struct slice exptime;

    command->noreply = ends_in_noreply(rest);
    r->options |= REQUEST_TOUCH;
    token_next(&rest, &r->key);
    token_next(&rest, &exptime);
    if (r->key.size > REQUEST_KEY_MAX) {
        mc_fail(command, MC_ERROR_FORMAT);
    } else if (!token_ttl(exptime, &r->ttl)) {
        mc_fail(command, ERROR_EXPTIME);
    }
}

/* Old clients send a time of 0 after the key; any other time was never supported. */
void mc_decode_delete(struct slice rest, struct mc_command *command) {
    struct slice second;
    struct slice third;
    bool good = true;

    token_next(&rest, &command->request.key);
    command->noreply = ends_in_noreply(rest);
    if (token_next(&rest, &second)) {
        bool zero = slice_equal(second, SLICE("0"));

        if (token_next(&rest, &third)) {
            good = zero && command->noreply;
        } else {
            good = zero || command->noreply;
        }
    }
    if (!good) {
        mc_fail(command, ERROR_DELETE);
    } else if (command->request.key.size > REQUEST_KEY_MAX) {
        mc_fail(command, MC_ERROR_FORMAT);
    }
}

void mc_decode_flush(struct slice rest, struct mc_command *command) {
    struct slice delay;

    command->noreply = ends_in_noreply(rest);
    if (!token_next(&rest, &delay) || (command->noreply && token_count(rest, 1) == 0)) {
        command->request.ttl = 0;
        return;
    }
    if (!token_ttl(delay, &command->request.ttl)) {
        mc_fail(command, ERROR_EXPTIME);
    }
}

void mc_decode_verbosity(struct slice rest, struct mc_command *command) {
    struct slice level;
    uint32_t number;

    command->noreply = ends_in_noreply(rest);
    token_next(&rest, &level);
    if (!token_u32(level, &number)) {
        mc_fail(command, MC_ERROR_FORMAT);
    }
}

/* Nobody ends a node over the wire. */
void mc_decode_shutdown(struct slice rest, struct mc_command *command) {
    (void)rest;
    mc_fail(command, SLICE("ERROR: shutdown not enabled\r\n"));
}
