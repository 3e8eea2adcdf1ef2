/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_RING_CROWD_H
#define LARDER_TESTS_SIM_RING_CROWD_H

#include "job.h"

struct trial;

/* Something that a client asks of a node. */
struct ask {
    uint64_t id;
    struct op op;
    size_t process;
    int64_t begun_ns;
    int64_t ended_ns;
    struct answer answer;
    struct ask *next;
};

/* Clients. Each value that is written is another one, and a multiple of 1000, to which INCR adds. */
struct crowd {
    struct trial *trial;
    struct ask *asks; /* those that wait */
    uint64_t ids;
    uint64_t values;
    uint64_t seen[RING_TRIAL_KEYS]; /* what GET has shown lately */
    int64_t pause_ns;
    unsigned purge_permille;
    struct sim_event *event;
    uint64_t answered;
    uint64_t failed;
    struct answer settled; /* of the last that was asked by crowd_ask_one */
};

void crowd_init(struct crowd *crowd, struct trial *trial);
void crowd_begin(struct crowd *crowd);
void crowd_stop(struct crowd *crowd);

void crowd_died(struct crowd *crowd, size_t process);

/* An answer, or the node's death. */
void crowd_answered(struct crowd *crowd, uint64_t ask, const struct answer *answer);

/* Asks, and does not wait. */
void crowd_ask(struct crowd *crowd, size_t process, const struct op *op);

/* Asks and waits. */
struct answer crowd_ask_one(struct crowd *crowd, size_t process, const struct op *op);

#endif
