/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "cluster/cluster_internal.h"

/* What the store is asked, and who takes the answers. */

static cluster_answer_fn *const answers[CALL_COUNT] = {
    [CALL_LIST] = cluster_list_answered,     [CALL_CHECK] = cluster_check_answered,
    [CALL_GRANT] = cluster_grant_answered,   [CALL_RENEW] = cluster_renew_answered,
    [CALL_RECORD] = cluster_record_answered, [CALL_APPLIED] = cluster_applied_answered,
    [CALL_PURGE] = cluster_purge_answered,   [CALL_SURVEY] = cluster_survey_answered,
    [CALL_REVOKE] = cluster_revoke_answered,
};

void cluster_call_one(struct cluster *c, enum call_kind kind, struct store_op op, int64_t deadline_ns, int64_t now_ns) {
    machine_call_start(&c->calls[kind], c->config.store, op, deadline_ns, now_ns);
}

void cluster_call_txn(struct cluster *c, enum call_kind kind, size_t count, bool compares, size_t failures,
                      int64_t now_ns) {
    struct machine_call *own = &c->calls[kind];
    const struct store_op op = {
        .kind = STORE_OP_TXN,
        .txn = {.compares = &own->compare,
                .compare_count = compares ? 1 : 0,
                .success = own->ops,
                .success_count = count - failures,
                .failure = own->ops + count - failures,
                .failure_count = failures},
    };

    assert(count <= MACHINE_CALL_OPS_MAX);
    cluster_call_one(c, kind, op, now_ns + c->config.lease_ns, now_ns);
}

void cluster_call_finish(struct cluster *c, int64_t now_ns) {
    for (unsigned kind = 0; kind < CALL_COUNT; kind++) {
        if (machine_call_take(&c->calls[kind])) {
            answers[kind](c, &c->calls[kind].call, now_ns);
        }
    }
}
