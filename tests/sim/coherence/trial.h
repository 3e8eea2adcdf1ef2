/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_COHERENCE_TRIAL_H
#define LARDER_TESTS_SIM_COHERENCE_TRIAL_H

#include "../seeds.h"
#include "crowd.h"
#include "layout.h"
#include "model.h"
#include "node.h"
#include "stream.h"
#include "trouble.h"
#include "truth.h"

/* One run: what is true, a cluster that tells of it late and badly, a node that keeps a copy, and those who ask it. */
struct trial {
    struct sim sim;
    struct truth truth;
    struct layout layout;
    struct model model;
    struct stream streams[LAYOUT_MACHINES];
    struct node node;
    struct crowd crowd;
    struct trouble trouble;
};

/* All is well, and nobody asks yet. `memory` is the keyspace's. */
void trial_init(struct trial *trial, uint64_t seed, enum coherence_proof proof, size_t machines, size_t memory);

/* The machines begin. */
void trial_start(struct trial *trial);

void trial_run(struct trial *trial, int64_t ns);

/* Ends the node as it is, with all that is under way. */
void trial_fini(struct trial *trial);

#endif
