/* SPDX-License-Identifier: Apache-2.0 */
#include "parcel.h"

struct parcel *parcel_new(enum parcel_kind kind, size_t machine, size_t era) {
    struct parcel *parcel = sim_new(sizeof(*parcel));

    *parcel = (struct parcel){.kind = kind, .machine = machine, .era = era};
    arena_init(&parcel->arena, SIZE_MAX / 2);
    return parcel;
}

void parcel_free(struct parcel *parcel) {
    arena_fini(&parcel->arena);
    free(parcel->events);
    free(parcel);
}

struct kv parcel_copy_kv(struct arena *arena, const struct kv *kv) {
    struct kv copy = *kv;

    sim_must(arena_copy(arena, kv->key, &copy.key) && arena_copy(arena, kv->value, &copy.value));
    return copy;
}

void parcel_add_event(struct parcel *parcel, const struct kv_event *event) {
    struct kv_event *copy;

    parcel->events = realloc(parcel->events, (parcel->count + 1) * sizeof(*parcel->events));
    sim_must(parcel->events != NULL);
    copy = &parcel->events[parcel->count++];
    *copy = *event;
    copy->kv = parcel_copy_kv(&parcel->arena, &event->kv);
    if (event->has_previous) {
        copy->previous = parcel_copy_kv(&parcel->arena, &event->previous);
    }
}
