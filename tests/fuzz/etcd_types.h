/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_FUZZ_ETCD_TYPES_H
#define LARDER_TESTS_FUZZ_ETCD_TYPES_H

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "proto/etcd/message.h"
#include "proto/etcd/method.h"

/* Any message of any method, by a number. */
static inline const ProtobufCMessageDescriptor *etcd_type(uint8_t number) {
    static const struct slice paths[] = {
#define METHOD(id, path, ...) SLICE(path),
#include "proto/etcd/methods.def"
#undef METHOD
    };
    const struct etcd_method *method = etcd_method_find(paths[number / 2 % ETCD_METHOD_COUNT]);

    assert(method != NULL);
    return number % 2 == 0 ? method->request : method->response;
}

/* The message's bytes in the arena. */
static inline struct slice etcd_packed(const ProtobufCMessage *message, struct arena *arena) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = arena_alloc(arena, size + 1);

    assert(bytes != NULL && protobuf_c_message_pack(message, bytes) == size);
    return slice_make((const char *)bytes, size);
}

/* The message's JSON in the arena. */
static inline struct slice etcd_json(const ProtobufCMessage *message, struct arena *arena) {
    struct slice text;
    struct buf out;

    buf_init(&out, SIZE_MAX);
    assert(etcd_message_to_json(message, &out) == LARDER_OK);
    assert(arena_copy(arena, buf_slice(&out), &text));
    buf_fini(&out);
    return text;
}

#endif
