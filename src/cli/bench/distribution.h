/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_DISTRIBUTION_H
#define LARDER_CLI_BENCH_DISTRIBUTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "base/slice.h"

enum distribution_kind { DISTRIBUTION_UNIFORM, DISTRIBUTION_ZIPF, DISTRIBUTION_SEQUENTIAL };

/* Which key comes next. Key 0 is the most frequent one of Zipf's: key k is drawn with a probability in proportion to
 * 1/(k+1)^theta. */
struct distribution {
    enum distribution_kind kind;
    double theta; /* of Zipf's; above 0 */
};

/* Reads `uniform`, `sequential`, `zipf:THETA` or `zipf` (0.99). False: ret_reason is a static text. */
bool distribution_parse(struct slice text, struct distribution *ret_distribution, const char **ret_reason);

/* A source of keys from 0 to keys-1. */
struct key_source {
    struct distribution distribution;
    uint64_t keys;
    uint64_t next; /* sequential */
    /* Zipf by rejection-inversion (Hoermann and Derflinger, 1996): no table, any theta. */
    double integral_first;
    double integral_last;
    double shortcut;
};

/* `keys` is at least 1; a sequential source begins at key `first`. */
void key_source_init(struct key_source *source, struct distribution distribution, uint64_t keys, uint64_t first);

uint64_t key_source_next(struct key_source *source, struct random *random);

#endif
