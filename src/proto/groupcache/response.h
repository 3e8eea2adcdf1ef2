/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_GROUPCACHE_RESPONSE_H
#define LARDER_PROTO_GROUPCACHE_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* The body with which a member of a pool of Go's groupcache answers: GetResponse (groupcache.proto here) in protobuf
 * (protobuf.dev/programming-guides/encoding), with the content type below. There is a body only with status 200: whatever
 * else an answer is, a Go peer counts a peer error and loads the key itself, and 404 means that there is no such group. */

#define GROUPCACHE_CONTENT_TYPE "application/x-protobuf"

/* What stands in front of a value: the field's tag, and the size in at most ten bytes. */
enum { GROUPCACHE_RESPONSE_HEAD_MAX = 11 };

/* Writes what a body has in front of a value of `value_size` bytes; the value itself ends it. Returns how many bytes: the
 * body has as many more as the value. */
size_t groupcache_response_head(size_t value_size, char ret_head[GROUPCACHE_RESPONSE_HEAD_MAX]);

struct groupcache_response {
    struct slice value; /* where it lies in the body */
    double
        minute_qps; /* how often the peer is asked for the key in a minute; 0 if it does not say so, as Go's never does */
};

/* Reads a whole body. No value is the empty one, and of several the last one counts, as in all of protobuf; fields that are
 * not known are passed over. Needs no memory, whatever comes. False: it is no such message, or one with a group, which is
 * given up in protobuf and which no peer sends. */
bool groupcache_response_read(struct slice body, struct groupcache_response *ret_response);

#endif
