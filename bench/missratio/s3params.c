/* SPDX-License-Identifier: Apache-2.0 */
#include "s3params.h"

#include "options.h"

#include <stdio.h>

const struct s3params s3params_published = {
    .small = 0.1,
    .hits = 2,
    .ghost = 1,
    .cap = 3,
    .window = 0.1,
    .most = 0.5,
};

const struct s3params s3params_table = {
    .small = 0.1,
    .hits = 1,
    .ghost = 1,
    .cap = 3,
    .adapt = 0.2,
    .window = 0.1,
    .most = 0.5,
    .segments = 256,
    .passes = 8,
    .credit = 1,
};

bool s3params_read(struct s3params *params, const char *options) {
    const struct option known[] = {
        {"small", &params->small, 0, 1},         {"hits", &params->hits, 1, 15},
        {"ghost", &params->ghost, 0, 100},       {"cap", &params->cap, 1, 15},
        {"keep", &params->keep, 0, 1},           {"adapt", &params->adapt, 0, 1000},
        {"window", &params->window, 0, 100},     {"most", &params->most, 0, 1},
        {"segments", &params->segments, 4, 1e6}, {"passes", &params->passes, 0, 1e6},
        {"rewrite", &params->rewrite, 0, 1},     {"credit", &params->credit, 0, 1},
    };
    if (!options_read(options, known, sizeof(known) / sizeof(known[0]))) {
        return false;
    }
    if (params->cap < params->hits) {
        fputs("hits may not be larger than cap\n", stderr);
        return false;
    }
    return true;
}
