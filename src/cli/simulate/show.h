/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_SIMULATE_SHOW_H
#define LARDER_CLI_SIMULATE_SHOW_H

#include "cli/bench/progress.h"
#include "cli/simulate/session.h"

/* How far it is, on standard error: a bar on a terminal, or with --json-progress an object a line:
 *   {"event":"progress","done":1200,"total":10000,"member":"http://127.0.0.1:2379","leader":true,"failovers":0}
 *   {"event":"counted","member":"http://...","count":2200,"revision":7001} */
struct show {
    struct progress bar;
    bool json;
    const struct session *session;
    const char *label;
    uint64_t total;
    int64_t began_ns;
    uint64_t told_percent; /* the last that a line was written for */
    uint64_t told_failovers;
};

/* `total`: operations to come. */
void show_init(struct show *show, const struct session *session, const char *label, uint64_t total);

/* After an answer: writes a line for each hundredth, and when another member is in use. Cheap. */
void show_step(struct show *show, uint64_t done);

/* Now and then: draws the bar. */
void show_draw(const struct show *show, uint64_t done);

/* A member has been counted. */
void show_counted(const struct show *show, const char *member, int64_t count, int64_t revision);

/* Waiting for members: `done` of `total` are counted; `waiting` names one that is not, or is empty. */
void show_waiting(const struct show *show, uint64_t done, uint64_t total, const char *waiting);

void show_end(const struct show *show);

#endif
