/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_MEMCACHED_RESPONSE_H
#define LARDER_PROTO_MEMCACHED_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/* The client's side of the memcached protocol, text and meta: what a server answers. Bytes in, one answer out; no state
 * and no copies, so an answer is borrowed from the input. */

enum { MC_RESPONSE_LINE_MAX = 8192 /* bytes of an answer's line, its CRLF included */ };

/* The answers of responses.def, and the bare number of incr and decr. */
enum mc_response_kind {
#define RESPONSE(name, word, form) MC_RESPONSE_##name,
#include "proto/memcached/responses.def"
#undef RESPONSE
    MC_RESPONSE_NUMBER,
};

/* One answer. Fields that its kind does not have are empty or 0. */
struct mc_response {
    enum mc_response_kind kind;
    uint32_t client_flags; /* VALUE; of VA they stand in `flags` */
    bool has_cas;          /* VALUE of gets */
    uint64_t cas;
    uint64_t number;    /* NUMBER */
    size_t value_size;  /* VALUE, VA */
    struct slice key;   /* VALUE, ME; the name of STAT */
    struct slice value; /* VALUE, VA */
    struct slice flags; /* meta: what follows the word (and the size), without the CRLF */
    struct slice text;  /* errors: the message; VERSION: the version; STAT, ME: what follows the name */
};

/* Reads the answer at the start of `input`.
 * OK with *ret_size <= input.size: ret_response holds the answer, *ret_size bytes are consumed.
 * OK with *ret_size > input.size: the answer is incomplete; it has at least *ret_size bytes; ret_response is
 * untouched. PROTOCOL: this is no answer of memcached's, the place of the next one is unknown, the connection is of no
 * more use. LIMIT: a value of more than `max_value` bytes is announced; ret_response holds the answer without its
 * value, *ret_size all the bytes it has. */
enum larder_error mc_response_decode(struct slice input, size_t max_value, struct mc_response *ret_response,
                                     size_t *ret_size);

/* Reads an answer's line alone, without its CRLF. Kinds with a value have it behind the line: value_size bytes and
 * CRLF. For callers that do not keep values. Errors: PROTOCOL; ret_response is then undefined. */
enum larder_error mc_response_decode_line(struct slice line, struct mc_response *ret_response);

/* The token of a meta flag, without its letter: for "t30" and 't' that is "30". False when the flag is not there. */
bool mc_response_flag(const struct mc_response *response, char flag, struct slice *ret_token);

/* True for ERROR, CLIENT_ERROR and SERVER_ERROR. */
bool mc_response_is_error(const struct mc_response *response);

#endif
