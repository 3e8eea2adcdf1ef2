/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/preface.h"

enum {
    METHOD_MAX = 16, /* longer than any method */
    BINARY_MAGIC_REQUEST = 0x80,
    BINARY_MAGIC_RESPONSE = 0x81,
    BINARY_STATUS_UNKNOWN_COMMAND = 0x81,
    BINARY_AT_OPCODE = 1,
    BINARY_AT_STATUS = 7,
    BINARY_AT_BODY_SIZE = 11,
    BINARY_AT_OPAQUE = 12,
    BINARY_OPAQUE_SIZE = 4,
};

/* An absolute URI, as a client writes it that takes this node for a proxy (RFC 9112, 3.2.2). */
static enum preface detect_uri(struct slice target) {
    static const char scheme[] = "http://";
    size_t size = 0;

    while (size < target.size && size < sizeof(scheme) - 1 && (target.data[size] | 0x20) == (scheme[size] | 0x20)) {
        size++;
    }
    if (size == sizeof(scheme) - 1) {
        return PREFACE_HTTP1;
    }
    return size == target.size ? PREFACE_UNKNOWN : PREFACE_MEMCACHED;
}

enum preface preface_detect(struct slice start) {
    size_t word = 0;

    if (start.size == 0) {
        return PREFACE_UNKNOWN;
    }
    if ((unsigned char)start.data[0] == BINARY_MAGIC_REQUEST) {
        return start.size < PREFACE_BINARY_HEADER ? PREFACE_UNKNOWN : PREFACE_MEMCACHED_BINARY;
    }
    while (word < start.size && word < METHOD_MAX && start.data[word] >= 'A' && start.data[word] <= 'Z') {
        word++;
    }
    if (word == 0 || word == METHOD_MAX) {
        return PREFACE_MEMCACHED;
    }
    if (word + 1 >= start.size && (word == start.size || start.data[word] == ' ')) {
        return PREFACE_UNKNOWN;
    }
    if (start.data[word] != ' ') {
        return PREFACE_MEMCACHED;
    }
    if (start.data[word + 1] == '/' || slice_has_prefix(start, SLICE("OPTIONS *"))) {
        return PREFACE_HTTP1;
    }
    if (slice_has_prefix(start, SLICE("PRI *"))) {
        return PREFACE_HTTP2;
    }
    return detect_uri(slice_skip(start, word + 1));
}

size_t preface_refuse_binary(struct slice header, char ret_bytes[64]) {
    static const char message[] = "Unknown command";
    const size_t size = sizeof(message) - 1;

    memset(ret_bytes, 0, PREFACE_BINARY_HEADER);
    ret_bytes[0] = (char)BINARY_MAGIC_RESPONSE;
    ret_bytes[BINARY_AT_OPCODE] = header.data[BINARY_AT_OPCODE];
    ret_bytes[BINARY_AT_STATUS] = (char)BINARY_STATUS_UNKNOWN_COMMAND;
    ret_bytes[BINARY_AT_BODY_SIZE] = (char)size;
    memcpy(ret_bytes + BINARY_AT_OPAQUE, header.data + BINARY_AT_OPAQUE, BINARY_OPAQUE_SIZE);
    memcpy(ret_bytes + PREFACE_BINARY_HEADER, message, size);
    return PREFACE_BINARY_HEADER + size;
}
