/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_MEMORY_INTERNAL_H
#define LARDER_GROUP_MEMORY_INTERNAL_H

#include "group/memory.h"

/* Between the files of the memory backing. A spot is a key's shard, locked, and its entry there. */
struct spot {
    struct shard *shard;
    uint64_t hash;
    struct entry *entry; /* NULL: absent */
};

static inline struct spot spot_lock(const struct memory_access *a, struct slice key) {
    struct spot spot = {.hash = table_hash(a->table, key)};

    spot.shard = table_lock(a->table, spot.hash);
    spot.entry = shard_find(spot.shard, spot.hash, key, a->now, a->ret_expired);
    return spot;
}

static inline void spot_unlock(struct spot *spot) {
    table_unlock(spot->shard);
}

/* When an entry of `ttl` seconds (as a request gives them, the group's policy applied) ends, in table seconds. */
uint32_t memory_expiry(const struct memory_access *a, int64_t ttl);

/* Remaining seconds for a reply. */
int64_t memory_remaining(uint32_t expires, uint32_t now);

/* Fills in what a reply says of the entry, but for the value. */
void memory_describe(const struct spot *spot, uint32_t now, struct item *ret_item);

/* Shows the value as it lies in the table: the shard stays locked until the reply is released. */
void memory_show_value(const struct spot *spot, struct reply *reply);

/* The new cas of an entry that was just written: the request's own, if it brought one. */
static inline void memory_stamp(const struct request *request, struct entry *e) {
    if ((request->options & REQUEST_SET_CAS) != 0) {
        e->cas = request->cas;
    }
}

/* Whether what the request demands of the entry is so. */
static inline bool memory_conditions_hold(const struct request *request, const struct spot *spot) {
    return request->conditions == NULL ||
           conditions_hold(request->conditions, spot->entry != NULL, spot->entry != NULL ? spot->entry->cas : 0);
}

static inline bool has_option(const struct request *request, uint32_t option) {
    return (request->options & option) != 0;
}

#endif
