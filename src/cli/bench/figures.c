/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/figures.h"

#include <stdlib.h>

#include "base/clock.h"

void figures_of(const struct run_result *result, struct figures *ret_figures) {
    const struct stats *stats = &result->stats;
    double requests = (double)stats->requests;

    ret_figures->rate = requests * (double)CLOCK_NS_PER_S / (double)result->elapsed_ns;
    ret_figures->server_cpu_us = (double)result->server_cpu_ns / 1000.0 / requests;
    ret_figures->p50_us = (double)histogram_quantile(&stats->latency, 0.5) / 1000.0;
    ret_figures->p99_us = (double)histogram_quantile(&stats->latency, 0.99) / 1000.0;
}

static int compare(const void *left, const void *right) {
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

double figures_median(double *numbers, size_t count) {
    qsort(numbers, count, sizeof(*numbers), compare);
    return count % 2 == 1 ? numbers[count / 2] : (numbers[count / 2 - 1] + numbers[count / 2]) / 2.0;
}
