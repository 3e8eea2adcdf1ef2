/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_INTERNAL_H
#define LARDER_STORE_LOCAL_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/random.h"
#include "store/engine.h"
#include "store/local/batch.h"
#include "store/local/disk.h"
#include "store/local/garbage.h"
#include "store/local/journal.h"
#include "store/local/key_entry.h"
#include "store/local/lease.h"
#include "store/local/local.h"
#include "store/local/note.h"
#include "store/local/recent.h"
#include "store/local/watch.h"
#include "store/selection.h"
#include "store/span.h"

enum { NOT_COMPACTED = -1 /* as in etcd, so that 0 can be compacted */ };

/* The embedded engine. What was written lies in LMDB as records in the order of time; where the versions of each key lie,
 * the index in memory knows, which a start builds anew from the records. One thread writes: it takes all calls that wait,
 * applies them, commits once, and only then is any of it visible, told and answered. Reads take place on the threads of
 * the callers.
 *
 * A commit is an entry of the journal: one wait for the disk. From time to time a checkpoint brings to LMDB what the
 * journal has; until then the records are read from memory.
 *
 * How a reader and the writer keep apart: a reader notes the committed revision, takes a snapshot of LMDB, and looks up
 * in the index, under its lock, what is not above that revision. The writer puts versions above the committed revision
 * into the index before they are committed; no reader looks at those. What compaction takes out of the index it deletes
 * from LMDB only afterwards, so whatever a reader finds in the index is in its snapshot, or among the records in memory
 * that it holds. */
struct local {
    struct store base;
    struct local_config config;
    struct disk disk;
    pthread_rwlock_t index_lock; /* the writer alone changes the index, and so reads it without the lock */
    struct key_tree index;
    struct lease_set leases;
    struct note_set notes;
    struct watchers watches;
    struct recents *recents;      /* those since the last checkpoint */
    _Atomic int64_t checkpointed; /* revision up to which records are in LMDB; changed with `recents`, index locked */
    _Atomic int64_t committed;    /* revision that readers see */
    _Atomic int64_t compacted;    /* below this one nobody can read any more; NOT_COMPACTED: nothing was yet */
    _Atomic int64_t floor;        /* below this one, compaction has taken out what is obsolete, or is about to */

    /* --- the queue of the writer --- */
    pthread_mutex_t queue_lock;
    pthread_cond_t queue_signal;
    struct store_call *queue_first;
    struct store_call **queue_end;
    struct errand *errands;
    pthread_cond_t errand_signal; /* one was run */
    atomic_size_t waiting;        /* calls handed in and not yet answered */
    bool asleep;                  /* the writer waits for the signal */
    bool closing;
    bool writer_started;
    pthread_t writer;

    /* --- the writer's own --- */
    struct batch batch;
    struct garbage garbage;
    struct journal journal;
    struct lease_changes lease_changes; /* since the last checkpoint */
    uint64_t checkpoint_at;             /* length of the journal at which a checkpoint is due */
    bool failed;      /* a file could not be synced: nobody knows what is on the disk, so nothing more is written */
    bool stuck;       /* the last batch could not be committed: what is due by itself is not tried again at once */
    bool disk_full;   /* the disk had no room for a batch, and has taken nothing since */
    bool room_needed; /* a put waits for room that history may give up */
    const struct store_call *room_for; /* that put, which is tried once more */
    struct store_call *physical;       /* compactions that are answered when what they compacted is gone */
    struct store_call **physical_end;
    int64_t physical_since; /* when the first of them began to be that */
    int64_t pruned;         /* up to here, compaction has gone through the index */
    struct random random;   /* of the ids of leases that the store chooses */
    const struct store_observer *observer;
    void *observer_ctx;

    /* --- what is not to be taken out of the index for the moment --- */
    pthread_mutex_t holds_lock;
    struct compact_hold *holds;

    /* --- figures, written by the writer --- */
    _Atomic uint64_t keys;
    _Atomic uint64_t bytes;
    _Atomic uint64_t commits;
    _Atomic uint64_t commit_ops;
    _Atomic uint64_t commit_classes[STORE_COMMIT_CLASSES];
    _Atomic uint64_t syncs;
    _Atomic uint64_t sync_ns;
    _Atomic uint64_t compactions;
    atomic_bool full;
};

static inline struct local *local_of(struct store *s) {
    return (struct local *)s;
}

/* --- where an operation reads (read.c, range.c, compare.c) --- */

/* What there was at `revision`. For the writer that includes what the batch has done so far. */
struct view {
    struct local *store;
    struct disk_reader *reader;
    struct recents *recents; /* held; NULL: the writer's own view */
    int64_t checkpointed;    /* up to here records are read from `reader`, newer ones from memory */
    int64_t revision;
};

/* Begins a view of the committed revision and leaves the index locked for reading (see struct local). */
enum store_status view_begin(struct local *s, struct view *ret_view);

/* The index is unlocked by then. */
void view_end(struct view *v);

/* The record of a version. */
static inline enum store_status view_fetch(const struct view *v, const struct version *version, struct kv *ret_kv) {
    if (version->mod > v->checkpointed) {
        return recent_decode(version->recent, ret_kv) ? STORE_OK : STORE_DAMAGED;
    }
    return disk_get(&v->store->disk, v->reader->txn, version->mod, version->sub, ret_kv);
}

/* Goes through the entries of a span in order, those that do not exist at a revision included. */
struct span_walk {
    struct key_place place;
    struct slice end; /* empty: to the end of all keys */
    bool single;
    struct key_entry *only;
};

void span_begin(const struct key_tree *x, const struct store_span *span, struct span_walk *ret_walk);
struct key_entry *span_next(struct span_walk *walk);

/* The two halves of a RANGE: what there is (the index is locked, or it is the writer who asks), and its values. `range` is
 * borrowed by the selection; selection_fini frees it, also after an error. */
enum store_status range_collect(const struct view *v, const struct store_range *range, struct selection *ret_selection);
enum store_status range_fetch(const struct view *v, struct selection *selection, struct arena *arena,
                              struct store_result *ret_result);

/* Whether all compares hold. */
enum store_status compare_all(const struct view *v, const struct store_txn *txn, bool *ret_hold);

/* --- what can be said of an operation without looking into the store (check.c) --- */

enum store_status check_op(const struct store_op *op);
bool op_writes(const struct store_op *op);

/* Whether a revision can be read. */
static inline enum store_status check_revision(int64_t asked, int64_t newest, int64_t compacted) {
    if (asked > newest) {
        return STORE_FUTURE_REVISION;
    }
    return asked != 0 && asked < compacted ? STORE_COMPACTED : STORE_OK;
}

/* --- transactions (txn.c) --- */

/* Which branches will run, found out before anything of the transaction is done: one flag for each transaction, nested
 * ones of branches that run included, in the order of their turn. */
struct txn_path {
    bool *succeeded;
    size_t count;
    size_t capacity;
    size_t at; /* the next to be read */
};

enum store_status txn_path_find(const struct view *v, const struct store_txn *txn, struct arena *arena,
                                struct txn_path *ret_path);

/* Runs the operations of the branches of the path. `write` runs a PUT or DELETE; NULL: there are none. */
typedef enum store_status txn_write_fn(struct local *s, const struct store_op *op, struct arena *arena,
                                       struct store_result *result);

enum store_status txn_run(struct view *v, const struct store_txn *txn, struct txn_path *path, struct arena *arena,
                          txn_write_fn *write, struct store_result *result);

/* --- checksums (hash.c) --- */

enum store_status local_hash_kv(struct store *store, int64_t revision, uint32_t *ret_hash, int64_t *ret_revision,
                                int64_t *ret_compact_revision);

enum store_status local_hash(struct store *store, uint32_t *ret_hash, int64_t *ret_revision);

/* --- snapshots (snapshot.c) --- */

struct store_snapshot *local_snapshot_open(struct store *store, enum store_status *ret_status);
enum store_status local_snapshot_read(struct store_snapshot *snapshot, char *data, size_t size, size_t *ret_size);
uint64_t local_snapshot_size(const struct store_snapshot *snapshot);
void local_snapshot_close(struct store_snapshot *snapshot);

/* --- threads --- */

/* On the caller's thread: a call that changes nothing. */
void local_read(struct local *s, struct store_call *call);

/* The writer's thread. */
void *local_write(void *store);

/* Something that the writer does between two batches, for a thread that waits for it. */
struct errand {
    void (*run)(struct local *s, void *ctx);
    void *ctx;
    bool done;
    struct errand *next;
};

/* Has it run, and waits. CLOSED: it was not. */
enum store_status errand_run(struct local *s, void (*run)(struct local *s, void *ctx), void *ctx);

/* On the writer's thread: runs all there are. */
void errand_serve(struct local *s);

/* A DEFRAGMENT, between two batches. The call is left to be answered. */
void local_defragment(struct local *s, struct store_call *call);

/* Applies a call to the open batch (apply.c). A status of one call is put into the call; what is returned breaks the
 * whole batch. */
enum store_status apply_call(struct local *s, struct store_call *call);

/* Ends a lease, and the keys that hang on it in one revision. */
enum store_status apply_lease_end(struct local *s, struct lease *lease);

/* Takes over what the journal has, then builds the index, the garbage and the leases from the disk (load.c). */
enum store_status local_load(struct local *s);

/* --- checkpoints (checkpoint.c), the writer's --- */

/* Whether there is anything to bring to LMDB. */
bool checkpoint_is_wanted(const struct local *s);

/* Brings to LMDB what the journal has, deletes there what compaction took out of the index, and begins the journal anew. */
enum store_status checkpoint(struct local *s);

/* --- compaction (compact.c), the writer's --- */

/* Whether history is too long or old versions wait to be taken out. */
bool compact_is_due(struct local *s);

/* Whether so much of the quota is used that history is given up. */
bool compact_is_nearly_full(const struct local *s);

/* Whether a put that finds the quota used up may find room once history is given up. */
bool compact_can_make_room(const struct local *s);

/* Decides on automatic compaction. */
enum store_status compact_in_batch(struct local *s);

/* Whether all that was obsolete at a compacted revision has left the index and the disk. */
bool compact_is_gone(const struct local *s, int64_t revision);

/* Keeps compaction, as long as there is room, from taking out what is not obsolete at `revision`. Any thread. */
struct compact_hold {
    int64_t revision;
    struct compact_hold *next;
};

void compact_hold_add(struct local *s, struct compact_hold *hold, int64_t revision);
void compact_hold_remove(struct local *s, const struct compact_hold *hold);

/* After a commit: takes what is obsolete out of the index, some of it at a time. */
void compact_index(struct local *s);

#endif
