/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/put.h"

#include "cache/evict.h"

enum {
    LARGEST_SHARE = 2, /* no entry takes more than the budget's 1/2 */
    PINNED_SHARE = 2,  /* values on their way in are refused while more than the budget's 1/2 cannot be evicted */
};

static struct segment *large_alloc(struct shard *s, size_t footprint, uint32_t now) {
    if (footprint > s->budget / LARGEST_SHARE || !evict_for(s, segment_large_size(footprint), now)) {
        return NULL;
    }
    return shard_take_large(s, footprint);
}

static struct entry *entry_alloc(struct shard *s, enum queue_id queue, size_t footprint, uint32_t now) {
    struct entry *e;

    if (shard_is_large(s, footprint)) {
        struct segment *segment = large_alloc(s, footprint, now);

        if (segment == NULL) {
            return NULL;
        }
        queue_append(&s->queues[queue], segment, queue);
        return segment_first(segment);
    }
    while ((e = shard_append(s, queue, footprint, false)) == NULL) {
        if (!evict_for(s, 0, now)) {
            return NULL;
        }
    }
    return e;
}

/* Room in the index for one more entry. */
static bool prepare_index(struct shard *s, uint32_t now) {
    if (index_wants_page(&s->index)) {
        (void)evict_for(s, s->segment_size, now);
    }
    return index_prepare(&s->index) == LARDER_OK;
}

/* Makes `e` the one entry of its key. */
static void link_entry(struct shard *s, uint64_t hash, struct entry *e) {
    struct entry *old = index_find(&s->index, hash, entry_key(e));

    if (old != NULL) {
        index_replace(&s->index, hash, old, e);
        shard_bury(s, old);
    } else {
        index_insert(&s->index, hash, e);
    }
    segment_note_expiry(shard_segment_of(s, e), e->expires);
    s->live_bytes += entry_footprint(e);
    s->counts.stored++;
}

/* All but the cas, which counts writes that took effect: an entry gets it when it is linked. */
static void fill_header(struct entry *e, struct slice key, const struct shard_put *put, uint32_t now) {
    e->expires = put->expires;
    e->client_flags = put->client_flags;
    e->last_access = now;
    e->value_size = put->value_size;
    entry_set_origin(e, put->group, put->era);
    e->key_size = (uint8_t)key.size;
    e->bits = 0;
    memcpy(e->data, key.data, key.size);
}

/* The frequency of an entry after one more use. */
static unsigned use_more(const struct entry *e) {
    unsigned frequency = entry_frequency(e);

    return frequency < ENTRY_FREQUENCY ? frequency + 1 : frequency;
}

/* Overwriting counts as a use, but never as a read. */
static void overwrite(struct shard *s, struct entry *e, const struct shard_put *put, uint32_t now) {
    e->cas = ++s->cas;
    e->expires = put->expires;
    e->client_flags = put->client_flags;
    e->last_access = now;
    e->value_size = put->value_size;
    entry_set_origin(e, put->group, put->era);
    e->bits = (uint8_t)use_more(e);
    segment_note_expiry(shard_segment_of(s, e), e->expires);
    s->counts.stored++;
}

static enum queue_id queue_for(struct shard *s, uint64_t hash, const struct entry *old, size_t footprint) {
    if (old != NULL) {
        return (enum queue_id)shard_segment_of(s, old)->queue;
    }
    return evict_choose_queue(s, hash, footprint);
}

struct entry *shard_put(struct shard *s, uint64_t hash, struct slice key, const struct shard_put *put, uint32_t now) {
    size_t footprint = entry_size_for(key.size, put->value_size);
    struct entry *old = shard_find(s, hash, key, now, NULL);
    unsigned frequency = old != NULL ? use_more(old) : 0;
    struct entry *e;

    if (old != NULL && entry_footprint(old) == footprint && !shard_is_large(s, footprint)) {
        overwrite(s, old, put, now);
        return old;
    }
    e = prepare_index(s, now)
            ? entry_alloc(s, queue_for(s, hash, index_find(&s->index, hash, key), footprint), footprint, now)
            : NULL;
    if (e == NULL) {
        s->counts.refused++;
        return NULL;
    }
    fill_header(e, key, put, now);
    e->cas = ++s->cas;
    entry_set_frequency(e, frequency);
    link_entry(s, hash, e);
    return e;
}

struct entry *shard_resize(struct shard *s, uint64_t hash, struct slice key, uint32_t value_size, uint32_t now) {
    struct entry *old = index_find(&s->index, hash, key);
    size_t footprint = entry_size_for(key.size, value_size);
    unsigned frequency;
    struct entry *e;
    uint32_t kept;

    assert(old != NULL);
    frequency = entry_frequency(old);
    /* The room shall not be made at the cost of this very entry. */
    entry_set_frequency(old, ENTRY_FREQUENCY);
    e = entry_alloc(s, queue_for(s, hash, old, footprint), footprint, now);
    old = index_find(&s->index, hash, key);
    if (e == NULL || old == NULL) {
        /* No room, or the entry went all the same: what was appended is dead room. */
        s->counts.refused++;
        if (old != NULL) {
            entry_set_frequency(old, frequency);
        }
        if (e != NULL) {
            *e = (struct entry){.value_size = value_size, .key_size = (uint8_t)key.size};
            s->live_bytes += footprint;
            shard_bury(s, e);
        }
        return NULL;
    }
    kept = old->value_size < value_size ? old->value_size : value_size;
    memcpy(e, old, ENTRY_HEADER_SIZE + (size_t)old->key_size + kept);
    e->bits = (uint8_t)frequency;
    e->value_size = value_size;
    e->cas = ++s->cas;
    e->last_access = now;
    link_entry(s, hash, e);
    return e;
}

struct segment *shard_large_new(struct shard *s, struct slice key, uint32_t value_size, uint32_t now) {
    size_t footprint = entry_size_for(key.size, value_size);
    struct segment *segment = NULL;

    assert(shard_is_large(s, footprint));
    if (s->pinned_bytes + footprint <= s->budget / PINNED_SHARE) {
        segment = large_alloc(s, footprint, now);
    }
    if (segment == NULL) {
        s->counts.refused++;
        return NULL;
    }
    shard_pin(s, segment);
    fill_header(segment_first(segment), key, &(struct shard_put){.value_size = value_size}, now);
    return segment;
}

enum larder_error shard_large_link(struct shard *s, uint64_t hash, struct segment *segment, uint32_t now) {
    struct entry *e = segment_first(segment);
    struct entry *old = shard_find(s, hash, entry_key(e), now, NULL);
    enum queue_id queue;

    if (!prepare_index(s, now)) {
        s->counts.refused++;
        return LARDER_ERROR_NO_MEMORY;
    }
    old = index_find(&s->index, hash, entry_key(e));
    queue = queue_for(s, hash, old, entry_footprint(e));
    shard_unpin(s, segment);
    e->cas = ++s->cas;
    e->last_access = now;
    entry_set_frequency(e, old != NULL ? use_more(old) : 0);
    queue_append(&s->queues[queue], segment, queue);
    link_entry(s, hash, e);
    return LARDER_OK;
}
