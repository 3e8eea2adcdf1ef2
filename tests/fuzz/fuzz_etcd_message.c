/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of etcd's API: the first byte says which, the rest are its bytes. What is read is written and read again, here,
 * by protobuf-c's own reader and as JSON: all must see the same message. */
#include "etcd_types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const ProtobufCMessage *message, struct arena *arena) {
    const ProtobufCMessageDescriptor *type = message->descriptor;
    struct slice packed = etcd_packed(message, arena);
    struct slice json = etcd_json(message, arena);
    ProtobufCMessage *other = protobuf_c_message_unpack(type, NULL, packed.size, (const uint8_t *)packed.data);
    const ProtobufCMessage *again = etcd_message_unpack(type, packed, arena);
    struct buf why;

    assert(again != NULL && slice_equal(etcd_packed(again, arena), packed));
    assert(other != NULL && slice_equal(etcd_json(other, arena), json));
    protobuf_c_message_free_unpacked(other, NULL);
    buf_init(&why, 1000);
    again = etcd_message_from_json(type, json, arena, &why);
    assert(again != NULL && slice_equal(etcd_packed(again, arena), packed));
    buf_fini(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const ProtobufCMessage *message;
    struct arena arena;
    char *exact;

    if (size == 0) {
        return 0;
    }
    exact = malloc(size);
    assert(exact != NULL);
    memcpy(exact, data + 1, size - 1);
    arena_init(&arena, SIZE_MAX / 2);
    message = etcd_message_unpack(etcd_type(data[0]), slice_make(exact, size - 1), &arena);
    free(exact);
    if (message != NULL) {
        check_again(message, &arena);
    }
    arena_fini(&arena);
    return 0;
}
