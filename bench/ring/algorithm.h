/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BENCH_RING_ALGORITHM_H
#define LARDER_BENCH_RING_ALGORITHM_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* The nodes of a membership, sorted by name. */
struct nodes {
    size_t count;
    struct slice *names;
    uint64_t *hashes; /* XXH3 of the names */
    uint32_t *ids;    /* the same node has the same id in every membership of a round */
};

/* A way to find the node of a key. Every one gets the key's XXH3, so that they differ in what they do with it. */
struct algorithm {
    const char *name;
    unsigned parameter; /* points of a node, entries of the table, probes, bits of the number of slots */
    void *(*make)(unsigned parameter, const struct nodes *nodes);
    /* What is made for `nodes` when `old` is there; NULL: it is made from nothing. */
    void *(*change)(unsigned parameter, const struct nodes *nodes, const void *old);
    uint32_t (*look_up)(const void *self, uint64_t hash); /* the index of the node */
    void (*destroy)(void *self);
};

extern const struct algorithm algorithms[];
extern const size_t algorithm_count;

/* Memory that is there. */
void *need(size_t size);

/* A 64-bit mix of two numbers: the step of SplitMix64. */
static inline uint64_t mix(uint64_t seed, uint64_t number) {
    uint64_t z = seed + (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* hash * bound / 2^64: an even share of the hashes for each number below `bound`. */
static inline uint32_t scale(uint64_t hash, uint32_t bound) {
    return (uint32_t)(((unsigned __int128)hash * bound) >> 64);
}

/* Points on a circle, each of a node. */
struct point {
    uint64_t at;
    uint32_t node;
};

/* The sorted circle with `points` points of each node. */
struct circle {
    size_t count;
    struct point points[];
};

struct circle *circle_make(const struct nodes *nodes, unsigned points);

/* The first point at or behind `at`. */
const struct point *circle_find(const struct circle *circle, uint64_t at);

/* --- the functions of the algorithms, by file --- */
void *ketama_make(unsigned points, const struct nodes *nodes);
uint32_t ketama_look_up(const void *self, uint64_t hash);

void *multiprobe_make(unsigned probes, const struct nodes *nodes);
uint32_t multiprobe_look_up(const void *self, uint64_t hash);
void multiprobe_destroy(void *self);

void *jump_make(unsigned unused, const struct nodes *nodes);
uint32_t jump_look_up(const void *self, uint64_t hash);

void *maglev_make(unsigned size, const struct nodes *nodes);
uint32_t maglev_look_up(const void *self, uint64_t hash);

void *rendezvous_make(unsigned unused, const struct nodes *nodes);
uint32_t rendezvous_look_up(const void *self, uint64_t hash);

void *slotted_make(unsigned bits, const struct nodes *nodes);
void *slotted_change(unsigned bits, const struct nodes *nodes, const void *old);
uint32_t slotted_look_up(const void *self, uint64_t hash);
void slotted_destroy(void *self);

void *larder_make(unsigned bits, const struct nodes *nodes);
void *larder_change(unsigned bits, const struct nodes *nodes, const void *old);
uint32_t larder_look_up(const void *self, uint64_t hash);
void larder_destroy(void *self);

#endif
