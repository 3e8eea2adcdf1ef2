/* SPDX-License-Identifier: Apache-2.0 */
#include "node.h"

#include "trial.h"

#define HOUR_NS (3600 * SIM_S)

static struct sim *sim_of(const struct node *node) {
    return &node->trial->sim;
}

int64_t node_now(const struct node *node) {
    return HOUR_NS + (int64_t)((double)(sim_of(node)->now_ns - HOUR_NS) * node->rate);
}

/* --- tasks --- */

static void free_task(struct task *task) {
    free(task->payload);
    free(task);
}

static void do_task(void *ctx) {
    struct task *task = ctx;
    struct node *node = task->node;

    if (!node->is_alive || node->life != task->life) {
        free_task(task);
    } else if (node->is_paused) {
        task->next = NULL;
        *node->held_end = task;
        node->held_end = &task->next;
    } else if (sim_of(node)->now_ns < node->resumed_ns[task->lane]) {
        (void)sim_after(sim_of(node), node->resumed_ns[task->lane] - sim_of(node)->now_ns, do_task, task);
    } else {
        task->run(node, task->number, task->payload);
        free_task(task);
    }
}

void node_task(struct node *node, enum lane lane, int64_t delay_ns, node_fn *run, uint64_t number, void *payload) {
    struct task *task = sim_new(sizeof(*task));

    *task =
        (struct task){.node = node, .life = node->life, .lane = lane, .run = run, .number = number, .payload = payload};
    (void)sim_after(sim_of(node), (int64_t)((double)delay_ns / node->rate), do_task, task);
}

/* --- life --- */

void node_init(struct node *node, struct trial *trial, size_t process) {
    *node = (struct node){.trial = trial, .process = process, .name = process % RING_TRIAL_NAMES, .rate = 1};
    node->held_end = &node->held;
}

/* Clocks differ in their rates, the fastest and the slowest by not quite the margin. */
static double any_rate(struct node *node) {
    static const double rates[] = {1, 1, 0.945, 1.055};

    return rates[sim_between(sim_of(node), 0, 3)];
}

void node_start(struct node *node, size_t name) {
    struct keeper_config config = {
        .id = layout_name(name), .lease_ns = RING_TRIAL_LEASE_NS, .handoff_ns = RING_TRIAL_HANDOFF_NS};

    seeds_trace(sim_of(node), "process %zu starts as n%zu", node->process, name);
    node->life++;
    node->name = name;
    node->is_alive = true;
    node->is_paused = false;
    node->rate = node->wanted_rate > 0 ? node->wanted_rate : any_rate(node);
    sim_must(keeper_new(&config, &node->keeper) == LARDER_OK);
    shelf_clear(node);
    steward_start(node);
}

void node_kill(struct node *node) {
    if (!node->is_alive) {
        return;
    }
    seeds_trace(sim_of(node), "process %zu ends", node->process);
    node->is_alive = false;
    node->is_paused = false;
    while (node->held != NULL) {
        struct task *task = node->held;

        node->held = task->next;
        free_task(task);
    }
    node->held_end = &node->held;
    depot_unwatch(&node->trial->depot, node->process);
    jobs_end(node);
    crowd_died(&node->trial->crowd, node->process);
    for (size_t i = 0; i < RING_TRIAL_WORKERS; i++) {
        keeper_view_unref(node->views[i]);
        node->views[i] = NULL;
    }
    keeper_free(node->keeper);
    node->keeper = NULL;
    lines_reset(node->trial, node->process);
}

/* Not while it has not come to what it was held up in before, or that would lose its order. */
void node_pause(struct node *node) {
    bool is_going =
        sim_of(node)->now_ns > node->resumed_ns[LANE_CONTROL] && sim_of(node)->now_ns > node->resumed_ns[LANE_WORKER];

    if (node->is_alive && !node->is_paused && is_going) {
        seeds_trace(sim_of(node), "process %zu is paused", node->process);
        node->is_paused = true;
    }
}

/* What came meanwhile is done thread by thread, some one first. */
void node_resume(struct node *node) {
    struct task *task = node->held;

    if (!node->is_paused) {
        return;
    }
    seeds_trace(sim_of(node), "process %zu goes on", node->process);
    for (size_t lane = 0; lane < LANES; lane++) {
        node->resumed_ns[lane] = sim_of(node)->now_ns;
    }
    node->resumed_ns[sim_between(sim_of(node), 0, LANES - 1)] += sim_between(sim_of(node), 0, 30 * SIM_MS);
    node->is_paused = false;
    node->held = NULL;
    node->held_end = &node->held;
    while (task != NULL) {
        struct task *next = task->next;

        (void)sim_after(sim_of(node), 0, do_task, task);
        task = next;
    }
}
