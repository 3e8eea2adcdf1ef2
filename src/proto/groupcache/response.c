/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/groupcache/response.h"

#include <stdint.h>

#include "proto/protobuf_read.h"

enum { FIELD_VALUE = 1, FIELD_MINUTE_QPS = 2, TYPE_BITS = 3 };

size_t groupcache_response_head(size_t value_size, char ret_head[GROUPCACHE_RESPONSE_HEAD_MAX]) {
    uint64_t left = value_size;
    size_t size = 0;

    ret_head[size++] = FIELD_VALUE << TYPE_BITS | PROTOBUF_SIZED;
    for (; left >= 0x80; left >>= 7) {
        ret_head[size++] = (char)(0x80 | (left & 0x7f));
    }
    ret_head[size++] = (char)left;
    return size;
}

static double double_of(uint64_t bits) {
    double number;

    memcpy(&number, &bits, sizeof(number));
    return number;
}

/* False: it is of another type than it should be. */
static bool take_in(const struct protobuf_field *field, struct groupcache_response *response) {
    switch (field->number) {
    case FIELD_VALUE:
        response->value = field->bytes;
        return field->type == PROTOBUF_SIZED;
    case FIELD_MINUTE_QPS:
        response->minute_qps = double_of(field->value);
        return field->type == PROTOBUF_64BIT;
    default:
        return true;
    }
}

bool groupcache_response_read(struct slice body, struct groupcache_response *ret_response) {
    struct groupcache_response response = {.value = slice_make(body.data, 0)};
    struct protobuf_field field;

    while (body.size > 0) {
        if (!protobuf_take(&body, &field) || !take_in(&field, &response)) {
            return false;
        }
    }
    *ret_response = response;
    return true;
}
