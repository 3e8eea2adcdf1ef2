/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_WEATHER_H
#define LARDER_TESTS_SIM_WEATHER_H

#include "world.h"

/* Faults at random, one after the other, until it is told to stop. */
struct weather {
    struct world *world;
    int64_t pause_ns; /* up to so much between two */
    unsigned kinds;   /* a bit for each of enum weather_kind */
    size_t most_ill;  /* members that may be ill at a time */
    struct sim_event *event;
    uint64_t faults;
};

enum weather_kind {
    WEATHER_KILL,
    WEATHER_STOP,
    WEATHER_PAUSE,
    WEATHER_ISOLATE,
    WEATHER_CUT,
    WEATHER_RESET,
    WEATHER_DEPOSE,
    WEATHER_SLOW,
    WEATHER_KINDS
};

#define WEATHER_ALL ((1U << WEATHER_KINDS) - 1)

void weather_begin(struct weather *weather, struct world *world, int64_t pause_ns, unsigned kinds, size_t most_ill);

/* No more faults, and all that there are have an end. */
void weather_end(struct weather *weather);

/* A member is made ill, or well. */
void weather_strike(struct world *world, enum weather_kind kind, size_t place);
void weather_cure(struct world *world, size_t place);

#endif
