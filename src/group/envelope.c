/* SPDX-License-Identifier: Apache-2.0 */
#include "group/envelope.h"

#include <endian.h>

static const char magic[8] = {'\x96', 'l', 'a', 'r', 'd', 'e', 'r', '\x01'};

enum { FLAGS_AT = sizeof(magic), SIZE_AT = FLAGS_AT + 4 };

_Static_assert(SIZE_AT + 4 == ENVELOPE_SIZE, "the envelope is as its header says");

bool envelope_is_needed(uint32_t client_flags, struct slice content) {
    return client_flags != 0 || slice_has_prefix(content, slice_make(magic, sizeof(magic)));
}

static void write_u32(char *place, uint32_t number) {
    number = htobe32(number);
    memcpy(place, &number, sizeof(number));
}

static uint32_t read_u32(const char *place) {
    uint32_t number;

    memcpy(&number, place, sizeof(number));
    return be32toh(number);
}

void envelope_write(char *place, uint32_t client_flags, size_t size) {
    memcpy(place, magic, sizeof(magic));
    write_u32(place + FLAGS_AT, client_flags);
    write_u32(place + SIZE_AT, (uint32_t)size);
}

struct slice envelope_open(struct slice value, uint32_t *ret_client_flags) {
    *ret_client_flags = 0;
    if (value.size < ENVELOPE_SIZE || memcmp(value.data, magic, sizeof(magic)) != 0 ||
        read_u32(value.data + SIZE_AT) != value.size - ENVELOPE_SIZE) {
        return value;
    }
    *ret_client_flags = read_u32(value.data + FLAGS_AT);
    return slice_skip(value, ENVELOPE_SIZE);
}
