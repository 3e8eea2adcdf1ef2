/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_REPORT_H
#define LARDER_CLI_BENCH_REPORT_H

#include <jansson.h>

#include "cli/bench/figures.h"
#include "cli/bench/idle.h"
#include "cli/bench/run.h"

/* Prints what the load was: one line for people. */
void report_load(const struct bench_config *config, const struct subject *subject);

/* Prints one run for people. `idle` may be NULL. */
void report_text(const struct bench_config *config, const struct run_result *result, const struct idle *idle);

/* Prints the ratios target/rival of all rounds: the median, the smallest and the largest. */
void report_ratios_text(const struct run_result *targets, const struct run_result *rivals, size_t rounds);

/* The same as a JSON object, which the caller owns; empty when there is no memory. */
json_t *report_ratios_json(const struct run_result *targets, const struct run_result *rivals, size_t rounds);

/* Prints everything as one JSON object. `rivals` and `idle` may be NULL. */
void report_json(const struct bench_config *config, const struct subject *subject, const struct run_result *targets,
                 const struct run_result *rivals, size_t rounds, const struct idle *idle);

#endif
