/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/etcd/watch_message.h"

/* Tags of protobuf: the field's number times 8, and 2 for what has a length, 0 for a varint (protobuf.dev, "Encoding"). */
enum {
    TAG_HEADER = 1 << 3 | 2,
    TAG_WATCH_ID = 2 << 3 | 0,
    TAG_EVENTS = 11 << 3 | 2,
    VARINT_MAX = 10,
};

static size_t varint_size(uint64_t number) {
    size_t size = 1;

    for (; number >= 0x80; number >>= 7) {
        size++;
    }
    return size;
}

static char *varint_write(char *place, uint64_t number) {
    for (; number >= 0x80; number >>= 7) {
        *place++ = (char)(0x80 | (number & 0x7f));
    }
    *place++ = (char)number;
    return place;
}

static size_t field_size(size_t size) {
    return 1 + varint_size(size) + size;
}

static char *field_write(char *place, int tag, const ProtobufCMessage *message, size_t size) {
    *place++ = (char)tag;
    place = varint_write(place, size);
    return place + protobuf_c_message_pack(message, (uint8_t *)place);
}

static bool make_events(Mvccpb__Event *const *events, size_t count, struct arena *arena, struct slice *ret_bytes) {
    size_t *sizes = arena_calloc(arena, count, sizeof(*sizes));
    size_t total = 0;
    char *bytes;
    char *place;

    if (sizes == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        sizes[i] = protobuf_c_message_get_packed_size(&events[i]->base);
        total += field_size(sizes[i]);
    }
    bytes = arena_alloc(arena, total);
    if (bytes == NULL) {
        return false;
    }
    place = bytes;
    for (size_t i = 0; i < count; i++) {
        place = field_write(place, TAG_EVENTS, &events[i]->base, sizes[i]);
    }
    *ret_bytes = slice_make(bytes, total);
    return true;
}

bool etcd_watch_parts_make(const Etcdserverpb__ResponseHeader *header, Mvccpb__Event *const *events, size_t count,
                           struct arena *arena, struct etcd_watch_parts *ret_parts) {
    size_t size = protobuf_c_message_get_packed_size(&header->base);
    char *bytes = arena_alloc(arena, field_size(size));

    if (bytes == NULL || !make_events(events, count, arena, &ret_parts->events)) {
        return false;
    }
    field_write(bytes, TAG_HEADER, &header->base, size);
    ret_parts->header = slice_make(bytes, field_size(size));
    return true;
}

size_t etcd_watch_message_size(const struct etcd_watch_parts *parts, int64_t id) {
    return parts->header.size + (id != 0 ? 1 + varint_size((uint64_t)id) : 0) + parts->events.size;
}

void etcd_watch_message_write(const struct etcd_watch_parts *parts, int64_t id, char *place) {
    memcpy(place, parts->header.data, parts->header.size);
    place += parts->header.size;
    if (id != 0) {
        *place++ = TAG_WATCH_ID;
        place = varint_write(place, (uint64_t)id);
    }
    memcpy(place, parts->events.data, parts->events.size);
}
