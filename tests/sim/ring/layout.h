/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_RING_LAYOUT_H
#define LARDER_TESTS_SIM_RING_LAYOUT_H

#include <stdio.h>

#include "../clock.h"
#include "base/slice.h"

/* What there is: processes, of which the last may take the name of another; keys, each of one of two groups. */
enum {
    RING_TRIAL_NODES = 6,
    RING_TRIAL_NAMES = 5,
    RING_TRIAL_KEYS = 8,
    RING_TRIAL_GROUPS = 2,
    RING_TRIAL_WORKERS = 2,
    RING_TRIAL_REVISIONS = 4096,
};

#define RING_TRIAL_LEASE_NS SIM_S
#define RING_TRIAL_HANDOFF_NS (5 * SIM_S / 2)
#define RING_TRIAL_TIMEOUT_NS (400 * SIM_MS) /* of a request */
#define RING_TRIAL_LATE_NS (60 * SIM_MS)     /* so late it may be answered at most */

static inline struct slice layout_key(size_t key) {
    static const char keys[RING_TRIAL_KEYS][2] = {"a", "b", "c", "d", "e", "f", "g", "h"};

    return slice_make(keys[key], 1);
}

static inline struct slice layout_name(size_t name) {
    static const char names[RING_TRIAL_NAMES][3] = {"n0", "n1", "n2", "n3", "n4"};

    return slice_make(names[name], 2);
}

static inline unsigned layout_group(size_t key) {
    return (unsigned)(key % RING_TRIAL_GROUPS);
}

#endif
