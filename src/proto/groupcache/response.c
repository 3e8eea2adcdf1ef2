/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/groupcache/response.h"

#include <stdint.h>

enum wire_type { WIRE_VARINT = 0, WIRE_64BIT = 1, WIRE_SIZED = 2, WIRE_32BIT = 5 };

enum { FIELD_VALUE = 1, FIELD_MINUTE_QPS = 2, TYPE_BITS = 3, VARINT_BITS = 64 };

size_t groupcache_response_head(size_t value_size, char ret_head[GROUPCACHE_RESPONSE_HEAD_MAX]) {
    uint64_t left = value_size;
    size_t size = 0;

    ret_head[size++] = FIELD_VALUE << TYPE_BITS | WIRE_SIZED;
    for (; left >= 0x80; left >>= 7) {
        ret_head[size++] = (char)(0x80 | (left & 0x7f));
    }
    ret_head[size++] = (char)left;
    return size;
}

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

static bool take(struct slice *rest, uint64_t size, struct slice *ret_bytes) {
    if (size > rest->size) {
        return false;
    }
    *ret_bytes = slice_make(rest->data, (size_t)size);
    *rest = slice_skip(*rest, (size_t)size);
    return true;
}

/* Takes a field's content off the front; of a number that is a varint, nothing is wanted. */
static bool take_content(struct slice *rest, unsigned wire_type, struct slice *ret_bytes) {
    uint64_t number;

    switch (wire_type) {
    case WIRE_VARINT:
        return take_varint(rest, &number);
    case WIRE_64BIT:
        return take(rest, sizeof(uint64_t), ret_bytes);
    case WIRE_SIZED:
        return take_varint(rest, &number) && take(rest, number, ret_bytes);
    case WIRE_32BIT:
        return take(rest, sizeof(uint32_t), ret_bytes);
    default:
        return false;
    }
}

/* Of eight bytes, the least one first, whatever this machine does. */
static double read_double(struct slice bytes) {
    uint64_t bits = 0;
    double number;

    for (size_t i = 0; i < sizeof(bits); i++) {
        bits |= (uint64_t)(unsigned char)bytes.data[i] << (8 * i);
    }
    memcpy(&number, &bits, sizeof(number));
    return number;
}

static bool take_field(struct slice *rest, struct groupcache_response *response) {
    struct slice bytes = {NULL, 0};
    uint64_t tag;
    unsigned type;

    if (!take_varint(rest, &tag) || tag >> TYPE_BITS == 0 || tag > UINT32_MAX) {
        return false;
    }
    type = tag & ((1U << TYPE_BITS) - 1);
    if (!take_content(rest, type, &bytes)) {
        return false;
    }
    switch (tag >> TYPE_BITS) {
    case FIELD_VALUE:
        response->value = bytes;
        return type == WIRE_SIZED;
    case FIELD_MINUTE_QPS:
        if (type != WIRE_64BIT) {
            return false;
        }
        response->minute_qps = read_double(bytes);
        return true;
    default:
        return true;
    }
}

bool groupcache_response_read(struct slice body, struct groupcache_response *ret_response) {
    struct groupcache_response response = {.value = slice_make(body.data, 0)};

    while (body.size > 0) {
        if (!take_field(&body, &response)) {
            return false;
        }
    }
    *ret_response = response;
    return true;
}
