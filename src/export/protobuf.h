/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_EXPORT_PROTOBUF_H
#define LARDER_EXPORT_PROTOBUF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Writes messages in protobuf's encoding (protobuf.dev/programming-guides/encoding), field by field, without a tree in
 * between. After the first error nothing is written any more. Defaults (0, "") are left out, as proto3 has it. */
struct protobuf {
    struct buf *out;
    enum larder_error error;
};

static inline struct protobuf protobuf_into(struct buf *out) {
    return (struct protobuf){.out = out, .error = LARDER_OK};
}

void protobuf_varint(struct protobuf *p, unsigned field, uint64_t number);
void protobuf_fixed64(struct protobuf *p, unsigned field, uint64_t number);
void protobuf_fixed32(struct protobuf *p, unsigned field, uint32_t number);
void protobuf_double(struct protobuf *p, unsigned field, double number);
void protobuf_bytes(struct protobuf *p, unsigned field, const void *data, size_t size);

/* A string. What is not UTF-8 in it becomes '?': a reader would refuse the whole message for it. */
void protobuf_text(struct protobuf *p, unsigned field, struct slice text);

/* The same three also if they are the default: for a member of a oneof, and an element of a repeated field. */
void protobuf_put_varint(struct protobuf *p, unsigned field, uint64_t number);
void protobuf_put_fixed64(struct protobuf *p, unsigned field, uint64_t number);
void protobuf_put_text(struct protobuf *p, unsigned field, struct slice text);

/* What is written between the two is a message in the field. */
size_t protobuf_begin(struct protobuf *p, unsigned field);
void protobuf_end(struct protobuf *p, size_t mark);

/* Fields that are written already. */
void protobuf_put_encoded(struct protobuf *p, struct slice fields);

/* Packed numbers of 8 bytes each. */
void protobuf_packed64(struct protobuf *p, unsigned field, const uint64_t *numbers, size_t count);

/* The bits of a double. */
uint64_t protobuf_double_bits(double number);

#endif
