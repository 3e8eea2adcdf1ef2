/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_MEMCACHED_ANSWER_H
#define LARDER_PROTO_MEMCACHED_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "model/command.h"
#include "model/reply.h"
#include "proto/memcached/response.h"

/* What a server's response means to the one who asked: the wire's words are gone. All slices are borrowed from the
 * response. */
struct answer {
    struct reply reply;
    struct slice name; /* STATS: what the line is about */
    struct slice text; /* STATS: its value; VERSION: the version; of a request in error: the server's own words */
    bool more;         /* STATS: it was one line, and further answers to the same request follow */
};

/* Reads `response` as the response to a command written by command_encode.
 *
 * What the server says in words becomes a result: ERROR is UNSUPPORTED, CLIENT_ERROR is INVALID or NOT_A_NUMBER,
 * SERVER_ERROR is TOO_LARGE or else NO_MEMORY; `text` holds the words. A life that ends within this second is 1 second.
 *
 * Errors: PROTOCOL (no response to such a command, or with a different opaque); ret_answer is then undefined. */
enum larder_error answer_read(enum command command, uint64_t opaque, const struct mc_response *response,
                              struct answer *ret_answer);

#endif
