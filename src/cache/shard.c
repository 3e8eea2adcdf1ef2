/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/shard.h"

enum {
    SPARES_KEPT = 2,
    SPARES_PER_TRIM = 16,
    LARGE_SHARE = 4,        /* an entry over a segment's 1/4 gets a segment of its own */
    REGION_SHARE = 5,       /* address space per byte of budget: a large entry may leave most of its last slot unused */
    LARGE_SPARE_SHARE = 32, /* runs of large segments are kept up to 1/32 of the budget */
    LARGE_SLACK = 4,        /* a kept run may be 1/4 longer than it need be */
    SMALL_SHARE = 10,       /* the small queue's share begins at 1/10 of the budget */
};

static void *alloc_index_page(void *owner) {
    struct shard *s = owner;
    void *page;

    if (!shard_charge(s, s->segment_size)) {
        return NULL;
    }
    page = region_alloc(&s->region, 1);
    if (page == NULL) {
        s->charged -= s->segment_size;
        return NULL;
    }
    s->index_bytes += s->segment_size;
    return page;
}

static struct segment *take_segment(struct shard *s) {
    struct segment *segment = s->spare;

    if (segment != NULL) {
        s->spare = segment->newer;
        s->spares--;
    } else {
        if (!shard_charge(s, s->segment_size)) {
            return NULL;
        }
        segment = region_alloc(&s->region, 1);
        if (segment == NULL) {
            s->charged -= s->segment_size;
            return NULL;
        }
    }
    segment_init(segment, s->segment_size);
    return segment;
}

static enum larder_error init_contents(struct shard *s) {
    const struct index_pages pages = {
        .alloc = alloc_index_page, .owner = s, .page_size = s->segment_size, .most = s->budget / s->segment_size};
    enum larder_error error = index_init(&s->index, &pages, s->seed);

    if (error != LARDER_OK) {
        return error;
    }
    ghost_init(&s->ghost);
    s->reserve = take_segment(s);
    return s->reserve != NULL ? LARDER_OK : LARDER_ERROR_NO_MEMORY;
}

enum larder_error shard_init(struct shard *s, size_t budget, size_t segment_size, uint64_t seed) {
    enum larder_error error;

    *s = (struct shard){.budget = budget, .segment_size = segment_size, .seed = seed};
    s->small_target = budget / SMALL_SHARE;
    error = region_init(&s->region, segment_size, budget / segment_size * REGION_SHARE);
    if (error != LARDER_OK) {
        return error;
    }
    error = init_contents(s);
    if (error != LARDER_OK) {
        index_fini(&s->index);
        region_fini(&s->region);
        return error;
    }
    pthread_mutex_init(&s->lock, NULL);
    return LARDER_OK;
}

void shard_fini(struct shard *s) {
    pthread_mutex_destroy(&s->lock);
    index_fini(&s->index);
    region_fini(&s->region);
}

bool shard_is_large(const struct shard *s, size_t footprint) {
    return footprint > s->segment_size / LARGE_SHARE;
}

size_t shard_evictable(const struct shard *s) {
    return shard_headroom(s) + s->queues[QUEUE_SMALL].bytes + s->queues[QUEUE_MAIN].bytes;
}

size_t shard_headroom(const struct shard *s) {
    return s->budget - s->charged + s->spares * s->segment_size + s->large_spare_bytes;
}

static void give_spare_back(struct shard *s) {
    struct segment *segment = s->spare;

    s->spare = segment->newer;
    s->spares--;
    s->charged -= s->segment_size;
    region_free(&s->region, segment, 1, s->segment_size);
}

static size_t slots_of(const struct shard *s, const struct segment *large) {
    return (large->size + s->segment_size - 1) / s->segment_size;
}

/* Gives one kept run back. False: there is none. */
static bool give_large_back(struct shard *s) {
    for (size_t slots = 1; slots <= SHARD_LARGE_SPARE_SLOTS; slots++) {
        struct segment *large = s->large_spare[slots];

        if (large != NULL) {
            size_t size = large->size;

            s->large_spare[slots] = large->newer;
            s->large_spare_bytes -= size;
            s->charged -= size;
            region_free(&s->region, large, slots, size);
            return true;
        }
    }
    return false;
}

bool shard_charge(struct shard *s, size_t size) {
    if (size > shard_headroom(s)) {
        return false;
    }
    while (size > s->budget - s->charged) {
        if (s->spares > 0) {
            give_spare_back(s);
        } else {
            give_large_back(s);
        }
    }
    s->charged += size;
    return true;
}

bool shard_trim(struct shard *s) {
    for (int i = 0; i < SPARES_PER_TRIM && s->spares > SPARES_KEPT; i++) {
        give_spare_back(s);
    }
    for (int i = 0; i < SPARES_PER_TRIM && give_large_back(s); i++) {
    }
    return s->spares > SPARES_KEPT || s->large_spare_bytes > 0;
}

void shard_pin(struct shard *s, struct segment *large) {
    large->pinned = true;
    s->pinned_bytes += large->size;
}

void shard_unpin(struct shard *s, struct segment *large) {
    if (large->pinned) {
        large->pinned = false;
        s->pinned_bytes -= large->size;
    }
}

static void free_large(struct shard *s, struct segment *large) {
    size_t slots = slots_of(s, large);

    shard_unpin(s, large);
    s->large_bytes -= large->size;
    if (slots <= SHARD_LARGE_SPARE_SLOTS && s->large_spare_bytes + large->size <= s->budget / LARGE_SPARE_SHARE) {
        large->newer = s->large_spare[slots];
        s->large_spare[slots] = large;
        s->large_spare_bytes += large->size;
    } else {
        s->charged -= large->size;
        region_free(&s->region, large, slots, large->size);
    }
}

/* The last reader of a large value lets go, on whatever thread. */
static void release_large(struct blob *blob) {
    struct segment *large = (struct segment *)(void *)((char *)blob - offsetof(struct segment, blob));
    struct shard *s = large->shard;

    pthread_mutex_lock(&s->lock);
    free_large(s, large);
    pthread_mutex_unlock(&s->lock);
}

/* A run of `slots` slots of which `size` bytes are charged, made of one that was kept. NULL: none will do. */
static struct segment *reuse_large(struct shard *s, size_t slots, size_t size) {
    struct segment *large = slots <= SHARD_LARGE_SPARE_SLOTS ? s->large_spare[slots] : NULL;

    if (large == NULL) {
        return NULL;
    }
    s->large_spare[slots] = large->newer;
    s->large_spare_bytes -= large->size;
    if (large->size > size + size / LARGE_SLACK) {
        region_trim(large, size, large->size);
        s->charged -= large->size - size;
    } else if (large->size < size) {
        if (!shard_charge(s, size - large->size)) {
            s->charged -= large->size;
            region_free(&s->region, large, slots, large->size);
            return NULL;
        }
    } else {
        size = large->size;
    }
    large->size = size;
    return large;
}

static struct segment *new_large(struct shard *s, size_t slots, size_t size) {
    struct segment *large;

    if (!shard_charge(s, size)) {
        return NULL;
    }
    large = region_alloc(&s->region, slots);
    if (large == NULL) {
        s->charged -= size;
        return NULL;
    }
    large->size = size;
    return large;
}

struct segment *shard_take_large(struct shard *s, size_t footprint) {
    size_t size = segment_large_size(footprint);
    size_t slots = (size + s->segment_size - 1) / s->segment_size;
    struct segment *large = reuse_large(s, slots, size);

    if (large == NULL) {
        large = new_large(s, slots, size);
    }
    if (large == NULL) {
        return NULL;
    }
    segment_init(large, large->size);
    large->large = true;
    large->shard = s;
    large->used = SEGMENT_HEADER_SIZE + footprint;
    large->live = footprint;
    blob_init(&large->blob, release_large);
    s->large_bytes += large->size;
    return large;
}

void shard_retire(struct shard *s, struct segment *segment) {
    assert(segment->queue == QUEUE_NONE);
    if (segment->large) {
        /* Pinned before the reference is given up: after that a reader may be the one to free it. */
        shard_pin(s, segment);
        if (blob_drop(&segment->blob)) {
            free_large(s, segment);
        }
    } else if (s->reserve == NULL) {
        segment_init(segment, s->segment_size);
        s->reserve = segment;
    } else {
        segment->newer = s->spare;
        s->spare = segment;
        s->spares++;
    }
}

struct entry *shard_append(struct shard *s, enum queue_id queue, size_t footprint, bool use_reserve) {
    struct queue *q = &s->queues[queue];
    struct entry *e;

    if (q->open == NULL || segment_room(q->open) < footprint) {
        struct segment *segment = take_segment(s);

        if (segment == NULL && use_reserve) {
            segment = s->reserve;
            s->reserve = NULL;
        }
        if (segment == NULL) {
            return NULL;
        }
        queue_append(q, segment, queue);
        q->open = segment;
    }
    e = segment_end(q->open);
    q->open->used += footprint;
    q->open->live += footprint;
    return e;
}

/* Gives the segment up as soon as nothing in it lives. */
static void drop_if_empty(struct shard *s, struct segment *segment) {
    struct queue *q = &s->queues[segment->queue];

    if (segment->live > 0) {
        return;
    }
    if (segment == q->open) {
        q->dead -= segment_dead(segment);
        segment->used = SEGMENT_HEADER_SIZE;
        segment->next_expiry = ENTRY_NEVER;
    } else {
        queue_remove(q, segment);
        shard_retire(s, segment);
    }
}

/* The entry is out of the index; its room is lost until its segment is evicted or compacted. */
void shard_bury(struct shard *s, struct entry *e) {
    struct segment *segment = shard_segment_of(s, e);
    size_t footprint = entry_footprint(e);

    entry_set_bits(e, ENTRY_DEAD);
    segment->live -= footprint;
    s->live_bytes -= footprint;
    if (segment->queue != QUEUE_NONE) {
        s->queues[segment->queue].dead += footprint;
        drop_if_empty(s, segment);
    }
}

void shard_remove(struct shard *s, uint64_t hash, struct entry *e) {
    index_remove(&s->index, hash, e);
    shard_bury(s, e);
}

void shard_drop(struct shard *s, uint64_t hash, struct entry *e, bool evicted, enum queue_id queue) {
    bool unfetched = (e->bits & ENTRY_FETCHED) == 0;

    if (evicted) {
        s->counts.evicted_small += queue == QUEUE_SMALL;
        s->counts.evicted_main += queue == QUEUE_MAIN;
        s->counts.evicted_unfetched += unfetched;
    } else {
        s->counts.expired++;
        s->counts.expired_unfetched += unfetched;
    }
    shard_remove(s, hash, e);
}

struct entry *shard_find(struct shard *s, uint64_t hash, struct slice key, uint32_t now, bool *ret_expired) {
    struct entry *e = index_find(&s->index, hash, key);

    if (e != NULL && entry_is_expired(e, now)) {
        shard_drop(s, hash, e, false, QUEUE_NONE);
        if (ret_expired != NULL) {
            *ret_expired = true;
        }
        return NULL;
    }
    return e;
}

void shard_set_expiry(struct shard *s, struct entry *e, uint32_t expires) {
    e->expires = expires;
    segment_note_expiry(shard_segment_of(s, e), expires);
}

void shard_clear(struct shard *s) {
    for (int id = 0; id < QUEUE_COUNT; id++) {
        struct queue *q = &s->queues[id];

        while (q->oldest != NULL) {
            struct segment *segment = q->oldest;

            queue_remove(q, segment);
            shard_retire(s, segment);
        }
    }
    index_clear(&s->index);
    s->live_bytes = 0;
}
