/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_RING_JUDGE_H
#define LARDER_TESTS_SIM_RING_JUDGE_H

#include "job.h"

struct node;
struct trial;
struct ask;

/* What the clients saw, held against one order of each key's changes in which values may get lost, but nothing comes back: each
 * value is there for one stretch of time at most, no two at once, and at a moment within each deletion none is.
 *
 * For a value that is known to have been there from the first moment at which somebody certainly had seen it (`first`) until
 * the last at which somebody asked and then saw it (`last`), no other one, and no deletion, may lie wholly in between (Gibbons
 * and Korach, "Testing shared memories", 1997, of which this is the case with losses). */
struct judge_value {
    uint64_t value; /* 0: it is an absence */
    size_t key;
    bool is_written;   /* somebody has, or may have, written it */
    bool is_refused;   /* nobody has, certainly */
    int64_t write_ns;  /* when the write began */
    int64_t first_ns;  /* the first end of a write or a read of it */
    int64_t last_ns;   /* the last begin of one */
    int64_t read_ns;   /* the first end of a read of it */
    unsigned consumed; /* by CAS and INCR that certainly took its place */
};

struct judge {
    struct trial *trial;
    struct judge_value *values;
    size_t count;
    size_t capacity;
    int64_t unknown_incr_ns[RING_TRIAL_KEYS]; /* when the first INCR began of which nobody knows what it did */
    struct {
        int64_t revision; /* the newest view by which somebody acted for the key */
        size_t process;
        int64_t first_ns;
    } acts[RING_TRIAL_KEYS];
    uint64_t hits;
    uint64_t act_count;
};

void judge_init(struct judge *judge, struct trial *trial);
void judge_fini(struct judge *judge);

/* An ask is over. */
void judge_take(struct judge *judge, const struct ask *ask);

/* Somebody acts for a key: rule 1. */
void judge_act(struct judge *judge, const struct node *node, const struct job *job);

/* Somebody answers a peer as a member, not with a refusal: rule 2. */
void judge_member(const struct judge *judge, const struct node *node, const struct job *job);

/* The verdict. */
void judge_all(struct judge *judge);

#endif
