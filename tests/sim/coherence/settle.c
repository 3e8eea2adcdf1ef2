/* SPDX-License-Identifier: Apache-2.0 */
#include "settle.h"

/* The longest pause of a machine that tries again is shorter. */
#define WELL_NS (30 * SIM_S)

void settle_fence(struct trial *trial) {
    for (size_t i = 0; trial->layout.proof == COHERENCE_BY_QUESTION && i < trial->layout.machine_count; i++) {
        struct store_op op = {.kind = STORE_OP_PUT};
        struct store_result result;
        struct arena arena;
        int64_t revision;

        arena_init(&arena, SIZE_MAX / 2);
        op.put.key = trial->layout.machines[i].mirrors[0].key;
        (void)model_change(&trial->model, &op, &arena, &result, &revision);
        arena_fini(&arena);
    }
}

struct ask *settle_ask(struct ask *ask, bool at_once) {
    struct trial *trial = ask->trial;
    int64_t until_ns = trial->sim.now_ns + CROWD_TIMEOUT;

    ask_send(ask, at_once);
    while (!ask->is_done && trial->sim.now_ns < until_ns) {
        int64_t pause_ns = trial->sim.now_ns + 50 * SIM_MS;

        while (!ask->is_done && sim_step(&trial->sim, pause_ns)) {
        }
        if (!ask->is_done) {
            trial->sim.now_ns = pause_ns;
            settle_fence(trial);
        }
    }
    ENSURE(ask->is_done && ask->call.status == STORE_OK, "op %d ends with %s", (int)ask->call.op.kind,
           ask->is_done ? store_status_text(ask->call.status) : "nothing");
    return ask;
}

struct ask *settle_read(struct trial *trial, size_t key) {
    struct ask *ask = ask_new(&trial->crowd);

    ask->machine = layout_machine_of(&trial->layout, layout_key(key));
    ask->call.op.kind = STORE_OP_RANGE;
    ask->call.op.range.span.key = layout_key(key);
    return ask;
}

uint64_t settle_audit(struct trial *trial) {
    uint64_t differences = 0;

    for (size_t i = 0; i < trial->layout.machine_count; i++) {
        struct ask *ask = ask_new(&trial->crowd);

        ask->machine = i;
        ask->call.op.kind = STORE_OP_AUDIT;
        settle_ask(ask, false);
        differences += ask->call.result.audit_differences;
    }
    return differences;
}

static bool is_well(struct trial *trial) {
    for (size_t i = 0; i < trial->layout.machine_count; i++) {
        struct node_machine *m = &trial->node.machines[i];
        struct coherence_figures figures;
        const struct layout_machine *layout = &trial->layout.machines[i];

        coherence_get_figures(m->c, &figures);
        if (!figures.watching || figures.mirrors_loaded != layout->mirror_count ||
            figures.mirrors != layout->mirror_count ||
            truth_next_change(truth_now(&trial->truth), &layout->span, figures.applied) != INT64_MAX ||
            !told_may_be_of(&m->told, trial->truth.count - 1)) {
            return false;
        }
    }
    return true;
}

static void say_how(struct trial *trial) {
    char text[300] = "";

    for (size_t i = 0; i < trial->layout.machine_count; i++) {
        struct coherence_figures f;
        size_t size = strlen(text);

        coherence_get_figures(trial->node.machines[i].c, &f);
        (void)snprintf(text + size, sizeof(text) - size, "; m%zu: watching %d, applied %lld, mirrors %zu of %zu", i,
                       f.watching, (long long)f.applied, f.mirrors_loaded, f.mirrors);
    }
    ENSURE(false, "it does not come to be well, with %zu calls, at %lld%s", trial->crowd.open_count,
           (long long)truth_revision(&trial->truth), text);
}

/* The second reading of a key that is kept is from memory, linearizable and as fresh as may be. */
static void check_memory(struct trial *trial) {
    for (size_t key = 0; key < LAYOUT_KEYS; key++) {
        const struct coherence_policy *policy = layout_policy(layout_key(key));

        if (policy == NULL || !policy->keeps ||
            layout_machine_of(&trial->layout, layout_key(key)) == trial->layout.machine_count) {
            continue;
        }
        settle_ask(settle_read(trial, key), false);
        if (trial->layout.proof != COHERENCE_BY_QUESTION && trial->node.has_room) {
            ENSURE(settle_ask(settle_read(trial, key), false)->call.from_memory, "%.*s is not from memory",
                   (int)layout_key(key).size, layout_key(key).data);
        }
    }
}

void settle(struct trial *trial) {
    int64_t until_ns;

    trouble_end(&trial->trouble);
    crowd_stop(&trial->crowd);
    until_ns = trial->sim.now_ns + WELL_NS;
    trial_run(trial, CROWD_TIMEOUT + SIM_S);
    while (trial->node.is_stalled) {
        trial_run(trial, SIM_S);
    }
    while (trial->crowd.open_count > 0 || !is_well(trial)) {
        if (trial->sim.now_ns > until_ns) {
            say_how(trial);
        }
        settle_fence(trial);
        trial_run(trial, 100 * SIM_MS);
    }
    node_check(&trial->node, true);
    check_memory(trial);
    ENSURE(settle_audit(trial) == 0, "differences are found");
    for (size_t i = 0; i < trial->layout.machine_count; i++) {
        struct coherence_figures figures;

        coherence_get_figures(trial->node.machines[i].c, &figures);
        ENSURE(figures.differences == 0, "%llu differences were found", (unsigned long long)figures.differences);
    }
    node_check(&trial->node, true);
}
