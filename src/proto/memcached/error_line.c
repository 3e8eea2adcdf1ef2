/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/memcached/error_line.h"

#include "base/number.h"
#include "proto/memcached/command.h"

#define LINE(name, text) [RESULT_##name] = {"" text "\r\n", sizeof(text "\r\n") - 1}

static const struct slice lines[RESULT_COUNT] = {
    LINE(TOO_LARGE, "SERVER_ERROR object too large for cache"),
    LINE(NO_MEMORY, "SERVER_ERROR out of memory storing object"),
    LINE(NOT_A_NUMBER, "CLIENT_ERROR cannot increment or decrement non-numeric value"),
    LINE(INVALID, "CLIENT_ERROR bad command line format"),
    LINE(UNSUPPORTED, "SERVER_ERROR not supported here"),
    LINE(NOT_IN_STORE, "CLIENT_ERROR this flag has no meaning in a store group"),
    LINE(BAD_KEY, "CLIENT_ERROR this key is none that a client may use in a store group"),
    LINE(UNAUTHENTICATED, "CLIENT_ERROR unauthenticated"),
    LINE(FORBIDDEN, "CLIENT_ERROR permission denied"),
    LINE(NO_SPACE, "SERVER_ERROR the store is full"),
    LINE(TOO_MANY_REQUESTS, "SERVER_ERROR too many requests wait for the store"),
    LINE(CONTENDED, "SERVER_ERROR the key changes too often, nothing was done"),
    LINE(STORE_FAILED, "SERVER_ERROR the store cannot be read or written"),
    LINE(STORE_UNAVAILABLE, "SERVER_ERROR the etcd cluster cannot be reached, nothing was done"),
    LINE(TOO_OLD, "SERVER_ERROR the etcd cluster cannot be reached, and nothing here is fresh enough"),
    LINE(STORE_DENIED, "SERVER_ERROR the etcd cluster refuses the user of this node"),
    LINE(STORE_UNKNOWN, "SERVER_ERROR the answer was lost, it may have been done or not"),
    LINE(OWNER_AWAY, "SERVER_ERROR the node that has this key cannot be reached, nothing was done"),
    LINE(OWNER_UNKNOWN, "SERVER_ERROR the answer of the node that has this key was lost, it may have been done or not"),
    LINE(ISOLATED, "SERVER_ERROR this node is cut off from its cluster, nothing was done"),
    LINE(NO_RING, "SERVER_ERROR this node has not joined its cluster yet, nothing was done"),
    LINE(UNSETTLED, "SERVER_ERROR the nodes do not agree yet who has this key, nothing was done"),
    LINE(ORIGIN_REDIRECT, "SERVER_ERROR the origin answers with a redirect, which is no value"),
    LINE(ORIGIN_FAILED, "SERVER_ERROR the origin failed"),
    LINE(ORIGIN_TIMEOUT, "SERVER_ERROR the origin does not answer"),
    LINE(ORIGIN_BUSY, "SERVER_ERROR too many requests wait for the origin"),
    LINE(NOT_IN_ORIGIN, "CLIENT_ERROR an origin group takes get, set and delete only"),
    LINE(NO_ORIGIN_KEY, "CLIENT_ERROR the origin cannot be asked for this key"),
    LINE(NODES_MISSING, "SERVER_ERROR it stands, but some nodes have not done it yet"),
};

struct slice mc_error_line(enum result result) {
    return lines[result].data != NULL ? lines[result] : slice_make("", 0);
}

static struct slice word_of(enum mc_response_kind kind) {
    switch (kind) {
    case MC_RESPONSE_CLIENT_ERROR:
        return SLICE("CLIENT_ERROR ");
    case MC_RESPONSE_SERVER_ERROR:
        return SLICE("SERVER_ERROR ");
    default:
        return SLICE("ERROR ");
    }
}

/* Whether `line` is this word and this text. */
static bool is_line(struct slice line, struct slice word, struct slice text) {
    return line.size == word.size + text.size + 2 && slice_has_prefix(line, word) &&
           slice_has_prefix(slice_skip(line, word.size), text);
}

enum result mc_error_result(const struct mc_response *response) {
    const struct slice word = word_of(response->kind);

    for (unsigned i = 0; i < RESULT_COUNT; i++) {
        if (lines[i].data != NULL && is_line(lines[i], word, response->text)) {
            return (enum result)i;
        }
    }
    return RESULT_COUNT;
}

bool mc_wrong_epoch_read(const struct mc_response *response, int64_t *ret_revision) {
    const struct slice said = SLICE("wrong-epoch ");

    return response->kind == MC_RESPONSE_SERVER_ERROR && slice_has_prefix(response->text, said) &&
           number_parse_i64(slice_skip(response->text, said.size), ret_revision);
}
