/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "group/shared_op.h"

struct refresh {
    struct cluster_wait wait;
    struct shared_op *op;
};

/* On the control thread. */
static void on_refreshed(struct cluster_wait *wait) {
    struct refresh *refresh = (struct refresh *)(void *)((char *)wait - offsetof(struct refresh, wait));
    struct shared_op *op = refresh->op;

    op->reached = wait->reached;
    free(refresh);
    pending_post(&op->pending);
}

bool shared_refresh(struct shared_op *op) {
    struct refresh *refresh = malloc(sizeof(*refresh));

    if (refresh == NULL) {
        return false;
    }
    *refresh = (struct refresh){
        .wait = {.revision = op->errand.revision, .deadline_ns = op->deadline_ns, .done = on_refreshed},
        .op = op,
    };
    cluster_refresh(op->worker->shared->cluster, &refresh->wait);
    return true;
}
