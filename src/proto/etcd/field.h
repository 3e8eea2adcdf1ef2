/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_ETCD_FIELD_H
#define LARDER_PROTO_ETCD_FIELD_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/slice.h"

/* Fields of protobuf-c's messages by their descriptors, for the readers of both encodings. Of protobuf's types those that
 * etcd's messages use are known: int64, uint64, uint32, bool, enums, string, bytes and messages; and those of OTLP's, which
 * `larder trace` reads: fixed64, sfixed64, fixed32 and double. */

enum {
    ETCD_MESSAGE_DEPTH_MAX = 100 /* messages in messages, as protobuf's own libraries have it: Txn in Txn costs two */
};

/* A new message with the defaults in all fields. NULL: no room. */
ProtobufCMessage *etcd_message_new(const ProtobufCMessageDescriptor *type, struct arena *arena);

/* Where the next value of the field goes: of a repeated field one more element, cleared; of a oneof its room, cleared, and
 * the field is the one that is set from now on. What another field has already stays there: the last value wins, and
 * messages are merged. NULL: no room. */
void *etcd_field_slot(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, struct arena *arena);

/* Writes a value of the field's type. The bytes are copied. False: no room, or a string that is not UTF-8 or holds a NUL,
 * which C could not tell from its end. */
bool etcd_field_set_string(void *slot, struct slice s, struct arena *arena);
bool etcd_field_set_bytes(void *slot, struct slice s, struct arena *arena);

/* Of a number, the low bits that the type has, which are those of a double too; of a bool, whether there are any. False: the
 * type is no number. */
bool etcd_field_set_number(void *slot, ProtobufCType type, uint64_t number);

/* The message in the slot, made if there is none. NULL: no room. */
ProtobufCMessage *etcd_field_message(void *slot, const ProtobufCFieldDescriptor *field, struct arena *arena);

/* Bytes of one value in the C structure; 0: a type that is not known. */
size_t etcd_field_value_size(ProtobufCType type);

#endif
