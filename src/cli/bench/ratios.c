/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/ratios.h"

#include <stdlib.h>

static void spread(const struct figures *figures, double values[RATIO_COUNT]) {
#define X(field, json, text) values[RATIO_##field] = figures->field;
    FIGURES(X)
#undef X
}

static void divide(const struct run_result *target, const struct run_result *rival, double ret_quotients[RATIO_COUNT]) {
    struct figures figures;
    double above[RATIO_COUNT], below[RATIO_COUNT];

    figures_of(target, &figures);
    spread(&figures, above);
    figures_of(rival, &figures);
    spread(&figures, below);
    for (int i = 0; i < RATIO_COUNT; i++) {
        ret_quotients[i] = below[i] == 0.0 ? 0.0 : above[i] / below[i];
    }
}

bool ratios_of(const struct run_result *targets, const struct run_result *rivals, size_t rounds,
               struct ratio ret_ratios[RATIO_COUNT]) {
    double *column = calloc(rounds, sizeof(*column));

    if (column == NULL) {
        return false;
    }
    for (int i = 0; i < RATIO_COUNT; i++) {
        for (size_t round = 0; round < rounds; round++) {
            double quotients[RATIO_COUNT];

            divide(&targets[round], &rivals[round], quotients);
            column[round] = quotients[i];
        }
        ret_ratios[i].median = figures_median(column, rounds);
        ret_ratios[i].min = column[0];
        ret_ratios[i].max = column[rounds - 1];
    }
    free(column);
    return true;
}
