/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_CLOCK_H
#define LARDER_TESTS_SIM_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/random.h"

/* Virtual time: events in order of their time, those of one moment in the order they were made. All chance comes from one
 * seed, so a run is the same each time. */
#define SIM_US INT64_C(1000)
#define SIM_MS INT64_C(1000000)
#define SIM_S INT64_C(1000000000)

struct sim_event {
    int64_t at_ns;
    uint64_t order;
    size_t place; /* in the heap */
    void (*run)(void *ctx);
    void *ctx;
};

struct sim {
    int64_t now_ns;
    uint64_t steps; /* events that were run */
    struct random random;
    struct sim_event **heap;
    size_t count;
    size_t capacity;
    uint64_t order;
};

/* Time begins at one hour, so that nothing works only because it is 0. */
void sim_init(struct sim *sim, uint64_t seed);

/* Drops all events. */
void sim_fini(struct sim *sim);

/* `run` is called once, after `delay_ns`. The event is valid until then, or until it is cancelled. */
struct sim_event *sim_after(struct sim *sim, int64_t delay_ns, void (*run)(void *ctx), void *ctx);

/* NULL is allowed. */
void sim_cancel(struct sim *sim, struct sim_event *event);

/* Runs the next event. False: there is none at or before `until_ns`. */
bool sim_step(struct sim *sim, int64_t until_ns);

/* Runs all events up to then; it is `until_ns` afterwards. */
void sim_run(struct sim *sim, int64_t until_ns);

bool sim_chance(struct sim *sim, unsigned percent);

/* An even draw from low .. high. */
int64_t sim_between(struct sim *sim, int64_t low, int64_t high);

/* What a test cannot go on without: memory, mostly. */
static inline void sim_must(bool good) {
    if (!good) {
        abort();
    }
}

/* Cleared memory; free() frees it. */
static inline void *sim_new(size_t size) {
    void *memory = calloc(1, size);

    sim_must(memory != NULL);
    return memory;
}

#endif
