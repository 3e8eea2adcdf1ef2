/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_COHERE_NEAR_H
#define LARDER_COHERE_NEAR_H

#include "cohere/coherence.h"
#include "cohere/watches.h"
#include "store/etcd/etcd.h"

/* A store in front of an etcd cluster that answers from memory what it can prove to be true: the coherence machine (or, where
 * only some prefixes may be watched, one for each) on the thread of the cluster's engine (store/etcd), behind the interface of
 * store.h. Reads that need no proof are answered on the thread of whoever asks. */
enum near_watch {
    NEAR_WATCH_AUTO,     /* ALL if the cluster allows it, else PREFIXES */
    NEAR_WATCH_ALL,      /* the whole key space */
    NEAR_WATCH_PREFIXES, /* the keys of each group */
};

struct near_group {
    struct slice prefix; /* in the cluster; copied */
    struct coherence_policy policy;
};

struct near_config {
    struct etcd_store_config cluster;
    enum near_watch watch;
    bool progress; /* with prefixes: believe in progress that was asked for, if the members' version allows it */
    const struct near_group *groups; /* those of the node; a key belongs to the one with the longest prefix */
    size_t group_count;
    const struct coherence_policy *(*policy)(void *ctx, struct slice key); /* of a store key, see coherence_world */
    void *policy_ctx;
    size_t memory;
    size_t mirror_memory;
    size_t watch_memory;
    int64_t sweep_pause_ns;
};

/* NULL: `why` has a sentence for people. */
struct store *near_open(const struct near_config *config, struct buf *why);

/* Any thread: answers a read of near_open's store from memory if that can be done at once, without calling `done` and without a
 * system call. False: submit it. */
bool near_try(struct store *near, struct store_call *call);

/* The engine below, for what only a cluster has (etcd.h). Lives as long as the near store. */
struct store *near_cluster(struct store *near);

struct near_figures {
    struct coherence_figures coherence; /* of all machines together; of revisions and times, the worst */
    struct keyspace_figures keyspace;
    struct watches_figures watches;
    enum near_watch watch; /* which it is now */
    enum coherence_proof proof;
    uint64_t merged_transactions; /* of writes that were put together */
    uint64_t merged_writes;
    uint64_t upstream_watches; /* of the cluster */
};

/* False: `store` is no near store. Any thread. */
bool near_get_figures(struct store *store, struct near_figures *ret_figures);

#endif
