/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_LEASE_H
#define LARDER_STORE_LOCAL_LEASE_H

#include <pthread.h>

#include "base/arena.h"
#include "store/local/key_entry.h"
#include "store/store.h"

/* The leases, in memory: which there are, when each ends, which keys hang on it. The writer makes, links and ends them;
 * any thread may keep one alive or ask about it. A start counts as a renewal of all, as a change of leader does in etcd. */
struct lease {
    int64_t id;
    int64_t ttl; /* seconds, as granted */
    int64_t end_ns;
    struct lease *next; /* of its hash slot */
    size_t place;       /* in the heap */
    struct key_entry *keys;
    size_t key_count;
    bool ending; /* revoked, as soon as that is durable */
};

struct lease_set {
    pthread_mutex_t lock;
    struct lease **slots; /* by id */
    size_t slot_count;    /* a power of two, or 0 */
    struct lease **heap;  /* the one that ends first is on top */
    size_t count;
    size_t capacity; /* of the heap */
};

void lease_set_init(struct lease_set *set);
void lease_set_fini(struct lease_set *set);

/* The time to live that a lease gets for which `ttl` was asked. */
int64_t lease_ttl_granted(int64_t ttl);

/* --- on the writer's thread --- */

/* NULL: there is none, or it is ending. */
struct lease *lease_find(struct lease_set *set, int64_t id);

/* Adds a lease whose id is not there yet. NULL: out of memory. */
struct lease *lease_add(struct lease_set *set, int64_t id, int64_t ttl, int64_t now_ns);

/* Lets go of its keys and frees it. */
void lease_drop(struct lease_set *set, struct lease *lease);

void lease_set_ending(struct lease_set *set, struct lease *lease, bool ending);

/* Links the entry with the lease of its newest version, and with no other. */
void lease_link(struct lease_set *set, struct key_entry *e);

/* The end of the lease that ends next, as long as it is not ending already; INT64_MAX: none. */
int64_t lease_next_end(struct lease_set *set);

/* A lease whose time is over and that is not ending. NULL: none. */
struct lease *lease_over(struct lease_set *set, int64_t now_ns);

/* Which leases came and went since the last checkpoint, in order. */
struct lease_change {
    int64_t id;
    int64_t ttl; /* 0: it ended */
};

struct lease_changes {
    struct lease_change *changes;
    size_t count;
    size_t capacity;
};

/* False: out of memory. */
bool lease_changes_add(struct lease_changes *c, int64_t id, int64_t ttl);

/* --- on any thread: KEEP_ALIVE, TTL, LIST --- */

enum store_status lease_answer(struct lease_set *set, const struct store_op *op, int64_t now_ns, struct arena *arena,
                               struct store_result *result);

/* Id and time to live of all that are not ending, by id; the array is to be freed. False: out of memory. */
bool lease_list(struct lease_set *set, struct lease_change **ret_leases, size_t *ret_count);

size_t lease_count(struct lease_set *set);

#endif
