/* SPDX-License-Identifier: Apache-2.0 */
#include "speed.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"

enum {
    WARM_LOOK_UPS = 1 << 13,
    WARM_TIMES = 50,
    COLD_LOOK_UPS = 64, /* few enough that the first ones don't fetch much of the table for the rest */
    COLD_TIMES = 15,
    LINE = 64,
    ROOM = 1 << 17, /* words: as much memory as the table of 2^18 slots */
};

/* More than any cache of a processor. */
static const size_t evict_size = (size_t)256 << 20;

/* A key of 16 bytes that no look-up before it had. */
static uint64_t hash_of(uint64_t state) {
    uint64_t key[2] = {state, ~state};

    return XXH3_64bits(key, sizeof(key));
}

static uint64_t next_state(uint64_t state, uint64_t found) {
    return state + UINT64_C(0x9e3779b97f4a7c15) + found;
}

/* What was computed must be seen as used. */
static void use(uint64_t value) {
    __asm__ volatile("" : : "r"(value) : "memory");
}

static double chain(const struct algorithm *a, const void *self, uint64_t state, unsigned count) {
    int64_t began = clock_monotonic_ns();

    for (unsigned i = 0; i < count; i++) {
        state = next_state(state, a == NULL ? hash_of(state) & 1 : a->look_up(self, hash_of(state)));
    }
    use(state);
    return (double)(clock_monotonic_ns() - began) / count;
}

static double pipelined(const struct algorithm *a, const void *self, uint64_t state, unsigned count) {
    int64_t began = clock_monotonic_ns();

    for (unsigned i = 0; i < count; i++) {
        use(a->look_up(self, hash_of(state)));
        state = next_state(state, 0);
    }
    return (double)(clock_monotonic_ns() - began) / count;
}

static void evict(void) {
    static char *room;
    uint64_t sum = 0;

    if (room == NULL) {
        room = need(evict_size);
        memset(room, 1, evict_size);
    }
    for (size_t at = 0; at < evict_size; at += LINE) {
        sum += (unsigned char)room[at];
    }
    use(sum);
}

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* The least of many times: what other programs took from the processor is then not in it. */
static double warm(const struct algorithm *a, const void *self) {
    double least = chain(a, self, 0, WARM_LOOK_UPS);

    for (unsigned i = 0; i < WARM_TIMES; i++) {
        double ns = chain(a, self, mix(2, i), WARM_LOOK_UPS);

        least = ns < least ? ns : least;
    }
    return least;
}

/* The median of several times. */
static double cold(double (*run)(const struct algorithm *, const void *, uint64_t, unsigned), const struct algorithm *a,
                   const void *self) {
    double ns[COLD_TIMES];

    for (unsigned i = 0; i < COLD_TIMES; i++) {
        evict();
        ns[i] = run(a, self, mix(1, i), COLD_LOOK_UPS);
    }
    qsort(ns, COLD_TIMES, sizeof(ns[0]), compare);
    return ns[COLD_TIMES / 2];
}

/* One load after the other from memory that no cache has. */
static double memory_latency(const struct algorithm *a, const void *self, uint64_t state, unsigned count) {
    static uint32_t *room;
    int64_t began;

    (void)a;
    (void)self;
    if (room == NULL) {
        room = need(ROOM * sizeof(*room));
        memset(room, 0, ROOM * sizeof(*room));
        evict();
    }
    began = clock_monotonic_ns();
    for (unsigned i = 0; i < count; i++) {
        state = next_state(state, room[mix(state, 0) % ROOM]);
    }
    use(state);
    return (double)(clock_monotonic_ns() - began) / count;
}

void speed_measure(const struct algorithm *algorithm, const void *self, struct measurement *ret_measurement) {
    ret_measurement->look_up_ns = warm(algorithm, self);
    ret_measurement->cold_ns = cold(chain, algorithm, self);
    ret_measurement->cold_pipelined_ns = cold(pipelined, algorithm, self);
}

void speed_measure_conditions(struct conditions *ret_conditions) {
    ret_conditions->hash_ns = warm(NULL, NULL);
    ret_conditions->memory_ns = cold(memory_latency, NULL, NULL);
}
