/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_PROTOBUF_READ_H
#define LARDER_PROTO_PROTOBUF_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Reads messages in protobuf's encoding (protobuf.dev/programming-guides/encoding) field by field, where they lie: no input
 * makes it ask for memory. */

enum protobuf_type { PROTOBUF_VARINT = 0, PROTOBUF_64BIT = 1, PROTOBUF_SIZED = 2, PROTOBUF_32BIT = 5 };

struct protobuf_field {
    uint32_t number;
    enum protobuf_type type;
    uint64_t value;     /* of a number, its bits */
    struct slice bytes; /* of what is SIZED, where they lie */
};

/* Takes a field off the front of a message, which is not at its end. False: there is none, or a group, which is given up in
 * protobuf. */
bool protobuf_take(struct slice *message, struct protobuf_field *ret_field);

#endif
