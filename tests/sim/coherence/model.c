/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include "parcel.h"
#include "question.h"
#include "trial.h"

void model_init(struct model *model, struct trial *trial) {
    *model = (struct model){.trial = trial, .usual_ns = SIM_MS, .slow_ns = SIM_MS};
    for (size_t i = 0; i < MODEL_MEMBERS; i++) {
        model->members[i].lag_ns = sim_between(&trial->sim, 0, 2 * SIM_MS);
    }
}

static struct sim *sim_of(struct model *model) {
    return &model->trial->sim;
}

int64_t model_delay(struct model *model) {
    bool is_slow = sim_chance(sim_of(model), model->slow_percent);

    return sim_between(sim_of(model), 50 * SIM_US, is_slow ? model->slow_ns : model->usual_ns);
}

bool model_is_away(const struct model *model) {
    return model->trial->sim.now_ns < model->away_until_ns;
}

int64_t model_member_revision(struct model *model, size_t member) {
    struct model_member *m = &model->members[member];
    int64_t revision = truth_revision_at(truth_now(&model->trial->truth), sim_of(model)->now_ns - m->lag_ns);

    m->revision = revision > m->revision ? revision : m->revision;
    return m->revision;
}

/* --- changes --- */

/* After a restore, the revisions of the new era stay below what a machine has applied of the old one until it can know.
 * Else nobody could (but by the cluster's id, which is not the machine's business): its watch goes on as if nothing had been. */
static bool may_know_later(struct model *model, const struct node_machine *m) {
    size_t era = model->trial->truth.count - 1;

    if (m->known_era == era) {
        return true;
    }
    if (node_has_parcels_before(&model->trial->node, era)) {
        return false;
    }
    return m->handed <= truth_now(&model->trial->truth)->base ||
           truth_revision(&model->trial->truth) + 1 < m->told.applied;
}

static bool may_change(struct model *model) {
    for (size_t i = 0; i < model->trial->layout.machine_count; i++) {
        if (!may_know_later(model, &model->trial->node.machines[i])) {
            return false;
        }
    }
    return true;
}

enum store_status model_change(struct model *model, const struct store_op *op, struct arena *arena,
                               struct store_result *result, int64_t *ret_revision) {
    enum store_status status;

    if (!may_change(model)) {
        return STORE_UNAVAILABLE;
    }
    status = truth_apply(&model->trial->truth, op, arena, result);
    *ret_revision = truth_revision(&model->trial->truth);
    for (size_t i = 0; i < model->trial->layout.machine_count; i++) {
        stream_stir(&model->trial->streams[i]);
    }
    return status;
}

/* --- faults --- */

void model_go_away(struct model *model, int64_t ns) {
    model->away_until_ns = sim_of(model)->now_ns + ns;
    for (size_t i = 0; i < model->trial->layout.machine_count; i++) {
        stream_lose(&model->trial->streams[i]);
    }
}

void model_restore(struct model *model, int64_t revision) {
    seeds_trace(sim_of(model), "restored at %lld of %lld", (long long)revision,
                (long long)truth_revision(&model->trial->truth));
    question_fail_all(model);
    truth_restore(&model->trial->truth, revision);
    for (size_t i = 0; i < MODEL_MEMBERS; i++) {
        model->members[i].revision = revision;
    }
    model_go_away(model, sim_between(sim_of(model), 20 * SIM_MS, 500 * SIM_MS));
    node_restored(&model->trial->node);
}
