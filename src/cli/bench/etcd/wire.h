/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_ETCD_WIRE_H
#define LARDER_CLI_BENCH_ETCD_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* A glance at a message of protobuf (protobuf.dev/programming-guides/encoding): field after field, nothing is copied and
 * nothing allocated. A load generator has no time for more with every answer. */
struct wire_field {
    uint32_t number;
    uint64_t integer;   /* of a varint; 0 for other fields */
    struct slice bytes; /* of a length-delimited field; empty for others */
};

/* Takes the next field off the front of *message. False: there is none, or *ret_good says false: it is no message. */
bool wire_next(struct slice *message, struct wire_field *ret_field, bool *ret_good);

/* The bytes that a varint of this number takes. */
size_t wire_varint_size(uint64_t number);

#endif
