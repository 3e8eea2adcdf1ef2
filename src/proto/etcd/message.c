/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/etcd/message.h"

#include "proto/etcd/field.h"

/* protobuf-c's own unpacker has no limit on nesting, and hands every part to an allocator to be freed one by one; this one
 * writes the same structures into the arena, in one pass. The encoding: protobuf.dev/programming-guides/encoding. */

enum { VARINT_BITS_MAX = 64 };

/* What is left to read, and how many messages in messages may still follow. */
struct reader {
    const uint8_t *at;
    const uint8_t *end;
    struct arena *arena;
    unsigned depth;
};

static bool read_message(struct reader *r, ProtobufCMessage *message);

/* Bits beyond the 64th are dropped, as everywhere. */
static bool read_varint(struct reader *r, uint64_t *ret_number) {
    uint64_t number = 0;

    for (unsigned shift = 0; shift < VARINT_BITS_MAX && r->at < r->end; shift += 7) {
        uint8_t byte = *r->at++;

        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_number = number;
            return true;
        }
    }
    return false;
}

static bool skip(struct reader *r, uint64_t count) {
    if (count > (uint64_t)(r->end - r->at)) {
        return false;
    }
    r->at += count;
    return true;
}

static bool read_bytes(struct reader *r, struct slice *ret_bytes) {
    uint64_t size;

    if (!read_varint(r, &size)) {
        return false;
    }
    *ret_bytes = slice_make((const char *)r->at, (size_t)size);
    return skip(r, size);
}

/* A reader of the bytes alone. */
static struct reader reader_of(const struct reader *r, struct slice bytes) {
    struct reader inner = *r;

    inner.at = (const uint8_t *)bytes.data;
    inner.end = inner.at + bytes.size;
    return inner;
}

static bool skip_unknown(struct reader *r, unsigned wire_type) {
    struct slice bytes;
    uint64_t number;

    switch (wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return read_varint(r, &number);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        return skip(r, sizeof(uint64_t));
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        return read_bytes(r, &bytes);
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        return skip(r, sizeof(uint32_t));
    default: /* groups, which proto3 does not have, and what is no type */
        return false;
    }
}

/* How a number of the type is written. */
static unsigned wire_type_of(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_FIXED32:
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    default:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

/* So many bytes, the least one first. */
static bool read_fixed(struct reader *r, size_t size, uint64_t *ret_number) {
    uint64_t number = 0;

    if (size > (size_t)(r->end - r->at)) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        number |= (uint64_t)*r->at++ << (8 * i);
    }
    *ret_number = number;
    return true;
}

static bool read_number(struct reader *r, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    unsigned wire_type = wire_type_of(field->type);
    uint64_t number;
    void *slot;

    if (wire_type == PROTOBUF_C_WIRE_TYPE_VARINT ? !read_varint(r, &number)
                                                 : !read_fixed(r, etcd_field_value_size(field->type), &number)) {
        return false;
    }
    slot = etcd_field_slot(message, field, r->arena);
    return slot != NULL && etcd_field_set_number(slot, field->type, number);
}

static bool read_part(struct reader *r, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    void *slot = etcd_field_slot(message, field, r->arena);
    ProtobufCMessage *part = slot != NULL ? etcd_field_message(slot, field, r->arena) : NULL;

    if (part == NULL || r->depth == 0) {
        return false;
    }
    r->depth--;
    return read_message(r, part);
}

/* All of the packed numbers (a repeated field's usual encoding in proto3). */
static bool read_packed(struct reader *r, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        return false;
    }
    while (r->at < r->end) {
        if (!read_number(r, message, field)) {
            return false;
        }
    }
    return true;
}

static bool read_sized(struct reader *r, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    struct slice bytes;
    struct reader inner;
    void *slot;

    if (!read_bytes(r, &bytes)) {
        return false;
    }
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        slot = etcd_field_slot(message, field, r->arena);
        return slot != NULL && etcd_field_set_bytes(slot, bytes, r->arena);
    case PROTOBUF_C_TYPE_STRING:
        slot = etcd_field_slot(message, field, r->arena);
        return slot != NULL && etcd_field_set_string(slot, bytes, r->arena);
    case PROTOBUF_C_TYPE_MESSAGE:
        inner = reader_of(r, bytes);
        return read_part(&inner, message, field);
    default:
        inner = reader_of(r, bytes);
        return read_packed(&inner, message, field);
    }
}

static bool read_message(struct reader *r, ProtobufCMessage *message) {
    while (r->at < r->end) {
        const ProtobufCFieldDescriptor *field;
        uint64_t tag;
        bool done;

        if (!read_varint(r, &tag) || tag >> 3 == 0 || tag > UINT32_MAX) {
            return false;
        }
        field = protobuf_c_message_descriptor_get_field(message->descriptor, (unsigned)(tag >> 3));
        switch (field != NULL ? (int)(tag & 7) : -1) {
        case PROTOBUF_C_WIRE_TYPE_VARINT:
        case PROTOBUF_C_WIRE_TYPE_64BIT:
        case PROTOBUF_C_WIRE_TYPE_32BIT:
            done = wire_type_of(field->type) == (tag & 7) && read_number(r, message, field);
            break;
        case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
            done = read_sized(r, message, field);
            break;
        case -1:
            done = skip_unknown(r, tag & 7);
            break;
        default: /* a known field of another type */
            done = false;
        }
        if (!done) {
            return false;
        }
    }
    return true;
}

ProtobufCMessage *etcd_message_unpack(const ProtobufCMessageDescriptor *type, struct slice bytes, struct arena *arena) {
    struct reader r = {.arena = arena, .depth = ETCD_MESSAGE_DEPTH_MAX};
    ProtobufCMessage *message = etcd_message_new(type, arena);

    r = reader_of(&r, bytes);
    return message != NULL && read_message(&r, message) ? message : NULL;
}
