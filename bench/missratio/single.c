/* SPDX-License-Identifier: Apache-2.0 */
#include "single.h"

#include "alloc.h"

void *single_create(const char *options, uint64_t capacity, const struct load *load) {
    if (options && *options) {
        return NULL;
    }
    struct single *s = need_zeroed(1, sizeof(*s));
    s->capacity = capacity;
    s->slots = need_zeroed(load->objects, sizeof(*s->slots));
    queue_init(&s->queue);
    s->hand = QUEUE_NONE;
    return s;
}

void single_destroy(void *self) {
    struct single *s = self;
    free(s->slots);
    free(s);
}

void single_drop(struct single *s, uint32_t id) {
    if (s->hand == id) {
        s->hand = s->slots[id].newer;
    }
    queue_remove(&s->queue, s->slots, id);
    s->slots[id].where = 0;
}

bool single_request(struct single *s, const struct request *r, void (*hit)(struct single *, uint32_t),
                    void (*evict)(struct single *)) {
    struct slot *slot = &s->slots[r->id];
    bool found = slot->where;
    if (r->size > s->capacity) {
        if (found) {
            single_drop(s, r->id);
        }
        return found;
    }
    if (found) {
        hit(s, r->id);
        queue_resize(&s->queue, s->slots, r->id, r->size);
        while (s->queue.bytes > s->capacity) {
            evict(s);
        }
        return true;
    }
    while (s->queue.bytes + r->size > s->capacity) {
        evict(s);
    }
    *slot = (struct slot){.size = r->size, .where = 1};
    queue_push(&s->queue, s->slots, r->id);
    return false;
}
