/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/etcd/field.h"

#include <stdalign.h>
#include <stddef.h>
#include <string.h>

#include "base/utf8.h"

/* The arena counts what was asked for and takes whole units: asking for whole units makes its limit hold for messages of
 * many tiny parts too. */
static void *allocate(struct arena *arena, size_t size) {
    size_t unit = alignof(max_align_t);

    return arena_alloc(arena, (size + unit - 1) & ~(unit - 1));
}

ProtobufCMessage *etcd_message_new(const ProtobufCMessageDescriptor *type, struct arena *arena) {
    ProtobufCMessage *message = allocate(arena, type->sizeof_message);

    if (message != NULL) {
        protobuf_c_message_init(type, message);
    }
    return message;
}

size_t etcd_field_value_size(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_ENUM:
        return sizeof(uint32_t);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    default:
        return 0;
    }
}

/* The array doubles when its count reaches a power of two, so that no capacity is to be kept. */
static void *add_element(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, struct arena *arena) {
    size_t *count = (size_t *)(void *)((char *)message + field->quantifier_offset);
    char **elements = (char **)(void *)((char *)message + field->offset);
    size_t size = etcd_field_value_size(field->type);

    if ((*count & (*count - 1)) == 0) {
        char *larger = allocate(arena, (*count == 0 ? 1 : 2 * *count) * size);

        if (larger == NULL) {
            return NULL;
        }
        if (*count > 0) {
            memcpy(larger, *elements, *count * size);
        }
        *elements = larger;
    }
    return memset(*elements + (*count)++ * size, 0, size);
}

void *etcd_field_slot(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, struct arena *arena) {
    char *slot = (char *)message + field->offset;

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return add_element(message, field, arena);
    }
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        *(uint32_t *)(void *)((char *)message + field->quantifier_offset) = field->id;
        memset(slot, 0, etcd_field_value_size(field->type));
    }
    return slot;
}

bool etcd_field_set_string(void *slot, struct slice s, struct arena *arena) {
    char *copy;

    if (!utf8_is_valid(s) || (s.size > 0 && memchr(s.data, 0, s.size) != NULL)) {
        return false;
    }
    copy = allocate(arena, s.size + 1);
    if (copy == NULL) {
        return false;
    }
    if (s.size > 0) {
        memcpy(copy, s.data, s.size);
    }
    copy[s.size] = 0;
    *(char **)slot = copy;
    return true;
}

bool etcd_field_set_bytes(void *slot, struct slice s, struct arena *arena) {
    ProtobufCBinaryData *bytes = slot;
    uint8_t *copy = NULL;

    if (s.size > 0) {
        copy = allocate(arena, s.size);
        if (copy == NULL) {
            return false;
        }
        memcpy(copy, s.data, s.size);
    }
    *bytes = (ProtobufCBinaryData){.len = s.size, .data = copy};
    return true;
}

bool etcd_field_set_number(void *slot, ProtobufCType type, uint64_t number) {
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        memcpy(slot, &number, sizeof(number));
        return true;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_ENUM:
        *(uint32_t *)slot = (uint32_t)number;
        return true;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)slot = number != 0;
        return true;
    default:
        return false;
    }
}

ProtobufCMessage *etcd_field_message(void *slot, const ProtobufCFieldDescriptor *field, struct arena *arena) {
    ProtobufCMessage **message = slot;

    if (*message == NULL) {
        *message = etcd_message_new(field->descriptor, arena);
    }
    return *message;
}
