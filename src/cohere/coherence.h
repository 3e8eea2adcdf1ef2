/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_COHERE_COHERENCE_H
#define LARDER_COHERE_COHERENCE_H

#include "cohere/keyspace.h"

/* The coherence machine: what keeps a node's knowledge of one span of a cluster's keys true, without I/O. Events come in,
 * actions go out; clock and randomness are passed in. One thread drives it, except where something else is said.
 *
 * Its words:
 *   applied   the revision up to which all events of the span are in the keyspace and were told to the observer. It moves by
 *             the beginning (a round that is complete before the watch begins behind it), by the last event of a whole
 *             revision, by proven progress, and by nothing else (pitfall 3).
 *   round     one cheap linearizable question to the cluster, for all linearizable reads that have arrived when it
 *             starts (rule 4). Its answer is a revision R; once applied >= R they are served from memory. One round is under
 *             way at a time; it starts at once if none is.
 *   proven    the start of the newest round whose R is at or below applied: everything that was acknowledged before is known
 *             here. Age = now - proven (rule 5). A silent watch proves nothing: while there is interest, a round runs at
 *             least every quarter of the smallest stale limit.
 *   flight    one question about one key that is not known, for all who wait for it (rule 3). Events of the key that come
 *             meanwhile are given to it.
 *             An answer whose header.revision is below the highest revision seen when it was asked is thrown away, and what
 *             waits for it is asked again: revisions have gone back (see rewound).
 *   mirror    a span all of whose keys are known once it is loaded, so that ranges in it can be answered from memory.
 *   sweep     the comparison of what is known with what the cluster says, page by page (rule 7): by wish (an audit), slowly in
 *             the background, and at once after a watch was lost. A difference is mended, counted and logged; there must be none.
 *   rewound   revisions went backwards (a backup was restored, pitfall 6): everything is dropped, the observer is told to reset,
 *             and it begins anew.
 *
 * What is promised of a read that is answered from memory, at every moment:
 *   1. linearizable: it reflects every write that was acknowledged, anywhere, before the read was submitted;
 *   2. max_age: it reflects every write that was acknowledged more than max_age_ns before the answer;
 *   3. whatever its freshness: every write of this node that was answered before is in it; of one key, no later answer on this
 *      node shows an older revision than an earlier one did;
 *   4. an answer of several keys is of one revision, which its header has: `applied` (rule 2).
 * Whoever submits waits at most until the call's deadline. What cannot be answered from memory is asked of the cluster, and
 * counted with the reason why. */
struct coherence;

/* How `applied` is known to have reached a round's revision: the steps of the ladder. */
enum coherence_proof {
    COHERENCE_BY_EVENTS,   /* the whole key space is watched: every revision has an event */
    COHERENCE_BY_PROGRESS, /* the server is asked for progress, at once and then every 100 ms, and tells the truth */
    COHERENCE_BY_QUESTION, /* it cannot be known: a batch of reads is answered by one read-only transaction of its keys */
};

/* What shall become of a key of the span. */
struct coherence_policy {
    bool keeps;             /* it may be kept in memory; false: every read of it asks the cluster */
    bool mirrored;          /* it is in a mirrored span */
    int64_t stale_limit_ns; /* a `serializable` read may be this old, provably; else it asks the cluster's member */
};

/* What the machine needs of the world. Nothing calls back from inside, but observers may read. */
struct coherence_world {
    int64_t (*now_ns)(void *ctx); /* monotonic */
    /* coherence_run shall be called at `at_ns`; the newest wish alone counts. INT64_MAX: never. */
    void (*wake_at)(void *ctx, int64_t at_ns);
    /* Asks the cluster, in the node's own name or call->token's. call->done comes later; deadline_ns is set. */
    void (*submit)(void *ctx, struct store_call *call);
    /* Opens the watch of the span from start_revision on, in the place of the one there is. */
    void (*watch)(void *ctx, int64_t start_revision);
    /* The cluster does not even say at which revision it is, where it should begin. It tries again. May be NULL. */
    void (*denied)(void *ctx);
    /* BY_PROGRESS: asks for a progress notification. */
    void (*ask_progress)(void *ctx);
    /* Events of whole revisions, in order, each once, after the keyspace has them and before `applied` says so and before any
     * call is answered with them; and `applied` itself, if it moves without events (count is 0). */
    void (*tell)(void *ctx, const struct kv_event *events, size_t count, int64_t applied);
    /* A write of this node that was answered before its event came (rule 6). */
    void (*tell_early)(void *ctx, const struct kv_event *event);
    /* What is known is dropped. `rewound`: revisions went back, so all that was told is void; else events were compacted before they
     * were seen: what was told is true, and what comes next lies behind a gap. */
    void (*reset)(void *ctx, bool rewound);
    /* Of a machine that is retired: this answer is about to be shown, and those that are used in its place have to know. May be
     * NULL. */
    void (*retired_shows)(void *ctx, const struct store_call *call);
    /* Which policy a key has. Any thread. NULL: none, as all zero. Borrowed, valid as long as the machine. */
    const struct coherence_policy *(*policy)(void *ctx, struct slice key);
};

struct coherence_config {
    struct store_span span; /* copied */
    enum coherence_proof proof;
    struct keyspace *keyspace;        /* outlives it; several machines with spans apart may share one */
    const struct store_span *mirrors; /* copied; within the span, apart from each other */
    size_t mirror_count;
    uint64_t seed;
    int64_t request_timeout_ns; /* of calls without a deadline */
    int64_t prove_wait_ns;      /* how long a read waits for `applied` before the cluster is asked: 1 s */
    int64_t ack_wait_ns;        /* how long a write waits for its event: 100 ms */
    int64_t round_every_ns;     /* while there is interest: a quarter of the smallest stale limit */
    int64_t sweep_pause_ns;     /* between two pages of the background's sweep; 0: it does not sweep by itself */
    size_t max_waiting;         /* calls; more end with TOO_MANY_REQUESTS */
};

/* Defaults as above, max_waiting 100,000; no span, no keyspace. */
void coherence_config_init(struct coherence_config *ret_config);

/* NULL: out of memory. `world` and `ctx` outlive it. */
struct coherence *coherence_new(const struct coherence_config *config, const struct coherence_world *world, void *ctx);

/* All that waits ends with CLOSED; nothing that was submitted to the world is under way any more. NULL is allowed. */
void coherence_free(struct coherence *c);

/* Begins: the first round, then the watch and the mirrors. Until then everything is passed on to the cluster. */
void coherence_start(struct coherence *c);

/* For good: what is known is dropped, nothing is asked any more in the machine's own name, and all that waits is passed on to
 * the cluster. The world is told of the answers that are shown from now on. Audits end with UNAVAILABLE. */
void coherence_retire(struct coherence *c);

/* Does what time, events and calls have made due, starts rounds, answers. After each batch of what follows. */
void coherence_run(struct coherence *c);

/* --- calls --- */

/* A call of store.h whose keys all lie in the span, or that has none. Reads that can be are answered from memory, writes are
 * passed on and answered as rule 6 says: once `applied` has reached them, or after ack_wait_ns, taken in from their answer. All
 * else is passed on unchanged. call->done may be called from inside, or from coherence_run. */
void coherence_submit(struct coherence *c, struct store_call *call);

/* The answer to a call that was not handed in, because it has keys of other spans as well, is about to be shown: memory is not
 * used for what it has changed or shown before `applied` has reached it. */
void coherence_show(struct coherence *c, const struct store_call *call);

/* Any thread: answers a read from memory if that can be done at once, without calling `done`. False: submit it. */
bool coherence_try(struct coherence *c, struct store_call *call);

/* Any thread. */
int64_t coherence_applied(const struct coherence *c);
int64_t coherence_proven_ns(struct coherence *c); /* as store_proven_ns; it is a sign of interest */

/* Compares everything that is kept with the cluster; the op of `call` is an AUDIT. One at a time, others wait for their turn. */
void coherence_audit(struct coherence *c, struct store_call *call);

/* --- what the watch tells --- */

/* Whole revisions, in order. What is not above `applied` is dropped (pitfall 5). */
void coherence_events(struct coherence *c, const struct kv_event *events, size_t count);
/* The cluster has the watch; its revision proves nothing. If it is below what was seen before, revisions may have gone back. */
void coherence_watching(struct coherence *c, int64_t revision);
/* Everything up to it was told; only what is true may be told here. */
void coherence_progress(struct coherence *c, int64_t revision);
void coherence_lost(struct coherence *c);
/* It will not go on by itself: COMPACTED, DENIED, PROTOCOL, NO_MEMORY ... */
void coherence_ended(struct coherence *c, enum store_status status, int64_t compact_revision);

/* --- what is counted; names for people in fallbacks.def --- */

enum coherence_fallback {
#define FALLBACK(name, label, text) COHERENCE_FALLBACK_##name,
#include "cohere/fallbacks.def"
#undef FALLBACK
    COHERENCE_FALLBACK_COUNT
};

struct coherence_figures {
    int64_t applied;
    int64_t seen;      /* the highest revision that any answer or event has spoken of */
    int64_t proven_ns; /* as coherence_proven_ns, without interest */
    int64_t behind_ns; /* for how long `applied` has been below `seen`; 0: it is not */
    bool watching;
    size_t mirrors;
    size_t mirrors_loaded;
    int64_t mirror_load_ns; /* what loading took the last time, all mirrors */
    uint64_t rounds;
    uint64_t round_reads; /* that were served by rounds */
    uint64_t rounds_failed;
    uint64_t memory_reads; /* answered from memory, on whatever thread */
    uint64_t flights;
    uint64_t flight_reads;                        /* that waited for one */
    uint64_t flights_repeated;                    /* answers that were thrown away because they were too old */
    uint64_t fallbacks[COHERENCE_FALLBACK_COUNT]; /* reads that asked the cluster, by reason */
    uint64_t early_writes;                        /* answered before their event */
    uint64_t resets;
    uint64_t watch_losses;
    uint64_t compared; /* by sweeps */
    uint64_t differences;
};

/* Any thread. */
void coherence_get_figures(struct coherence *c, struct coherence_figures *ret_figures);

#endif
