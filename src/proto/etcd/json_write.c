/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/json.h"
#include "proto/etcd/field.h"
#include "proto/etcd/message.h"

static enum larder_error write_message(const ProtobufCMessage *message, struct buf *out);

static enum larder_error write_enum(const ProtobufCEnumDescriptor *type, int number, struct buf *out) {
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);

    return value != NULL ? buf_printf(out, "\"%s\"", value->name) : buf_printf(out, "%d", number);
}

static enum larder_error write_value(const ProtobufCFieldDescriptor *field, const void *slot, struct buf *out) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
        return buf_printf(out, "\"%" PRId64 "\"", *(const int64_t *)slot);
    case PROTOBUF_C_TYPE_UINT64:
        return buf_printf(out, "\"%" PRIu64 "\"", *(const uint64_t *)slot);
    case PROTOBUF_C_TYPE_UINT32:
        return buf_printf(out, "%" PRIu32, *(const uint32_t *)slot);
    case PROTOBUF_C_TYPE_BOOL:
        return buf_append_slice(out, *(const protobuf_c_boolean *)slot ? SLICE("true") : SLICE("false"));
    case PROTOBUF_C_TYPE_ENUM:
        return write_enum(field->descriptor, *(const int *)slot, out);
    case PROTOBUF_C_TYPE_STRING:
        return json_append_string(out, slice_from_string(*(const char *const *)slot));
    case PROTOBUF_C_TYPE_BYTES:
        return json_append_base64(out, etcd_bytes_slice(*(const ProtobufCBinaryData *)slot));
    default:
        return write_message(*(const ProtobufCMessage *const *)slot, out);
    }
}

static enum larder_error write_array(const ProtobufCFieldDescriptor *field, const char *elements, size_t count,
                                     struct buf *out) {
    size_t size = etcd_field_value_size(field->type);
    enum larder_error error = buf_append(out, "[", 1);

    for (size_t i = 0; i < count && error == LARDER_OK; i++) {
        if (i > 0) {
            error = buf_append(out, ",", 1);
        }
        if (error == LARDER_OK) {
            error = write_value(field, elements + i * size, out);
        }
    }
    return error == LARDER_OK ? buf_append(out, "]", 1) : error;
}

static bool is_default(const ProtobufCFieldDescriptor *field, const void *slot) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        return *(const uint64_t *)slot == 0;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_BOOL:
        return *(const uint32_t *)slot == 0;
    case PROTOBUF_C_TYPE_STRING:
        return *(const char *const *)slot == NULL || **(const char *const *)slot == 0;
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)slot)->len == 0;
    default:
        return *(const ProtobufCMessage *const *)slot == NULL;
    }
}

/* A oneof's member counts as set even with its default: that it was chosen says something. */
static bool is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    const char *quantifier = (const char *)message + field->quantifier_offset;
    const char *slot = (const char *)message + field->offset;

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return *(const size_t *)(const void *)quantifier > 0;
    }
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        return *(const uint32_t *)(const void *)quantifier == field->id;
    }
    return !is_default(field, slot);
}

static enum larder_error write_field(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, bool first,
                                     struct buf *out) {
    const char *slot = (const char *)message + field->offset;
    enum larder_error error = buf_printf(out, "%s\"%s\":", first ? "" : ",", field->name);

    if (error != LARDER_OK) {
        return error;
    }
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return write_array(field, *(const char *const *)(const void *)slot,
                           *(const size_t *)(const void *)((const char *)message + field->quantifier_offset), out);
    }
    return write_value(field, slot, out);
}

static enum larder_error write_message(const ProtobufCMessage *message, struct buf *out) {
    enum larder_error error = buf_append(out, "{", 1);
    bool first = true;

    for (unsigned i = 0; i < message->descriptor->n_fields && error == LARDER_OK; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];

        if (is_set(message, field)) {
            error = write_field(message, field, first, out);
            first = false;
        }
    }
    return error == LARDER_OK ? buf_append(out, "}", 1) : error;
}

enum larder_error etcd_message_to_json(const ProtobufCMessage *message, struct buf *out) {
    return write_message(message, out);
}
