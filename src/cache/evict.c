/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/evict.h"

#include "base/hash.h"

enum {
    SMALL_SHARE_LEAST = 100,  /* the small queue's share stays between 1/100 of the budget */
    SMALL_SHARE_MOST = 2,     /* and 1/2 */
    SMALL_STEP = 5,           /* it moves by 1/5 of an entry that came back too late */
    FRESH_SHARE = 10,         /* too late: within the last 1/10 x entries drops of its queue */
    PROMOTE_AT = 1,           /* uses in the small queue that earn a place in the main queue */
    TOLL_SEGMENTS = 3,        /* after each so many segments for one request an entry needs one more use to stay */
    COMPACT_STEPS = 8,        /* compaction steps tried for one request before eviction */
    COMPACT_SHARE = 8,        /* compact instead of evicting while more than 1/8 of the bytes is dead */
    GHOST_ENTRIES_MIN = 1024, /* the ghost's least size */
};

static uint64_t hash_of(const struct shard *s, const struct entry *e) {
    return hash_key(entry_key(e), s->seed);
}

/* An entry that returns so soon after its eviction would have been found, had its queue been a little longer. */
static void adapt(struct shard *s, const struct ghost_memory *memory, size_t footprint) {
    size_t step = footprint / SMALL_STEP;
    size_t least = s->budget / SMALL_SHARE_LEAST;
    size_t most = s->budget / SMALL_SHARE_MOST;

    if (memory->age > s->index.items / FRESH_SHARE) {
        return;
    }
    if (memory->queue == GHOST_SMALL) {
        s->small_target = s->small_target + step < most ? s->small_target + step : most;
    } else {
        s->small_target = s->small_target > least + step ? s->small_target - step : least;
    }
}

enum queue_id evict_choose_queue(struct shard *s, uint64_t hash, size_t footprint) {
    struct ghost_memory memory;

    if (!ghost_recall(&s->ghost, hash, &memory)) {
        return QUEUE_SMALL;
    }
    adapt(s, &memory, footprint);
    return memory.queue == GHOST_SMALL && memory.age <= s->index.items ? QUEUE_MAIN : QUEUE_SMALL;
}

/* Copies a live entry to the main queue's head. The reserve makes sure that one segment's entries always find room. */
static void move_to_main(struct shard *s, struct entry *e, unsigned frequency) {
    size_t footprint = entry_footprint(e);
    struct entry *copy = shard_append(s, QUEUE_MAIN, footprint, true);

    assert(copy != NULL);
    memcpy(copy, e, footprint);
    entry_set_frequency(copy, frequency);
    index_replace(&s->index, hash_of(s, e), e, copy);
    segment_note_expiry(shard_segment_of(s, copy), copy->expires);
    s->counts.moved++;
}

/* Whether the entry stays, and with what frequency. */
static bool earns_its_place(const struct entry *e, enum queue_id queue, unsigned toll, unsigned *ret_frequency) {
    unsigned frequency = entry_frequency(e);

    if (frequency < (queue == QUEUE_SMALL ? PROMOTE_AT : 1) + toll) {
        return false;
    }
    *ret_frequency = queue == QUEUE_SMALL ? 0 : frequency - 1;
    return true;
}

static void drop(struct shard *s, struct entry *e, enum queue_id queue, uint32_t now) {
    uint64_t hash = hash_of(s, e);
    bool expired = entry_is_expired(e, now);

    if (!expired) {
        ghost_add(&s->ghost, hash, queue == QUEUE_SMALL ? GHOST_SMALL : GHOST_MAIN);
    }
    shard_drop(s, hash, e, !expired, queue);
}

static void evict_entries(struct shard *s, struct segment *segment, enum queue_id queue, unsigned toll, uint32_t now) {
    struct entry *end = segment_end(segment);

    for (struct entry *e = segment_first(segment); e < end; e = entry_next(e)) {
        unsigned frequency;

        if ((e->bits & ENTRY_DEAD) != 0) {
            continue;
        }
        if (!entry_is_expired(e, now) && earns_its_place(e, queue, toll, &frequency)) {
            move_to_main(s, e, frequency);
        } else {
            drop(s, e, queue, now);
        }
    }
}

/* A large segment moves as it is. Returns whether it stays. */
static bool keep_large(struct shard *s, struct segment *segment, enum queue_id queue, unsigned toll, uint32_t now) {
    struct entry *e = segment_first(segment);
    unsigned frequency;

    if (entry_is_expired(e, now) || !earns_its_place(e, queue, toll, &frequency)) {
        drop(s, e, queue, now);
        return false;
    }
    entry_set_frequency(e, frequency);
    queue_append(&s->queues[QUEUE_MAIN], segment, QUEUE_MAIN);
    return true;
}

static enum queue_id choose_victim(const struct shard *s) {
    const struct queue *small = &s->queues[QUEUE_SMALL];
    const struct queue *main_queue = &s->queues[QUEUE_MAIN];

    if (main_queue->oldest == NULL) {
        return QUEUE_SMALL;
    }
    if (small->oldest != NULL && small->bytes > s->small_target) {
        return QUEUE_SMALL;
    }
    return QUEUE_MAIN;
}

/* Empties the oldest segment of the queue that is due. False when there is nothing to evict. */
static bool evict_segment(struct shard *s, unsigned toll, uint32_t now) {
    enum queue_id queue = choose_victim(s);
    struct segment *segment = s->queues[queue].oldest;

    if (segment == NULL) {
        return false;
    }
    queue_remove(&s->queues[queue], segment);
    if (segment->large) {
        if (keep_large(s, segment, queue, toll, now)) {
            return true;
        }
    } else {
        evict_entries(s, segment, queue, toll, now);
    }
    shard_retire(s, segment);
    return true;
}

/* Copies a live entry to `place`, which may overlap it. */
static void slide(struct shard *s, struct entry *e, struct segment *to) {
    size_t footprint = entry_footprint(e);
    uint64_t hash = hash_of(s, e);
    struct entry *place = segment_end(to);

    if (place != e) {
        memmove(place, e, footprint);
        index_replace(&s->index, hash, e, place);
        s->counts.moved++;
    }
    to->used += footprint;
    to->live += footprint;
    segment_note_expiry(to, place->expires);
}

/* Slides the live entries of `from` into `to` while they fit, the rest to the start of `from`. */
static void slide_segment(struct shard *s, struct queue *q, struct segment *from, struct segment *to) {
    struct entry *e = segment_first(from);
    struct entry *end = segment_end(from);

    q->dead -= segment_dead(from);
    from->used = SEGMENT_HEADER_SIZE;
    from->live = 0;
    from->next_expiry = ENTRY_NEVER;
    while (e < end) {
        struct entry *next = entry_next(e);
        size_t footprint = entry_footprint(e);

        if ((e->bits & ENTRY_DEAD) == 0) {
            slide(s, e, to != from && segment_room(to) >= footprint ? to : from);
        }
        e = next;
    }
}

static struct segment *skip_large(struct segment *segment) {
    while (segment != NULL && segment->large) {
        segment = segment->newer;
    }
    return segment;
}

bool evict_compact_step(struct shard *s, enum queue_id queue) {
    struct queue *q = &s->queues[queue];
    struct segment *to = q->compact;
    struct segment *from;

    if (to == NULL) {
        to = skip_large(q->oldest);
        if (to == NULL || to == q->open) {
            return false;
        }
        slide_segment(s, q, to, to);
    }
    from = skip_large(to->newer);
    if (from == NULL || from == q->open) {
        q->compact = NULL;
        return false;
    }
    slide_segment(s, q, from, to);
    if (from->live > 0) {
        q->compact = from;
        return false;
    }
    q->compact = to;
    queue_remove(q, from);
    shard_retire(s, from);
    return true;
}

static bool is_available(const struct shard *s, size_t size) {
    return shard_headroom(s) >= (size > 0 ? size : s->segment_size);
}

/* Compaction is worth its copying while enough is dead. */
static bool try_compact(struct shard *s) {
    for (int step = 0; step < COMPACT_STEPS; step++) {
        const struct queue *queues = s->queues;
        bool small = queues[QUEUE_SMALL].dead > queues[QUEUE_MAIN].dead;
        enum queue_id id = small ? QUEUE_SMALL : QUEUE_MAIN;

        if (queues[id].dead < s->segment_size || queues[id].dead < queues[id].bytes / COMPACT_SHARE) {
            return false;
        }
        if (evict_compact_step(s, id)) {
            return true;
        }
    }
    return false;
}

static bool make_room(struct shard *s, size_t size, uint32_t now) {
    /* What a large value needs anyway does not count: its eviction is paid for by its size. */
    size_t free_of_toll = size / s->segment_size;
    size_t segments = 0;

    if (shard_evictable(s) < (size > 0 ? size : s->segment_size)) {
        return false; /* do not empty the shard for what cannot be had */
    }
    while (!is_available(s, size)) {
        unsigned toll = segments > free_of_toll ? (unsigned)((segments - free_of_toll) / TOLL_SEGMENTS) : 0;

        if (try_compact(s)) {
            continue;
        }
        if (!evict_segment(s, toll, now)) {
            return false;
        }
        segments++;
    }
    return true;
}

static size_t ghost_sets_wanted(const struct shard *s) {
    size_t entries = s->index.items > GHOST_ENTRIES_MIN ? s->index.items : GHOST_ENTRIES_MIN;
    size_t sets = 1;

    while (sets * GHOST_WAYS < entries) {
        sets *= 2;
    }
    return sets;
}

static size_t ghost_bytes_for(const struct shard *s, size_t sets) {
    size_t bytes = sets * GHOST_WAYS * GHOST_SLOT_SIZE;

    return (bytes + s->segment_size - 1) / s->segment_size * s->segment_size;
}

static void free_ghost(struct shard *s) {
    if (s->ghost.slots != NULL) {
        region_free(&s->region, s->ghost.slots, s->ghost_bytes / s->segment_size, s->ghost_bytes);
        s->charged -= s->ghost_bytes;
        s->ghost_bytes = 0;
        ghost_init(&s->ghost);
    }
}

/* The ghost remembers at least as many keys as the shard holds. It is made when eviction first begins, and made anew when
 * the entries have outgrown it or have become fewer than a quarter. Its memory is saved up, a segment for each segment
 * that requests evict, so that no single request pays for all of it. */
static void fit_ghost(struct shard *s, uint32_t now) {
    size_t sets = ghost_sets_wanted(s);
    size_t bytes = ghost_bytes_for(s, sets);
    void *memory;

    if (s->ghost.slots != NULL && sets <= s->ghost.sets && sets * 4 > s->ghost.sets) {
        return;
    }
    if (s->ghost_fund < bytes) {
        if (!make_room(s, s->segment_size, now) || !shard_charge(s, s->segment_size)) {
            return;
        }
        s->ghost_fund += s->segment_size;
        if (s->ghost_fund < bytes) {
            return;
        }
    }
    memory = region_alloc(&s->region, bytes / s->segment_size);
    s->charged -= s->ghost_fund - bytes;
    s->ghost_fund = 0;
    if (memory == NULL) {
        s->charged -= bytes;
        return;
    }
    free_ghost(s);
    s->ghost_bytes = bytes;
    ghost_use(&s->ghost, memory, sets);
}

bool evict_for(struct shard *s, size_t size, uint32_t now) {
    if (is_available(s, size)) {
        return true;
    }
    fit_ghost(s, now);
    return make_room(s, size, now);
}
