/* SPDX-License-Identifier: Apache-2.0 */
#include "alloc.h"
#include "policy.h"
#include "queue.h"
#include "s3memory.h"

/*
 * S3-FIFO (Yang et al., SOSP 2023), object by object: new objects go through a small queue, those that were asked for
 * there or are remembered as recently evicted go to the main one, which gives each hit another round.
 */
enum { OUT, SMALL, MAIN };

struct s3fifo {
    uint64_t capacity;
    struct slot *slots;
    struct queue small, main;
    struct s3memory memory;
};

static void *create(const char *options, uint64_t capacity, const struct load *load) {
    struct s3params params = s3params_published;
    if (!s3params_read(&params, options)) {
        return NULL;
    }
    struct s3fifo *s = need_zeroed(1, sizeof(*s));
    s->capacity = capacity;
    s->slots = need_zeroed(load->objects, sizeof(*s->slots));
    s3memory_init(&s->memory, &params, capacity, load->objects);
    queue_init(&s->small);
    queue_init(&s->main);
    return s;
}

static void destroy(void *self) {
    struct s3fifo *s = self;
    free(s->slots);
    s3memory_fini(&s->memory);
    free(s);
}

static struct queue *queue_of(struct s3fifo *s, uint32_t id) {
    return s->slots[id].where == SMALL ? &s->small : &s->main;
}

static void put(struct s3fifo *s, uint32_t id, uint8_t where) {
    s->slots[id].where = where;
    queue_push(queue_of(s, id), s->slots, id);
}

static void evict_small(struct s3fifo *s) {
    uint32_t id = s->small.oldest;
    struct slot *slot = &s->slots[id];
    queue_remove(&s->small, s->slots, id);
    if (slot->freq >= s->memory.params.hits) {
        if (s->memory.params.keep == 0) {
            slot->freq = 0;
        }
        put(s, id, MAIN);
        return;
    }
    slot->where = OUT;
    s3memory_evicted(&s->memory, id, false);
}

static void evict_main(struct s3fifo *s) {
    uint32_t id = s->main.oldest;
    struct slot *slot = &s->slots[id];
    queue_remove(&s->main, s->slots, id);
    if (slot->freq) {
        slot->freq--;
        put(s, id, MAIN);
        return;
    }
    slot->where = OUT;
    s3memory_evicted(&s->memory, id, true);
}

static void make_room(struct s3fifo *s, uint64_t size) {
    while (s->small.bytes + s->main.bytes + size > s->capacity) {
        if (s->small.count && ((double)s->small.bytes >= s->memory.target || !s->main.count)) {
            evict_small(s);
        } else {
            evict_main(s);
        }
    }
}

static void insert(struct s3fifo *s, uint32_t id, uint32_t size) {
    bool to_main = s3memory_missed(&s->memory, id, size, s->small.count + s->main.count);
    make_room(s, size);
    s->slots[id] = (struct slot){.size = size};
    put(s, id, to_main ? MAIN : SMALL);
}

static bool request(void *self, const struct request *r) {
    struct s3fifo *s = self;
    struct slot *slot = &s->slots[r->id];
    bool found = slot->where != OUT;
    if (r->size > s->capacity) {
        if (found) {
            queue_remove(queue_of(s, r->id), s->slots, r->id);
        }
        slot->where = OUT;
        return found;
    }
    if (!found) {
        insert(s, r->id, r->size);
        return false;
    }
    if (slot->freq < s->memory.params.cap) {
        slot->freq++;
    }
    queue_resize(queue_of(s, r->id), s->slots, r->id, r->size);
    make_room(s, 0);
    return true;
}

const struct policy policy_s3fifo = {"s3fifo", create, request, destroy, NULL};
