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

/* The same of a request that was written by peer_request_encode: what the other node's reply was, in all but `group` and what
 * belongs to store groups. Of a hit whose cas is the one that was compared (item.unchanged), and of a write that was done, `value`
 * has a size and no bytes: data is NULL. Of what the node complains about in words that are no result's, nothing is made: PROTOCOL. */
enum larder_error answer_read_peer(enum command command, uint64_t opaque, const struct mc_response *response,
                                   struct answer *ret_answer);

#endif
