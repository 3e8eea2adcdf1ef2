/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/protobuf_read.h"

enum { TYPE_BITS = 3, VARINT_BITS = 64 };

/* Takes a number off the front. Bits beyond the 64th are dropped, as everywhere. */
static bool take_varint(struct slice *rest, uint64_t *ret_number) {
    uint64_t number = 0;
    size_t i = 0;

    for (unsigned shift = 0; shift < VARINT_BITS && i < rest->size; shift += 7) {
        unsigned char byte = (unsigned char)rest->data[i++];

        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *rest = slice_skip(*rest, i);
            *ret_number = number;
            return true;
        }
    }
    return false;
}

static bool take_bytes(struct slice *rest, uint64_t size, struct slice *ret_bytes) {
    if (size > rest->size) {
        return false;
    }
    *ret_bytes = slice_make(rest->data, (size_t)size);
    *rest = slice_skip(*rest, (size_t)size);
    return true;
}

/* The least byte first, whatever this machine does. */
static bool take_fixed(struct slice *rest, size_t size, uint64_t *ret_number) {
    struct slice bytes;

    if (!take_bytes(rest, size, &bytes)) {
        return false;
    }
    *ret_number = 0;
    for (size_t i = 0; i < size; i++) {
        *ret_number |= (uint64_t)(unsigned char)bytes.data[i] << (8 * i);
    }
    return true;
}

static bool take_content(struct slice *rest, struct protobuf_field *field) {
    uint64_t size;

    switch (field->type) {
    case PROTOBUF_VARINT:
        return take_varint(rest, &field->value);
    case PROTOBUF_64BIT:
        return take_fixed(rest, sizeof(uint64_t), &field->value);
    case PROTOBUF_SIZED:
        return take_varint(rest, &size) && take_bytes(rest, size, &field->bytes);
    case PROTOBUF_32BIT:
        return take_fixed(rest, sizeof(uint32_t), &field->value);
    }
    return false;
}

bool protobuf_take(struct slice *message, struct protobuf_field *ret_field) {
    uint64_t tag;

    *ret_field = (struct protobuf_field){.number = 0};
    if (!take_varint(message, &tag) || tag >> TYPE_BITS == 0 || tag > UINT32_MAX) {
        return false;
    }
    ret_field->number = (uint32_t)(tag >> TYPE_BITS);
    ret_field->type = (enum protobuf_type)(tag & ((1U << TYPE_BITS) - 1));
    return take_content(message, ret_field);
}
