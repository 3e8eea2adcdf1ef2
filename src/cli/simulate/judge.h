/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_SIMULATE_JUDGE_H
#define LARDER_CLI_SIMULATE_JUDGE_H

#include <stdbool.h>

#include "base/buf.h"
#include "cli/simulate/scenario.h"
#include "store/store.h"

/* What is known when an answer is judged. */
struct simulate_expected {
    struct simulate_operation operation;
    int64_t floor;      /* the highest revision that had been answered when it was asked */
    int64_t created_at; /* the revision at which the device was created; 0: not known, the creation was repeated */
};

/* Whether the answer (status OK) is what it must be:
 *  - CREATE, a put that asks for the previous value, found nothing there; if it was repeated, at most what it puts itself;
 *  - RETRIEVE, a range of one key, found the address, unchanged since the device was created;
 *  - DELETE deleted one key; if it was repeated, perhaps none;
 *  - a write has a higher revision than all that was answered before it was asked, a read none that is lower.
 * False: `why` has a sentence for people. */
bool simulate_judge(const struct simulate_expected *expected, const struct store_call *call, struct buf *why);

#endif
