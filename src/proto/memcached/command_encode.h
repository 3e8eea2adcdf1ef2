/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_MEMCACHED_COMMAND_ENCODE_H
#define LARDER_PROTO_MEMCACHED_COMMAND_ENCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/request.h"

/* The client's side of the memcached protocol: a request becomes the bytes that ask for it. Keyed commands are written in
 * the meta protocol, so that one reply carries value, flags, cas and life; stats, version and flush_all are text, because
 * meta has no words for them. (memcached, doc/protocol.txt) */

/* Whether the reply to `command` brings the opaque back. */
bool command_has_opaque(enum command command);

/* Appends the bytes of `request` to `out`, with `opaque` in them where the reply brings it back.
 *
 * A key that the protocol's tokens cannot hold (a space or a control byte in it) travels in base64. The time to live is
 * written as seconds from now, and where memcached would take that for a date (over 30 days) as a date: `unix_s`, the
 * seconds since 1970, says which. STATS takes its optional argument from `key`, FLUSH its delay from `ttl`.
 *
 * Errors: INVALID (no key, a key over REQUEST_KEY_MAX bytes as it travels, an argument of STATS that breaks the line),
 * UNSUPPORTED (a command with no such form: METRICS, QUIT, ...), LIMIT, NO_MEMORY. `out` is unchanged after an error. */
enum larder_error command_encode(struct buf *out, const struct request *request, uint64_t opaque, int64_t unix_s);

#endif
