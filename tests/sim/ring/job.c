/* SPDX-License-Identifier: Apache-2.0 */
#include "job.h"

#include "trial.h"

/* The driver of errands: what `group/shared.c` does. */
#define FLIGHT_NS (300 * SIM_MS)

static struct sim *sim_of(const struct node *node) {
    return &node->trial->sim;
}

static void act(struct node *node, struct job *job, enum errand_action action);

static struct job *find(const struct node *node, uint64_t id) {
    struct job *job = node->jobs;

    while (job != NULL && job->id != id) {
        job = job->next;
    }
    return job;
}

/* The process that a member is; its own if it is none of the others. */
static size_t process_of(const struct keeper_view *view, uint16_t member) {
    return (size_t)(view->members->members[member].address.data[0] - '0');
}

static int64_t time_left(const struct node *node, const struct job *job) {
    return job->errand.deadline_ns - node_now(node);
}

/* --- the end --- */

static void take_out(struct node *node, struct job *job) {
    struct job **place = &node->jobs;

    while (*place != job) {
        place = &(*place)->next;
    }
    *place = job->next;
    errand_fini(&job->errand);
    free(job);
}

static enum outcome outcome_of(const struct job *job) {
    static const enum outcome outcomes[] = {
        [ERRAND_AWAY] = OUTCOME_AWAY,       [ERRAND_UNKNOWN] = OUTCOME_UNKNOWN, [ERRAND_ISOLATED] = OUTCOME_ISOLATED,
        [ERRAND_NO_RING] = OUTCOME_NO_RING, [ERRAND_WRONG] = OUTCOME_WRONG,     [ERRAND_UNSETTLED] = OUTCOME_UNSETTLED};

    return job->errand.end == ERRAND_DONE ? job->answer.outcome : outcomes[job->errand.end];
}

static void finish(struct node *node, struct job *job) {
    job->answer.outcome = outcome_of(job);
    job->answer.revision = job->errand.revision;
    if (job->ask != 0) {
        crowd_answered(&node->trial->crowd, job->ask, &job->answer);
    } else {
        if (outcome_is_of_table(job->answer.outcome) || job->answer.outcome == OUTCOME_UNSETTLED) {
            judge_member(&node->trial->judge, node, job);
        }
        (void)lines_send(node->trial, &(struct letter){.is_answer = true,
                                                       .from = node->process,
                                                       .to = job->peer,
                                                       .from_life = node->life,
                                                       .connection = job->peer_connection,
                                                       .number = job->peer_number,
                                                       .answer = job->answer});
    }
    take_out(node, job);
}

/* --- RUN --- */

static void run(struct node *node, uint64_t number, void *payload) {
    struct job *job = find(node, number);
    enum errand_ran how = shelf_run(node, job);

    (void)payload;
    if (how == ERRAND_RAN_DONE && !job->errand.stamp.give_up) {
        judge_act(&node->trial->judge, node, job);
    }
    act(node, job, errand_ran(&job->errand, how, node_now(node)));
}

/* Between the decision and the lock of the shard the thread may be held up. */
static void begin_run(struct node *node, struct job *job) {
    int64_t most_ns = sim_chance(sim_of(node), 12) ? 12 * SIM_MS : SIM_MS / 50;

    job->decided_ns = sim_of(node)->now_ns;
    node_task(node, LANE_WORKER, sim_between(sim_of(node), 0, most_ns), run, job->id, NULL);
}

/* --- letters --- */

static uint64_t send_to(struct node *node, const struct job *job, size_t to, bool give_up, int64_t time_ns) {
    struct letter letter = {.from = node->process,
                            .to = to,
                            .from_life = node->life,
                            .number = ++node->trial->lines.numbers,
                            .op = job->op,
                            .stamp = keeper_stamp(job->errand.view, give_up),
                            .time_ns = time_ns};

    return lines_send(node->trial, &letter) ? letter.number : 0;
}

static void sent(struct node *node, struct job *job, enum errand_sent how) {
    job->letter = 0;
    act(node, job, errand_sent(&job->errand, how, job->answer.revision, node_now(node)));
}

static void not_sent(struct node *node, uint64_t number, void *payload) {
    struct job *job = find(node, number);

    (void)payload;
    if (job != NULL) {
        sent(node, job, ERRAND_SENT_AWAY);
    }
}

static void begin_send(struct node *node, struct job *job) {
    job->letter_to = process_of(job->errand.view, job->errand.member);
    job->letter_connection = node->trial->lines.lines[node->process][job->letter_to].connection;
    job->letter = send_to(node, job, job->letter_to, false, time_left(node, job));
    if (job->letter == 0) {
        node_task(node, LANE_WORKER, SIM_MS / 10, not_sent, job->id, NULL);
    }
}

static void answered(struct node *node, struct job *job, const struct answer *answer) {
    job->answer = *answer;
    sent(node, job,
         answer->outcome == OUTCOME_WRONG       ? ERRAND_SENT_WRONG
         : outcome_is_of_table(answer->outcome) ? ERRAND_SENT_ANSWERED
                                                : ERRAND_SENT_REFUSED);
}

/* --- flights --- */

static struct flight *find_flight(const struct node *node, uint64_t letter) {
    struct flight *flight = node->flights;

    while (flight != NULL && flight->letter != letter) {
        flight = flight->next;
    }
    return flight;
}

static void free_flight(struct flight *flight) {
    keeper_view_unref(flight->view);
    free(flight);
}

/* All who wait go on. */
static void land(struct node *node, struct flight *flight) {
    struct flight **place = &node->flights;
    struct job *job = node->jobs;

    while (*place != flight) {
        place = &(*place)->next;
    }
    *place = flight->next;
    while (job != NULL) {
        struct job *next = job->next;

        if (job->flight == flight) {
            job->flight = NULL;
            act(node, job, errand_asked(&job->errand, flight->how, flight->revision, node_now(node)));
        }
        job = next;
    }
    free_flight(flight);
}

static void flight_late(struct node *node, uint64_t number, void *payload) {
    struct flight *flight = find_flight(node, number);

    (void)payload;
    if (flight != NULL && !flight->is_answered) {
        flight->how = ERRAND_ASKED_AWAY;
        land(node, flight);
    }
}

static void put_in(struct node *node, uint64_t number, void *payload) {
    struct flight *flight = find_flight(node, number);
    const struct answer *answer = payload;

    if (answer->outcome == OUTCOME_HIT) {
        shelf_take(node, flight, answer->value);
    }
    land(node, flight);
}

static void flight_answered(struct node *node, struct flight *flight, const struct answer *answer) {
    struct answer *copy = sim_new(sizeof(*copy));

    *copy = *answer;
    flight->is_answered = true;
    flight->revision = answer->revision;
    flight->how = outcome_is_of_table(answer->outcome)   ? ERRAND_ASKED_ANSWERED
                  : answer->outcome == OUTCOME_UNSETTLED ? ERRAND_ASKED_UNSETTLED
                  : answer->outcome == OUTCOME_WRONG     ? ERRAND_ASKED_WRONG
                                                         : ERRAND_ASKED_AWAY;
    node_task(node, LANE_WORKER, sim_between(sim_of(node), 0, sim_chance(sim_of(node), 12) ? 12 * SIM_MS : SIM_MS / 50),
              put_in, flight->letter, copy);
}

static bool is_same_flight(const struct flight *flight, const struct job *job) {
    return flight->key == job->op.key && flight->member == job->errand.member &&
           flight->view->serial == job->errand.view->serial && flight->discards == job->errand.discards;
}

static struct flight *new_flight(struct node *node, const struct job *job) {
    struct flight *flight = sim_new(sizeof(*flight));

    *flight = (struct flight){.to = process_of(job->errand.view, job->errand.member),
                              .key = job->op.key,
                              .slot = job->errand.slot,
                              .member = job->errand.member,
                              .discards = job->errand.discards,
                              .view = keeper_view_ref(job->errand.view)};
    flight->connection = node->trial->lines.lines[node->process][flight->to].connection;
    flight->letter = send_to(node, job, flight->to, true, FLIGHT_NS);
    flight->next = node->flights;
    node->flights = flight;
    if (flight->letter == 0) {
        flight->letter = ++node->trial->lines.numbers;
        node_task(node, LANE_WORKER, SIM_MS / 10, flight_late, flight->letter, NULL);
    }
    node_task(node, LANE_WORKER, FLIGHT_NS, flight_late, flight->letter, NULL);
    return flight;
}

static void begin_ask(struct node *node, struct job *job) {
    struct flight *flight = node->flights;

    while (flight != NULL && !is_same_flight(flight, job)) {
        flight = flight->next;
    }
    job->flight = flight != NULL ? flight : new_flight(node, job);
}

/* --- waiting for a view --- */

static bool is_reached(const struct node *node, const struct job *job) {
    return node->steward.cursor >= job->errand.revision && !node->steward.is_late;
}

static void refreshed(struct node *node, uint64_t number, void *payload) {
    struct job *job = find(node, number);

    (void)payload;
    act(node, job, errand_refreshed(&job->errand, true, node_now(node)));
}

static void begin_await(struct node *node, struct job *job) {
    job->awaits = !is_reached(node, job);
    if (!job->awaits) {
        node_task(node, LANE_WORKER, 0, refreshed, job->id, NULL);
    }
}

void jobs_view_changed(struct node *node) {
    for (struct job *job = node->jobs; job != NULL; job = job->next) {
        if (job->awaits && is_reached(node, job)) {
            job->awaits = false;
            node_task(node, LANE_WORKER, sim_between(sim_of(node), 0, SIM_MS), refreshed, job->id, NULL);
        }
    }
}

/* --- a job --- */

static void act(struct node *node, struct job *job, enum errand_action action) {
    switch (action) {
    case ERRAND_RUN:
        begin_run(node, job);
        break;
    case ERRAND_ASK:
        begin_ask(node, job);
        break;
    case ERRAND_SEND:
        begin_send(node, job);
        break;
    case ERRAND_REFRESH:
        steward_refresh(node);
        begin_await(node, job);
        break;
    case ERRAND_AWAIT:
        begin_await(node, job);
        break;
    case ERRAND_END:
        finish(node, job);
        break;
    }
}

static void late(struct node *node, uint64_t number, void *payload) {
    struct job *job = find(node, number);

    (void)payload;
    if (job == NULL) {
        return;
    }
    if (job->op.kind == OP_PURGE) {
        job->errand.end = ERRAND_UNKNOWN;
        finish(node, job);
    } else if (job->letter != 0) {
        sent(node, job, ERRAND_SENT_LOST);
    } else if (job->flight != NULL) {
        job->flight = NULL;
        act(node, job, errand_asked(&job->errand, ERRAND_ASKED_AWAY, 0, node_now(node)));
    } else if (job->awaits) {
        job->awaits = false;
        act(node, job, errand_refreshed(&job->errand, false, node_now(node)));
    }
}

/* Who stood still has some time more. */
static void too_late(struct node *node, uint64_t number, void *payload) {
    (void)payload;
    if (sim_of(node)->now_ns < node->resumed_ns[LANE_WORKER] + RING_TRIAL_LATE_NS) {
        node_task(node, LANE_WORKER, 2 * RING_TRIAL_LATE_NS, too_late, number, NULL);
        return;
    }
    ENSURE(find(node, number) == NULL,
           "a request (op %d, letter %llu, flight %d, awaits %d) on process %zu has not ended",
           (int)find(node, number)->op.kind, (unsigned long long)find(node, number)->letter,
           find(node, number)->flight != NULL, find(node, number)->awaits, node->process);
}

static struct job *job_new(struct node *node, const struct op *op, int64_t time_ns) {
    struct job *job = sim_new(sizeof(*job));

    job->id = ++node->trial->lines.numbers;
    job->op = *op;
    job->next = node->jobs;
    node->jobs = job;
    node_task(node, LANE_WORKER, time_ns + SIM_US, late, job->id, NULL); /* the clock is rounded */
    node_task(node, LANE_WORKER, time_ns + RING_TRIAL_LATE_NS, too_late, job->id, NULL);
    return job;
}

static void begin(struct node *node, struct job *job, const struct peer_stamp *stamp, int64_t time_ns) {
    struct keeper_view **held = &node->views[sim_between(sim_of(node), 0, RING_TRIAL_WORKERS - 1)];

    if (sim_chance(sim_of(node), 50)) {
        keeper_renew(node->keeper, held);
    }
    act(node, job,
        errand_begin(&job->errand, node->keeper, *held, layout_key(job->op.key), job->op.kind != OP_GET, stamp,
                     node_now(node) + time_ns, node_now(node)));
}

static void take_request(struct node *node, uint64_t ask, void *payload) {
    const struct op *op = payload;
    struct job *job = job_new(node, op, RING_TRIAL_TIMEOUT_NS);

    job->ask = ask;
    if (op->kind == OP_PURGE) {
        job->errand.end = ERRAND_DONE;
        steward_purge(node, op->group, job->id);
    } else {
        begin(node, job, NULL, RING_TRIAL_TIMEOUT_NS);
    }
}

void job_purged(struct node *node, uint64_t id) {
    struct job *job = find(node, id);

    if (job != NULL) {
        job->answer.outcome = OUTCOME_YES;
        finish(node, job);
    }
}

void job_begin(struct node *node, const struct op *op, uint64_t ask) {
    struct op *copy = sim_new(sizeof(*copy));

    *copy = *op;
    node_task(node, LANE_WORKER, 0, take_request, ask, copy);
}

void job_letter(struct node *node, const struct letter *letter) {
    struct job *job = node->jobs;
    struct flight *flight;

    if (!letter->is_answer) {
        job = job_new(node, &letter->op, letter->time_ns);
        job->peer = letter->from;
        job->peer_number = letter->number;
        job->peer_connection = letter->connection;
        begin(node, job, &letter->stamp, letter->time_ns);
        return;
    }
    while (job != NULL && job->letter != letter->number) {
        job = job->next;
    }
    flight = find_flight(node, letter->number);
    if (job != NULL) {
        answered(node, job, &letter->answer);
    } else if (flight != NULL && !flight->is_answered) {
        flight_answered(node, flight, &letter->answer);
    }
}

void jobs_lost(struct node *node, size_t to) {
    unsigned connection = node->trial->lines.lines[node->process][to].connection;
    struct job *job = node->jobs;
    struct flight *flight = node->flights;

    while (job != NULL) {
        struct job *next = job->next;

        if (job->letter != 0 && job->letter_to == to && job->letter_connection != connection) {
            sent(node, job, ERRAND_SENT_LOST);
        }
        job = next;
    }
    while (flight != NULL) {
        struct flight *next = flight->next;

        if (flight->to == to && flight->connection != connection && !flight->is_answered) {
            flight->how = ERRAND_ASKED_AWAY;
            land(node, flight);
        }
        flight = next;
    }
}

void jobs_end(struct node *node) {
    while (node->jobs != NULL) {
        take_out(node, node->jobs);
    }
    while (node->flights != NULL) {
        struct flight *flight = node->flights;

        node->flights = flight->next;
        free_flight(flight);
    }
}
