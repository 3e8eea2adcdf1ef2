/* SPDX-License-Identifier: Apache-2.0 */
#include "crowd.h"

#include "trial.h"

static struct sim *sim_of(struct crowd *crowd) {
    return &crowd->trial->sim;
}

static struct ask *send(struct crowd *crowd, size_t process, const struct op *op) {
    struct ask *ask = sim_new(sizeof(*ask));

    *ask = (struct ask){.id = ++crowd->ids, .op = *op, .process = process, .begun_ns = sim_of(crowd)->now_ns};
    ask->next = crowd->asks;
    crowd->asks = ask;
    job_begin(&crowd->trial->nodes[process], op, ask->id);
    return ask;
}

static const char *const kinds[] = {"get", "set", "add", "cas", "incr", "delete", "touch", "purge"};
static const char *const outcomes[] = {"hit",     "miss",     "yes",     "no",        "absent", "away",
                                       "unknown", "isolated", "no ring", "unsettled", "wrong",  "died"};

void crowd_answered(struct crowd *crowd, uint64_t id, const struct answer *answer) {
    struct ask **place = &crowd->asks;
    struct ask *ask;

    while ((*place)->id != id) {
        place = &(*place)->next;
    }
    ask = *place;
    *place = ask->next;
    ask->answer = *answer;
    ask->ended_ns = sim_of(crowd)->now_ns;
    if (seeds_tracing()) {
        seeds_trace(sim_of(crowd), "process %zu: %s of key %zu value %llu compare %llu, asked at %.6f: %s %llu",
                    ask->process, kinds[ask->op.kind], ask->op.key, (unsigned long long)ask->op.value,
                    (unsigned long long)ask->op.compare, (double)(ask->begun_ns % (3600 * SIM_S)) / 1e9,
                    outcomes[answer->outcome], (unsigned long long)answer->value);
    }
    if (outcome_is_of_table(answer->outcome)) {
        crowd->answered++;
    } else {
        crowd->failed++;
    }
    if (answer->outcome == OUTCOME_HIT) {
        crowd->seen[ask->op.key] = answer->value;
    }
    crowd->settled = *answer;
    judge_take(&crowd->trial->judge, ask);
    free(ask);
}

void crowd_died(struct crowd *crowd, size_t process) {
    struct ask *ask = crowd->asks;

    while (ask != NULL) {
        struct ask *next = ask->next;

        if (ask->process == process) {
            crowd_answered(crowd, ask->id, &(struct answer){.outcome = OUTCOME_DIED});
        }
        ask = next;
    }
}

/* --- what is asked --- */

static enum op_kind any_kind(struct crowd *crowd) {
    static const unsigned char weights[OP_KINDS] = {
        [OP_GET] = 45, [OP_SET] = 18, [OP_ADD] = 8, [OP_CAS] = 10, [OP_INCR] = 6, [OP_DELETE] = 10, [OP_TOUCH] = 3};
    int64_t left = sim_between(sim_of(crowd), 0, 99);
    unsigned kind = 0;

    if (sim_between(sim_of(crowd), 0, 999) < crowd->purge_permille) {
        return OP_PURGE;
    }
    while (left >= weights[kind]) {
        left -= weights[kind];
        kind = (kind + 1) % OP_KINDS;
    }
    return (enum op_kind)kind;
}

static void ask_any(struct crowd *crowd) {
    struct op op = {.kind = any_kind(crowd), .key = (size_t)sim_between(sim_of(crowd), 0, RING_TRIAL_KEYS - 1)};
    size_t process = (size_t)sim_between(sim_of(crowd), 0, (int64_t)crowd->trial->node_count - 1);

    op.group = (unsigned)sim_between(sim_of(crowd), 0, RING_TRIAL_GROUPS);
    op.value = ++crowd->values * 1000;
    op.compare = crowd->seen[op.key];
    if (op.kind == OP_CAS && op.compare == 0) {
        op.kind = OP_GET;
    }
    if (crowd->trial->nodes[process].is_alive) {
        (void)send(crowd, process, &op);
    }
}

static void ask_again(void *ctx) {
    struct crowd *crowd = ctx;

    crowd->event = sim_after(sim_of(crowd), sim_between(sim_of(crowd), 0, crowd->pause_ns), ask_again, crowd);
    ask_any(crowd);
}

void crowd_ask(struct crowd *crowd, size_t process, const struct op *op) {
    (void)send(crowd, process, op);
}

/* --- all of them --- */

void crowd_init(struct crowd *crowd, struct trial *trial) {
    *crowd = (struct crowd){.trial = trial, .pause_ns = 12 * SIM_MS, .purge_permille = 4};
}

void crowd_begin(struct crowd *crowd) {
    crowd->event = sim_after(sim_of(crowd), 0, ask_again, crowd);
}

void crowd_stop(struct crowd *crowd) {
    sim_cancel(sim_of(crowd), crowd->event);
    crowd->event = NULL;
}

struct answer crowd_ask_one(struct crowd *crowd, size_t process, const struct op *op) {
    struct ask *ask = send(crowd, process, op);
    uint64_t id = ask->id;

    for (;;) {
        bool waits = false;

        for (const struct ask *at = crowd->asks; at != NULL; at = at->next) {
            waits = waits || at->id == id;
        }
        if (!waits) {
            return crowd->settled;
        }
        sim_must(sim_step(sim_of(crowd), INT64_MAX));
    }
}
