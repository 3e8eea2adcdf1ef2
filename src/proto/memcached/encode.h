/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_MEMCACHED_ENCODE_H
#define LARDER_PROTO_MEMCACHED_ENCODE_H

#include "base/number.h"
#include "proto/memcached/command.h"
#include "proto/memcached/error_line.h"

/* Between the files of the encoder. The put_ functions write at `at`, where room has been reserved, and return the place
 * behind what they wrote. */
static inline char *put_slice(char *at, struct slice s) {
    memcpy(at, s.data, s.size);
    return at + s.size;
}

static inline char *put_char(char *at, char c) {
    *at = c;
    return at + 1;
}

static inline char *put_number(char *at, uint64_t number) {
    return at + number_format_u64(number, at);
}

#define PUT_LITERAL(at, literal) put_slice(at, SLICE(literal))

/* Appends the value and its CRLF, by reference if it is large enough and lies in a blob. */
enum larder_error mc_put_value(struct outbox *out, const struct item *item, size_t reference_from);

enum larder_error mc_encode_meta(struct outbox *out, const struct mc_command *command, const struct reply *reply,
                                 size_t reference_from);
enum larder_error mc_encode_debug(struct outbox *out, const struct mc_command *command, const struct reply *reply);
enum larder_error mc_encode_peer(struct outbox *out, const struct mc_command *command, const struct reply *reply,
                                 size_t reference_from);

#endif
