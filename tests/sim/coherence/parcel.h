/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_COHERENCE_PARCEL_H
#define LARDER_TESTS_SIM_COHERENCE_PARCEL_H

#include "layout.h"
#include "truth.h"

/* Something that comes to the node's thread. */
enum parcel_kind {
    PARCEL_ANSWER,
    PARCEL_EVENTS,
    PARCEL_WATCHING,
    PARCEL_PROGRESS,
    PARCEL_LOST,
    PARCEL_ENDED,
    PARCEL_CALL, /* of somebody on the node */
};

struct parcel {
    enum parcel_kind kind;
    size_t machine;
    size_t era;          /* in which it was sent */
    unsigned watch;      /* of a stream */
    unsigned connection; /* likewise */
    struct store_call *call;
    bool is_linearizable; /* ANSWER */
    int64_t handed;       /* likewise: what the machine was told of when it asked */
    enum store_status status;
    int64_t revision;
    struct kv_event *events; /* their keys and values are in `arena` */
    size_t count;
    struct arena arena;
    struct parcel *next;
};

struct parcel *parcel_new(enum parcel_kind kind, size_t machine, size_t era);
void parcel_free(struct parcel *parcel);

/* Copies of what is borrowed. */
void parcel_add_event(struct parcel *parcel, const struct kv_event *event);
struct kv parcel_copy_kv(struct arena *arena, const struct kv *kv);

#endif
