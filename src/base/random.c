/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <assert.h>
#include <sys/random.h>

#include "base/clock.h"

static uint64_t splitmix_next(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t x, int count) {
    return (x << count) | (x >> (64 - count));
}

void random_init(struct random *r, uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        r->state[i] = splitmix_next(&seed);
    }
}

uint64_t random_next(struct random *r) {
    uint64_t *s = r->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t random_below(struct random *r, uint64_t bound) {
    assert(bound > 0);
    /* The high half of a 128-bit product; its bias of bound/2^64 is of no matter here. */
    return (uint64_t)(((unsigned __int128)random_next(r) * bound) >> 64);
}

double random_unit(struct random *r) {
    return (double)(random_next(r) >> 11) * 0x1.0p-53;
}

uint64_t random_os_seed(void) {
    uint64_t seed;

    if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed)) {
        seed = (uint64_t)clock_wall_ns() ^ ((uint64_t)clock_monotonic_ns() << 20);
    }
    return seed;
}
