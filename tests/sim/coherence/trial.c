/* SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

void trial_init(struct trial *trial, uint64_t seed, enum coherence_proof proof, size_t machines, size_t memory) {
    sim_init(&trial->sim, seed);
    truth_init(&trial->truth, &trial->sim);
    layout_init(&trial->layout, proof, machines);
    model_init(&trial->model, trial);
    for (size_t i = 0; i < LAYOUT_MACHINES; i++) {
        stream_init(&trial->streams[i], trial, i);
    }
    node_init(&trial->node, trial, memory);
    crowd_init(&trial->crowd, trial);
    trial->trouble = (struct trouble){.trial = trial};
}

void trial_start(struct trial *trial) {
    node_start(&trial->node);
}

void trial_run(struct trial *trial, int64_t ns) {
    sim_run(&trial->sim, trial->sim.now_ns + ns);
}

/* What is on its way arrives nowhere: the streams count on. */
void trial_fini(struct trial *trial) {
    crowd_stop(&trial->crowd);
    node_fini(&trial->node);
    crowd_fini(&trial->crowd);
    sim_cancel(&trial->sim, trial->trouble.event);
    while (sim_step(&trial->sim, INT64_MAX)) {
    }
    sim_fini(&trial->sim);
    truth_fini(&trial->truth);
}
