/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_ORIGIN_H
#define LARDER_GROUP_ORIGIN_H

#include "group/memory.h"
#include "group/pending.h"
#include "net/fetch.h"
#include "telemetry/worker.h"

/* Groups whose backing is an HTTP service: what is not in the table is asked for there, once for all who want it, and kept as
 * the service's own words and the group's policy say. What is decided is origin/judge.h's; this does it: on the table, and
 * over the worker's connections.
 *
 * A flight is one request to an origin. It is run by the worker of whoever asked first, has a deadline of its own, and lands
 * with an answer or an error for everybody who waits by then, on whatever worker; who leaves before that does not end it.
 *
 * What changes a key, or purges it, comes before all that was asked of the origin by then: flights for the key are void from
 * then on, which means that they are not joined any more, and that nothing of theirs is stored. A flight is made void first
 * and the table changed behind that, and a flight looks under the shard's lock whether it is void before it stores: so
 * whichever comes second finds what the first one did. */

enum {
    ORIGIN_FLIGHTS_MAX = 16384,    /* under way, of a node */
    ORIGIN_WAITERS_MAX = 16384,    /* of one flight */
    ORIGIN_MEMORY_MAX = 256 << 20, /* bytes of requests that wait and of answers on their way, of a node */
    ORIGIN_PASSED_MAX = 64 << 20,  /* bytes of a body that is gathered though it is too large to be stored */
    /* An answer that was asked for aside is good for so long: two leases, as they are by default, so that a node that has died
     * is out of the ring before that. */
    ORIGIN_ASIDE_MS = 10000,
    ORIGIN_ASIDE_BYTES_MAX = 32 << 20, /* of such answers that a node keeps */
    ORIGIN_ASIDE_SHARES = 8,           /* one of them takes at most one part in so many of that */
    ORIGIN_VALUE_FIRST = 16 << 10,     /* bytes that a body whose size is not told is given room for at first */
};

struct origin_flights;
struct origin_shelf;

/* Of a node. */
struct origin {
    struct origin_flights *flights;
    struct origin_shelf *shelf; /* in a cluster: what was asked for aside */
    struct table *table;
    int64_t start_ns;         /* where table seconds begin */
    unsigned workers;         /* that share the connections */
    int64_t (*wall_ns)(void); /* since 1970-01-01 UTC */
};

struct origin_worker;
struct shared_worker;

/* Begins a request to the origin of a group, as fetch_start does; on_done comes on the worker's thread. */
typedef enum larder_error origin_fetch_fn(struct origin_worker *w, const struct group_policy *policy,
                                          const struct fetch_request *request, const struct fetch_ops *ops, void *ctx,
                                          struct fetch **ret_fetch);

/* What is done with it further, as net/fetch.h says. */
struct origin_control {
    void (*resume)(struct fetch *fetch);
    void (*renew)(struct fetch *fetch, int64_t deadline_ns);
    void (*cancel)(struct fetch *fetch);
};

/* What the log is told of an origin that fails, of a group and a worker: once in ORIGIN_TROUBLE_NS. */
struct origin_trouble {
    struct origin_worker *worker;
    unsigned group;
    int64_t told_ns; /* 0: never */
    uint64_t untold; /* since */
};
#define ORIGIN_TROUBLE_NS INT64_C(10000000000)

/* Of a worker. All zero but for `origin`, `groups`, `telemetry`, `loop` and `fetch` is a good one. */
struct origin_worker {
    struct origin *origin;
    const struct group_set *const *groups; /* where the set lies that holds now */
    struct worker_telemetry *telemetry;
    struct shared_worker *shared; /* its part in a cluster; NULL: there is none */
    struct loop *loop;
    origin_fetch_fn *fetch;               /* origin_fetch */
    const struct origin_control *control; /* of what that begins; NULL: net/fetch.h's own */
    struct fetcher *fetchers[GROUP_MAX];  /* of groups that have loaded something, by their indexes; else NULL */
    struct origin_trouble troubles[GROUP_MAX];
    struct tracer *tracer; /* NULL: nothing is traced */
    bool calling;          /* it is in a callback of one of them */
    bool ended;
};

struct origin_access {
    struct memory_access memory;
    struct origin_worker *worker;
    struct pending_queue *completions;
    int64_t now_ns;
    size_t
        value_max; /* in a cluster: bytes of a value that can be told to another node, which else has to ask for itself */
};

/* Errors: NO_MEMORY. */
enum larder_error origin_init(struct origin *origin, struct table *table, int64_t start_ns, unsigned workers);

/* All its workers have ended, and all that waited has been told. */
void origin_fini(struct origin *origin);

/* Requests to origins that are under way. Any thread. */
size_t origin_under_way(const struct origin *origin);

/* By libcurl, on the worker's loop. */
origin_fetch_fn origin_fetch;

/* The node ends: what is under way lands now, without an answer; nothing is asked any more. Twice is fine. On the worker's
 * thread, or when that has ended. */
void origin_worker_end(struct origin_worker *w);

/* Runs a request of an origin group. The reply is complete or RESULT_PENDING.
 *     GET       HIT, ORIGIN_ABSENT, ORIGIN_REDIRECT, ORIGIN_FAILED, ORIGIN_TIMEOUT: with a head_size, all but the last of them
 *               always; NOT_CACHED, ORIGIN_BUSY, NO_ORIGIN_KEY, NO_MEMORY
 *     SET       STORED: it is as if the origin had answered so; TOO_LARGE, NO_MEMORY
 *     DELETE    DELETED, NOT_FOUND: it is purged in both cases
 * and NOT_IN_ORIGIN for all else. */
void origin_run(const struct origin_access *a, const struct request *request, struct reply *reply);

/* What becomes of an answer that was asked for aside. */
enum origin_keep {
    ORIGIN_KEEP_NOTHING, /* whoever changes the key need not know of it */
    ORIGIN_KEEP_BRIEFLY, /* for ORIGIN_ASIDE_MS */
    ORIGIN_KEEP_TO_ADOPT /* the same, and this node may make it an entry when it becomes the owner: the view is settled, and in
                            it the key is another node's */
};

/* In a cluster, of a GET whose key's owner cannot be asked: asks the origin, together with others of this node who do so by
 * `view` (NULL: there is none), unless there is an answer of that kind that was kept. Nothing is put into the table. Results
 * as of GET. */
void origin_run_aside(const struct origin_access *a, const struct request *request, struct keeper_view *view,
                      enum origin_keep keep, struct reply *reply);

/* Of an answer that another node has given (item.head_size > 0): what it is by its own words. False: it is none. */
bool origin_take_answer(const struct origin *origin, struct reply *reply);

/* A set whose value is not taken: removes the old value if the request says so. */
void origin_refuse(const struct origin_access *a, const struct request *request);

/* A purge of the table begins (GROUP_MAX), or of one group's keys that begin with `prefix`: what is under way for them is void. Before the
 * table is touched. `origin` may be NULL: there is none. Any thread. */
void origin_void(struct origin *origin, unsigned group, struct slice prefix);

#endif
