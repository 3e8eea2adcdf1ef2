/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_RANDOM_H
#define LARDER_BASE_RANDOM_H

#include <stdint.h>

/* A small, fast, seeded generator (xoshiro256**, Blackman and Vigna 2018): the same seed gives the same numbers on every
 * machine. Not for secrets. One owner, no lock. */
struct random {
    uint64_t state[4];
};

/* Starts the sequence of `seed`; every seed, 0 included, is good. */
void random_init(struct random *r, uint64_t seed);

/* The next 64 bits. */
uint64_t random_next(struct random *r);

/* An even draw from 0 .. bound-1; bound is at least 1. */
uint64_t random_below(struct random *r, uint64_t bound);

/* An even draw from [0, 1). */
double random_unit(struct random *r);

/* A seed from the operating system, for what an attacker must not guess. */
uint64_t random_os_seed(void);

#endif
