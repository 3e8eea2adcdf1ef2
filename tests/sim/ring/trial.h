/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_RING_TRIAL_H
#define LARDER_TESTS_SIM_RING_TRIAL_H

#include <string.h>

#include "../seeds.h"
#include "crowd.h"
#include "depot.h"
#include "judge.h"
#include "line.h"
#include "node.h"
#include "trouble.h"

/* One run: a store that says who is there, nodes that share keys, lines between them, those who ask, and who judges it. */
struct trial {
    struct sim sim;
    struct depot depot;
    size_t node_count;
    struct node nodes[RING_TRIAL_NODES];
    struct lines lines;
    struct crowd crowd;
    struct judge judge;
    struct trouble trouble;
    unsigned sweep_permille; /* of the control threads' ticks */
};

/* All is well, no node is there yet. */
void trial_init(struct trial *trial, uint64_t seed, size_t nodes);
void trial_fini(struct trial *trial);

void trial_run(struct trial *trial, int64_t ns);

/* Starts all nodes, and waits until they all are members. */
void trial_start(struct trial *trial);

/* Each key gets a value, through the first process. */
void trial_set_all(struct trial *trial, uint64_t values[RING_TRIAL_KEYS]);

/* Starts a node, and waits until it is a member, and those that hear of it know. */
void trial_join(struct trial *trial, size_t process);

/* Whether the process takes the key for its own. */
bool trial_owns(const struct trial *trial, size_t process, size_t key);

/* Ends the troubles, brings all nodes back, and sees that each key can be written and read through every node again. */
void trial_settle(struct trial *trial);

#endif
