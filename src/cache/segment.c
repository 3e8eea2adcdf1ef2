/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/segment.h"

void segment_init(struct segment *s, size_t size) {
    *s = (struct segment){.size = size, .used = SEGMENT_HEADER_SIZE, .queue = QUEUE_NONE};
}

void queue_append(struct queue *q, struct segment *s, enum queue_id id) {
    assert(s->queue == QUEUE_NONE);
    s->queue = (uint8_t)id;
    s->older = q->newest;
    s->newer = NULL;
    if (q->newest != NULL) {
        q->newest->newer = s;
    } else {
        q->oldest = s;
    }
    q->newest = s;
    q->bytes += s->size;
    q->dead += segment_dead(s);
}

void queue_remove(struct queue *q, struct segment *s) {
    assert(s->queue != QUEUE_NONE);
    if (s->older != NULL) {
        s->older->newer = s->newer;
    } else {
        q->oldest = s->newer;
    }
    if (s->newer != NULL) {
        s->newer->older = s->older;
    } else {
        q->newest = s->older;
    }
    if (q->open == s) {
        q->open = NULL;
    }
    if (q->compact == s) {
        q->compact = NULL;
    }
    if (q->sweep == s) {
        q->sweep = s->newer;
    }
    q->bytes -= s->size;
    q->dead -= segment_dead(s);
    s->queue = QUEUE_NONE;
}
