/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_ETCD_H
#define LARDER_ETCD_H

#include <larder/larder.h>
#include <stdbool.h>

/* liblarder's client of etcd's v3 API: of an etcd cluster (3.4 and later) or of larderds. What this header does not say about an
 * operation is as in etcd (etcd.io/docs, "API" and "etcd concurrency API reference").
 *
 * A `larder_etcd` is a client of one cluster. Unlike the cache client it has a thread of its own, which connects, logs in,
 * renews leases, receives watches and fails over between the endpoints; all signals are blocked on it. (Names are looked up on
 * one more.) Any number of threads may call a client at once: a call hands its request to that
 * thread and waits. What a call makes - a lease, a watch, a lock, a leadership, an observer, a queue - is freed before the client is.
 *
 * A member that breaks its connection, hangs, loses its leader or says what makes no sense is left for another one. What may
 * safely be repeated is sent again there until the call's time is over. What may have been done and must not be done twice
 * ends with LARDER_ERR_UNKNOWN; any other error of a write says that nothing was changed.
 *
 * Memory: handles, answers and events come from the caller's allocator. What is below - connections, HTTP/2, messages, TLS -
 * takes malloc, and out of memory there ends the request with LARDER_ERR_NO_MEMORY.
 *
 * The library has no global state, installs no signal handler and raises no SIGPIPE. (libuv and OpenSSL, which it is made
 * with, set themselves up once for the process: libuv registers with pthread_atfork, OpenSSL with atexit.) In the child of
 * a fork the thread does not exist: there calls answer LARDER_ERR_FORKED, and only the functions that free may be called.
 * They give back what is the child's copy of the handle and leave the parent's connections alone; what the thread had stays
 * until the child ends or calls exec (descriptors close by themselves then). */

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum {
    LARDER_ETCD_ENDPOINTS_MAX = 64,  /* of one client */
    LARDER_ETCD_TXN_DEPTH_MAX = 16,  /* transactions within transactions */
    LARDER_ETCD_OPS_MAX = 4096,      /* operations and compares of one transaction, those within it included */
    LARDER_ETCD_NAME_MAX = 64 << 10, /* bytes of the name of a lock or an election */
};

/* As a waiting time: without end. */
#define LARDER_ETCD_FOREVER (~0U)

/* --- the client --- */

/* Zero stands for the default everywhere, so begin with all zeros and set `size`. Texts are copied. */
struct larder_etcd_options {
    size_t size;                   /* sizeof(struct larder_etcd_options), as the program was compiled */
    const char *user;              /* none */
    const char *password;          /* of the user */
    const char *ca;                /* PEM file of authorities to believe, for https; the system's */
    const char *certificate;       /* PEM file of our own, with those between it and the authority; none */
    const char *key;               /* PEM file of its key, without a password */
    const char *server_name;       /* what servers' certificates must say; as they are addressed */
    bool insecure;                 /* believe every certificate: for tests */
    bool shuffle;                  /* begin with any endpoint; else with the first */
    bool follow_members;           /* go on with the client URLs that the cluster says of its members */
    unsigned timeout_ms;           /* of a call, all its attempts included; 5000 */
    unsigned dial_timeout_ms;      /* until a connection stands; 1000 */
    unsigned attempt_timeout_ms;   /* for one member to answer before another one is asked; 2000 */
    unsigned keepalive_time_ms;    /* without a sign of life, before a ping; 500 */
    unsigned keepalive_timeout_ms; /* for the answer to that; 1000 */
    unsigned pending_max;          /* calls under way; more are BUSY; 100000 */
    unsigned watches_max;          /* more are BUSY; 10000 */
    struct larder_allocator allocator;
    larder_log_fn
        *log; /* told of members that are left and of a cluster that cannot be used, by the client's thread: it must
                         * not call the library. None */
    void *log_ctx;
    /* larder/trace.h: told of each call, those of a queue too; it outlives the client; none */
    struct larder_tracer *tracer;
};

struct larder_etcd;

/* A client of the cluster with these members: "http://h1:2379,http://h2:2379" or "h1:2379,h2"; the port is 2379 where none
 * is said, https is TLS. It begins to connect and does not wait for that, so that the cluster cannot be reached is seen by
 * the first call. `options` may be NULL. If ret_message is not NULL, it says what was wrong. Errors: INVALID (endpoints,
 * options), SYSTEM (a file that cannot be used, no descriptors, no thread, no memory for what is below), NO_MEMORY. */
enum larder_status larder_etcd_new(const char *endpoints, const struct larder_etcd_options *options,
                                   struct larder_etcd **ret_client, char ret_message[LARDER_MESSAGE_MAX]);

/* Ends the thread and closes the connections. No call may be under way, and what was made of the client has to be freed before.
 * NULL is allowed. */
void larder_etcd_free(struct larder_etcd *client);

/* DONE: a member is connected and has answered. UNAVAILABLE: none is at the moment; the message says why. Asks nobody. */
enum larder_status larder_etcd_ready(struct larder_etcd *client, char ret_message[LARDER_MESSAGE_MAX]);

/* --- answers --- */

/* A key as of some revision. A NUL that is not counted follows key and value. */
struct larder_etcd_kv {
    const char *key;
    size_t key_size;
    const char *value;
    size_t value_size;
    int64_t create_revision; /* at which the key came to be */
    int64_t mod_revision;    /* of its last change */
    int64_t version;         /* changes since it came to be, the first counts 1 */
    int64_t lease;           /* 0: none */
};

enum larder_etcd_op_kind {
    LARDER_ETCD_RANGE,
    LARDER_ETCD_PUT,
    LARDER_ETCD_DELETE,
    LARDER_ETCD_TXN,
    LARDER_ETCD_COMPACT,
};

/* What one operation found or did. */
struct larder_etcd_answer {
    enum larder_etcd_op_kind kind;
    bool more;                        /* range: the limit cut it off */
    bool succeeded;                   /* txn: all compares held, and `success` was run; else `failure` was */
    int64_t count;                    /* range: keys in the span, whatever the limit; delete: keys deleted */
    const struct larder_etcd_kv *kvs; /* range; put and delete: what was there before, if asked for */
    size_t kv_count;
    const struct larder_etcd_answer *answers; /* txn: of each operation of the branch that was run, in order */
    size_t answer_count;
    int64_t lease;         /* of the calls for leases */
    int64_t ttl;           /* lease_grant, lease_renew, lease_ttl: seconds that remain */
    int64_t granted_ttl;   /* lease_ttl: seconds that it was granted for */
    const int64_t *leases; /* lease_list */
    size_t lease_count;
    const struct larder_key *keys; /* lease_ttl: those that hang on it, if asked for */
    size_t key_count;
};

/* What came of a call. Begin with all zeros (LARDER_ETCD_RESULT_INIT); it can be used for one call after another, which
 * overwrite it and use its memory again; larder_etcd_result_free ends that. Not for two threads at once. All that it points to
 * is its own, and valid until its next use. */
struct larder_etcd_result {
    enum larder_status status;
    int64_t revision; /* of the store when the operation took place (header.revision); of an error 0 */
    bool repeated; /* it was sent again after an answer was lost (`retry_unknown`), so it may have taken place before */
    struct larder_etcd_answer answer;
    char message[LARDER_MESSAGE_MAX]; /* errors: why; else empty */
    /* The library's own: */
    void *memory;
    size_t capacity;
    struct larder_allocator allocator;
};

#ifdef __cplusplus
#define LARDER_ETCD_RESULT_INIT larder_etcd_result()
#else
#define LARDER_ETCD_RESULT_INIT ((struct larder_etcd_result){.status = LARDER_DONE})
#endif

/* Frees what it holds; it is then as new. It may outlive the client, but not the allocator. */
void larder_etcd_result_free(struct larder_etcd_result *result);

/* Any call may end with one of these: NO_MEMORY, INVALID (an argument, or a request that contradicts itself), KEY (empty),
 * TOO_LARGE (of the request, or of its operations), UNAVAILABLE (no member could be reached, or none would do it, in the
 * time), TIMEOUT (there was no answer in the time), UNKNOWN, DENIED (the user, or what the user asks), BUSY, PROTOCOL,
 * SERVER (the message says what), NO_SPACE, FORKED. But for UNKNOWN they say that nothing was changed. Below, each
 * function names what it has beside these. */

/* --- keys and values; `result` may be NULL where nothing is read --- */

/* HIT: result->answer.kvs[0], or MISS. Linearizable: it reflects all that was acknowledged before. */
enum larder_status larder_etcd_get(struct larder_etcd *client, const void *key, size_t key_size,
                                   struct larder_etcd_result *result);

/* STORED. `lease`: the key ends with it; 0: with none. NO_LEASE: there is no such lease. */
enum larder_status larder_etcd_put(struct larder_etcd *client, const void *key, size_t key_size, const void *value,
                                   size_t value_size, int64_t lease, struct larder_etcd_result *result);

/* DELETED or NOT_FOUND. */
enum larder_status larder_etcd_delete(struct larder_etcd *client, const void *key, size_t key_size,
                                      struct larder_etcd_result *result);

/* DONE: all keys that begin with `prefix` (an empty one: all), in order, up to `limit` (0: none). */
enum larder_status larder_etcd_list(struct larder_etcd *client, const void *prefix, size_t prefix_size, int64_t limit,
                                    struct larder_etcd_result *result);

/* The same with all that etcd has: as an operation, alone or in a transaction. All zeros is the usual thing everywhere. */

enum larder_etcd_which {
    LARDER_ETCD_ONE,    /* the key */
    LARDER_ETCD_PREFIX, /* all that begin with it */
    LARDER_ETCD_FROM,   /* it and all behind it */
    LARDER_ETCD_UNTIL,  /* it and all behind it that are below `end` */
};

/* Some keys. */
struct larder_etcd_span {
    const void *key; /* empty is allowed of PREFIX and FROM alone: all keys */
    size_t key_size;
    enum larder_etcd_which which;
    const void *end; /* UNTIL */
    size_t end_size;
};

enum larder_etcd_order { LARDER_ETCD_UNORDERED, LARDER_ETCD_ASCENDING, LARDER_ETCD_DESCENDING };

enum larder_etcd_field {
    LARDER_ETCD_BY_KEY,
    LARDER_ETCD_BY_VERSION,
    LARDER_ETCD_BY_CREATE_REVISION,
    LARDER_ETCD_BY_MOD_REVISION,
    LARDER_ETCD_BY_VALUE,
    LARDER_ETCD_BY_LEASE, /* to compare, not to sort by */
};

struct larder_etcd_range {
    struct larder_etcd_span span;
    int64_t limit;    /* 0: none */
    int64_t revision; /* as of which; 0: the newest. COMPACTED, FUTURE_REVISION */
    enum larder_etcd_order order;
    enum larder_etcd_field by;
    bool serializable; /* what the member has at hand, however old */
    bool keys_only;
    bool count_only;
    int64_t min_mod_revision; /* 0: no bound, here and below */
    int64_t max_mod_revision;
    int64_t min_create_revision;
    int64_t max_create_revision;
};

struct larder_etcd_put {
    const void *key;
    size_t key_size;
    const void *value;
    size_t value_size;
    int64_t lease;
    bool want_previous;
    bool ignore_value; /* keep the value there is; NOT_FOUND without one */
    bool ignore_lease; /* keep the lease there is; likewise */
};

struct larder_etcd_remove {
    struct larder_etcd_span span;
    bool want_previous;
};

enum larder_etcd_relation { LARDER_ETCD_EQUAL, LARDER_ETCD_GREATER, LARDER_ETCD_LESS, LARDER_ETCD_NOT_EQUAL };

/* Holds if it holds for every key of the span; of a key that is absent all numbers are 0, and no comparison of values holds. */
struct larder_etcd_compare {
    struct larder_etcd_span span;
    enum larder_etcd_relation relation;
    enum larder_etcd_field field; /* BY_KEY is no choice here */
    int64_t number;               /* all but BY_VALUE */
    const void *value;            /* BY_VALUE */
    size_t value_size;
};

struct larder_etcd_op;

struct larder_etcd_txn {
    const struct larder_etcd_compare *compares; /* all must hold for `success` to be run */
    size_t compare_count;
    const struct larder_etcd_op *success; /* range, put, delete, txn */
    size_t success_count;
    const struct larder_etcd_op *failure;
    size_t failure_count;
};

struct larder_etcd_compact {
    int64_t revision; /* what is older than it may be forgotten */
    bool physical;    /* answer only when it is */
};

struct larder_etcd_op {
    enum larder_etcd_op_kind kind;
    union {
        struct larder_etcd_range range;
        struct larder_etcd_put put;
        struct larder_etcd_remove remove; /* LARDER_ETCD_DELETE */
        struct larder_etcd_txn txn;
        struct larder_etcd_compact compact;
    };
};

struct larder_span;

struct larder_etcd_how {
    unsigned timeout_ms; /* at most the client's; 0: the client's */
    /* A write whose answer was lost is sent again, because nobody else writes these keys: to do it twice is no harm. Without it
     * such a write ends with UNKNOWN, but for one that cannot be done twice: a transaction that compares the mod_revision
     * of a key that it writes. */
    bool retry_unknown;
    /* larder/trace.h: the span below which the client's tracer is told of it; it stays until the operation was run, or handed in.
     * NULL: the view's, if there is one. */
    const struct larder_span *parent;
};

/* range, txn, compact: DONE; put: STORED; delete: DELETED or NOT_FOUND. The operation is borrowed until this returns; `how` may be
 * NULL. Beside the usual errors: COMPACTED, FUTURE_REVISION, NO_LEASE; INVALID also of a transaction that puts a key twice. */
enum larder_status larder_etcd_run(struct larder_etcd *client, const struct larder_etcd_op *op,
                                   const struct larder_etcd_how *how, struct larder_etcd_result *result);

/* The same without blocking, for a loop of the caller's: operations are handed in, and a descriptor says when there are answers. In
 * libuv: uv_poll_init with larder_etcd_queue_fd, UV_READABLE, and larder_etcd_queue_next in its callback until NOTHING. (Watches,
 * leases, locks, elections and their observers have descriptors of their own.) One thread at a time uses a queue. */
struct larder_etcd_queue;

/* Errors: NO_MEMORY, SYSTEM, FORKED. */
enum larder_status larder_etcd_queue_new(struct larder_etcd *client, struct larder_etcd_queue **ret_queue,
                                         char ret_message[LARDER_MESSAGE_MAX]);

/* Waits for what is under way, as long as that has time, and forgets the answers. NULL is allowed. */
void larder_etcd_queue_free(struct larder_etcd_queue *queue);

/* DONE: it is under way, and one answer follows, with `tag`; keys and values of the operation stay in place until that was taken (the
 * structs need not). Of one thread, writes of the same key are done in the order they are handed in. Errors, after
 * which nothing follows: INVALID, KEY, TOO_LARGE, NO_MEMORY, FORKED. */
enum larder_status larder_etcd_queue_run(struct larder_etcd_queue *queue, const struct larder_etcd_op *op,
                                         const struct larder_etcd_how *how, void *tag,
                                         char ret_message[LARDER_MESSAGE_MAX]);

/* The next answer there is, in the order in which they came: returns what larder_etcd_run would have returned. NOTHING: there is none
 * yet, and *ret_tag is untouched. */
enum larder_status larder_etcd_queue_next(struct larder_etcd_queue *queue, struct larder_etcd_result *result,
                                          void **ret_tag);

/* How many answers are still to be taken. */
size_t larder_etcd_queue_size(struct larder_etcd_queue *queue);

/* A descriptor that is readable while there are answers. It is the queue's: for poll and its like alone. */
int larder_etcd_queue_fd(const struct larder_etcd_queue *queue);

/* --- watches --- */

struct larder_etcd_watch;

struct larder_etcd_watch_options {
    int64_t start_revision; /* the first of interest, which may be a past one; 0: the one after the call */
    bool want_previous;     /* what a key was before, if it is still known */
    bool no_put;            /* leave puts out */
    bool no_delete;         /* leave deletes out */
};

/* Watches some keys. It survives the loss of its connection and of members: it goes on after the last revision it has handed out,
 * and no event is missed, told twice or told in pieces of a revision. A watch that starts now asks the cluster once where now
 * is; one that starts at a revision does not wait for anybody. `options` may be NULL. One thread at a time uses it. Of a watch
 * that nobody reads, about 1 MiB is kept; the rest waits in the cluster. Errors: the usual ones of a read, SYSTEM. */
enum larder_status larder_etcd_watch_new(struct larder_etcd *client, const struct larder_etcd_span *span,
                                         const struct larder_etcd_watch_options *options,
                                         struct larder_etcd_watch **ret_watch, char ret_message[LARDER_MESSAGE_MAX]);

/* NULL is allowed. */
void larder_etcd_watch_free(struct larder_etcd_watch *watch);

enum larder_etcd_event_kind { LARDER_ETCD_PUT_EVENT, LARDER_ETCD_DELETE_EVENT };

struct larder_etcd_event {
    enum larder_etcd_event_kind kind;
    bool has_previous;
    struct larder_etcd_kv kv;       /* of a delete: the key and its mod_revision alone */
    struct larder_etcd_kv previous; /* what it was before, if it was asked for and is still known */
};

/* What a watch has told. Begin with all zeros (LARDER_ETCD_EVENTS_INIT), and use it as a result. */
struct larder_etcd_events {
    enum larder_status status;
    int64_t revision;         /* all events up to it have been handed out: where to start anew after it, if ever */
    int64_t compact_revision; /* COMPACTED: what was before it is gone */
    const struct larder_etcd_event *events; /* of whole revisions, in order */
    size_t count;
    char message[LARDER_MESSAGE_MAX];
    /* The library's own: */
    void *memory;
    size_t capacity;
    struct larder_allocator allocator;
};

#ifdef __cplusplus
#define LARDER_ETCD_EVENTS_INIT larder_etcd_events()
#else
#define LARDER_ETCD_EVENTS_INIT ((struct larder_etcd_events){.status = LARDER_DONE})
#endif

void larder_etcd_events_free(struct larder_etcd_events *events);

/* Waits for the next events, `wait_ms` at most (0: not at all; LARDER_ETCD_FOREVER). DONE: there are some, or none and the
 * cluster has said that nothing else has happened up to `revision` (progress, which etcd tells every ten minutes). NOTHING: the
 * time is over. While the cluster is away there is just nothing. COMPACTED: what it would go on with is gone, and the watch
 * has ended: read the keys, and watch from the revision of that. It has also ended with DENIED, BUSY, PROTOCOL; after that it
 * is ENDED. NO_MEMORY: of the answer, and then nothing is lost and it comes again, or of what has come, and then the watch has ended:
 * the next call says ENDED; FORKED. */
enum larder_status larder_etcd_watch_next(struct larder_etcd_watch *watch, unsigned wait_ms,
                                          struct larder_etcd_events *events);

/* A descriptor that becomes readable when there may be something, for poll and its like; for nothing else. It is the watch's. Call
 * larder_etcd_watch_next with 0 then, until it says NOTHING. */
int larder_etcd_watch_fd(const struct larder_etcd_watch *watch);

/* --- leases --- */

/* DONE: result->answer.lease and .ttl (in seconds, at least 2 for etcd). `lease` is the number it shall have, 0: any.
 * LEASE_EXISTS. */
enum larder_status larder_etcd_lease_grant(struct larder_etcd *client, int64_t ttl_s, int64_t lease,
                                           struct larder_etcd_result *result);

/* Its keys go with it. DONE or NOT_FOUND. */
enum larder_status larder_etcd_lease_revoke(struct larder_etcd *client, int64_t lease,
                                            struct larder_etcd_result *result);

/* Once. DONE: .ttl begins anew; or NOT_FOUND. */
enum larder_status larder_etcd_lease_renew(struct larder_etcd *client, int64_t lease,
                                           struct larder_etcd_result *result);

/* DONE: .ttl, .granted_ttl and, with `want_keys`, .keys; or NOT_FOUND. */
enum larder_status larder_etcd_lease_ttl(struct larder_etcd *client, int64_t lease, bool want_keys,
                                         struct larder_etcd_result *result);

/* DONE: .leases. */
enum larder_status larder_etcd_lease_list(struct larder_etcd *client, struct larder_etcd_result *result);

/* A lease that the client keeps alive: it is renewed when a third of its time is over, by whichever member is well. */
struct larder_etcd_lease;

/* The lease is gone, or its time has passed by the clock here without a renewal, so that nobody may rely on it any more. Told
 * once, by the client's thread, which must not be held up and must not call the library. */
typedef void larder_etcd_lost_fn(void *ctx, int64_t lease);

/* Grants a lease of `ttl_s` seconds (`lease` 0), or takes over the one that there is (ttl_s means nothing then), and keeps it alive.
 * `on_lost` may be NULL. What is lost is not renewed any more. Errors: the usual ones, NO_LEASE, SYSTEM. */
enum larder_status larder_etcd_lease_keep(struct larder_etcd *client, int64_t ttl_s, int64_t lease,
                                          larder_etcd_lost_fn *on_lost, void *ctx, struct larder_etcd_lease **ret_lease,
                                          char ret_message[LARDER_MESSAGE_MAX]);

/* For put and others. */
int64_t larder_etcd_lease_id(const struct larder_etcd_lease *lease);

/* DONE: its time is not over, by the clock here and counted from when the last renewal was asked for. LOST: see above.
 * FORKED. Makes no system call; any thread. */
enum larder_status larder_etcd_lease_status(const struct larder_etcd_lease *lease);

/* A descriptor that becomes readable for good when the lease is lost. It is the lease's: for poll and its like alone. */
int larder_etcd_lease_fd(const struct larder_etcd_lease *lease);

/* Lets go of it: it runs out by itself, unless somebody else keeps it. What hangs on it - locks, leaderships, and the ways to
 * them - has to be freed before. `on_lost` is not called any more once this has returned. NULL is allowed. */
void larder_etcd_lease_free(struct larder_etcd_lease *lease);

/* Revokes it, and frees it in any case: its keys are gone at once, or, after an error, when it runs out. DONE, NOT_FOUND
 * (it was gone already), or an error. */
enum larder_status larder_etcd_lease_end(struct larder_etcd_lease *lease, char ret_message[LARDER_MESSAGE_MAX]);

/* --- locks and elections ---
 *
 * As etcd's own (its package clientv3/concurrency, and the services v3lock and v3election), with which they stand in one line: whoever
 * wants the lock or the leadership `name` puts the key NAME/LEASE (in hex) on its lease. The oldest of these keys, by
 * create_revision, has it; each of the others waits until the one before it is deleted. So nobody has it any longer than its
 * lease lives, and a lease stands once in a line: who wants threads to exclude each other takes a lease for each.
 *
 * A holder whose process stood still finds out late that it has lost its lease, when somebody else has the lock. Where that must not
 * do harm, say which holder one is: a transaction that compares the create_revision of the key with the revision below.
 *
 * To wait, `wait_ms`: how long to stand in the line; 0: not at all, LARDER_ETCD_FOREVER. What is asked of the cluster takes its own
 * time beside that. While the cluster is away the wait goes on, as long as the lease lives. */

struct larder_etcd_lock;

/* DONE: it is held. TAKEN: it was somebody else's all the time. LOST: the lease has gone meanwhile. BUSY: this lease stands in that
 * line already. TOO_LARGE: a name above LARDER_ETCD_NAME_MAX. Or the usual errors. In all but the first case the place in the
 * line is given up; if the cluster cannot be asked to, it goes with the lease. */
enum larder_status larder_etcd_lock_take(struct larder_etcd_lease *lease, const void *name, size_t name_size,
                                         unsigned wait_ms, struct larder_etcd_lock **ret_lock,
                                         char ret_message[LARDER_MESSAGE_MAX]);

/* The same without blocking, for a loop of the caller's: to stand in the line, without end, and be told by a descriptor. */
struct larder_etcd_locking;

/* DONE: it is under way, and hangs on the lease until it is freed. The name is copied. Errors: KEY, TOO_LARGE, BUSY (as above),
 * NO_MEMORY, SYSTEM, FORKED. */
enum larder_status larder_etcd_lock_begin(struct larder_etcd_lease *lease, const void *name, size_t name_size,
                                          struct larder_etcd_locking **ret_locking,
                                          char ret_message[LARDER_MESSAGE_MAX]);

/* NOTHING: it is not held yet. DONE: it is, by *ret_lock, which is the caller's to release and does not need the locking any more. LOST,
 * or one of the usual errors: it will not be. After any of these but NOTHING the locking is over, and only to be freed (ENDED, or
 * the same error again). Does not wait for the cluster. One thread at a time. */
enum larder_status larder_etcd_locking_next(struct larder_etcd_locking *locking, struct larder_etcd_lock **ret_lock,
                                            char ret_message[LARDER_MESSAGE_MAX]);

/* A descriptor that becomes readable when it is worth to call larder_etcd_locking_next, for poll and its like; for nothing else. It
 * is the locking's. */
int larder_etcd_locking_fd(const struct larder_etcd_locking *locking);

/* Leaves the line, unless the lock was handed out, and does not wait for that: the cluster is asked to forget the place, and what
 * is needed for it goes when it has answered, on the client's thread. If it cannot be asked, the place goes with the lease. NULL
 * is allowed. */
void larder_etcd_locking_free(struct larder_etcd_locking *locking);

/* DONE as long as its lease is (larder_etcd_lease_status), else LOST. Makes no system call; any thread. */
enum larder_status larder_etcd_lock_status(const struct larder_etcd_lock *lock);

/* The key that stands for it; valid as long as the lock. */
const char *larder_etcd_lock_key(const struct larder_etcd_lock *lock, size_t *ret_size);

/* The create_revision of that key: it grows from holder to holder. */
int64_t larder_etcd_lock_revision(const struct larder_etcd_lock *lock);

/* Gives it back, and frees it in any case. DONE; LOST: it was gone already; an error: it goes with the lease. NULL is
 * allowed (DONE). */
enum larder_status larder_etcd_lock_release(struct larder_etcd_lock *lock, char ret_message[LARDER_MESSAGE_MAX]);

struct larder_etcd_leadership;

/* As larder_etcd_lock_take, with a value that says who it is. */
enum larder_status larder_etcd_campaign(struct larder_etcd_lease *lease, const void *name, size_t name_size,
                                        const void *value, size_t value_size, unsigned wait_ms,
                                        struct larder_etcd_leadership **ret_leadership,
                                        char ret_message[LARDER_MESSAGE_MAX]);

/* As larder_etcd_lock_begin and what follows from it; the value is copied, too. */
struct larder_etcd_candidacy;
enum larder_status larder_etcd_campaign_begin(struct larder_etcd_lease *lease, const void *name, size_t name_size,
                                              const void *value, size_t value_size,
                                              struct larder_etcd_candidacy **ret_candidacy,
                                              char ret_message[LARDER_MESSAGE_MAX]);
enum larder_status larder_etcd_candidacy_next(struct larder_etcd_candidacy *candidacy,
                                              struct larder_etcd_leadership **ret_leadership,
                                              char ret_message[LARDER_MESSAGE_MAX]);
int larder_etcd_candidacy_fd(const struct larder_etcd_candidacy *candidacy);
void larder_etcd_candidacy_free(struct larder_etcd_candidacy *candidacy);

enum larder_status larder_etcd_leadership_status(const struct larder_etcd_leadership *leadership);
const char *larder_etcd_leadership_key(const struct larder_etcd_leadership *leadership, size_t *ret_size);
int64_t larder_etcd_leadership_revision(const struct larder_etcd_leadership *leadership);

/* Another value. DONE, LOST, or the usual errors. */
enum larder_status larder_etcd_proclaim(struct larder_etcd_leadership *leadership, const void *value, size_t value_size,
                                        char ret_message[LARDER_MESSAGE_MAX]);

/* As larder_etcd_lock_release. */
enum larder_status larder_etcd_resign(struct larder_etcd_leadership *leadership, char ret_message[LARDER_MESSAGE_MAX]);

/* HIT: result->answer.kvs[0] is the leader's key and value. MISS: nobody leads. */
enum larder_status larder_etcd_leader(struct larder_etcd *client, const void *name, size_t name_size,
                                      struct larder_etcd_result *result);

/* Who leads, again and again. One thread at a time uses it. Errors: KEY, TOO_LARGE, NO_MEMORY, SYSTEM, FORKED. */
struct larder_etcd_observer;
enum larder_status larder_etcd_observe(struct larder_etcd *client, const void *name, size_t name_size,
                                       struct larder_etcd_observer **ret_observer,
                                       char ret_message[LARDER_MESSAGE_MAX]);

/* Does not wait: what the cluster is being asked ends by itself, and then the client's thread gives the memory back. NULL is
 * allowed. */
void larder_etcd_observe_free(struct larder_etcd_observer *observer);

/* HIT: as larder_etcd_leader, each value of each leader once, but for leaders and values that have come and gone while nobody
 * asked. MISS: there is none now. The first answer is what is. NOTHING: no change in `wait_ms`. At first, and when another one may
 * lead, the cluster is asked. That takes its own time beside `wait_ms`; with 0 it is not waited for: NOTHING then, and the
 * descriptor says when there is an answer. After an error it may be called again. */
enum larder_status larder_etcd_observe_next(struct larder_etcd_observer *observer, unsigned wait_ms,
                                            struct larder_etcd_result *result);

/* A descriptor that becomes readable when there may be something, for poll and its like; for nothing else. It is the observer's, and
 * readable from the start. Call larder_etcd_observe_next with 0 then, until it says NOTHING. After an error nothing comes until it
 * is called again. */
int larder_etcd_observe_fd(const struct larder_etcd_observer *observer);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
