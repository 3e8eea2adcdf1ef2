/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_RATIOS_H
#define LARDER_CLI_BENCH_RATIOS_H

#include <stdbool.h>

#include "cli/bench/figures.h"

struct ratio {
    double median;
    double min;
    double max;
};

/* Target over rival, round by round, for each figure. `ret_ratios` has the fields' order of FIGURES. A figure that was
 * not measured on both sides has a median of 0. */
enum {
#define X(field, json, text) RATIO_##field,
    FIGURES(X)
#undef X
        RATIO_COUNT
};

/* False: out of memory. */
bool ratios_of(const struct run_result *targets, const struct run_result *rivals, size_t rounds,
               struct ratio ret_ratios[RATIO_COUNT]);

#endif
