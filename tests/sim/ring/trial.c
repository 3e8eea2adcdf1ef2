/* SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

void trial_init(struct trial *trial, uint64_t seed, size_t nodes) {
    sim_must(nodes < RING_TRIAL_NODES);
    memset(trial, 0, sizeof(*trial));
    sim_init(&trial->sim, seed);
    trial->node_count = nodes;
    trial->sweep_permille = 50;
    depot_init(&trial->depot, trial);
    lines_init(&trial->lines);
    crowd_init(&trial->crowd, trial);
    judge_init(&trial->judge, trial);
    trial->trouble.trial = trial;
    for (size_t i = 0; i < RING_TRIAL_NODES; i++) {
        node_init(&trial->nodes[i], trial, i);
    }
}

void trial_run(struct trial *trial, int64_t ns) {
    sim_run(&trial->sim, trial->sim.now_ns + ns);
}

/* What is on the way finds nobody; then nothing happens any more. */
void trial_fini(struct trial *trial) {
    crowd_stop(&trial->crowd);
    trouble_end(&trial->trouble);
    for (size_t i = 0; i < RING_TRIAL_NODES; i++) {
        node_kill(&trial->nodes[i]);
    }
    while (sim_step(&trial->sim, INT64_MAX)) {
        for (size_t i = 0; i < RING_TRIAL_NODES; i++) {
            node_kill(&trial->nodes[i]); /* who was to start again */
        }
    }
    judge_all(&trial->judge);
    judge_fini(&trial->judge);
    depot_fini(&trial->depot);
    sim_fini(&trial->sim);
}

void trial_start(struct trial *trial) {
    size_t members = 0;

    for (size_t i = 0; i < trial->node_count; i++) {
        node_start(&trial->nodes[i], i);
        trial_run(trial, sim_chance(&trial->sim, 50) ? 0 : sim_between(&trial->sim, 0, 100 * SIM_MS));
    }
    for (unsigned i = 0; i < 100 && members < trial->node_count; i++) {
        trial_run(trial, 10 * SIM_MS);
        members = 0;
        for (size_t j = 0; j < trial->node_count; j++) {
            members += node_is_member(&trial->nodes[j]);
        }
    }
    ENSURE(members == trial->node_count, "only %zu are members", members);
}

void trial_set_all(struct trial *trial, uint64_t values[RING_TRIAL_KEYS]) {
    for (size_t key = 0; key < RING_TRIAL_KEYS; key++) {
        struct op set = {.kind = OP_SET, .key = key, .value = values[key] = ++trial->crowd.values * 1000};

        ENSURE(crowd_ask_one(&trial->crowd, 0, &set).outcome == OUTCOME_YES, "key %zu cannot be written", key);
    }
}

void trial_join(struct trial *trial, size_t process) {
    node_start(&trial->nodes[process], process);
    for (unsigned i = 0; i < 100 && !node_is_member(&trial->nodes[process]); i++) {
        trial_run(trial, 10 * SIM_MS);
    }
    ENSURE(node_is_member(&trial->nodes[process]), "process %zu is no member", process);
    trial_run(trial, 10 * SIM_MS);
}

bool trial_owns(const struct trial *trial, size_t process, size_t key) {
    struct keeper_view *view = NULL;
    bool owns;

    keeper_renew(trial->nodes[process].keeper, &view);
    owns = view->self != RING_NOBODY && view->owners[ring_slot(layout_key(key))] == view->self;
    keeper_view_unref(view);
    return owns;
}

/* --- calm weather --- */

static void bring_back(struct trial *trial) {
    for (size_t i = 0; i < RING_TRIAL_NODES; i++) {
        struct node *node = &trial->nodes[i];

        if (node->is_alive && (i >= trial->node_count || node->steward.leaves)) {
            node_kill(node);
        }
        if (!node->is_alive && i < trial->node_count) {
            node_start(node, i);
        }
    }
}

static void check_same_ring(struct trial *trial) {
    struct keeper_view *views[RING_TRIAL_NODES] = {NULL};

    for (size_t i = 0; i < trial->node_count; i++) {
        ENSURE(node_is_member(&trial->nodes[i]), "process %zu is no member", i);
        keeper_renew(trial->nodes[i].keeper, &views[i]);
        ENSURE(views[i]->members->digest == views[0]->members->digest && views[i]->self != RING_NOBODY,
               "process %zu has another ring", i);
    }
    for (size_t i = 0; i < trial->node_count; i++) {
        keeper_view_unref(views[i]);
    }
}

static void check_key(struct trial *trial, size_t key) {
    size_t writer = (size_t)sim_between(&trial->sim, 0, (int64_t)trial->node_count - 1);
    struct op set = {.kind = OP_SET, .key = key, .value = ++trial->crowd.values * 1000};
    struct op get = {.kind = OP_GET, .key = key};
    struct answer answer = crowd_ask_one(&trial->crowd, writer, &set);

    ENSURE(answer.outcome == OUTCOME_YES, "key %zu cannot be written through process %zu: %d", key, writer,
           (int)answer.outcome);
    for (size_t i = 0; i < trial->node_count; i++) {
        answer = crowd_ask_one(&trial->crowd, i, &get);
        ENSURE(answer.outcome == OUTCOME_HIT && answer.value == set.value, "key %zu through process %zu: %d", key, i,
               (int)answer.outcome);
    }
}

void trial_settle(struct trial *trial) {
    trouble_end(&trial->trouble);
    crowd_stop(&trial->crowd);
    trial_run(trial, 10 * SIM_MS);
    bring_back(trial);
    trial_run(trial, 3 * RING_TRIAL_LEASE_NS);
    check_same_ring(trial);
    for (size_t key = 0; key < RING_TRIAL_KEYS; key++) {
        check_key(trial, key);
    }
}
