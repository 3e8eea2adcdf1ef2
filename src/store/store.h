/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_STORE_H
#define LARDER_STORE_STORE_H

#include <stddef.h>

#include "base/arena.h"
#include "model/kv.h"

/* The durable, ordered, revisioned key-value store. Its meaning is etcd's v3 API (etcd.io/docs, "API"); what this header
 * does not say about an operation is as there. Which engine does the work - embedded or a cluster - is not to be seen
 * from here, nor whether this node is the only one. */
struct store;

enum store_status {
    STORE_OK = 0,
#define STATUS(name, text) STORE_##name,
#include "store/status.def"
#undef STATUS
    STORE_STATUS_COUNT
};

/* A text for people, static. */
const char *store_status_text(enum store_status status);

enum {
    STORE_TXN_OPS_MAX = 128,        /* compares, or operations of one branch, of one transaction; etcd's default */
    STORE_TXN_TOTAL_MAX = 4096,     /* the same, those of transactions within it included */
    STORE_REQUEST_MAX = 1536 << 10, /* bytes of keys and values of one write; etcd's default */
    STORE_LEASE_TTL_MIN = 2,        /* seconds; a shorter one is made this long, as etcd does */
    STORE_NOTE_NAME_MAX = 64,       /* bytes */
    STORE_NOTES_MAX = 16 << 20,     /* bytes of all notes, each with 64 for itself; not counted in the quota */
};

#define STORE_LEASE_TTL_MAX INT64_C(9000000000) /* seconds; etcd's own limit */

/* --- requests: all slices and arrays are borrowed until the call is done --- */

/* Keys [key, range_end). An empty range_end means the one key; a range_end of one zero byte, every key from `key` on;
 * a key of one zero byte with such a range_end, every key. */
struct store_span {
    struct slice key;
    struct slice range_end;
};

enum store_sort_order { STORE_SORT_NONE, STORE_SORT_ASCEND, STORE_SORT_DESCEND };
enum store_sort_target { STORE_SORT_KEY, STORE_SORT_VERSION, STORE_SORT_CREATE, STORE_SORT_MOD, STORE_SORT_VALUE };

struct store_range {
    struct store_span span;
    int64_t revision; /* as of which; 0: the newest */
    int64_t limit;    /* of kvs; 0: none */
    enum store_sort_order order;
    enum store_sort_target target;
    bool serializable; /* the copy at hand will do, however old */
    /* For an engine that keeps a copy of what others have: how old the answer may be, provably; 0: it reflects all that was
     * acknowledged before it was asked (unless `serializable`). */
    int64_t max_age_ns;
    bool direct; /* likewise: ask the cluster itself, whatever is known here */
    bool keys_only;
    bool count_only;
    int64_t min_mod_revision; /* 0: no bound, here and below */
    int64_t max_mod_revision;
    int64_t min_create_revision;
    int64_t max_create_revision;
};

struct store_put {
    struct slice key;
    struct slice value;
    int64_t lease;
    bool want_previous;
    bool ignore_value; /* keep the value there is */
    bool ignore_lease; /* keep the lease there is */
};

struct store_delete {
    struct store_span span;
    bool want_previous;
};

enum store_compare_result { STORE_EQUAL, STORE_GREATER, STORE_LESS, STORE_NOT_EQUAL };
enum store_compare_target {
    STORE_COMPARE_VERSION,
    STORE_COMPARE_CREATE,
    STORE_COMPARE_MOD,
    STORE_COMPARE_VALUE,
    STORE_COMPARE_LEASE
};

/* Holds if it holds for every key of the span; of an absent key all numbers are 0 and no comparison of values holds. */
struct store_compare {
    struct store_span span;
    enum store_compare_result result;
    enum store_compare_target target;
    int64_t number;     /* to compare with, but for */
    struct slice value; /* STORE_COMPARE_VALUE */
};

struct store_op;

struct store_txn {
    const struct store_compare *compares; /* all must hold for `success` to be run, else `failure` */
    size_t compare_count;
    const struct store_op *success; /* RANGE, PUT, DELETE, TXN, NONE */
    size_t success_count;
    const struct store_op *failure;
    size_t failure_count;
};

struct store_lease {
    int64_t id;     /* GRANT: 0 lets the store choose */
    int64_t ttl;    /* GRANT: seconds */
    bool want_keys; /* TTL */
};

/* The note that says which cluster a store belongs to: a store made of a snapshot is another one and does not get it. */
#define STORE_NOTE_IDENTITY SLICE("identity")

/* A small thing to be kept beside the keys, under a name: who this store is, who may use it, what is wrong with it. It is as
 * durable as a key and written in order with other writes, but has no revision, and neither a range nor a watcher finds it.
 * A full quota does not refuse it. */
struct store_note {
    struct slice name;  /* 1 to STORE_NOTE_NAME_MAX bytes; else EMPTY_KEY or TOO_LARGE */
    struct slice value; /* up to STORE_REQUEST_MAX bytes; empty: there shall be none of that name */
};

enum store_op_kind {
    STORE_OP_RANGE,
    STORE_OP_PUT,
    STORE_OP_DELETE,
    STORE_OP_TXN,
    STORE_OP_COMPACT,
    STORE_OP_LEASE_GRANT,
    STORE_OP_LEASE_REVOKE,
    STORE_OP_LEASE_KEEP_ALIVE,
    STORE_OP_LEASE_TTL,
    STORE_OP_LEASE_LIST,
    STORE_OP_NONE,       /* an operation of a transaction that was left out: KEY_NOT_FOUND, as etcd says */
    STORE_OP_NOTE,       /* NO_SPACE: with it, notes would take more than STORE_NOTES_MAX */
    STORE_OP_AUDIT,      /* compares all copies that the engine keeps of what others have with the truth; see audit_* */
    STORE_OP_DEFRAGMENT, /* gives what the file has too much back to the disk. Other writes wait; reads go on. NO_SPACE: for
                          * the time of it, there is no room for a second file */
};

struct store_op {
    enum store_op_kind kind;
    union {
        struct store_range range;
        struct store_put put;
        struct store_delete delete;
        struct store_txn txn;
        struct {
            int64_t compact_revision;
            bool compact_physical; /* answer only when old versions are gone, from the file as well. Then NO_SPACE, IO,
                                    * CLOSED: they are declared gone and are not yet */
        };
        struct store_lease lease;
        struct store_note note;
    };
};

/* --- results: everything lives in the call's arena --- */

struct store_result {
    enum store_op_kind kind; /* of the operation it answers */
    bool more;               /* RANGE: the limit cut it off */
    bool succeeded;          /* TXN: the compares held */
    int64_t count;  /* RANGE: keys in the span, DELETE: keys deleted; LEASE_LIST, LEASE_TTL: of `ids`, `keys` */
    struct kv *kvs; /* RANGE; PUT and DELETE: what was there before, if asked for */
    size_t kv_count;
    struct store_result *results; /* TXN: of the branch that ran */
    size_t result_count;
    int64_t lease; /* GRANT, KEEP_ALIVE, TTL */
    int64_t ttl;   /* GRANT, KEEP_ALIVE, TTL: seconds that remain; TTL of a lease that is not there: -1 */
    int64_t granted_ttl;
    int64_t *ids;               /* LEASE_LIST */
    struct slice *keys;         /* LEASE_TTL */
    uint64_t audit_compared;    /* AUDIT: keys */
    uint64_t audit_differences; /* AUDIT: of them, which were not what they should have been; they are mended */
    struct slice *audit_keys;   /* AUDIT: the first of these */
    size_t audit_key_count;
};

/* One call. The caller fills in `op`, `done`, and keeps the struct in place until `done` was called. */
struct store_call {
    struct store_op op;
    /* Called exactly once: from inside store_submit, or later on a thread of the store. There it must be quick (it holds
     * up all other writes) and must not call the store. */
    void (*done)(struct store_call *call);
    /* For an engine that asks others. When to give up, by the monotonic clock; 0: after the store's own time. */
    int64_t deadline_ns;
    /* A write whose answer was lost is sent again, because nobody else writes these keys. Without it such a write ends with
     * UNKNOWN, unless the store can see that to do it twice is to do it once. */
    bool retry_unknown;
    /* In whose name: a token of the cluster's authentication; empty: the user that the store was opened with. Borrowed until
     * it is done. The embedded engine knows no users. */
    struct slice token;
    /* In the name of whoever holds `token` and of nobody else: with an empty one, in nobody's, not the store's own user's. */
    bool as_caller;
    bool repeated;    /* of the answer: it was sent again after an answer was lost, so it may have taken place before */
    bool from_memory; /* of the answer: it was given without asking anybody for it */
    int64_t age_ns;   /* of the answer to a read: it may lack what was acknowledged in this time before it was given */
    enum store_status status;
    int etcd_error;   /* of the answer DENIED: what etcd said, as an enum etcd_error (proto/etcd/error.h); 0: nothing of that */
    int64_t revision; /* of the store when the operation took place; the etcd API's header.revision */
    struct store_result result;
    struct arena arena;
    struct store_call *next; /* the store's own, while it has the call */
};

enum { STORE_ANSWER_MAX = 1 << 30 /* bytes of one answer */ };

/* Makes `call` ready for its op to be filled in. */
void store_call_init(struct store_call *call, void (*done)(struct store_call *call));

/* Frees the results. */
void store_call_fini(struct store_call *call);

/* Hands a call in. Writes of one thread take place in the order they are handed in (of an engine that asks others: those of
 * the same keys do, and leases go on their own); a write that was answered is durable. Statuses: those of status.def. */
void store_submit(struct store *s, struct store_call *call);

/* --- watching --- */

struct store_watch {
    struct store_span span;
    int64_t start_revision; /* the first of interest; 0: the next there will be */
    bool want_previous;
    bool no_put;    /* leave puts out */
    bool no_delete; /* leave deletes out */
};

struct store_watcher;

/* What store_watcher_next found. */
struct store_batch {
    enum store_status status; /* COMPACTED: the watcher has ended, what it asks for is gone; compact_revision says up to
                               * where. DAMAGED, IO, NO_MEMORY: it has ended as well. CLOSED: it had ended before */
    int64_t compact_revision;
    int64_t revision; /* every event up to this one has been handed out: proven progress */
    struct kv_event *events;
    size_t count;
    bool more; /* call again: `max_bytes` cut it off, between two revisions */
    struct arena arena;
};

/* Starts to watch. If it starts in the past, store_watcher_next has something at once (of an engine
 * that asks others: soon, and `wake` says so). `wake` is called, on any thread, when there may be something new since the
 * last store_watcher_next; it must be quick and must not call the store. One thread uses the watcher. NULL: *ret_status says why
 * (TOO_MANY_WATCHERS, NO_MEMORY, EMPTY_KEY). *ret_revision (may be NULL) is the store's at that moment. */
struct store_watcher *store_watch_open(struct store *s, const struct store_watch *watch, void (*wake)(void *ctx),
                                       void *ctx, enum store_status *ret_status, int64_t *ret_revision);

/* The next events in order, whole revisions, until they take about `max_bytes`. Never blocks. store_batch_fini frees. */
void store_watcher_next(struct store_watcher *w, size_t max_bytes, struct store_batch *ret_batch);
void store_batch_fini(struct store_batch *batch);

/* `wake` is not called any more once this has returned. */
void store_watcher_close(struct store_watcher *w);

/* --- the node's own copy --- */

/* Who is told of all changes, on the store's thread. */
struct store_observer {
    /* Every revision once it is durable, before a read can find it and before any write of it is answered (but see below):
     * the events of whole revisions, in order, valid during the call. */
    void (*events)(void *ctx, const struct kv_event *events, size_t count);
    /* For an engine that asks others: a write of this node that is durable and whose revision has not come yet; `event` comes
     * again, in its order. */
    void (*early)(void *ctx, const struct kv_event *event);
    /* Likewise: all that was told is void; the revisions begin anew, perhaps below those that were told. Until it returns,
     * store_proven_ns is far in the past, and no read is answered with what is void. */
    void (*reset)(void *ctx);
};

/* Set once, before the first write; `observer` outlives the store. False: this engine does not tell of every change, and the
 * observer is never called. */
bool store_observe(struct store *s, const struct store_observer *observer, void *ctx);

/* Everything that was acknowledged, by anybody, before this time of the monotonic clock was told to the observer. INT64_MAX:
 * everything always is (the embedded engine). An engine that asks others takes the question for interest, and goes on to
 * prove how far it is while there is some. INT64_MIN: what is told has not begun, or is being reset; what a read has found that
 * was asked while it is more is followed by all later changes. Any thread; a few loads. */
int64_t store_proven_ns(struct store *s);

/* The newest revision that a read can find; the observer has been told of all its events. Any thread. */
int64_t store_revision(const struct store *s);

/* --- notes, see struct store_note --- */

/* The value of a note that is durable, copied to `arena`; empty: there is none. NO_MEMORY. Any thread; it may wait for a
 * moment. */
enum store_status store_note_get(struct store *s, struct slice name, struct arena *arena, struct slice *ret_value);

/* --- checksums --- */

/* etcd's HashKV: the CRC-32C of all changes up to `revision` (0: the newest) that a compaction there would leave, each as
 * etcd 3.4 writes it to its disk; see store/local/hash.h. So stores with the same history have the same one, whatever the
 * state of their files. *ret_revision is the newest revision, *ret_compact_revision the compacted one, -1 if nothing was.
 * Both are set also if this is COMPACTED (of the compacted revision itself, too: as in etcd) or FUTURE_REVISION; else
 * DAMAGED, IO, NO_MEMORY. Any thread; it reads the whole store, and nobody waits for it, but what compaction takes out
 * stays until it is done. */
enum store_status store_hash_kv(struct store *s, int64_t revision, uint32_t *ret_hash, int64_t *ret_revision,
                                int64_t *ret_compact_revision);

/* The checksum of all there is, keys, notes and leases, for a comparison of stores to which nobody writes: the CRC-32C of
 * store_hash_kv at the newest revision goes on with each note by its name (the name, then the value) and each lease by its id
 * (id and time to live, 8 bytes each, the most significant first). Not what etcd's Hash returns, which is of its file.
 * Statuses and threads as of store_hash_kv. */
enum store_status store_hash(struct store *s, uint32_t *ret_hash, int64_t *ret_revision);

/* --- snapshots --- */

/* A copy of the store as of one moment, a stream of bytes in a format of our own (store/local/snapshot_format.h) that
 * `larder restore` makes a store of. It is made as it is read; any thread may do that, one at a time. It keeps nothing from
 * being written or compacted, but pages of the file that it has not read yet are not used again until it is closed, so the
 * file may grow. Where that leaves no room on the disk the snapshot ends: with NO_SPACE. */
struct store_snapshot;

/* Waits until the commit under way is done, and counts the records. NULL: *ret_status says why (NO_MEMORY, CLOSED,
 * DAMAGED, IO). It is to be closed before the store is. */
struct store_snapshot *store_snapshot_open(struct store *s, enum store_status *ret_status);

/* The next bytes; as many as there is room for, until the end. *ret_size 0: that was all. Another status than OK (NO_SPACE,
 * DAMAGED, NO_MEMORY) is the end of it, and what was read is of no use. */
enum store_status store_snapshot_read(struct store_snapshot *snapshot, char *data, size_t size, size_t *ret_size);

/* How many bytes are still to come. */
uint64_t store_snapshot_size(const struct store_snapshot *snapshot);

/* NULL is allowed. */
void store_snapshot_close(struct store_snapshot *snapshot);

/* Classes of commits by their size: class i has at most 2^i writes, the last one any number. */
enum { STORE_COMMIT_CLASSES = 14 };

static inline unsigned store_commit_class(uint64_t ops) {
    unsigned i = 0;

    while (i < STORE_COMMIT_CLASSES - 1 && ops > UINT64_C(1) << i) {
        i++;
    }
    return i;
}

struct store_figures {
    int64_t revision;
    int64_t compact_revision;
    uint64_t keys;
    uint64_t bytes; /* of keys, values and history, that the quota counts */
    uint64_t quota;
    uint64_t file_bytes;
    uint64_t file_bytes_used; /* of its pages that have something in them; the others will be used again */
    uint64_t commits;         /* that reached the disk */
    uint64_t commit_ops;      /* writes in them */
    uint64_t syncs;           /* system calls that wait for the disk */
    uint64_t sync_ns;         /* time spent committing */
    uint64_t compactions;
    uint64_t watchers;
    uint64_t leases;
    uint64_t waiting; /* writes handed in and not yet answered */
    bool full;        /* a write was refused for want of space, and there is none yet */
    /* The commits again, each in its class. */
    uint64_t commit_classes[STORE_COMMIT_CLASSES];
};

void store_get_figures(struct store *s, struct store_figures *ret_figures);

/* Takes no more calls (CLOSED), waits until those it has are answered, and frees it; its watchers are closed by then. NULL
 * is allowed. */
void store_close(struct store *s);

#endif
