/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_COHERE_KNOWN_INDEX_H
#define LARDER_COHERE_KNOWN_INDEX_H

#include "cohere/known.h"

/* From hash to entry: extendible hashing (Fagin et al. 1979). The first bits of a hash choose a segment in the directory,
 * the last ones a slot there, from which it is searched on (linear probing). A full segment is split in two, and two that
 * have become sparse become one again, so a change never pays for more than a few hundred entries, and nobody waits for
 * a table to be rehashed. A slot has 16 bits of the hash and a 48-bit address.
 *
 * Readers may look, any number at a time, while nobody changes it; its owner locks. */
struct known_index {
    struct index_segment **directory; /* 2^depth; several next to each other may be the same */
    unsigned depth;
    size_t segments;
    uint64_t seed; /* of hash_key, to find an entry's hash again */
    size_t count;
};

enum {
    INDEX_SLOTS = 512,   /* of a segment */
    INDEX_FULL = 448,    /* entries at which it is split */
    INDEX_SPARSE = 288,  /* entries that two have together when they become one */
    INDEX_DEPTH_MAX = 40 /* so many first bits are never the same for a segment full of keys */
};

/* False: out of memory. */
bool known_index_init(struct known_index *x, uint64_t seed);

/* The entries stay the owner's. */
void known_index_fini(struct known_index *x);

/* NULL: not there. */
struct known *known_index_find(const struct known_index *x, uint64_t hash, struct slice key);

/* Makes room for one more entry of this hash. False: out of memory. */
bool known_index_reserve(struct known_index *x, uint64_t hash);

/* Whether known_index_reserve has nothing to do. */
bool known_index_has_room(const struct known_index *x, uint64_t hash);

/* Adds an entry whose key is not there; after known_index_reserve. */
void known_index_insert(struct known_index *x, uint64_t hash, struct known *k);

/* Takes out one that is there, or puts another in its place. */
void known_index_remove(struct known_index *x, uint64_t hash, const struct known *k);
void known_index_replace(struct known_index *x, uint64_t hash, const struct known *old, struct known *k);

#endif
