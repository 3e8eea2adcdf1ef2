/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/etcd/wire.h"

enum { VARINT = 0, FIXED64 = 1, DELIMITED = 2, FIXED32 = 5, TYPE_BITS = 3, VARINT_MAX_BITS = 63 };

static bool take_varint(struct slice *message, uint64_t *ret_number) {
    uint64_t number = 0;

    for (unsigned shift = 0; shift <= VARINT_MAX_BITS && message->size > 0; shift += 7) {
        uint8_t byte = (uint8_t)message->data[0];

        *message = slice_skip(*message, 1);
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_number = number;
            return true;
        }
    }
    return false;
}

static bool take_bytes(struct slice *message, uint64_t size, struct slice *ret_bytes) {
    if (size > message->size) {
        return false;
    }
    *ret_bytes = slice_make(message->data, size);
    *message = slice_skip(*message, size);
    return true;
}

static bool take_payload(struct slice *message, unsigned type, struct wire_field *field) {
    struct slice ignored;
    uint64_t size;

    switch (type) {
    case VARINT:
        return take_varint(message, &field->integer);
    case DELIMITED:
        return take_varint(message, &size) && take_bytes(message, size, &field->bytes);
    case FIXED64:
        return take_bytes(message, 8, &ignored);
    case FIXED32:
        return take_bytes(message, 4, &ignored);
    default:
        return false;
    }
}

bool wire_next(struct slice *message, struct wire_field *ret_field, bool *ret_good) {
    uint64_t tag;

    *ret_good = true;
    *ret_field = (struct wire_field){.number = 0};
    if (message->size == 0) {
        return false;
    }
    *ret_good = take_varint(message, &tag) && tag >> TYPE_BITS > 0 && tag >> TYPE_BITS <= UINT32_MAX;
    if (*ret_good) {
        ret_field->number = (uint32_t)(tag >> TYPE_BITS);
        *ret_good = take_payload(message, (unsigned)tag & ((1U << TYPE_BITS) - 1), ret_field);
    }
    return *ret_good;
}

size_t wire_varint_size(uint64_t number) {
    size_t size = 1;

    while (number >= 0x80) {
        number >>= 7;
        size++;
    }
    return size;
}
