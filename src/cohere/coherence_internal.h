/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_COHERE_COHERENCE_INTERNAL_H
#define LARDER_COHERE_COHERENCE_INTERNAL_H

#include <stdatomic.h>

#include "base/clock.h"
#include "base/random.h"
#include "cohere/coherence.h"
#include "cohere/floors.h"
#include "store/etcd/due.h"
#include "store/span.h"

/* The inside of the coherence machine, for the files coherence_*.c alone.
 *
 * What is known is used by other threads (coherence_try) while one thread changes it. Why they never see half of a revision:
 *
 *  1. `applying` is odd from before the first change that a batch of events makes to the keyspace until after `applied`
 *     says that they were made. Each change takes the keyspace's lock for itself.
 *  2. A reader holds that lock from before it looks at `ready`, `applying` and `applied`, in this order, until it has
 *     copied its answer, so nothing changes meanwhile. If it finds `applying` even, all changes of all batches up to `applied` were made before it
 *     took the lock, and none of a later one: the first of those would have to wait for the lock, and had it been made
 *     before, the lock would have shown the odd number as well. `applied` is looked at last: as it was before the number was
 *     even it may be older than what is seen. So what it sees is the keys as of `applied`, exactly,
 *     but for single keys whose answer from the cluster was installed ahead of their event (3).
 *  3. An entry that is known for a revision above `applied` is not used, so of a single key, present or known to be
 *     absent, `applying` need not be looked at. Of a key that a loaded mirror does not have, and of ranges, it is; into a
 *     loaded mirror nothing is installed but events, and what a sweep mends at or below `applied`.
 *  4. `applied` and `ready` change backwards only in a reset, after `ready` was taken away and everything was dropped, which
 *     takes the lock.
 *  5. A floor (floors.h) is set before the write that it is for is answered, and taken away after its events are in the keyspace
 *     and `applied` says so. A reader looks at the floors before it takes the lock.
 *  6. `proven_ns` is raised after `applied`. A reader loads it before it looks at the keyspace, so what it finds there is at
 *     least as new as what that time speaks of. */

enum {
    COHERENCE_TXN_KEYS = STORE_TXN_OPS_MAX, /* of one read-only transaction */
    COHERENCE_PAGE_KEYS = 1000,             /* of the first page of a mirror */
    COHERENCE_PAGE_KEYS_MAX = 16384,        /* of each: so long is nothing else seen to */
    COHERENCE_PAGE_BYTES = 2 << 20,         /* of keys and values that are worth a page */
    COHERENCE_PROOFS = 64,                  /* rounds whose revision `applied` has not reached yet */
    COHERENCE_FLIGHT_SLOTS = 1024,          /* of the table of flights */
    COHERENCE_CROWD = 32,                   /* reads of a round, after which the next one lets them gather */
};

#define COHERENCE_BACKOFF_MIN_NS (100 * CLOCK_NS_PER_MS)
#define COHERENCE_BACKOFF_MAX_NS (5 * CLOCK_NS_PER_S)
#define COHERENCE_GATHER_MAX_NS (2 * CLOCK_NS_PER_MS)
#define COHERENCE_PROGRESS_EVERY_NS (100 * CLOCK_NS_PER_MS)

/* --- questions to the cluster --- */

/* One question of the machine's own, under way or not. Its answer is dealt with in coherence_run. */
struct question {
    struct store_call call;
    struct arena arena; /* what it asks for may live in; that of the call is for the answer */
    struct coherence *c;
    struct question *next;
    void (*answered)(struct coherence *c, struct question *q);
    int64_t started_ns;
    int64_t seen;        /* when it started; a linearizable answer below it means that revisions went back */
    uint64_t generation; /* in which it was asked; answers for an earlier one are void */
    uint64_t era;
    bool under_way;
};

/* --- calls that wait --- */

struct waiting_list {
    struct waiting *first;
    struct waiting *last;
};

enum waiting_kind {
    WAITING_ROUND,   /* a read, for a round */
    WAITING_APPLIED, /* a read, for `applied` to reach `need` */
    WAITING_FLIGHT,  /* a read, for a flight */
    WAITING_ACK,     /* it has its answer, which is shown once `applied` has reached `need` */
    WAITING_CLUSTER, /* it was passed on */
    WAITING_AUDIT,
};

struct waiting {
    struct etcd_due due; /* first; when something has to be done about it */
    struct waiting *next;
    struct waiting *previous;
    struct waiting_list *list;
    struct store_call *call;
    enum waiting_kind kind;
    int64_t deadline_ns;
    int64_t need;
    int64_t asked_ns; /* when the round that served it started; 0: none did */
    bool cached;      /* a read that needs no proof of its own */
    bool fresh;       /* WAITING_FLIGHT: its question was asked after the read had arrived */
};

/* A call that was passed on to the cluster. */
struct passed {
    struct question q; /* first */
    struct passed *next;
    struct waiting *w;
};

/* --- flights --- */

struct flight {
    struct question q; /* first */
    struct flight *chain;
    struct flight *next_new; /* of those that have to be asked */
    struct waiting_list waiting;
    bool gone;                 /* of an earlier generation: nobody waits, its answer is void */
    bool asked;                /* not in the list of new ones */
    enum keyspace_found event; /* the newest event that came meanwhile */
    struct kv event_kv;        /* its slices are in event_place */
    char *event_place;
    int64_t known; /* somebody was shown the key as of this revision, and it was taken for an event; 0: nobody was */
    int64_t event_lost; /* there was no memory for the event of this revision */
    uint64_t hash;
    struct slice key;
    char place[];
};

/* --- mirrors --- */

enum mirror_state { MIRROR_WAITING, MIRROR_LOADING, MIRROR_FETCHED, MIRROR_LOADED, MIRROR_GIVEN_UP };

struct mirror {
    struct store_span span; /* in `place` */
    char *place;
    enum mirror_state state;
    atomic_bool loaded;
    int64_t revision; /* of its pages; 0: the first is still to come */
    int64_t ahead;    /* the highest revision that anything in it is known for */
    int64_t limit;    /* keys of the next page */
    char *from;       /* where the next page begins; NULL: at the beginning */
    size_t from_size;
};

struct proof {
    int64_t revision;
    int64_t started_ns;
};

/* Written by the machine's thread, but for memory_reads. */
struct counts {
    atomic_uint_least64_t rounds, round_reads, rounds_failed, flights, flight_reads, flights_repeated, early_writes,
        resets;
    atomic_uint_least64_t watch_losses, compared, differences;
    atomic_uint_least64_t fallbacks[COHERENCE_FALLBACK_COUNT];
    atomic_size_t mirrors_loaded;
    atomic_int_least64_t mirror_load_ns;
};

struct coherence {
    struct coherence_config config;
    const struct coherence_world *world;
    void *ctx;
    struct keyspace *keys;
    char *span_place;

    /* What other threads look at, and write a little of. */
    atomic_int_least64_t applied;
    atomic_int_least64_t proven_ns; /* INT64_MIN: nothing is */
    atomic_uint_least64_t applying; /* odd: a batch of events is on its way into the keyspace */
    atomic_bool ready;              /* it has begun */
    atomic_bool interest;
    atomic_bool watching;
    atomic_int_least64_t seen;
    atomic_int_least64_t behind_since_ns; /* 0: it is not behind */
    struct floors floors;
    struct counts counts;
    _Alignas(64) atomic_uint_least64_t memory_reads;

    /* The machine's thread alone, from here on. */
    struct random random;
    bool closing;
    bool retired;
    bool inside;  /* coherence_run is on the stack, or the world's submit */
    bool suspect; /* revisions may have gone back: a round has to tell */
    uint64_t generation;
    uint64_t era;
    int64_t given;            /* the highest revision that was answered to anybody while it had not begun */
    int64_t behind_mark;      /* the revision since which behind_since_ns counts */
    struct question *answers; /* to be dealt with, in order */
    struct question **answers_end;

    struct question begin;
    int64_t begin_at_ns; /* when to begin; INT64_MAX: it has, or is about to */
    int64_t begin_backoff_ns;
    int64_t watch_at_ns; /* when to watch again; INT64_MAX: there is no need to */
    int64_t watch_backoff_ns;

    size_t waiting_count;
    struct etcd_due_heap due;
    struct waiting *free_waiting;
    struct passed *free_passed;
    struct waiting_list cluster; /* passed on */
    struct waiting_list next_round;
    struct waiting_list round_readers;
    struct waiting_list behind; /* by need, ascending */

    struct question round;
    struct slice round_keys[COHERENCE_TXN_KEYS]; /* BY_QUESTION: of the batch */
    size_t round_key_count;
    size_t round_size;                     /* reads that the last one was for */
    int64_t gather_until_ns;               /* reads alone are no reason for a round before */
    int64_t tick_ns;                       /* when to look for interest next */
    struct proof proofs[COHERENCE_PROOFS]; /* ascending */
    size_t proof_count;
    int64_t progress_at_ns;  /* when to ask for progress again; INT64_MAX: nobody needs it */
    int64_t progress_wanted; /* the revision that was hoped for when it was asked for last */

    struct flight **flights; /* COHERENCE_FLIGHT_SLOTS chains */
    size_t flight_count;
    struct flight *new_flights;

    struct mirror *mirrors; /* by their keys */
    size_t mirror_count;
    struct question mirror_page;
    struct mirror *mirror_loading; /* whose page is asked for */
    int64_t mirror_at_ns;          /* when to go on */
    int64_t mirror_backoff_ns;     /* if a page fails again, until one comes */
    int64_t mirror_started_ns;

    struct sweep *sweep;
};

/* --- small things --- */

static inline int64_t applied_now(const struct coherence *c) {
    return atomic_load_explicit(&c->applied, memory_order_relaxed);
}

static inline bool is_ready(const struct coherence *c) {
    return atomic_load_explicit(&c->ready, memory_order_relaxed);
}

static inline int64_t now_of(const struct coherence *c) {
    return c->world->now_ns(c->ctx);
}

/* For the one thread that writes. */
static inline void count(atomic_uint_least64_t *number, uint64_t more) {
    atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + more, memory_order_relaxed);
}

static inline int64_t later_of(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static inline int64_t earlier_of(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t time_after(int64_t now_ns, int64_t wait_ns) {
    return wait_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + wait_ns;
}

/* A little randomness, and twice as long the next time. */
int64_t coherence_backoff(struct coherence *c, int64_t *backoff_ns);

/* --- coherence_life.c: beginning, and beginning anew --- */

void coherence_begin_step(struct coherence *c, int64_t now_ns);
/* Everything is dropped and it begins anew. `rewound`: revisions went back, so nothing that was seen counts any more. All
 * reads that wait are passed on. */
void coherence_reset(struct coherence *c, bool rewound);
/* Some answer or event has spoken of this revision. */
void coherence_saw(struct coherence *c, int64_t revision);
/* `applied` has moved: what waits for it is looked at. */
void coherence_advanced(struct coherence *c, int64_t revision);
void coherence_watch_step(struct coherence *c, int64_t now_ns);

/* --- coherence_ask.c --- */

/* Asks; q->call.op is filled in. */
void question_ask(struct coherence *c, struct question *q, void (*answered)(struct coherence *c, struct question *q),
                  int64_t deadline_ns);
/* Makes ready for the op to be filled in. */
void question_init(struct coherence *c, struct question *q);
/* Its answer is not needed any more. */
void question_fini(struct question *q);
/* The cheapest linearizable question: how many keys there are that are the first key of the span. */
void question_of_revision(struct coherence *c, struct question *q);
/* Deals with the answers that have come. */
void questions_answered(struct coherence *c);
/* Whether the answer to such an operation reflects all that was acknowledged before it was asked. */
bool question_is_linearizable(const struct store_op *op);
/* Takes in that a linearizable answer was of this revision. False: revisions have gone back, and everything was reset. */
bool question_confirms(struct coherence *c, const struct question *q);

/* --- coherence_wait.c: calls that wait --- */

/* NULL: refused, and answered. */
struct waiting *waiting_new(struct coherence *c, struct store_call *call);
/* Puts it into a list (NULL: none), to be looked at at due_ns (INT64_MAX: never). False: no memory; it is in no list. */
bool waiting_put(struct coherence *c, struct waiting *w, enum waiting_kind kind, struct waiting_list *list,
                 int64_t due_ns);
/* The same into c->behind. */
bool waiting_for_applied(struct coherence *c, struct waiting *w, enum waiting_kind kind, int64_t need, int64_t due_ns);
void waiting_take(struct coherence *c, struct waiting *w);
/* Answers with this status; everything else of the answer is in the call. */
void waiting_end(struct coherence *c, struct waiting *w, enum store_status status);
/* Those whose time has come. */
void waiting_due(struct coherence *c, int64_t now_ns);
void waiting_applied(struct coherence *c);
void waiting_free_all(struct coherence *c);

/* --- coherence_look.c: what memory says; any thread --- */

enum look { LOOK_ANSWERED, LOOK_UNKNOWN, LOOK_AHEAD, LOOK_TOO_LARGE, LOOK_NO_MEMORY };

/* Why a read cannot be answered from memory at all. COHERENCE_FALLBACK_COUNT: it may be. */
enum coherence_fallback look_reason(const struct coherence *c, const struct store_range *range,
                                    const struct coherence_policy **ret_policy);
/* Under the lock, or on the machine's thread: answers the call, all but `done`. AHEAD: *ret_need is the revision that `applied`
 * has to reach first; 0: not known. */
enum look look_answer(struct coherence *c, struct store_call *call, int64_t *ret_need);
/* The answer to a read of one key. NULL: it is absent. False: no memory. */
bool look_give(struct store_call *call, const struct kv *kv, int64_t revision);
/* How old an answer that needs no proof of its own may be; -1: it has to be linearizable. */
int64_t look_age_limit(const struct store_range *range, const struct coherence_policy *policy);
/* INT64_MAX: nothing is proven. */
int64_t look_age(const struct coherence *c, int64_t now_ns);

/* --- coherence_read.c --- */

void read_submit(struct coherence *c, struct store_call *call);
/* A linearizable read, or one that was too old: for the next round. */
void read_join_round(struct coherence *c, struct waiting *w);
/* `applied` has reached what it needs: it is answered, or waits for what else it needs. */
void read_go_on(struct coherence *c, struct waiting *w);
/* Waits for `applied` to reach `need`, then for the cluster. */
void read_wait_applied(struct coherence *c, struct waiting *w, int64_t need);

/* --- coherence_round.c --- */

void round_step(struct coherence *c, int64_t now_ns);

/* When the next one may be due; INT64_MAX: not before something is answered. */
int64_t round_wake_ns(const struct coherence *c);
/* Everything up to `revision` was acknowledged before started_ns. */
void round_prove(struct coherence *c, int64_t revision, int64_t started_ns);
void round_proofs(struct coherence *c);
void round_progress_step(struct coherence *c, int64_t now_ns);

/* --- coherence_ask_keys.c: BY_QUESTION --- */

void ask_keys_start(struct coherence *c);

/* --- coherence_flight.c --- */

/* The read waits for the key's flight; one is made if there is none. */
void flight_join(struct coherence *c, struct waiting *w);
void flight_start_new(struct coherence *c);
void flight_event(struct coherence *c, const struct kv_event *event);
/* Somebody is shown the key as of this revision: the answer under way may be older. NULL: it is absent. */
void flight_show_key(struct coherence *c, struct slice key, const struct kv *kv, int64_t revision);
/* They are not what anybody waits for any more; the reads that waited are passed on. */
void flight_drop_all(struct coherence *c);
/* They end with CLOSED, and so do their reads. */
void flight_end_all(struct coherence *c);

/* --- coherence_pass.c --- */

/* To the cluster, as it is. A read's reason is counted; COHERENCE_FALLBACK_COUNT: none. */
void pass_on(struct coherence *c, struct waiting *w, enum coherence_fallback reason);
/* `applied` has reached what was answered, or it has waited long enough for that. */
void pass_answer(struct coherence *c, struct waiting *w, bool early);
/* A retired machine: the world hears of the answer. */
void pass_tell_retired(struct coherence *c, const struct store_call *call);
/* Those who have copies are told what a key is, if that is ahead of `applied`. */
void pass_tell_key(struct coherence *c, struct slice key, const struct kv *kv, int64_t revision);
/* What a key is, as of a revision, goes into the keyspace. NULL: it is absent. */
void pass_install(struct coherence *c, struct slice key, const struct kv *kv, int64_t revision);
/* Memory has to know of the key at `revision` before it may be used for it again; the copies are told. NULL: it is absent. */
void pass_show_key(struct coherence *c, struct slice key, const struct kv *kv, int64_t revision);

/* --- coherence_early.c --- */

/* Memory may not be used for what the call has changed or shown until `applied` has reached its revision. */
void early_take_in(struct coherence *c, const struct store_call *call);
/* Whether it has changed something, by its answer. */
bool early_changes(const struct store_op *op, const struct store_result *result);
/* Whether it can, by what it is. */
bool early_may_change(const struct store_op *op);

/* --- coherence_mirror.c --- */

bool mirrors_init(struct coherence *c);
void mirrors_fini(struct coherence *c);
/* The mirror that the key lies in, or the span, wholly. NULL: none. Any thread. */
struct mirror *mirror_of(const struct coherence *c, const struct store_span *span);
struct mirror *mirror_of_key(const struct coherence *c, struct slice key);
static inline bool mirror_is_loaded(const struct mirror *m) {
    return atomic_load_explicit(&m->loaded, memory_order_acquire);
}
/* Takes in what is known of a key as of a revision, kept as the mirror wants it. */
void mirror_event(struct coherence *c, struct mirror *m, const struct kv_event *event);
/* How many keys the page behind this one should have, of which `limit` were asked for. For each page a member of etcd 3.4 counts
 * all keys that are left, so a few large ones cost the cluster far less than many small ones. */
int64_t coherence_next_limit(int64_t limit, const struct store_result *page);

void mirror_fill(struct coherence *c, struct mirror *m, struct slice key, const struct kv *kv, int64_t revision);
void mirror_give_up(struct coherence *c, struct mirror *m, const char *why);
void mirrors_reset(struct coherence *c);
void mirrors_step(struct coherence *c, int64_t now_ns);
/* The revision that `applied` has to reach before one is loaded; 0: none. */
int64_t mirrors_need(const struct coherence *c);
int64_t mirrors_wake_ns(const struct coherence *c);

/* --- coherence_sweep.c --- */

bool sweep_init(struct coherence *c);
void sweep_fini(struct coherence *c);
/* As soon as the watch is there. */
void sweep_wish(struct coherence *c);
void sweep_audit(struct coherence *c, struct waiting *w);
void sweep_event(struct coherence *c, const struct kv_event *event);
void sweep_reset(struct coherence *c);
/* No audit is waited for any more. */
void sweep_retire(struct coherence *c);
void coherence_sweep_step(struct coherence *c, int64_t now_ns);
/* The revision that `applied` has to reach before it can go on; 0: none. */
int64_t sweep_needs(const struct coherence *c);
int64_t sweep_wake_ns(const struct coherence *c);

#endif
