/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_MVCC_H
#define LARDER_TESTS_SIM_MVCC_H

#include "base/arena.h"
#include "proto/etcd/error.h"
#include "store/store.h"

/* What a cluster agrees on, with all its history: keys in all their versions, leases, and when each change was made. Members
 * lag behind by reading it as of an older revision. Written anew for the tests, as plainly as may be: everything is looked
 * for from one end to the other. */
struct mvcc_version {
    struct kv kv;
    bool is_deleted;
};

struct mvcc_key {
    struct slice name;
    struct mvcc_version *versions; /* in the order of revisions; of one revision several, the last counts */
    size_t count;
};

struct mvcc_change {
    struct kv kv;
    bool is_delete;
    bool has_previous;
    struct kv previous;
    int64_t at_ns;
};

struct mvcc_lease {
    int64_t id;
    int64_t ttl;
    int64_t end_ns;
};

struct mvcc {
    struct arena arena;
    struct mvcc_key *keys; /* by name */
    size_t key_count;
    struct mvcc_change *changes; /* in the order of revisions, within one in that of their operations */
    size_t change_count;
    struct mvcc_lease *leases;
    size_t lease_count;
    int64_t revision; /* the newest */
    int64_t compacted;
    int64_t next_lease;
};

void mvcc_init(struct mvcc *m);
void mvcc_fini(struct mvcc *m);

/* Executes a change (PUT, DELETE, TXN, COMPACT, LEASE_GRANT, LEASE_REVOKE) at `now_ns`; or refuses it and changes nothing.
 * The result is in `arena`, but its keys and values are the store's own, which stay. */
enum etcd_error mvcc_apply(struct mvcc *m, const struct store_op *op, int64_t now_ns, struct arena *arena,
                           struct store_result *result);

/* Reads as a member does whose newest revision is `revision`. */
enum etcd_error mvcc_range(const struct mvcc *m, const struct store_range *range, int64_t revision, struct arena *arena,
                           struct store_result *result);

/* The same of a transaction that changes nothing. */
enum etcd_error mvcc_read_txn(struct mvcc *m, const struct store_op *op, int64_t revision, struct arena *arena,
                              struct store_result *result);

/* Whether a transaction changes anything, whatever its compares say. */
bool mvcc_may_change(const struct store_op *op);

bool mvcc_has(const struct store_span *span, struct slice key);

/* As of `revision`; NULL: there is none. */
const struct kv *mvcc_get(const struct mvcc *m, struct slice key, int64_t revision);

/* NULL: there is none. */
struct mvcc_lease *mvcc_lease(struct mvcc *m, int64_t id);

#endif
