/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_ETCD_MESSAGE_H
#define LARDER_PROTO_ETCD_MESSAGE_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

/* Messages of etcd's API to and from the bytes of gRPC (protobuf) and of the gateway (proto3's JSON). */

/* The message, all of it in the arena: nothing is to be freed but the arena, and nothing of `bytes` is needed any more.
 * NULL: the bytes are no such message, or the arena has no room. */
ProtobufCMessage *etcd_message_unpack(const ProtobufCMessageDescriptor *type, struct slice bytes, struct arena *arena);

/* The same from JSON as protobuf.dev/programming-guides/json has it: names as in the .proto files or in lowerCamelCase, 64
 * bit numbers as text or number, bytes in base64 (also its URL alphabet, also without padding), enums by name or number,
 * null for what is not set. Fields that are not known are passed over, as in etcd's gateway. No text is an empty message.
 * NULL: no such message (a field that comes twice and two members of a oneof are none either), or no room in the arena;
 * `why` has a sentence for people. */
ProtobufCMessage *etcd_message_from_json(const ProtobufCMessageDescriptor *type, struct slice json, struct arena *arena,
                                         struct buf *why);

/* As etcd's gateway writes it: names as in the .proto files, defaults left out, 64 bit numbers as text, enums by name.
 * Errors: LIMIT, NO_MEMORY. */
enum larder_error etcd_message_to_json(const ProtobufCMessage *message, struct buf *out);

static inline struct slice etcd_bytes_slice(ProtobufCBinaryData bytes) {
    return slice_make((const char *)bytes.data, bytes.len);
}

/* Borrows the slice; protobuf-c never writes to what it packs. */
static inline ProtobufCBinaryData etcd_bytes(struct slice s) {
    union {
        const char *in;
        uint8_t *out;
    } data = {.in = s.data};

    return (ProtobufCBinaryData){.len = s.size, .data = data.out};
}

#endif
