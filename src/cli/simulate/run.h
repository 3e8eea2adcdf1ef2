/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_SIMULATE_RUN_H
#define LARDER_CLI_SIMULATE_RUN_H

#include "cli/simulate/scenario.h"
#include "cli/simulate/session.h"
#include "cli/simulate/show.h"
#include "cli/simulate/tally.h"

struct timer;
struct simulate_client;

/* The scenario, done on a cluster by a number of clients. Each takes the next operation of the scenario when its last one was
 * answered; an operation on a device that another client is busy with waits, and what follows it as well. So what happens to
 * a device happens in the order of the scenario, and each answer is known before it comes. */
struct simulate_run {
    struct session *session;
    struct scenario scenario;
    struct simulate_client *clients;
    uint64_t client_count;
    struct simulate_client *idle;
    uint64_t in_flight;
    uint64_t taken; /* operations, from the scenario */
    bool has_next;  /* `next` is taken, and waits for its device */
    struct simulate_operation next;
    int64_t *created_at; /* revisions, by device */
    struct show show;
    struct timer *timer;
    bool over;
    struct simulate_tally *tally;
};

/* Does the whole scenario, until an operation fails or it is interrupted. False: the reason was printed, nothing was done.
 * simulate_run_fini comes after session_close. */
bool simulate_run(struct simulate_run *run, struct session *session, const struct simulate_plan *plan,
                  struct simulate_tally *ret_tally);
void simulate_run_fini(struct simulate_run *run);

#endif
