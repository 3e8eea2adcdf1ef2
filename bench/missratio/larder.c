/* SPDX-License-Identifier: Apache-2.0 */
#include "alloc.h"
#include "policy.h"
#include "s3memory.h"

/*
 * S3-FIFO the way the table does it: the queues consist of segments of equal size to which objects are appended, and
 * the oldest segment of a queue is evicted whole. What is to stay is copied to the newest segment of the main queue.
 * An object that would take much of a segment gets one of its own, of its size, which is moved instead of copied.
 * What a segment does not use, and what it holds of objects that were overwritten since, counts as used.
 */
#define NONE UINT32_MAX

enum { OUT, SMALL, MAIN };

struct entry {
    uint32_t id, size;
};

struct segment {
    struct entry *entries;
    uint32_t count, room;
    uint64_t size, used;
    uint32_t newer, older; /* `newer` is the next one in a free segment */
    uint32_t live;         /* entries that were not overwritten since */
    uint8_t where;
};

struct chain {
    uint32_t newest, oldest;
    uint32_t open; /* where small objects are appended, NONE at first */
    uint64_t bytes;
};

struct place {
    uint32_t segment, at;
    uint8_t where, freq;
};

struct larder {
    uint64_t capacity, segment_size, charged;
    uint32_t live; /* objects */
    struct place *places;
    struct segment *segments;
    uint32_t segment_count, free;
    struct chain chains[3]; /* by SMALL, MAIN */
    struct s3memory memory;
    struct policy_work work;
};

static void *create(const char *options, uint64_t capacity, const struct load *load) {
    struct s3params params = s3params_table;
    if (!s3params_read(&params, options)) {
        return NULL;
    }
    struct larder *l = need_zeroed(1, sizeof(*l));
    l->capacity = capacity;
    l->segment_size = (uint64_t)((double)capacity / params.segments);
    if (!l->segment_size) {
        l->segment_size = 1;
    }
    l->places = need_zeroed(load->objects, sizeof(*l->places));
    s3memory_init(&l->memory, &params, capacity, load->objects);
    l->free = NONE;
    for (int q = SMALL; q <= MAIN; q++) {
        l->chains[q] = (struct chain){.newest = NONE, .oldest = NONE, .open = NONE};
    }
    return l;
}

static void destroy(void *self) {
    struct larder *l = self;
    for (uint32_t i = 0; i < l->segment_count; i++) {
        free(l->segments[i].entries);
    }
    free(l->segments);
    free(l->places);
    s3memory_fini(&l->memory);
    free(l);
}

static bool is_big(const struct larder *l, uint32_t size) {
    return size > 1 && size > l->segment_size / 4;
}

static void chain_push(struct larder *l, uint8_t q, uint32_t number) {
    struct chain *c = &l->chains[q];
    struct segment *s = &l->segments[number];
    s->where = q;
    s->newer = NONE;
    s->older = c->newest;
    if (c->newest != NONE) {
        l->segments[c->newest].newer = number;
    } else {
        c->oldest = number;
    }
    c->newest = number;
    c->bytes += s->size;
}

static void chain_remove(struct larder *l, uint32_t number) {
    const struct segment *s = &l->segments[number];
    struct chain *c = &l->chains[s->where];
    if (s->newer != NONE) {
        l->segments[s->newer].older = s->older;
    } else {
        c->newest = s->older;
    }
    if (s->older != NONE) {
        l->segments[s->older].newer = s->newer;
    } else {
        c->oldest = s->newer;
    }
    if (c->open == number) {
        c->open = NONE;
    }
    c->bytes -= s->size;
}

static uint32_t segment_new(struct larder *l, uint8_t q, uint64_t size) {
    uint32_t number = l->free;
    if (number != NONE) {
        l->free = l->segments[number].newer;
    } else {
        number = l->segment_count++;
        l->segments = need_grown(l->segments, l->segment_count, sizeof(*l->segments));
        l->segments[number] = (struct segment){.entries = NULL};
    }
    struct segment *s = &l->segments[number];
    s->size = size;
    s->used = 0;
    s->count = 0;
    s->live = 0;
    l->charged += size;
    chain_push(l, q, number);
    return number;
}

static void segment_free(struct larder *l, uint32_t number) {
    l->charged -= l->segments[number].size;
    l->segments[number].newer = l->free;
    l->free = number;
}

static bool has_room(const struct larder *l, uint8_t q, uint32_t size) {
    uint32_t open = l->chains[q].open;
    return !is_big(l, size) && open != NONE && l->segments[open].used + size <= l->segments[open].size;
}

/* Appends without asking for room. */
static void append(struct larder *l, uint8_t q, uint32_t id, uint32_t size) {
    uint32_t number;
    if (is_big(l, size)) {
        number = segment_new(l, q, size);
    } else {
        if (!has_room(l, q, size)) {
            l->chains[q].open = segment_new(l, q, l->segment_size);
        }
        number = l->chains[q].open;
    }
    struct segment *s = &l->segments[number];
    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 4;
        s->entries = need_grown(s->entries, s->room, sizeof(*s->entries));
    }
    s->entries[s->count] = (struct entry){id, size};
    s->used += size;
    s->live++;
    l->places[id].segment = number;
    l->places[id].at = s->count++;
    l->places[id].where = q;
}

/*
 * Decides whether an object of the segment under eviction stays, and takes the price from its hits. A toll makes
 * it need that many more.
 */
static bool stays(struct larder *l, uint8_t q, struct place *p, uint8_t toll) {
    if (q == SMALL) {
        bool promoted = p->freq >= l->memory.params.hits + toll;
        if (promoted && l->memory.params.keep == 0) {
            p->freq = 0;
        }
        return promoted;
    }
    if (p->freq <= toll) {
        return false;
    }
    p->freq = (uint8_t)(p->freq - toll - 1);
    return true;
}

static void evict(struct larder *l, uint8_t q, uint8_t toll) {
    uint32_t number = l->chains[q].oldest;
    chain_remove(l, number);
    for (uint32_t i = 0; i < l->segments[number].count; i++) {
        struct entry e = l->segments[number].entries[i];
        struct place *p = &l->places[e.id];
        if (p->where == OUT || p->segment != number || p->at != i) {
            continue; /* overwritten since */
        }
        if (!stays(l, q, p, toll)) {
            p->where = OUT;
            l->live--;
            s3memory_evicted(&l->memory, e.id, q == MAIN);
        } else if (is_big(l, e.size)) {
            p->where = MAIN;
            chain_push(l, MAIN, number);
            return;
        } else {
            append(l, MAIN, e.id, e.size);
            l->work.moved_bytes += e.size;
        }
    }
    segment_free(l, number);
}

/* The tails may be hot for long; the more segments a request has to look at, the more hits an object needs to stay. */
static uint8_t toll_after(const struct larder *l, uint64_t looked_at) {
    if (l->memory.params.passes == 0) {
        return 0;
    }
    double toll = (double)looked_at / l->memory.params.passes;
    return toll > l->memory.params.cap ? (uint8_t)l->memory.params.cap : (uint8_t)toll;
}

/* Bytes that must be free to append an object of that size. */
static uint64_t room_needed(const struct larder *l, uint8_t q, uint32_t size) {
    if (has_room(l, q, size)) {
        return 0;
    }
    return is_big(l, size) ? size : l->segment_size;
}

/*
 * Makes room for one object in a queue. One segment is always left over, so that what stays of an evicted segment can
 * be copied before the segment is free.
 */
static void make_room(struct larder *l, uint8_t q, uint32_t size) {
    uint64_t looked_at = 0;
    while (l->charged + room_needed(l, q, size) + l->segment_size > l->capacity) {
        const struct chain *small = &l->chains[SMALL], *main = &l->chains[MAIN];
        bool from_small = small->oldest != NONE && ((double)small->bytes >= l->memory.target || main->oldest == NONE);
        evict(l, from_small ? SMALL : MAIN, toll_after(l, looked_at));
        looked_at++;
    }
    if (looked_at > l->work.most_segments) {
        l->work.most_segments = looked_at;
    }
}

/* Takes the copy of an object that is in the cache out of it. A segment in which nothing lives is free at once. */
static void forget(struct larder *l, struct place *p) {
    uint32_t number = p->segment;
    p->where = OUT;
    l->live--;
    if (--l->segments[number].live) {
        return;
    }
    chain_remove(l, number);
    segment_free(l, number);
}

/* Whether the request can be met where the object lies: a read, or a write of a size that fits. */
static bool fits_in_place(const struct larder *l, const struct request *r) {
    const struct place *p = &l->places[r->id];
    uint32_t room = l->segments[p->segment].entries[p->at].size;
    if (r->write && l->memory.params.rewrite > 0) {
        return false;
    }
    return is_big(l, room) ? r->size == room : r->size <= room;
}

static void rewrite(struct larder *l, const struct request *r) {
    struct place *p = &l->places[r->id];
    uint8_t q = p->where;
    forget(l, p);
    make_room(l, q, r->size);
    append(l, q, r->id, r->size);
    l->live++;
}

static void insert(struct larder *l, uint32_t id, uint32_t size) {
    uint8_t q = s3memory_missed(&l->memory, id, size, l->live) ? MAIN : SMALL;
    make_room(l, q, size);
    l->places[id].freq = 0;
    append(l, q, id, size);
    l->live++;
}

static bool request(void *self, const struct request *r) {
    struct larder *l = self;
    struct place *p = &l->places[r->id];
    bool found = p->where != OUT;
    if (r->size + 2 * l->segment_size > l->capacity) {
        if (found) {
            forget(l, p);
        }
        return found;
    }
    if (!found) {
        insert(l, r->id, r->size);
        return false;
    }
    bool in_place = fits_in_place(l, r);
    if (p->freq < l->memory.params.cap && (in_place || l->memory.params.credit > 0)) {
        p->freq++;
    }
    if (!in_place) {
        rewrite(l, r);
    }
    return true;
}

static void work(const void *self, struct policy_work *ret_work) {
    *ret_work = ((const struct larder *)self)->work;
}

const struct policy policy_larder = {"larder", create, request, destroy, work};
