/* SPDX-License-Identifier: Apache-2.0 */
#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARDS_MAX 256
#define SHARDS_OPTION "shards="

struct cache {
    const struct policy *policy;
    void *shards[SHARDS_MAX];
    uint32_t count;
};

static void cache_close(struct cache *c) {
    while (c->count) {
        c->policy->destroy(c->shards[--c->count]);
    }
}

/* Takes shards=N from the front of the options. */
static bool take_shards(const char **options, uint32_t *ret_count) {
    *ret_count = 1;
    if (!*options || strncmp(*options, SHARDS_OPTION, strlen(SHARDS_OPTION))) {
        return true;
    }
    char *end;
    unsigned long count = strtoul(*options + strlen(SHARDS_OPTION), &end, 10);
    if (!count || count > SHARDS_MAX || (*end && *end != ',')) {
        return false;
    }
    *options = *end ? end + 1 : end;
    *ret_count = (uint32_t)count;
    return true;
}

static bool cache_open(struct cache *c, const char *spec, uint64_t capacity, const struct load *load) {
    size_t length = strcspn(spec, ":");
    const char *options = spec[length] ? spec + length + 1 : NULL;
    uint32_t wanted;
    c->count = 0;
    c->policy = policy_find(spec, length);
    if (!c->policy || !take_shards(&options, &wanted)) {
        fprintf(stderr, "no such policy: %s\n", spec);
        return false;
    }
    while (c->count < wanted) {
        void *shard = c->policy->create(options, capacity / wanted, load);
        if (!shard) {
            fprintf(stderr, "bad options: %s\n", spec);
            cache_close(c);
            return false;
        }
        c->shards[c->count++] = shard;
    }
    return true;
}

static uint32_t shard_of(uint32_t id, uint32_t count) {
    uint64_t hash = (id + UINT64_C(1)) * 0x9e3779b97f4a7c15u;
    return (uint32_t)((hash >> 32) * count >> 32);
}

static void add_work(const struct cache *c, struct policy_work *sum) {
    for (uint32_t i = 0; c->policy->work && i < c->count; i++) {
        struct policy_work one;
        c->policy->work(c->shards[i], &one);
        sum->moved_bytes += one.moved_bytes;
        if (one.most_segments > sum->most_segments) {
            sum->most_segments = one.most_segments;
        }
    }
}

bool replay(const char *spec, uint64_t capacity, const struct load *load, struct replay_result *ret_result) {
    struct cache c;
    if (!cache_open(&c, spec, capacity, load)) {
        return false;
    }
    struct replay_result result = {.misses = 0};
    for (uint32_t i = 0; i < load->count; i++) {
        const struct request *r = &load->requests[i];
        if (!c.policy->request(c.shards[shard_of(r->id, c.count)], r)) {
            result.misses++;
            result.missed_bytes += r->size;
        }
    }
    add_work(&c, &result.work);
    cache_close(&c);
    *ret_result = result;
    return true;
}
