/* SPDX-License-Identifier: Apache-2.0 */
#include "alloc.h"
#include "policy.h"

/*
 * The clairvoyant policies. "belady" evicts what is needed again last, whatever its size, and does not let in what
 * would be evicted first itself: for unit sizes that is the optimum (Belady 1966, with bypassing). "belady-size" goes
 * by size times the time until the next use. With real sizes neither is the optimum, which is not computable in
 * reasonable time; the first is strong in bytes, the second in objects.
 *
 * Both keep one heap per class of objects, ordered by next use. belady has one class; belady-size has one for each
 * size, because inside it the order by size times distance stays the same as time goes by.
 */
struct heap {
    uint32_t size;
    uint32_t count, room;
    uint32_t *ids;
};

struct object {
    uint32_t next;
    uint32_t size;
    uint32_t heap;
    uint32_t at; /* index in the heap + 1, or 0: not in the cache */
};

struct belady {
    uint64_t capacity, used;
    uint64_t now; /* of the last request, as an index into the load */
    const struct request *first;
    bool by_size;
    struct object *objects;
    struct heap *heaps;
    uint32_t heap_count;
};

static void heap_put(struct belady *b, struct heap *h, uint32_t at, uint32_t id) {
    h->ids[at] = id;
    b->objects[id].at = at + 1;
}

static uint32_t heap_next(const struct belady *b, const struct heap *h, uint32_t at) {
    return b->objects[h->ids[at]].next;
}

/* Puts `id` where it belongs, beginning from the free place `at`. */
static void heap_settle(struct belady *b, struct heap *h, uint32_t at, uint32_t id) {
    uint32_t next = b->objects[id].next;
    while (at && heap_next(b, h, (at - 1) / 2) < next) {
        heap_put(b, h, at, h->ids[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < h->count && heap_next(b, h, child + 1) > heap_next(b, h, child)) {
            child++;
        }
        if (child >= h->count || heap_next(b, h, child) <= next) {
            break;
        }
        heap_put(b, h, at, h->ids[child]);
        at = child;
    }
    heap_put(b, h, at, id);
}

static uint32_t heap_for(struct belady *b, uint32_t size) {
    if (!b->by_size) {
        size = 0;
    }
    for (uint32_t i = 0; i < b->heap_count; i++) {
        if (b->heaps[i].size == size) {
            return i;
        }
    }
    b->heaps = need_grown(b->heaps, b->heap_count + 1, sizeof(*b->heaps));
    b->heaps[b->heap_count] = (struct heap){.size = size};
    return b->heap_count++;
}

static void insert(struct belady *b, uint32_t id, uint32_t size, uint32_t next) {
    struct object *o = &b->objects[id];
    uint32_t number = heap_for(b, size);
    struct heap *h = &b->heaps[number];
    if (h->count == h->room) {
        h->room = h->room ? h->room * 2 : 64;
        h->ids = need_grown(h->ids, h->room, sizeof(*h->ids));
    }
    *o = (struct object){.next = next, .size = size, .heap = number};
    b->used += size;
    h->ids[h->count] = id;
    heap_settle(b, h, h->count++, id);
}

static void drop(struct belady *b, uint32_t id) {
    struct object *o = &b->objects[id];
    struct heap *h = &b->heaps[o->heap];
    uint32_t at = o->at - 1, last = h->ids[--h->count];
    if (last != id) {
        heap_settle(b, h, at, last);
    }
    o->at = 0;
    b->used -= o->size;
}

/* The higher, the sooner it goes. */
static double badness(const struct belady *b, uint32_t size, uint32_t next) {
    if (next == LOAD_NEVER) {
        return 1e300;
    }
    return (double)(next - b->now) * (b->by_size ? size : 1);
}

/* The cache must not be empty. */
static uint32_t worst(const struct belady *b, double *ret_badness) {
    uint32_t id = 0;
    double most = -1;
    for (uint32_t i = 0; i < b->heap_count; i++) {
        const struct heap *h = &b->heaps[i];
        if (!h->count) {
            continue;
        }
        const struct object *o = &b->objects[h->ids[0]];
        double bad = badness(b, o->size, o->next);
        if (bad > most) {
            most = bad;
            id = h->ids[0];
        }
    }
    *ret_badness = most;
    return id;
}

static bool request(void *self, const struct request *r) {
    struct belady *b = self;
    b->now = (uint64_t)(r - b->first);
    bool found = b->objects[r->id].at;
    if (found) {
        drop(b, r->id);
    }
    if (r->next == LOAD_NEVER || r->size > b->capacity) {
        return found;
    }
    double own = badness(b, r->size, r->next), bad;
    while (b->used + r->size > b->capacity) {
        uint32_t id = worst(b, &bad);
        if (bad <= own) {
            return found;
        }
        drop(b, id);
    }
    insert(b, r->id, r->size, r->next);
    return found;
}

static struct belady *create(const char *options, uint64_t capacity, const struct load *load, bool by_size) {
    if (options && *options) {
        return NULL;
    }
    struct belady *b = need_zeroed(1, sizeof(*b));
    b->capacity = capacity;
    b->first = load->requests;
    b->by_size = by_size;
    b->objects = need_zeroed(load->objects, sizeof(*b->objects));
    return b;
}

static void *create_plain(const char *options, uint64_t capacity, const struct load *load) {
    return create(options, capacity, load, false);
}

static void *create_by_size(const char *options, uint64_t capacity, const struct load *load) {
    return create(options, capacity, load, true);
}

static void destroy(void *self) {
    struct belady *b = self;
    for (uint32_t i = 0; i < b->heap_count; i++) {
        free(b->heaps[i].ids);
    }
    free(b->heaps);
    free(b->objects);
    free(b);
}

const struct policy policy_belady = {"belady", create_plain, request, destroy, NULL};
const struct policy policy_belady_size = {"belady-size", create_by_size, request, destroy, NULL};
