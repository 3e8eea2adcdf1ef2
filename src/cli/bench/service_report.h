/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_SERVICE_REPORT_H
#define LARDER_CLI_BENCH_SERVICE_REPORT_H

#include "cli/bench/service_config.h"
#include "cli/bench/service_stats.h"

/* Prints the tables for people: one line a route, then the percentiles, then what was judged. */
void service_report_text(const struct service_config *config, const struct service_stats *stats, int64_t elapsed_ns);

/* Prints the same as one JSON object. */
void service_report_json(const struct service_config *config, const struct service_stats *stats, int64_t elapsed_ns);

/* All routes together. */
void service_report_sum(const struct service_stats *stats, struct route_stats *ret_sum);

#endif
