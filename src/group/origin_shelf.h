/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_ORIGIN_SHELF_H
#define LARDER_GROUP_ORIGIN_SHELF_H

#include "group/origin_internal.h"

/* What a node of a cluster has asked origins for aside: as one that does not own the key, because its owner could not be asked.
 * It is good for ORIGIN_ASIDE_MS, and no longer than the answer is fresh, under the view by which it was asked for; so a change
 * of the membership and a purge end it. Who owns the key by the next view, because its owner is gone, may take it over
 * (keeper_adopts).
 *
 * Whoever changes or purges a key makes its answers void here as he does its flights (origin_void_key, origin_void), before
 * he touches the table. Values are held, not copied. Any thread. */
struct origin_shelf;

struct origin_aside {
    struct blob blob; /* first; a reference is held of it, and it holds the value */
    struct origin_held held;
    unsigned group;
    uint64_t hash;
    uint64_t serial; /* of the view; 0: there was none */
    int64_t asked_ns;
    uint32_t expires; /* of an entry made of it, in table seconds */
    bool may_adopt;   /* its view was settled, and the key another node's */
    atomic_bool voided;

    /* The shelf's own. */
    bool is_shelved;
    size_t size;               /* bytes that it counts for */
    struct origin_aside *next; /* in its bucket */
    struct origin_aside *older;
    struct origin_aside *newer;
    size_t key_size;
    char key[];
};

static inline struct slice origin_aside_key(const struct origin_aside *aside) {
    return slice_make(aside->key, aside->key_size);
}

/* Errors: NO_MEMORY. */
enum larder_error origin_shelf_new(struct origin_shelf **ret_shelf);

/* NULL is allowed. */
void origin_shelf_free(struct origin_shelf *shelf);

/* As it was a moment ago. Under any lock. */
bool origin_shelf_is_empty(const struct origin_shelf *shelf);

/* Puts the flight's answer there, in place of what there is for the key, unless the flight is void. `expires` as above. What has
 * been there the longest makes room. True: it is there; false: there is no memory, or it is too large. */
bool origin_shelf_put(struct origin_shelf *shelf, const struct origin_flight *f, uint32_t expires);

/* The answer for the key, whatever view it is of; a reference, the caller's. NULL: there is none. */
struct origin_aside *origin_shelf_find(struct origin_shelf *shelf, uint64_t hash, struct slice key);

/* It is of no use any more. Twice is fine. */
void origin_shelf_remove(struct origin_shelf *shelf, struct origin_aside *aside);

/* The key is changed or purged; or (GROUP_MAX: of all groups) a group's keys that begin with `prefix` are. */
void origin_shelf_void_key(struct origin_shelf *shelf, uint64_t hash, struct slice key);
void origin_shelf_void(struct origin_shelf *shelf, unsigned group, struct slice prefix);

#endif
