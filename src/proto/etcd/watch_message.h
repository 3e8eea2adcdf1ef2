/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_ETCD_WATCH_MESSAGE_H
#define LARDER_PROTO_ETCD_WATCH_MESSAGE_H

#include "base/arena.h"
#include "proto/etcd/rpc.pb-c.h"

/* WatchResponses with the same events for many watches: what they have in common is encoded once, and each then costs its
 * number and a copy. The bytes are those that protobuf-c would write. */
struct etcd_watch_parts {
    struct slice header; /* the field `header`, encoded */
    struct slice events; /* the fields `events`, encoded */
};

/* The parts lie in the arena. False: no memory. */
bool etcd_watch_parts_make(const Etcdserverpb__ResponseHeader *header, Mvccpb__Event *const *events, size_t count,
                           struct arena *arena, struct etcd_watch_parts *ret_parts);

/* Bytes of the message to the watch `id`. */
size_t etcd_watch_message_size(const struct etcd_watch_parts *parts, int64_t id);

/* Writes just so many. */
void etcd_watch_message_write(const struct etcd_watch_parts *parts, int64_t id, char *place);

#endif
