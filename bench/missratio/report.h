/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BENCH_MISSRATIO_REPORT_H
#define LARDER_BENCH_MISSRATIO_REPORT_H

#include "replay.h"

#include <stdio.h>

/* The runs of one load: results[policy * size_count + size]. */
struct report {
    const struct load *load;
    const char *const *policies;
    size_t policy_count;
    const double *percents; /* cache sizes, of the load's footprint or its Zipf objects */
    const uint64_t *capacities;
    size_t size_count;
    const struct replay_result *results;
};

/* A table for people: miss ratios in percent, a row per policy, a column per cache size. */
void report_table(const struct report *report, FILE *out);

/* One JSON object per line and run. Names of loads and policies must not need escaping. */
void report_json(const struct report *report, FILE *out);

#endif
