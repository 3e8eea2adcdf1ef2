/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/known_index.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"

struct index_segment {
    uint32_t count;
    uint32_t depth;              /* how many first bits of their hashes its entries have in common */
    uint64_t slots[INDEX_SLOTS]; /* 0: free */
};

enum { SLOT_MASK = INDEX_SLOTS - 1, TAG_MASK = 0xffff, TAG_SHIFT = 48 };

#define ADDRESS_MASK ((UINT64_C(1) << TAG_SHIFT) - 1)

/* --- slots --- */

static uint64_t slot_of(uint64_t hash, struct known *k) {
    uint64_t address = (uint64_t)(uintptr_t)k;

    assert((address & ~ADDRESS_MASK) == 0);
    return (hash & TAG_MASK) << TAG_SHIFT | address;
}

static struct known *known_at(uint64_t slot) {
    return (struct known *)(uintptr_t)(slot & ADDRESS_MASK);
}

/* Where the search for it begins. */
static unsigned home_of(uint64_t slot) {
    return (unsigned)(slot >> TAG_SHIFT) & SLOT_MASK;
}

static void put_slot(struct index_segment *s, uint64_t slot) {
    unsigned at = home_of(slot);

    while (s->slots[at] != 0) {
        at = (at + 1) & SLOT_MASK;
    }
    s->slots[at] = slot;
    s->count++;
}

static unsigned place_of(const struct index_segment *s, uint64_t hash, const struct known *k) {
    unsigned at = (unsigned)hash & SLOT_MASK;

    while (known_at(s->slots[at]) != k) {
        assert(s->slots[at] != 0);
        at = (at + 1) & SLOT_MASK;
    }
    return at;
}

/* Frees a slot, and moves back what was put behind it for want of a better place. */
static void free_slot(struct index_segment *s, unsigned hole) {
    unsigned at = hole;

    s->count--;
    for (;;) {
        at = (at + 1) & SLOT_MASK;
        if (s->slots[at] == 0) {
            break;
        }
        if (((at - home_of(s->slots[at])) & SLOT_MASK) >= ((at - hole) & SLOT_MASK)) {
            s->slots[hole] = s->slots[at];
            hole = at;
        }
    }
    s->slots[hole] = 0;
}

/* --- segments --- */

static size_t number_of(const struct known_index *x, uint64_t hash) {
    return x->depth == 0 ? 0 : (size_t)(hash >> (64 - x->depth));
}

static struct index_segment *segment_of(const struct known_index *x, uint64_t hash) {
    return x->directory[number_of(x, hash)];
}

static struct index_segment *new_segment(uint32_t depth) {
    struct index_segment *s = calloc(1, sizeof(*s));

    if (s != NULL) {
        s->depth = depth;
    }
    return s;
}

/* Where the directory's pointers to a segment of that depth begin, and how many there are. */
static size_t first_of(const struct known_index *x, uint64_t hash, uint32_t depth, size_t *ret_count) {
    *ret_count = (size_t)1 << (x->depth - depth);
    return number_of(x, hash) & ~(*ret_count - 1);
}

static bool double_directory(struct known_index *x) {
    size_t size = (size_t)1 << x->depth;
    struct index_segment **directory;

    if (x->depth == INDEX_DEPTH_MAX) {
        return false;
    }
    directory = malloc(size * 2 * sizeof(struct index_segment *));
    if (directory == NULL) {
        return false;
    }
    for (size_t i = 0; i < size * 2; i++) {
        directory[i] = x->directory[i / 2];
    }
    free(x->directory);
    x->directory = directory;
    x->depth++;
    return true;
}

/* Divides a segment's entries by the next bit of their hashes. */
static bool split(struct known_index *x, uint64_t hash, struct index_segment *s) {
    struct index_segment old = *s;
    struct index_segment *upper;
    size_t count;
    size_t first;

    if (s->depth == x->depth && !double_directory(x)) {
        return false;
    }
    upper = new_segment(s->depth + 1);
    if (upper == NULL) {
        return false;
    }
    x->segments++;
    first = first_of(x, hash, s->depth, &count);
    for (size_t i = first + count / 2; i < first + count; i++) {
        x->directory[i] = upper;
    }
    *s = (struct index_segment){.depth = old.depth + 1};
    for (size_t i = 0; i < INDEX_SLOTS; i++) {
        if (old.slots[i] != 0) {
            uint64_t full = hash_key(known_key(known_at(old.slots[i])), x->seed);

            put_slot((full >> (63 - old.depth) & 1) != 0 ? upper : s, old.slots[i]);
        }
    }
    return true;
}

/* Makes one of a segment and the one it was split from, if both have become sparse. */
static void merge(struct known_index *x, uint64_t hash, struct index_segment *s) {
    struct index_segment *twin;
    size_t count;
    size_t first;

    if (s->depth == 0) {
        return;
    }
    first = first_of(x, hash, s->depth, &count) ^ count;
    twin = x->directory[first];
    if (twin->depth != s->depth || twin->count + s->count > INDEX_SPARSE) {
        return;
    }
    for (size_t i = 0; i < INDEX_SLOTS; i++) {
        if (twin->slots[i] != 0) {
            put_slot(s, twin->slots[i]);
        }
    }
    for (size_t i = first; i < first + count; i++) {
        x->directory[i] = s;
    }
    s->depth--;
    free(twin);
    x->segments--;
}

/* --- the index --- */

bool known_index_init(struct known_index *x, uint64_t seed) {
    *x = (struct known_index){.seed = seed};
    x->directory = malloc(sizeof(struct index_segment *));
    if (x->directory == NULL) {
        return false;
    }
    x->directory[0] = new_segment(0);
    if (x->directory[0] == NULL) {
        free(x->directory);
        return false;
    }
    x->segments = 1;
    return true;
}

void known_index_fini(struct known_index *x) {
    size_t size = (size_t)1 << x->depth;

    for (size_t i = 0; i < size;) {
        struct index_segment *s = x->directory[i];

        i += (size_t)1 << (x->depth - s->depth);
        free(s);
    }
    free(x->directory);
    *x = (struct known_index){0};
}

struct known *known_index_find(const struct known_index *x, uint64_t hash, struct slice key) {
    const struct index_segment *s = segment_of(x, hash);
    uint64_t tag = hash & TAG_MASK;

    for (unsigned at = (unsigned)hash & SLOT_MASK; s->slots[at] != 0; at = (at + 1) & SLOT_MASK) {
        if (s->slots[at] >> TAG_SHIFT == tag && slice_equal(known_key(known_at(s->slots[at])), key)) {
            return known_at(s->slots[at]);
        }
    }
    return NULL;
}

bool known_index_has_room(const struct known_index *x, uint64_t hash) {
    return segment_of(x, hash)->count < INDEX_FULL;
}

bool known_index_reserve(struct known_index *x, uint64_t hash) {
    while (!known_index_has_room(x, hash)) {
        if (!split(x, hash, segment_of(x, hash))) {
            return false;
        }
    }
    return true;
}

void known_index_insert(struct known_index *x, uint64_t hash, struct known *k) {
    put_slot(segment_of(x, hash), slot_of(hash, k));
    x->count++;
}

void known_index_remove(struct known_index *x, uint64_t hash, const struct known *k) {
    struct index_segment *s = segment_of(x, hash);

    free_slot(s, place_of(s, hash, k));
    x->count--;
    merge(x, hash, s);
}

void known_index_replace(struct known_index *x, uint64_t hash, const struct known *old, struct known *k) {
    struct index_segment *s = segment_of(x, hash);

    s->slots[place_of(s, hash, old)] = slot_of(hash, k);
}
