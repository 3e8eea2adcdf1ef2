/* SPDX-License-Identifier: Apache-2.0 */
#include "export/protobuf.h"

#include <string.h>

#include "base/utf8.h"
#include "proto/protobuf_read.h"

enum { TYPE_BITS = 3, VARINT_MAX = 10, SIZE_FIRST = 1 /* bytes kept free for the size of a message */ };

static size_t varint(uint64_t number, char bytes[VARINT_MAX]) {
    size_t size = 0;

    for (; number >= 0x80; number >>= 7) {
        bytes[size++] = (char)(0x80 | (number & 0x7f));
    }
    bytes[size++] = (char)number;
    return size;
}

static void put(struct protobuf *p, const void *data, size_t size) {
    if (p->error == LARDER_OK) {
        p->error = buf_append(p->out, data, size);
    }
}

static void put_number(struct protobuf *p, uint64_t number) {
    char bytes[VARINT_MAX];

    put(p, bytes, varint(number, bytes));
}

static void put_tag(struct protobuf *p, unsigned field, enum protobuf_type type) {
    put_number(p, (uint64_t)field << TYPE_BITS | type);
}

/* The least byte first, whatever this machine does. */
static void put_fixed(struct protobuf *p, uint64_t number, size_t size) {
    char bytes[sizeof(number)];

    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)(number >> (8 * i));
    }
    put(p, bytes, size);
}

void protobuf_put_varint(struct protobuf *p, unsigned field, uint64_t number) {
    put_tag(p, field, PROTOBUF_VARINT);
    put_number(p, number);
}

void protobuf_varint(struct protobuf *p, unsigned field, uint64_t number) {
    if (number != 0) {
        protobuf_put_varint(p, field, number);
    }
}

void protobuf_put_fixed64(struct protobuf *p, unsigned field, uint64_t number) {
    put_tag(p, field, PROTOBUF_64BIT);
    put_fixed(p, number, sizeof(number));
}

void protobuf_fixed64(struct protobuf *p, unsigned field, uint64_t number) {
    if (number != 0) {
        protobuf_put_fixed64(p, field, number);
    }
}

void protobuf_fixed32(struct protobuf *p, unsigned field, uint32_t number) {
    if (number != 0) {
        put_tag(p, field, PROTOBUF_32BIT);
        put_fixed(p, number, sizeof(number));
    }
}

uint64_t protobuf_double_bits(double number) {
    uint64_t bits;

    memcpy(&bits, &number, sizeof(bits));
    return bits;
}

void protobuf_double(struct protobuf *p, unsigned field, double number) {
    protobuf_put_fixed64(p, field, protobuf_double_bits(number));
}

void protobuf_bytes(struct protobuf *p, unsigned field, const void *data, size_t size) {
    if (size > 0) {
        put_tag(p, field, PROTOBUF_SIZED);
        put_number(p, size);
        put(p, data, size);
    }
}

/* The bytes of the character that begins here, or 0: none does. */
static size_t character(const char *at, size_t left) {
    for (size_t size = 1; size <= 4 && size <= left; size++) {
        if (utf8_is_valid(slice_make(at, size))) {
            return size;
        }
    }
    return 0;
}

static void mend(char *data, size_t size) {
    size_t at = 0;

    while (at < size) {
        size_t step = character(data + at, size - at);

        if (step == 0) {
            data[at] = '?';
            step = 1;
        }
        at += step;
    }
}

void protobuf_put_text(struct protobuf *p, unsigned field, struct slice text) {
    put_tag(p, field, PROTOBUF_SIZED);
    put_number(p, text.size);
    put(p, text.data, text.size);
    if (p->error == LARDER_OK && !utf8_is_valid(text)) {
        mend(p->out->data + p->out->size - text.size, text.size);
    }
}

void protobuf_text(struct protobuf *p, unsigned field, struct slice text) {
    if (text.size > 0) {
        protobuf_put_text(p, field, text);
    }
}

size_t protobuf_begin(struct protobuf *p, unsigned field) {
    put_tag(p, field, PROTOBUF_SIZED);
    put(p, "", SIZE_FIRST);
    return p->out->size;
}

/* Most messages are so small that the byte that was kept free is enough; others are moved. */
void protobuf_end(struct protobuf *p, size_t mark) {
    char bytes[VARINT_MAX];
    size_t size, length;

    if (p->error != LARDER_OK) {
        return;
    }
    size = p->out->size - mark;
    length = varint(size, bytes);
    if (length > SIZE_FIRST) {
        put(p, bytes, length - SIZE_FIRST); /* makes the room */
        if (p->error != LARDER_OK) {
            return;
        }
        memmove(p->out->data + mark + length - SIZE_FIRST, p->out->data + mark, size);
    }
    memcpy(p->out->data + mark - SIZE_FIRST, bytes, length);
}

void protobuf_put_encoded(struct protobuf *p, struct slice fields) {
    put(p, fields.data, fields.size);
}

void protobuf_packed64(struct protobuf *p, unsigned field, const uint64_t *numbers, size_t count) {
    put_tag(p, field, PROTOBUF_SIZED);
    put_number(p, count * sizeof(numbers[0]));
    for (size_t i = 0; i < count; i++) {
        put_fixed(p, numbers[i], sizeof(numbers[0]));
    }
}
