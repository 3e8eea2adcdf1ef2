/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_HASH_H
#define LARDER_BASE_HASH_H

#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/slice.h"

/* The 64-bit hash of a key in memory (XXH3). The seed is drawn once at start, so that nobody can choose keys that
 * collide; this hash is never written to disk and never crosses the wire. */
static inline uint64_t hash_key(struct slice key, uint64_t seed) {
    return XXH3_64bits_withSeed(key.data, key.size, seed);
}

#endif
