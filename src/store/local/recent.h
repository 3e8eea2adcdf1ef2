/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_RECENT_H
#define LARDER_STORE_LOCAL_RECENT_H

#include <stdatomic.h>

#include "base/arena.h"
#include "store/local/record.h"

/* A record that is in the journal and not in LMDB yet. */
struct recent {
    struct recent *_Atomic next; /* in the order of time */
    int64_t revision;
    uint32_t sub;
    uint32_t size;
    char bytes[]; /* as record_encode wrote them */
};

/* All of them since a checkpoint. The writer adds; whoever holds them may read those of published revisions, also after
 * the next checkpoint has put new ones in their place. */
struct recents {
    atomic_uint holders;
    struct arena arena;
    struct recent *_Atomic first;
    struct recent *last;
    size_t bytes;
};

enum { RECENTS_MAX = 1 << 30 /* bytes */ };

/* Held once. NULL: out of memory. */
struct recents *recents_new(void);

static inline struct recents *recents_hold(struct recents *r) {
    atomic_fetch_add_explicit(&r->holders, 1, memory_order_relaxed);
    return r;
}

void recents_release(struct recents *r);

/* Makes a record, not in the list yet. NULL: out of memory. */
struct recent *recents_make(struct recents *r, const struct kv *kv, uint32_t sub);

/* Adds a list of such; before their revisions are published. */
void recents_add(struct recents *r, struct recent *first, struct recent *last);

static inline bool recent_decode(const struct recent *r, struct kv *ret_kv) {
    return record_decode(slice_make(r->bytes, r->size), r->revision, r->sub, ret_kv);
}

#endif
