/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLUSTER_CLUSTER_INTERNAL_H
#define LARDER_CLUSTER_CLUSTER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "cluster/cluster.h"
#include "cluster/machine_call.h"

/* Between the files of a node's part in its cluster. All of it belongs to the control thread, but for what is said to be told
 * elsewhere: what machine_call.h says, `woken`, and what the lock guards. */

enum {
    RENEWALS_IN_LEASE = 3, /* so two may be lost */
    PROOFS_IN_LEASE = 4,
    CATCH_UP_MS = 20,       /* the watch is a little behind what a question has shown */
    WATCH_BYTES = 1 << 20,  /* of events at a time */
    NUMBER_TEXT_MAX = 24,   /* a number as text, and its NUL */
    RECORD_GRACE_LEASES = 1 /* how long a leaving node tries to take its record out, after its time */
};

/* What the store is asked. One of each kind at a time. */
enum call_kind {
    CALL_LIST,
    CALL_CHECK,
    CALL_GRANT,
    CALL_RENEW,
    CALL_RECORD,
    CALL_APPLIED,
    CALL_PURGE,
    CALL_SURVEY,
    CALL_REVOKE,
    CALL_COUNT
};

/* The keys, in one piece of memory. Prefixes end with a '/', so what ends them differs in the last byte. */
struct cluster_keys {
    char *bytes;
    struct slice id;
    struct slice address;
    struct store_span all;
    struct store_span nodes;
    struct store_span purges;
    struct store_span applied;
    struct slice joined; /* put with each record that is made, and never taken out */
    struct slice own_node;
    struct slice own_applied;
};

enum record_state {
    RECORD_NONE,    /* there is none of ours */
    RECORD_SERVING, /* it stands */
    RECORD_LEAVING, /* it says that we leave */
    RECORD_GONE     /* we have left */
};

struct wait_list {
    struct cluster_wait *first;
    struct cluster_wait **last;
};

struct cluster {
    struct cluster_config config;
    struct cluster_keys keys;
    struct machine_call calls[CALL_COUNT];
    bool stopped;

    /* The view. */
    struct membership *members; /* NULL: it was never read */
    int64_t node_keys;          /* under the prefix, bad ones included */
    bool listed;                /* `members` has all changes up to its revision, and the watcher brings the others */
    bool listed_before;
    bool broken; /* the keeper had no memory: it is to be told again */
    struct store_watcher *watcher;
    atomic_bool woken;
    int64_t proven_ns;      /* when the question was sent that showed that nothing was missing; INT64_MIN: none */
    int64_t asked_revision; /* of the view when CALL_CHECK was sent */

    /* The record. */
    enum record_state record;
    int64_t lease; /* 0: none */
    int64_t renewed_ns;
    int64_t incarnation; /* of our record; 0: none */
    int64_t waits_for;   /* the incarnation of another record under our name, of which the log has been told */
    bool asks_to_leave;  /* CALL_RECORD is that */
    bool leaving;
    int64_t leave_until_ns;
    struct buf record_text;

    /* Purges. */
    int64_t purge_number;  /* applied */
    int64_t keeper_number; /* the same, but it never falls, also if the store begins anew */
    int64_t applied_told;  /* what our record of it says; -1: nothing */
    int64_t applied_sent;
    char applied_text[NUMBER_TEXT_MAX];
    struct buf purge_key;
    struct buf purge_text;
    struct cluster_wait *purging; /* of CALL_PURGE */
    bool wants_survey;

    /* Waits. */
    struct wait_list fresh;    /* of the membership: no question has been sent for them */
    struct wait_list asking;   /* they wait for the answer */
    struct wait_list to_purge; /* to be recorded */
    struct wait_list purged;   /* they stand and wait for the others */

    pthread_mutex_t lock;
    struct cluster_wait *arrived;    /* under the lock; the last one first */
    struct cluster_figures figures;  /* likewise: as they were at the end of a tick */
    struct cluster_figures counting; /* the control thread's */
};

/* --- cluster_keys.c --- */

enum larder_error cluster_keys_make(struct cluster_keys *keys, const struct cluster_config *config);

/* --- cluster_call.c --- */

/* The kind's call at rest and due? */
static inline bool cluster_call_can(const struct cluster *c, enum call_kind kind, int64_t now_ns) {
    return machine_call_can(&c->calls[kind], now_ns);
}

/* Hands it in; its ops are filled in. `count` of them are put into a transaction that succeeds if the compare holds (none:
 * `compares` false), the last `failures` of them are what is done otherwise. */
void cluster_call_txn(struct cluster *c, enum call_kind kind, size_t count, bool compares, size_t failures,
                      int64_t now_ns);
void cluster_call_one(struct cluster *c, enum call_kind kind, struct store_op op, int64_t deadline_ns, int64_t now_ns);

/* Handles the answers that have come. */
void cluster_call_finish(struct cluster *c, int64_t now_ns);

/* After a failure: it is tried again in a while. */
static inline void cluster_call_again(struct cluster *c, enum call_kind kind, int64_t now_ns) {
    machine_call_again(&c->calls[kind], now_ns);
}

/* --- what answers mean --- */

typedef void cluster_answer_fn(struct cluster *c, struct store_call *call, int64_t now_ns);

cluster_answer_fn cluster_list_answered;    /* cluster_view.c */
cluster_answer_fn cluster_check_answered;   /* cluster_proof.c */
cluster_answer_fn cluster_grant_answered;   /* cluster_record.c */
cluster_answer_fn cluster_renew_answered;   /* likewise */
cluster_answer_fn cluster_record_answered;  /* likewise */
cluster_answer_fn cluster_revoke_answered;  /* likewise */
cluster_answer_fn cluster_applied_answered; /* cluster_purge.c */
cluster_answer_fn cluster_purge_answered;   /* likewise */
cluster_answer_fn cluster_survey_answered;  /* likewise */

/* --- cluster_view.c --- */

/* Reads the list if there is none, and what the watcher has. */
void cluster_view_run(struct cluster *c, int64_t now_ns);

/* The view is of `revision`, at least; nothing changed up to there. */
void cluster_view_raise(struct cluster *c, int64_t revision, int64_t now_ns);

/* Tells the keeper what is known. `gap` as keeper_set_membership has it. */
void cluster_view_tell(struct cluster *c, bool gap, int64_t now_ns);

/* Before the keeper makes another view. */
void cluster_view_make_room(struct cluster *c);

/* The list is void: it is to be read anew. */
void cluster_view_lose(struct cluster *c, const char *why);

/* --- cluster_proof.c --- */

/* Asks whether anything is missing, if that is due. */
void cluster_proof_run(struct cluster *c, int64_t now_ns);

/* --- cluster_record.c --- */

void cluster_record_run(struct cluster *c, int64_t now_ns);

/* --- cluster_purge.c --- */

void cluster_purge_run(struct cluster *c, int64_t now_ns);

/* A record of a purge, which may be known already. */
void cluster_purge_apply(struct cluster *c, const struct kv *kv);

/* --- cluster_wait.c --- */

void wait_list_init(struct wait_list *list);
void wait_list_add(struct wait_list *list, struct cluster_wait *wait);
void wait_list_move(struct wait_list *to, struct wait_list *from);

/* Takes over what has arrived. */
void cluster_wait_take(struct cluster *c);

/* The view has moved on. */
void cluster_wait_look(struct cluster *c);

/* Ends those whose time is over; INT64_MAX: all. */
void cluster_wait_expire(struct cluster *c, int64_t now_ns);

/* The earliest deadline. */
int64_t cluster_wait_deadline(const struct cluster *c);

/* Ends those of `list` for which `is` says so. */
void cluster_wait_end(struct cluster *c, struct wait_list *list,
                      bool (*is)(struct cluster *c, struct cluster_wait *wait));

static inline int64_t cluster_share_of_lease(const struct cluster *c, int parts) {
    return c->config.lease_ns / parts;
}

#endif
