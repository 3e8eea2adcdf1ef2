/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_RING_LINE_H
#define LARDER_TESTS_SIM_RING_LINE_H

#include "job.h"

struct trial;

/* Connections between processes, as TCP has them: what is sent arrives once, in order, late; or the connection breaks, and
 * what is on the way is lost. */
struct letter {
    bool is_answer;
    size_t from;
    size_t to;
    uint64_t from_life;
    uint64_t to_life;
    unsigned connection; /* of the one that asks */
    uint64_t number;
    struct op op;
    struct peer_stamp stamp;
    int64_t time_ns; /* that is left */
    struct answer answer;
    struct trial *trial;
};

/* From the one that asks to the one that answers. */
struct line {
    unsigned connection;
    int64_t arrives_ns[2]; /* of the last letter, and the last answer */
    int64_t held_until_ns; /* nothing arrives before: a partition, or a link that is half dead */
    bool is_held[2];
};

struct lines {
    struct line lines[RING_TRIAL_NODES][RING_TRIAL_NODES];
    int64_t delay_ns;
    uint64_t numbers;
};

void lines_init(struct lines *lines);

/* A letter is sent; false: it cannot be, and that is known. */
bool lines_send(struct trial *trial, const struct letter *letter);

/* The connection breaks; the side that asks hears of it sooner or later. */
void lines_break(struct trial *trial, size_t from, size_t to);

/* All connections from and to it. */
void lines_reset(struct trial *trial, size_t process);

#endif
