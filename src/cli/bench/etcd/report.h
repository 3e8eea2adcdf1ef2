/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_ETCD_REPORT_H
#define LARDER_CLI_BENCH_ETCD_REPORT_H

#include "cli/bench/etcd/run.h"

/* Prints what the load is: a line or two for people. */
void etcd_report_load(const struct etcd_config *config, const struct etcd_target *target);

/* Prints one run for people. */
void etcd_report_text(const struct etcd_config *config, const struct etcd_result *result);

/* Prints everything as one JSON object. `rival` and `rivals` may be NULL. */
void etcd_report_json(const struct etcd_config *config, const struct etcd_target *target,
                      const struct etcd_result *targets, const struct etcd_target *rival,
                      const struct etcd_result *rivals, size_t rounds);

/* Prints the ratios target/rival of all rounds for people. */
void etcd_report_ratios(const struct etcd_result *targets, const struct etcd_result *rivals, size_t rounds);

/* What ratios are made of, as an array to be freed. NULL: out of memory. */
struct run_result *etcd_report_bases(const struct etcd_result *results, size_t rounds);

/* Whether every answer was what it should be. */
bool etcd_report_is_good(const struct etcd_result *result);

#endif
