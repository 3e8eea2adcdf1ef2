/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_MEMCACHED_PEER_ENCODE_H
#define LARDER_PROTO_MEMCACHED_PEER_ENCODE_H

#include "base/buf.h"
#include "model/request.h"

/* Appends the bytes by which a node asks another one for exactly this (peer_words.h). request->peer is not NULL; of
 * request->deadline_ns goes out what is left of it at `now_ns`, monotonic; request->value is the whole value.
 *
 * Errors: INVALID (no key, or one over REQUEST_KEY_MAX bytes), UNSUPPORTED (a command without a key, or an option of store
 * groups), LIMIT, NO_MEMORY. `out` is unchanged after an error. */
enum larder_error peer_request_encode(struct buf *out, const struct request *request, uint64_t opaque, int64_t now_ns);

#endif
