/* SPDX-License-Identifier: Apache-2.0 */
#include "line.h"

#include "trial.h"

void lines_init(struct lines *lines) {
    *lines = (struct lines){.delay_ns = SIM_MS};
}

static void take(struct node *node, uint64_t number, void *payload) {
    const struct letter *letter = payload;

    (void)number;
    job_letter(node, letter);
}

static void arrive(void *ctx) {
    struct letter *letter = ctx;
    struct trial *trial = letter->trial;
    struct node *node = &trial->nodes[letter->to];
    struct line *line = letter->is_answer ? &trial->lines.lines[letter->to][letter->from]
                                          : &trial->lines.lines[letter->from][letter->to];

    if (!node->is_alive || node->life != letter->to_life || letter->connection != line->connection) {
        free(letter);
        return;
    }
    node_task(node, LANE_WORKER, 0, take, 0, letter);
}

bool lines_send(struct trial *trial, const struct letter *letter) {
    struct line *line = letter->is_answer ? &trial->lines.lines[letter->to][letter->from]
                                          : &trial->lines.lines[letter->from][letter->to];
    int64_t *last_ns = &line->arrives_ns[letter->is_answer];
    int64_t at_ns = trial->sim.now_ns + sim_between(&trial->sim, SIM_MS / 20, trial->lines.delay_ns);
    struct letter *copy;

    if (letter->is_answer && letter->connection != line->connection) {
        return false;
    }
    if (!trial->nodes[letter->to].is_alive) {
        return false;
    }
    if (line->is_held[letter->is_answer] && at_ns < line->held_until_ns) {
        at_ns = line->held_until_ns + sim_between(&trial->sim, 0, SIM_MS);
    }
    at_ns = at_ns > *last_ns ? at_ns : *last_ns;
    *last_ns = at_ns;
    copy = sim_new(sizeof(*copy));
    *copy = *letter;
    copy->trial = trial;
    copy->to_life = trial->nodes[letter->to].life;
    copy->connection = line->connection;
    (void)sim_after(&trial->sim, at_ns - trial->sim.now_ns, arrive, copy);
    return true;
}

static void lost(struct node *node, uint64_t number, void *payload) {
    (void)payload;
    jobs_lost(node, (size_t)number);
}

void lines_break(struct trial *trial, size_t from, size_t to) {
    struct line *line = &trial->lines.lines[from][to];
    int64_t most_ns = sim_chance(&trial->sim, 70) ? SIM_MS : SIM_S;

    line->connection++;
    line->arrives_ns[0] = line->arrives_ns[1] = 0;
    line->is_held[0] = line->is_held[1] = false;
    if (trial->nodes[from].is_alive) {
        node_task(&trial->nodes[from], LANE_WORKER, sim_between(&trial->sim, 0, most_ns), lost, to, NULL);
    }
}

void lines_reset(struct trial *trial, size_t process) {
    for (size_t i = 0; i < RING_TRIAL_NODES; i++) {
        if (i != process) {
            lines_break(trial, i, process);
            lines_break(trial, process, i);
        }
    }
}
