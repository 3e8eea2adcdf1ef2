/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/simulate/tally.h"

#include <stdio.h>
#include <string.h>

void simulate_tally_init(struct simulate_tally *tally) {
    memset(tally, 0, sizeof(*tally));
    for (int kind = 0; kind < SIMULATE_KINDS; kind++) {
        histogram_init(&tally->latency[kind]);
    }
}

void simulate_tally_answer(struct simulate_tally *tally, enum simulate_kind kind, int64_t latency_ns, bool repeated) {
    tally->done++;
    tally->repeated += repeated;
    histogram_record(&tally->latency[kind], (uint64_t)latency_ns);
}

static struct simulate_trouble make_trouble(uint64_t at, struct simulate_operation operation, struct slice why) {
    struct simulate_trouble trouble = {.at = at, .operation = operation};

    snprintf(trouble.why, sizeof(trouble.why), "%.*s", (int)why.size, why.data);
    return trouble;
}

void simulate_tally_wrong(struct simulate_tally *tally, uint64_t at, struct simulate_operation operation,
                          struct slice why) {
    if (tally->wrong < SIMULATE_WRONG_SHOWN) {
        tally->wrongs[tally->wrong] = make_trouble(at, operation, why);
    }
    tally->wrong++;
}

void simulate_tally_failure(struct simulate_tally *tally, uint64_t at, struct simulate_operation operation,
                            enum store_status status, struct slice why) {
    if (!tally->failed) {
        tally->failed = true;
        tally->status = status;
        tally->failure = make_trouble(at, operation, why);
    }
}
