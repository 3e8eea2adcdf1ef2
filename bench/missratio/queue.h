/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BENCH_MISSRATIO_QUEUE_H
#define LARDER_BENCH_MISSRATIO_QUEUE_H

#include <stdint.h>

#define QUEUE_NONE UINT32_MAX

/* What a policy knows of one object; the array is indexed by the object's id. `where` 0 means: not in the cache. */
struct slot {
    uint32_t newer, older;
    uint32_t size;
    uint8_t freq;
    uint8_t where;
};

/* Objects in order of arrival, linked through their slots. */
struct queue {
    uint32_t newest, oldest;
    uint32_t count;
    uint64_t bytes;
};

static inline void queue_init(struct queue *q) {
    *q = (struct queue){.newest = QUEUE_NONE, .oldest = QUEUE_NONE};
}

/* The object must be in no queue; its slot's size is set already. */
static inline void queue_push(struct queue *q, struct slot *slots, uint32_t id) {
    slots[id].newer = QUEUE_NONE;
    slots[id].older = q->newest;
    if (q->newest != QUEUE_NONE)
        slots[q->newest].newer = id;
    else
        q->oldest = id;
    q->newest = id;
    q->count++;
    q->bytes += slots[id].size;
}

/* The object must be in this queue. */
static inline void queue_remove(struct queue *q, struct slot *slots, uint32_t id) {
    uint32_t newer = slots[id].newer, older = slots[id].older;
    if (newer != QUEUE_NONE)
        slots[newer].older = older;
    else
        q->newest = older;
    if (older != QUEUE_NONE)
        slots[older].newer = newer;
    else
        q->oldest = newer;
    q->count--;
    q->bytes -= slots[id].size;
}

/* The object must be in this queue; it stays where it is. */
static inline void queue_resize(struct queue *q, struct slot *slots, uint32_t id, uint32_t size) {
    q->bytes += size;
    q->bytes -= slots[id].size;
    slots[id].size = size;
}

#endif
