/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "group/origin_internal.h"

static void free_value(struct blob *blob) {
    struct origin_value *value = (struct origin_value *)(void *)blob;

    origin_discharge(value->origin, sizeof(*value) + value->room);
    free(value);
}

struct origin_value *origin_value_new(struct origin *origin, size_t room) {
    struct origin_value *value = NULL;

    if (!origin_charge(origin, sizeof(*value) + room)) {
        return NULL;
    }
    value = malloc(sizeof(*value) + room);
    if (value == NULL) {
        origin_discharge(origin, sizeof(*value) + room);
        return NULL;
    }
    blob_init(&value->blob, free_value);
    value->origin = origin;
    value->room = room;
    value->size = 0;
    return value;
}

bool origin_value_grow(struct origin_value **value, size_t size) {
    struct origin_value *old = *value;
    size_t need = old->size + size;
    size_t room = old->room;
    struct origin_value *larger;

    if (need <= room) {
        return true;
    }
    room = need > 2 * room ? need : 2 * room;
    if (!origin_charge(old->origin, room - old->room)) {
        return false;
    }
    larger = realloc(old, sizeof(*old) + room);
    if (larger == NULL) {
        origin_discharge(old->origin, room - old->room);
        return false;
    }
    larger->room = room;
    *value = larger;
    return true;
}

bool origin_hold_spot(struct origin *origin, const struct spot *spot, struct origin_held *ret_held) {
    struct segment *segment = shard_segment_of(spot->shard, spot->entry);
    struct slice value = slice_make(entry_value(spot->entry), spot->entry->value_size);
    struct origin_value *copy;

    if (segment->large) {
        blob_ref(&segment->blob);
        *ret_held = (struct origin_held){&segment->blob, value};
        return true;
    }
    copy = origin_value_new(origin, value.size);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy->data, value.data, value.size);
    copy->size = value.size;
    *ret_held = (struct origin_held){&copy->blob, origin_value_bytes(copy)};
    return true;
}
