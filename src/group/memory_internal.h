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

_Static_assert(GROUP_MAX <= 1 << ENTRY_GROUP_BITS && (int)GROUP_MAX <= (int)KEEPER_GROUPS, "entries know their group");
_Static_assert(KEEPER_ERAS == 1 << ENTRY_ERA_BITS, "entries know their era");

/* What the access's gate says, with the spot locked. False: it is unlocked again and nothing is to be done. */
bool spot_pass(const struct memory_access *a, struct spot *spot);

/* False: the gate is closed, and the spot not locked. */
static inline bool spot_lock(const struct memory_access *a, struct slice key, struct spot *ret_spot) {
    ret_spot->hash = table_hash(a->table, key);
    ret_spot->shard = table_lock(a->table, ret_spot->hash);
    ret_spot->entry = shard_find(ret_spot->shard, ret_spot->hash, key, a->now, a->ret_expired);
    return __builtin_expect(a->gate == NULL, 1) || spot_pass(a, ret_spot);
}

/* Of a locked spot whose gate is open, before the key is changed in this same stretch: whether it may be, although other nodes
 * may have copies of it (hot_node.h). False: it is unlocked again, and nothing is to be done. */
bool spot_pass_change(const struct memory_access *a, struct slice key, struct spot *spot);

static inline bool spot_may_change(const struct memory_access *a, struct slice key, struct spot *spot) {
    return __builtin_expect(a->gate == NULL || a->gate->hot == NULL, 1) || spot_pass_change(a, key, spot);
}

/* As spot_lock, for what changes the key: also if the table does not have it, for then a copy may still be out there. */
static inline bool spot_lock_to_change(const struct memory_access *a, struct slice key, struct spot *ret_spot) {
    return spot_lock(a, key, ret_spot) && spot_may_change(a, key, ret_spot);
}

/* The era that new entries get. */
static inline uint8_t memory_era(const struct memory_access *a) {
    return a->gate != NULL ? a->gate->view->era : 0;
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

/* The release of such a reply as memory_show_value makes; `held` is the shard. */
void memory_unlock_held(void *held);

/* Of a reply that holds a blob. */
void memory_unref_held(void *held);

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
