/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ring_sample.h"

#include "base/clock.h"
#include "group/shared.h"

static uint64_t above_zero(int64_t value) {
    return value > 0 ? (uint64_t)value : 0;
}

/* What is left of it; not what was in force when the figures were taken. */
static uint64_t authority_left(struct keeper *keeper) {
    int64_t until_ns = keeper_authority_ns(keeper);

    return until_ns == INT64_MIN ? 0 : above_zero(until_ns - clock_monotonic_ns());
}

static void sample_cluster(const struct shared *shared, uint64_t *values) {
    struct cluster_figures figures;

    cluster_get_figures(shared->cluster, &figures);
    values[SAMPLE_RING_MEMBERS] = figures.members;
    values[SAMPLE_RING_LEAVING] = figures.leaving;
    values[SAMPLE_RING_EPOCH] = above_zero(figures.revision);
    values[SAMPLE_RING_MEMBER] = figures.member ? 1 : 0;
    values[SAMPLE_RING_AUTHORITY] = authority_left(shared->keeper);
    values[SAMPLE_RING_RENEWALS] = figures.renewals;
    values[SAMPLE_RING_RENEWAL_FAILURES] = figures.renewal_failures;
    values[SAMPLE_RING_CHANGES] = figures.changes;
    values[SAMPLE_RING_REFRESHES] = figures.refreshes;
    values[SAMPLE_RING_BAD_RECORDS] = figures.bad_records;
    values[SAMPLE_RING_PURGES] = figures.purges_applied;
    values[SAMPLE_RING_PURGE_NUMBER] = above_zero(figures.purge_number);
}

static void sample_peers(struct peers_roll *roll, uint64_t *values) {
    struct peer_totals totals;

    peers_roll_get(roll, &totals);
    values[SAMPLE_PEER_REQUESTS] = totals.requests;
    values[SAMPLE_PEER_FAILURES] = totals.failures;
    values[SAMPLE_PEER_EJECTIONS] = totals.ejections;
    values[SAMPLE_PEER_EJECTED] = totals.ejected;
}

static void sample_copies(struct hot_node *hot, uint64_t *values) {
    struct hot_node_counts counts;
    const struct hot_ledger_counts *ledger = &counts.ledger;
    const struct hot_shelf_counts *shelf = &counts.shelf;

    hot_node_count(hot, &counts);
    values[SAMPLE_COPY_GRANTS] = ledger->granted;
    values[SAMPLE_COPY_GRANTS_LIMITED] = ledger->limited;
    values[SAMPLE_COPY_REVOCATIONS] = ledger->revoked;
    values[SAMPLE_COPY_REVOCATIONS_ANSWERED] = ledger->answered;
    values[SAMPLE_COPY_LEASES_AWAITED] = ledger->expired;
    values[SAMPLE_COPY_GRANTED_KEYS] = ledger->keys;
    values[SAMPLE_COPY_REVOKING_KEYS] = ledger->revoking;
    values[SAMPLE_COPIES_PUT] = shelf->put;
    values[SAMPLE_COPIES_SERVED] = shelf->served;
    values[SAMPLE_COPIES_LATE] = shelf->late;
    values[SAMPLE_COPIES_REVOKED] = shelf->revoked;
    values[SAMPLE_COPIES_PUSHED] = shelf->pushed;
    values[SAMPLE_COPIES] = shelf->keys;
    values[SAMPLE_COPIES_BYTES] = shelf->bytes;
}

static void set_absent(struct telemetry_samples *samples, unsigned first, unsigned last) {
    for (unsigned i = first; i <= last; i++) {
        samples->absent[i] = true;
    }
}

void ring_sample(const struct cmd_context *context, struct telemetry_samples *samples) {
    const struct shared *shared = context->node->shared;

    if (shared == NULL) {
        set_absent(samples, SAMPLE_RING_MEMBERS, SAMPLE_COPIES_BYTES);
        return;
    }
    sample_cluster(shared, samples->values);
    sample_peers(shared->roll, samples->values);
    if (shared->hot != NULL) {
        sample_copies(shared->hot, samples->values);
    } else {
        set_absent(samples, SAMPLE_COPY_GRANTS, SAMPLE_COPIES_BYTES);
    }
}
