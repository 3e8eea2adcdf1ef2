/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_SIMULATE_REPORT_H
#define LARDER_CLI_SIMULATE_REPORT_H

#include "cli/simulate/config.h"
#include "cli/simulate/count.h"
#include "cli/simulate/tally.h"

/* What came of the experiment. */
struct simulate_outcome {
    const struct simulate_config *config;
    const struct simulate_plan *plan;
    const struct simulate_tally *tally;
    const struct simulate_count *count; /* NULL: it did not come to that */
    bool interrupted;
};

/* Prints what will be done: before it begins, or with --plan. */
void simulate_report_plan(const struct simulate_config *config, const struct simulate_plan *plan);

/* Whether every answer was right, and every member holds what it must. */
bool simulate_report_is_good(const struct simulate_outcome *outcome);

void simulate_report_text(const struct simulate_outcome *outcome);

/* One object on one line. */
void simulate_report_json(const struct simulate_outcome *outcome);
void simulate_report_plan_json(const struct simulate_config *config, const struct simulate_plan *plan);

#endif
