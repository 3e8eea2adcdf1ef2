/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_CALLER_H
#define LARDER_TESTS_SIM_CALLER_H

#include "history.h"

/* Somebody who asks one thing after the other, at random, and writes down what comes of it. */
enum { CALLER_KEYS = 5 };

struct caller {
    struct world *world;
    struct history *history;
    bool retry_unknown;
    int64_t think_ns;   /* up to so much between two */
    int64_t timeout_ns; /* of each */
    unsigned number;
    unsigned count; /* asked */
    uint64_t answered;
    int64_t newest_start_ns; /* of what was answered with OK; 0: nothing was */
    bool is_stopping;
    struct sim_event *event;
    struct history_op *op; /* under way; NULL: none */
    struct store_call call;
    struct store_op ops[2];
    struct store_compare compare;
    char mark_key[HISTORY_KEY_MAX];
};

/* `number` is another one for each. */
void caller_begin(struct caller *caller, struct world *world, struct history *history, unsigned number);

/* Asks no more; what is under way goes on. */
void caller_stop(struct caller *caller);

#endif
