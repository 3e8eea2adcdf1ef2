/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_COHERE_NEAR_INTERNAL_H
#define LARDER_COHERE_NEAR_INTERNAL_H

#include <stdatomic.h>

#include "cohere/near.h"
#include "store/engine.h"

/* Between the files of the near store.
 *
 * A *set* is what is watched at a time: one part for the whole key space, or one for each outermost prefix of the groups. A part
 * has a machine, the watch that feeds it, and the watchers that it feeds. When another set takes over (the cluster refuses
 * the watch of everything, or its progress turns out not to be true) the one before stays until the end, for what it still
 * waits for, with a keyspace of its own, so that nothing of it is ever taken for the new one's.
 *
 * Threads: everything belongs to the engine's thread, but for what is said to be read elsewhere. Other threads find the set
 * by an atomic pointer; sets and parts stay until the store is closed. */
struct near_store;

/* Keys that are watched together. */
struct near_part {
    struct near_store *near;
    struct near_set *set;
    struct store_span span;    /* its slices are in `bytes` */
    struct slice prefix;       /* likewise; empty: every key */
    struct coherence *machine; /* any thread, as coherence.h says */
    struct watches *watches;   /* any thread, as watches.h says */
    struct etcd_watch *watch;  /* NULL: there is none */
    int64_t told;              /* watchers know of everything up to it; 0: they are not told of anything now */
    bool has_told;             /* they were, since revisions began */
    int64_t wake_ns;           /* when the machine wants to run; INT64_MAX: never */
    bool touched;              /* it is to run in this turn */
    bool must_wake;            /* watchers, now that `applied` has moved */
    bool failed;               /* there was no memory for a watch: to be told to the machine */
    bool with_previous;        /* the watch brings previous values */
    int64_t unwanted_ns;       /* since when nobody wants them; 0: somebody does */
    atomic_bool wish_previous; /* somebody wants them; any thread */
    char bytes[];
};

struct near_set {
    struct near_set *older;
    struct near_store *near;
    enum near_watch watch;
    enum coherence_proof proof;
    struct keyspace *keyspace;
    size_t count;
    struct near_part **parts; /* in the order of their spans, which are apart from each other */
};

struct near_group_copy {
    struct slice prefix;
    struct store_span span;
    struct coherence_policy policy;
};

struct near_store {
    struct store base; /* first */
    struct store *cluster;
    enum near_watch wanted;
    bool progress;
    struct arena arena;             /* groups and mirrors live in */
    struct near_group_copy *groups; /* in the order of their prefixes */
    size_t group_count;
    struct store_span *mirrors; /* in order */
    size_t mirror_count;
    const struct coherence_policy *(*policy)(void *ctx, struct slice key);
    void *policy_ctx;
    struct keyspace_config keyspace;
    size_t watch_memory;
    size_t max_watchers;
    size_t max_waiting;
    int64_t request_timeout_ns;
    int64_t sweep_pause_ns;
    struct etcd_guest guest;

    /* Other threads. */
    struct near_set *_Atomic set;      /* in use; NULL: none yet, the cluster is asked for everything */
    struct store_call *_Atomic newest; /* calls handed in, the last one first */
    struct etcd_errand taking;         /* takes them; posted by whoever found none there */
    struct etcd_errand beginning;
    struct etcd_errand wishing; /* looks what parts are wished for */
    atomic_bool wished;         /* it is posted */
    _Atomic int64_t compacted;  /* up to where this node has had the cluster's history taken away; 0: it has not */
    atomic_bool begun;
    atomic_bool closing;
    const struct store_observer *observer; /* set before it begins */
    void *observer_ctx;

    /* The engine's thread. */
    bool ended;                  /* there is no client any more */
    unsigned depth;              /* of near_enter */
    struct near_set *poor;       /* it is to give way at the end of the turn; NULL: none */
    const char *why;             /* static */
    int64_t wake_ns;             /* when the engine calls */
    struct near_cross *crossing; /* see near_cross.c */
};

static inline struct near_store *near_of(struct store *store) {
    return (struct near_store *)(void *)store;
}

static inline struct near_set *near_set_now(const struct near_store *n) {
    return atomic_load_explicit(&n->set, memory_order_acquire);
}

extern const struct store_engine near_engine;

/* --- near.c --- */

/* Begins to watch, with the first that needs it. Any thread. */
void near_start(struct near_store *n);

/* --- near_figures.c --- */

void near_get_store_figures(struct store *store, struct store_figures *ret_figures);

/* --- near_config.c --- */

/* Copies what is said of the groups; finds out what is mirrored. False: no memory. */
bool near_copy_groups(struct near_store *n, const struct near_config *config);

/* Whether a group's prefix lies within that of another one before it in order. */
bool near_is_inner(const struct near_store *n, size_t group);

/* How often rounds have to be, by the smallest limit of any group. */
int64_t near_round_every_ns(const struct near_store *n);

/* --- near_set.c --- */

/* The first set. */
void near_begin(struct near_store *n);

/* The cluster does not let `set` be watched, or does not prove what it has to: another one takes over at the end of the
 * turn, if there is one. `why` is static. */
void near_want_other(struct near_set *set, const char *why);
void near_give_way(struct near_store *n);

/* The client ends. */
void near_end_sets(struct near_store *n);

void near_free_sets(struct near_store *n);

/* --- near_part.c --- */

/* NULL: no memory. */
struct near_part *near_part_new(struct near_set *set, struct slice prefix);

/* Begins to watch. */
void near_part_start(struct near_part *part);

/* Another set has taken over: it is not watched any more, it keeps nothing, and watchers that it fed end. */
void near_part_retire(struct near_part *part);

void near_part_free(struct near_part *part);

/* The client ends: its watch is closed. */
void near_part_end(struct near_part *part);

/* Runs the machine if it is due, and what follows from that. */
void near_part_run(struct near_part *part, int64_t now_ns);

/* --- near_turn.c --- */

/* Around everything that comes to the machines: when the last one leaves, whatever is due is run, and the engine is told when
 * to call again. */
void near_enter(struct near_store *n);
void near_leave(struct near_store *n);

/* Something has become due that nobody may have entered for: there is a turn soon. */
void near_want_turn(struct near_store *n);

/* --- near_route.c --- */

/* The part that has the key, or the whole span; NULL: none. Any thread. */
struct near_part *near_find_key(const struct near_set *set, struct slice key);
struct near_part *near_find_span(const struct near_set *set, const struct store_span *span);

/* The part that has all keys of the operation; NULL: none. Any thread. */
struct near_part *near_find_op(const struct near_set *set, const struct store_op *op);

/* Whether a write may change keys of the part. */
bool near_touches(const struct near_part *part, const struct store_op *op);

/* Whether the answer may say anything of keys of the part. */
bool near_meets(const struct near_part *part, const struct store_op *op);

/* --- near_cross.c: calls of keys that no single part has, and compactions --- */

/* The answer is about to be shown: the parts in use that have keys of it do not use memory for them until they are that far. */
void near_show(struct near_store *n, const struct store_call *call);

/* Passes it on, and answers it when the parts know of it, or after a while. */
void near_cross_submit(struct near_store *n, struct near_set *set, struct store_call *call);

/* Answers those that are done. */
void near_cross_run(struct near_store *n, int64_t now_ns);

/* When the next one's time is over; INT64_MAX: there is none. */
int64_t near_cross_due(const struct near_store *n);

/* The engine has ended: answers all that are left. */
void near_cross_end(struct near_store *n);

/* --- near_call.c --- */

void near_submit(struct store *store, struct store_call *call);
void near_run_taking(struct store *store, struct etcd_errand *errand);

/* --- near_audit.c --- */

/* Has all parts compared. */
void near_audit(struct near_set *set, struct store_call *call);

#endif
