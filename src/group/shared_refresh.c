/* SPDX-License-Identifier: Apache-2.0 */
#include "group/shared_op.h"

/* On the control thread. */
static void on_refreshed(struct cluster_wait *wait) {
    struct shared_op *op = (struct shared_op *)(void *)((char *)wait - offsetof(struct shared_op, refresh));

    pending_post(&op->pending);
}

void shared_refresh(struct shared_op *op) {
    op->refresh = (struct cluster_wait){
        .revision = op->errand.revision,
        .deadline_ns = op->deadline_ns,
        .done = on_refreshed,
    };
    cluster_refresh(op->worker->shared->cluster, &op->refresh);
}
