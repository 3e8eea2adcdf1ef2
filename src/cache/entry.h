/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CACHE_ENTRY_H
#define LARDER_CACHE_ENTRY_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { ENTRY_GROUP_BITS = 9, ENTRY_ERA_BITS = 7 };

/* One key and its value, as they lie in a segment: this header, the key, the value, padding to ENTRY_ALIGNMENT. An entry
 * is read and written only under its shard's lock, and its address is good only until that lock is given up or anything
 * is stored in the shard: entries move when their segment is evicted or compacted. The one exception is the value of an
 * entry in a large segment, which a reader may keep through the segment's blob.
 *
 * Invariant: entry_footprint() never changes during an entry's life, dead or alive, because walking a segment relies on
 * it. A value that needs another footprint is a new entry. */
struct entry {
    uint64_t cas;
    uint32_t expires; /* table seconds; the entry is over from then on; ENTRY_NEVER: no end */
    uint32_t client_flags;
    uint32_t last_access; /* table seconds */
    uint32_t value_size;
    uint16_t group : ENTRY_GROUP_BITS;
    uint16_t era : ENTRY_ERA_BITS; /* in a cluster: when it was written, by ring/keeper.h; else 0 */
    uint8_t key_size;
    uint8_t bits; /* of enum entry_bit */
    char data[];  /* key, value */
};

enum { ENTRY_NEVER = 0, ENTRY_ALIGNMENT = 8, ENTRY_HEADER_SIZE = offsetof(struct entry, data) };

_Static_assert(ENTRY_HEADER_SIZE == 28, "each byte of it is paid for by every entry");

enum entry_bit {
    ENTRY_FREQUENCY = 3,       /* uses since the eviction last looked, saturating at 3 */
    ENTRY_DEAD = 1 << 2,       /* no longer in the index; its room waits to be reused */
    ENTRY_FETCHED = 1 << 3,    /* was read at least once */
    ENTRY_STALE = 1 << 4,      /* invalidated but still served, marked as stale */
    ENTRY_WIN_SENT = 1 << 5,   /* one caller was told to fill it anew */
    ENTRY_BINARY_KEY = 1 << 6, /* the key was given in base64 and is shown so */
    ENTRY_LEASED = 1 << 7,     /* a copy of a key of the store that has a lease */
};

/* Bytes of a segment that an entry of these sizes takes. */
static inline size_t entry_size_for(size_t key_size, size_t value_size) {
    size_t size = ENTRY_HEADER_SIZE + key_size + value_size;

    return (size + ENTRY_ALIGNMENT - 1) & ~(size_t)(ENTRY_ALIGNMENT - 1);
}

static inline size_t entry_footprint(const struct entry *e) {
    return entry_size_for(e->key_size, e->value_size);
}

static inline struct slice entry_key(const struct entry *e) {
    return slice_make(e->data, e->key_size);
}

static inline char *entry_value(struct entry *e) {
    return e->data + e->key_size;
}

static inline unsigned entry_frequency(const struct entry *e) {
    return e->bits & ENTRY_FREQUENCY;
}

static inline void entry_set_frequency(struct entry *e, unsigned frequency) {
    assert(frequency <= ENTRY_FREQUENCY);
    e->bits = (uint8_t)((e->bits & ~(unsigned)ENTRY_FREQUENCY) | frequency);
}

static inline void entry_set_bits(struct entry *e, unsigned bits) {
    e->bits = (uint8_t)(e->bits | bits);
}

static inline void entry_clear_bits(struct entry *e, unsigned bits) {
    e->bits = (uint8_t)(e->bits & ~bits);
}

/* Of which group it is, and when it was written. */
static inline void entry_set_origin(struct entry *e, unsigned group, unsigned era) {
    assert(group < 1u << ENTRY_GROUP_BITS && era < 1u << ENTRY_ERA_BITS);
    e->group = (uint16_t)(group & ((1u << ENTRY_GROUP_BITS) - 1));
    e->era = (uint16_t)(era & ((1u << ENTRY_ERA_BITS) - 1));
}

static inline bool entry_is_expired(const struct entry *e, uint32_t now) {
    return e->expires != ENTRY_NEVER && e->expires <= now;
}

/* Notes a use: it may save the entry from eviction. */
static inline void entry_use(struct entry *e) {
    unsigned frequency = entry_frequency(e);

    if (frequency < ENTRY_FREQUENCY) {
        entry_set_frequency(e, frequency + 1);
    }
}

/* Notes a read: a use that also shows in what is told about the entry. */
static inline void entry_read(struct entry *e, uint32_t now) {
    entry_use(e);
    if (e->last_access != now) {
        e->last_access = now;
    }
    entry_set_bits(e, ENTRY_FETCHED);
}

#endif
