/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_SHARED_OP_H
#define LARDER_GROUP_SHARED_OP_H

#include "group/memory_internal.h"
#include "group/shared.h"
#include "proto/http/caching_request.h"

/* Between the files of shared groups: one request on its way. */

/* What it is waiting for. */
enum shared_wait {
    SHARED_RUNS,    /* nothing: it is in its step, or in the queue for the next one */
    SHARED_PARKED,  /* an earlier request for its key */
    SHARED_SENT,    /* the answer of another node */
    SHARED_FLIES,   /* the previous owner's entry */
    SHARED_REFRESH, /* the membership as the store has it now */
    SHARED_AWAITS,  /* the view of a revision */
    SHARED_LOADS,   /* an origin's answer */
    SHARED_COPIED,  /* that nobody has a copy of its key any more */
};

/* What the first of those that wait in line for a key knows of them. */
struct shared_line {
    struct shared_op *last;
    size_t count;
    size_t sent;     /* of them, SHARED_SENT under the view `serial` */
    uint64_t serial; /* valid while `sent` > 0 */
};

/* A read that would keep what it gets. `sent_ns` 0: it would not. */
struct shared_copy_asked {
    int64_t sent_ns; /* read before it was sent */
    uint64_t serial;
    int64_t owner;
};

struct shared_op {
    struct pending pending; /* first */
    struct shared_worker *worker;
    struct worker_telemetry *telemetry;
    unsigned group; /* its policy is looked up when it is needed: the set may be another one by then */
    struct memory_access memory;
    struct request request; /* its key and value are the op's own */
    struct peer_stamp stamp;
    struct http_caching_request caching; /* what request.caching points to, if it does */
    struct placed_value placed;
    bool reads;   /* nothing is lost if it was not done: then it is a miss */
    bool refuses; /* it removes what a refused write would have replaced; answered with `refusal` */
    bool again;   /* it was run again, by another view (shared_goes_again, shared_goes_after) */
    bool expired; /* of `memory` */
    bool cut;
    enum result refusal;
    int64_t deadline_ns;
    int64_t came_ns; /* the time of its first step; 0: that is over */
    size_t charged;

    struct errand errand;
    enum errand_action action;
    /* Takes what has come and says what is to be done now; NULL: what `action` says. */
    enum errand_action (*resume)(struct shared_op *op, int64_t now_ns);
    enum shared_wait wait;
    bool timed_out;  /* while parked */
    bool unordered;  /* it is in no line */
    bool is_counted; /* in the line's `sent` */

    /* What has come. */
    enum errand_sent sent;
    enum errand_asked asked;
    int64_t revision;
    bool reached; /* of SHARED_REFRESH */

    struct hot_change change;      /* SHARED_COPIED */
    struct shared_copy_asked copy; /* SHARED_SENT */
    bool keeps;                    /* it is of a hot key: a copy is wanted of what is read */

    uint64_t hash;           /* of its key */
    uint64_t sent_serial;    /* SHARED_SENT: the view's */
    struct shared_line line; /* of the first in line */
    struct shared_op *next;  /* of the first in line: the next in the bucket */
    struct shared_op *ahead; /* in line; NULL: it is the first */
    struct shared_op *behind;
    struct shared_op *next_waiting;
    struct shared_op *previous_waiting;
    struct shared_op *next_in_flight;
    struct shared_flight *flight; /* SHARED_FLIES: that it waits for, under the flights' lock */
    size_t used;                  /* bytes of `data` */
    size_t room;
    _Alignas(struct conditions) char data[]; /* conditions, key, value; then a small value that was answered */
};

static inline struct shared_op *shared_op_of(struct pending *p) {
    return (struct shared_op *)(void *)p;
}

/* Puts it into its worker's queue for its next step, which begins with `resume`. On the worker's thread. */
void shared_resume(struct shared_op *op, enum errand_action (*resume)(struct shared_op *op, int64_t now_ns));

/* The table second of a moment. */
static inline uint32_t shared_table_seconds(const struct shared *shared, int64_t now_ns) {
    return table_seconds(shared->start_ns, now_ns);
}

/* --- shared.c --- */

/* A request that was not done at once. The reply is complete or RESULT_PENDING. `keeps`: it is a read of a hot key. */
void shared_start(const struct shared_access *a, const struct request *request, bool keeps, struct reply *reply);

/* An origin group's read that is over, and has heard from the runner-up that he goes by the membership of `revision`, which is newer
 * than what it was asked by: it is run again as soon as this node goes by that too. Once. False: it is not. */
bool shared_goes_after(struct shared_op *op, int64_t revision);

/* --- shared_origin.c --- */

/* Whether it is a request that origin.h runs. */
bool shared_is_origins(const struct group_policy *policy, const struct request *request);

/* Runs it on the table, under the gate of `memory`, and at the origin. The reply is complete or RESULT_PENDING. */
void shared_run_origin(struct shared_worker *w, struct pending_queue *completions, const struct memory_access *memory,
                       const struct request *request, struct reply *reply);

/* What the origin has said so far is told to whoever waits for the op, which the load is awaited for. */
void shared_hear_origin(struct pending *load);

/* Has the op go on with `resume` when what its reply waits for has come. */
void shared_await_origin(struct shared_op *op, enum errand_action (*resume)(struct shared_op *op, int64_t now_ns));

struct origin_access shared_origin_access(struct shared_worker *w, struct pending_queue *completions,
                                          const struct memory_access *memory);

/* An answer that is larger than nodes tell each other becomes TOO_LARGE, if a node asks. */
void shared_limit_value(const struct shared_worker *w, const struct request *request, struct reply *reply);

/* --- shared_aside.c --- */

/* An errand of an origin group has come to its end because the owner could not be reached, and there is a newer view since: whether it is to
 * be run again, by that. Once. */
bool shared_goes_again(const struct shared_op *op, int64_t now_ns);

/* At the end of one that the owner has not done: whether the origin is asked aside (rule 3 of the ring), with the reply complete
 * or on its way, in which case the op ends with it. */
bool shared_wants_aside(const struct shared_op *op, enum result result);
enum pending_next shared_run_aside(struct shared_op *op);

/* Another node's request with REQUEST_ASIDE. The reply is complete or RESULT_PENDING. */
void shared_serve_aside(const struct shared_access *a, const struct request *request, struct reply *reply);

/* The owner has changed or purged a key, if it was such a request, and the reply is complete: it becomes RESULT_PENDING until who
 * comes behind him knows of it, if he can be told. */
void shared_tell_runner_up(struct shared_worker *w, struct pending_queue *completions, const struct memory_gate *gate,
                           const struct request *request, struct reply *reply);

/* --- shared_read.c --- */

/* Sends a plain read to `member` of the worker's view, for which nothing is under way. The reply is RESULT_PENDING; false: it
 * is to be started like any other. `keeps`: as above. */
bool shared_read(const struct shared_access *a, const struct request *request, uint16_t member, bool keeps,
                 struct reply *reply);

/* Frees those at rest. */
void shared_reads_free(struct shared_worker *w);

/* --- shared_copies.c --- */

enum shared_copy {
    SHARED_COPY_SHOWN,   /* the reply is complete */
    SHARED_COPY_WANTED,  /* there is none, and the key is hot */
    SHARED_COPY_UNWANTED /* the owner is to be asked, and that is all */
};

/* Whether a read can be answered with a copy. */
bool shared_may_copy(const struct group_policy *policy, const struct request *request);

/* Before a client's request is forwarded by the worker's view. */
enum shared_copy shared_copy_find(const struct shared_access *a, const struct request *request, struct reply *reply);

/* It is sent to that member of the view, now or later than `now_ns`. */
void shared_copy_asked(struct shared_copy_asked *asked, const struct keeper_view *view, uint16_t member,
                       int64_t now_ns);

/* It was answered so, and `reply` is what was made of it (shared_take_answer). */
void shared_copy_put(struct shared_worker *w, const struct table *table, const struct shared_copy_asked *asked,
                     struct slice key, const struct reply *answered, const struct reply *reply);

/* A peer's order to drop a copy. It waits for nothing. The reply is complete: MISS, or NO_MEMORY. */
void shared_copy_revoked(const struct shared_access *a, const struct request *request, struct reply *reply);

/* Sends what is to be sent for a change that has begun to wait. */
void shared_revoke(struct shared_worker *w, struct slice key, const struct hot_change *change,
                   const struct hot_revocations *revocations);

/* --- shared_memory.c: what requests under way take --- */

/* Whether it is enough to say that there is nothing. An entry that is to be given up is lost if it is not told of. */
bool shared_only_reads(const struct request *request);

/* A new op for the request, owning all it needs. NULL: the reply says why. */
struct shared_op *shared_op_new(const struct shared_access *a, const struct request *request,
                                enum pending_next (*step)(struct pending *p), struct reply *reply);

/* Frees those at rest. */
void shared_spares_free(struct shared_worker *w);

/* Whether so many more bytes may be held. */
bool shared_charge(struct shared *shared, size_t size);
void shared_discharge(struct shared *shared, size_t size);

/* The policy of the op's group as it is now. On the worker's thread. */
const struct group_policy *shared_policy(const struct shared_op *op);

/* The reply becomes what another node has answered; its value is copied, a small one into `room`, which is there until the
 * reply is released. */
void shared_take_answer(struct shared *shared, struct reply *reply, const struct reply *answered, char *room,
                        size_t size);

/* The request on the table, by its command. */
void shared_act(const struct memory_access *a, const struct request *request, struct reply *reply);

/* --- shared_order.c --- */

/* Whether anything is under way for the key. */
bool shared_order_has(struct shared_worker *w, const struct table *table, struct slice key);

/* An entry that is to be given up waits for nobody: its asker may be whom the earlier ones wait for. */
void shared_order_add(struct shared_op *op);

/* Whether it may act now on the table (serial 0), or be sent under this view. */
bool shared_order_allows(const struct shared_op *op, uint64_t serial);

/* It was sent under the view sent_serial: it is SHARED_SENT, and the next one for its key may go on now. */
void shared_order_sent(struct shared_op *op);

/* Of one that was SHARED_SENT: what became of it has come. */
void shared_order_unsent(struct shared_op *op);

/* The owner has done it: the next one may go on, although the reply is not told yet. Twice is fine. */
void shared_order_leave(struct shared_op *op);

/* Its end. */
void shared_order_remove(struct shared_op *op);

/* The list of those with a deadline that this worker has to see to. */
void shared_wait_begin(struct shared_op *op, enum shared_wait wait);
void shared_wait_end(struct shared_op *op);

/* --- shared_send.c --- */

/* Sends it to errand.member. True: the answer will come; false: *ret_sent says why not. */
bool shared_send(struct shared_op *op, enum errand_sent *ret_sent);

/* The index, among the members that the worker's links follow, of a member of `view`; RING_NOBODY: it is none of them. */
uint16_t shared_member(struct shared_worker *w, const struct keeper_view *view, uint16_t member);

/* What another node says of itself instead of an answer; SHARED_SENT_ANSWERED: it is one. */
enum errand_sent shared_sent_of_result(enum result result);

/* How an error of a link is to be understood. */
enum errand_sent shared_sent_of(enum larder_error error);

/* The op's reply becomes what another node has answered. */
void shared_take_told(struct shared_op *op, const struct reply *answered);

/* --- shared_flight.c --- */

/* Joins the flight for the op's key, or begins one. True: it will be posted; false: it cannot be asked for now. */
bool shared_fly(struct shared_op *op);

/* Gives the wait up. False: it is over already, and the op is in its queue. */
bool shared_fly_leave(struct shared_op *op);

/* Memory in use; shared_memory.c. */
atomic_size_t *shared_flights_memory(struct shared_flights *flights);

/* --- shared_refresh.c --- */

/* False: there is no memory for it. */
bool shared_refresh(struct shared_op *op);

/* Those that wait for the worker's view, if it is new enough for them. */
void shared_await_check(struct shared_worker *w);

#endif
