/* SPDX-License-Identifier: Apache-2.0 */
#include "base/siphash.h"

#include <endian.h>
#include <string.h>

enum { WORD = 8, ROUNDS_PER_WORD = 2, ROUNDS_AT_END = 4 };

static uint64_t turn(uint64_t x, unsigned bits) {
    return (x << bits) | (x >> (64 - bits));
}

static void mix(uint64_t v[4], unsigned rounds) {
    for (unsigned i = 0; i < rounds; i++) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = turn(v[1], 13) ^ v[0];
        v[3] = turn(v[3], 16) ^ v[2];
        v[0] = turn(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = turn(v[1], 17) ^ v[2];
        v[3] = turn(v[3], 21) ^ v[0];
        v[2] = turn(v[2], 32);
    }
}

static void take(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    mix(v, ROUNDS_PER_WORD);
    v[0] ^= word;
}

/* At most a word's bytes, the first the lowest. */
static uint64_t read_word(const char *bytes, size_t size) {
    uint64_t word = 0;

    memcpy(&word, bytes, size);
    return le64toh(word);
}

uint64_t siphash(const struct siphash_key *key, struct slice bytes) {
    uint64_t v[4] = {
        key->words[0] ^ UINT64_C(0x736f6d6570736575),
        key->words[1] ^ UINT64_C(0x646f72616e646f6d),
        key->words[0] ^ UINT64_C(0x6c7967656e657261),
        key->words[1] ^ UINT64_C(0x7465646279746573),
    };
    size_t left = bytes.size;
    uint64_t last = (uint64_t)bytes.size << 56;

    for (; left >= WORD; left -= WORD) {
        take(v, read_word(bytes.data + (bytes.size - left), WORD));
    }
    if (left > 0) {
        last |= read_word(bytes.data + (bytes.size - left), left);
    }
    take(v, last);
    v[2] ^= 0xff;
    mix(v, ROUNDS_AT_END);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
