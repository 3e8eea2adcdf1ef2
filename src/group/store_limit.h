/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_STORE_LIMIT_H
#define LARDER_GROUP_STORE_LIMIT_H

#include "store/store.h"
#include "telemetry/worker.h"

/* Counts the limit, if it is one, because of which the store refused a call or a watch. On the thread that owns `t`. */
static inline void count_store_limit(struct worker_telemetry *t, enum store_status status) {
    switch (status) {
    case STORE_NO_SPACE:
        telemetry_count(t, COUNTER_LIMIT_STORE_QUOTA, 1);
        break;
    case STORE_TOO_MANY_WATCHERS:
        telemetry_count(t, COUNTER_LIMIT_MAX_WATCHERS, 1);
        break;
    case STORE_TOO_MANY_REQUESTS:
        telemetry_count(t, COUNTER_LIMIT_MAX_PENDING_WRITES, 1);
        break;
    default:
        break;
    }
}

#endif
