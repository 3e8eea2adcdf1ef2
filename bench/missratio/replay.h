/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BENCH_MISSRATIO_REPLAY_H
#define LARDER_BENCH_MISSRATIO_REPLAY_H

#include "policy.h"

struct replay_result {
    uint64_t misses, missed_bytes;
    struct policy_work work; /* zeros where the policy does not count it */
};

/*
 * Sends the whole load, beginning with an empty cache, through a policy given as "name" or "name:option=number,...".
 * The option shards=N, which every policy takes, divides the capacity into N caches that each see the objects that a
 * hash gives them. Returns false and complains on stderr if the policy or its options make no sense.
 */
bool replay(const char *spec, uint64_t capacity, const struct load *load, struct replay_result *ret_result);

#endif
