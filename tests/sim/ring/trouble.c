/* SPDX-License-Identifier: Apache-2.0 */
#include "trouble.h"

#include "trial.h"

static struct sim *sim_of(struct trial *trial) {
    return &trial->sim;
}

/* Mostly short. */
static int64_t any_time(struct trial *trial, int64_t most_ns) {
    return sim_between(sim_of(trial), 0, sim_chance(sim_of(trial), 60) ? most_ns / 12 : most_ns);
}

static size_t any_process(struct trial *trial) {
    return (size_t)sim_between(sim_of(trial), 0, (int64_t)trial->node_count - 1);
}

/* --- nodes --- */

static void start(void *ctx) {
    struct node *node = ctx;

    if (!node->is_alive) {
        node_start(node, node->process % node->trial->node_count);
    }
}

static void kill_some(struct trial *trial, struct node *node) {
    node_kill(node);
    (void)sim_after(sim_of(trial), any_time(trial, 3 * RING_TRIAL_LEASE_NS), start, node);
}

static void resume(void *ctx) {
    node_resume(ctx);
}

static void pause_some(struct trial *trial, struct node *node) {
    node_pause(node);
    (void)sim_after(sim_of(trial), any_time(trial, 4 * RING_TRIAL_LEASE_NS), resume, node);
}

static void leave_or_come(struct trial *trial, struct node *node) {
    if (!node->is_alive) {
        start(node);
    } else if (sim_chance(sim_of(trial), 60)) {
        steward_leave(node);
    }
}

/* The spare process takes the name of one that is there. */
static void begin_twin(struct trial *trial) {
    struct node *twin = &trial->nodes[RING_TRIAL_NODES - 1];

    if (twin->is_alive) {
        node_kill(twin);
    } else {
        node_start(twin, any_process(trial));
    }
}

/* --- lines --- */

static void hold(struct trial *trial, size_t from, size_t to, int64_t ns) {
    struct line *line = &trial->lines.lines[from][to];
    int64_t how = sim_between(sim_of(trial), 0, 2);

    line->held_until_ns = sim_of(trial)->now_ns + ns;
    line->is_held[0] = how != 1;
    line->is_held[1] = how != 0;
}

static void partition(struct trial *trial) {
    unsigned side = (unsigned)sim_between(sim_of(trial), 1, (1 << RING_TRIAL_NODES) - 2);
    int64_t ns = any_time(trial, 4 * RING_TRIAL_LEASE_NS);

    for (size_t from = 0; from < RING_TRIAL_NODES; from++) {
        for (size_t to = 0; to < RING_TRIAL_NODES; to++) {
            if ((side >> from & 1) != (side >> to & 1)) {
                trial->lines.lines[from][to].held_until_ns = sim_of(trial)->now_ns + ns;
                trial->lines.lines[from][to].is_held[0] = trial->lines.lines[from][to].is_held[1] = true;
            }
        }
    }
}

/* --- the store --- */

static void slow(struct trial *trial) {
    bool is_bad = sim_chance(sim_of(trial), 50);

    trial->depot.delay_ns = is_bad ? any_time(trial, RING_TRIAL_LEASE_NS) + SIM_MS : 2 * SIM_MS;
    trial->depot.lost_percent = is_bad ? (unsigned)sim_between(sim_of(trial), 0, 30) : 0;
}

static void make(struct trial *trial, enum trouble_kind kind) {
    size_t process = any_process(trial);
    size_t other = any_process(trial);

    seeds_trace(sim_of(trial), "trouble %d, %zu and %zu", (int)kind, process, other);
    switch (kind) {
    case TROUBLE_KILL:
        kill_some(trial, &trial->nodes[process]);
        break;
    case TROUBLE_PAUSE:
        pause_some(trial, &trial->nodes[process]);
        break;
    case TROUBLE_LEAVE:
        leave_or_come(trial, &trial->nodes[process]);
        break;
    case TROUBLE_TWIN:
        begin_twin(trial);
        break;
    case TROUBLE_AWAY:
        trial->depot.away_until_ns = sim_of(trial)->now_ns + any_time(trial, 2 * RING_TRIAL_LEASE_NS);
        break;
    case TROUBLE_SLOW:
        slow(trial);
        break;
    case TROUBLE_LAG:
        trial->depot.lag_ns[process] = any_time(trial, RING_TRIAL_LEASE_NS) + SIM_MS;
        break;
    case TROUBLE_WATCH:
        depot_unwatch(&trial->depot, process);
        break;
    case TROUBLE_COMPACT:
        trial->depot.compacted = trial->depot.revision;
        break;
    case TROUBLE_BREAK:
        lines_break(trial, process, other);
        break;
    case TROUBLE_HOLD:
        hold(trial, process, other, any_time(trial, 2 * RING_TRIAL_LEASE_NS));
        break;
    case TROUBLE_PARTITION:
        partition(trial);
        break;
    case TROUBLE_LATE:
        trial->lines.delay_ns = any_time(trial, RING_TRIAL_TIMEOUT_NS) + SIM_MS / 2;
        break;
    default:
        trial->nodes[process].shelf[sim_between(sim_of(trial), 0, RING_TRIAL_KEYS - 1)].is_there = false;
        break;
    }
}

static void go_wrong(void *ctx) {
    struct trouble *trouble = ctx;
    enum trouble_kind kind;

    do {
        kind = (enum trouble_kind)sim_between(sim_of(trouble->trial), 0, TROUBLE_KINDS - 1);
    } while ((trouble->kinds & 1U << kind) == 0);
    make(trouble->trial, kind);
    trouble->event =
        sim_after(sim_of(trouble->trial), sim_between(sim_of(trouble->trial), 0, trouble->pause_ns), go_wrong, trouble);
}

void trouble_begin(struct trouble *trouble, struct trial *trial, unsigned kinds, int64_t pause_ns) {
    *trouble = (struct trouble){.trial = trial, .kinds = kinds, .pause_ns = pause_ns};
    trouble->event = sim_after(sim_of(trial), sim_between(sim_of(trial), 0, pause_ns), go_wrong, trouble);
}

void trouble_end(struct trouble *trouble) {
    struct trial *trial = trouble->trial;

    sim_cancel(sim_of(trial), trouble->event);
    trouble->event = NULL;
    trial->depot.away_until_ns = 0;
    trial->depot.delay_ns = 2 * SIM_MS;
    trial->depot.lost_percent = 0;
    trial->lines.delay_ns = SIM_MS;
    for (size_t i = 0; i < RING_TRIAL_NODES; i++) {
        trial->depot.lag_ns[i] = 2 * SIM_MS;
        node_resume(&trial->nodes[i]);
        for (size_t j = 0; j < RING_TRIAL_NODES; j++) {
            trial->lines.lines[i][j].held_until_ns = 0;
            if (trial->lines.lines[i][j].arrives_ns[0] > sim_of(trial)->now_ns ||
                trial->lines.lines[i][j].arrives_ns[1] > sim_of(trial)->now_ns) {
                lines_break(trial, i, j); /* or a write that nobody knows of would come much later */
            }
        }
    }
}
