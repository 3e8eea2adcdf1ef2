/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/due.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

void etcd_due_fini(struct etcd_due_heap *heap) {
    free(heap->things);
    *heap = (struct etcd_due_heap){0};
}

static void put(struct etcd_due_heap *heap, size_t place, struct etcd_due *thing) {
    heap->things[place] = thing;
    thing->place = place;
}

static void rise(struct etcd_due_heap *heap, size_t place, struct etcd_due *thing) {
    while (place > 0) {
        size_t parent = (place - 1) / 2;

        if (heap->things[parent]->at_ns <= thing->at_ns) {
            break;
        }
        put(heap, place, heap->things[parent]);
        place = parent;
    }
    put(heap, place, thing);
}

static void sink(struct etcd_due_heap *heap, size_t place, struct etcd_due *thing) {
    while (true) {
        size_t child = 2 * place + 1;

        if (child + 1 < heap->count && heap->things[child + 1]->at_ns < heap->things[child]->at_ns) {
            child++;
        }
        if (child >= heap->count || heap->things[child]->at_ns >= thing->at_ns) {
            break;
        }
        put(heap, place, heap->things[child]);
        place = child;
    }
    put(heap, place, thing);
}

bool etcd_due_add(struct etcd_due_heap *heap, struct etcd_due *thing) {
    if (heap->count == heap->capacity) {
        size_t capacity = heap->capacity == 0 ? FIRST_CAPACITY : heap->capacity * 2;
        struct etcd_due **things = realloc(heap->things, capacity * sizeof(struct etcd_due *));

        if (things == NULL) {
            return false;
        }
        heap->things = things;
        heap->capacity = capacity;
    }
    rise(heap, heap->count++, thing);
    return true;
}

/* From where it is: up if it is earlier than its parent, else down. */
static void settle(struct etcd_due_heap *heap, size_t place, struct etcd_due *thing) {
    if (place > 0 && heap->things[(place - 1) / 2]->at_ns > thing->at_ns) {
        rise(heap, place, thing);
    } else {
        sink(heap, place, thing);
    }
}

void etcd_due_move(struct etcd_due_heap *heap, struct etcd_due *thing, int64_t at_ns) {
    thing->at_ns = at_ns;
    settle(heap, thing->place, thing);
}

void etcd_due_remove(struct etcd_due_heap *heap, struct etcd_due *thing) {
    size_t place = thing->place;

    if (place == ETCD_DUE_NOWHERE) {
        return;
    }
    thing->place = ETCD_DUE_NOWHERE;
    heap->count--;
    if (place < heap->count) {
        settle(heap, place, heap->things[heap->count]);
    }
}
