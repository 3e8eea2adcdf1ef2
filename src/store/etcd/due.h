/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_DUE_H
#define LARDER_STORE_ETCD_DUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Things that are due at some time, the earliest at hand: a binary heap that knows where each of them is. */
struct etcd_due {
    int64_t at_ns;
    size_t place; /* in the heap; ETCD_DUE_NOWHERE: not in it */
};

#define ETCD_DUE_NOWHERE SIZE_MAX

struct etcd_due_heap {
    struct etcd_due **things; /* things[i] is due no earlier than things[(i - 1) / 2] */
    size_t count;
    size_t capacity;
};

/* All zero is an empty one; this frees its memory. */
void etcd_due_fini(struct etcd_due_heap *heap);

/* Puts it in at its time. False: no memory. */
bool etcd_due_add(struct etcd_due_heap *heap, struct etcd_due *thing);

/* It is due at another time. */
void etcd_due_move(struct etcd_due_heap *heap, struct etcd_due *thing, int64_t at_ns);

/* Takes it out, if it is in. */
void etcd_due_remove(struct etcd_due_heap *heap, struct etcd_due *thing);

/* The earliest. NULL: there is none. */
static inline struct etcd_due *etcd_due_first(const struct etcd_due_heap *heap) {
    return heap->count > 0 ? heap->things[0] : NULL;
}

#endif
