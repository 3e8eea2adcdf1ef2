/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_SIPHASH_H
#define LARDER_BASE_SIPHASH_H

#include <stdint.h>

#include "base/slice.h"

/* SipHash-2-4 (Aumasson and Bernstein 2012): 64 bits that nobody can foretell, or find again from other bytes, who does not
 * know the key. For what stands in for a secret; a table of keys has the faster hash_key. */
struct siphash_key {
    uint64_t words[2];
};

uint64_t siphash(const struct siphash_key *key, struct slice bytes);

#endif
