/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_FIGURES_H
#define LARDER_CLI_BENCH_FIGURES_H

#include "cli/bench/run.h"

/* The numbers that two servers are compared by. X(field, name in JSON, text for people).*/
#define FIGURES(X)                                                                                                     \
    X(rate, "requests_per_second", "requests/s")                                                                       \
    X(server_cpu_us, "server_cpu_us_per_request", "server CPU per request, us")                                        \
    X(p50_us, "p50_us", "p50, us")                                                                                     \
    X(p99_us, "p99_us", "p99, us")

struct figures {
#define X(field, json, text) double field;
    FIGURES(X)
#undef X
};

/* server_cpu_us is 0 when the server was not measured. */
void figures_of(const struct run_result *result, struct figures *ret_figures);

/* The middle of `count` (at least 1) numbers, which it sorts. */
double figures_median(double *numbers, size_t count);

#endif
