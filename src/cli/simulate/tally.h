/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_SIMULATE_TALLY_H
#define LARDER_CLI_SIMULATE_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/slice.h"
#include "cli/simulate/scenario.h"
#include "store/etcd/figures.h"
#include "store/store.h"

enum { SIMULATE_WRONG_SHOWN = 5, SIMULATE_WHY_MAX = 512 };

/* An answer that was not what it must be, or an operation that failed. */
struct simulate_trouble {
    uint64_t at; /* which operation, from 0 */
    struct simulate_operation operation;
    char why[SIMULATE_WHY_MAX];
};

/* What was counted while the scenario ran. */
struct simulate_tally {
    uint64_t done;
    uint64_t repeated; /* operations done again after an answer was lost */
    uint64_t wrong;
    struct simulate_trouble wrongs[SIMULATE_WRONG_SHOWN]; /* the first of them */
    bool failed;                                          /* an operation got no answer, which ended the run */
    enum store_status status;                             /* of it */
    struct simulate_trouble failure;
    struct histogram latency[SIMULATE_KINDS]; /* ns */
    int64_t elapsed_ns;
    uint64_t cpu_ns; /* of this process */
    int64_t revision;
    struct etcd_figures figures; /* of the client, of the scenario alone */
};

void simulate_tally_init(struct simulate_tally *tally);

/* Counts an answer. */
void simulate_tally_answer(struct simulate_tally *tally, enum simulate_kind kind, int64_t latency_ns, bool repeated);

/* Counts an answer that was wrong. */
void simulate_tally_wrong(struct simulate_tally *tally, uint64_t at, struct simulate_operation operation,
                          struct slice why);

/* Takes note of the operation that failed; the first counts. */
void simulate_tally_failure(struct simulate_tally *tally, uint64_t at, struct simulate_operation operation,
                            enum store_status status, struct slice why);

#endif
