/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "group/memory_internal.h"

/* Entries on their way from one node to another, and values that outlive the lock they were found under. */

/* Numbers above are clients' own (REQUEST_SET_CAS): counting does not go on from there. */
#define COUNTED_CAS_MAX (UINT64_C(1) << 56)

void memory_unref_held(void *held) {
    blob_unref(held);
}

/* The value of a large entry is kept by a reference; that of another stays as it is until something is stored in the shard,
 * for which the lock is needed that the reply holds. */
static void take_out(struct spot *spot, struct reply *reply) {
    struct segment *segment = shard_segment_of(spot->shard, spot->entry);

    memory_show_value(spot, reply);
    if (!segment->large) {
        shard_remove(spot->shard, spot->hash, spot->entry);
        return;
    }
    blob_ref(&segment->blob);
    shard_remove(spot->shard, spot->hash, spot->entry);
    spot_unlock(spot);
    reply->held = &segment->blob;
    reply->release = memory_unref_held;
}

void memory_give_up(const struct memory_access *a, const struct request *request, struct reply *reply) {
    struct spot spot;

    if (!spot_lock_to_change(a, request->key, &spot)) {
        return;
    }
    if (spot.entry == NULL) {
        reply->result = RESULT_MISS;
        spot_unlock(&spot);
        return;
    }
    memory_describe(&spot, a->now, &reply->item);
    reply->item.stale = (spot.entry->bits & ENTRY_STALE) != 0;
    reply->item.win_sent = (spot.entry->bits & ENTRY_WIN_SENT) != 0;
    reply->result = RESULT_HIT;
    take_out(&spot, reply);
}

static unsigned bits_of(const struct item *item) {
    return (item->stale ? (unsigned)ENTRY_STALE : 0) | (item->win_sent ? (unsigned)ENTRY_WIN_SENT : 0) |
           (item->binary_key ? (unsigned)ENTRY_BINARY_KEY : 0) | (item->fetched ? (unsigned)ENTRY_FETCHED : 0);
}

/* Whether other nodes may have copies of what is newer: then there is nobody who could wait for them, and what was given up is
 * lost. */
static bool is_copied(const struct memory_access *a, struct slice key, const struct spot *spot) {
    return a->gate->hot != NULL && !hot_node_may_change(a->gate->hot, key, spot->hash, NULL, NULL);
}

/* The numbers of a key grow, also from one owner to the next. */
static void keep_cas(struct shard *s, struct entry *e, uint64_t cas) {
    e->cas = cas;
    if (s->cas < cas && cas < COUNTED_CAS_MAX) {
        s->cas = cas;
    }
}

void memory_install(const struct memory_access *a, uint16_t from, struct slice key, const struct item *item) {
    const struct shard_put put = {
        .value_size = (uint32_t)item->value.size,
        .expires = item->ttl == ITEM_TTL_FOREVER ? ENTRY_NEVER : a->now + (uint32_t)item->ttl,
        .client_flags = item->client_flags,
        .group = (uint16_t)a->policy->index,
        .era = memory_era(a),
    };
    struct spot spot;

    if (!spot_lock(a, key, &spot)) {
        return;
    }
    if (spot.entry == NULL && keeper_takes(a->gate->keeper, a->gate->view, from) && item->ttl != 0 &&
        !is_copied(a, key, &spot)) {
        spot.entry = shard_put(spot.shard, spot.hash, key, &put, a->now);
        if (spot.entry != NULL) {
            memcpy(entry_value(spot.entry), item->value.data, item->value.size);
            entry_set_bits(spot.entry, bits_of(item));
            if (group_policy_is_origin(a->policy)) {
                entry_clear_bits(spot.entry, ENTRY_WIN_SENT); /* nobody here is refreshing it */
            }
            keep_cas(spot.shard, spot.entry, item->cas);
        }
    }
    spot_unlock(&spot);
}

static void free_held(void *held) {
    free(held);
}

/* A reference to the value instead of the lock. */
static void keep_by_reference(struct reply *reply) {
    struct blob *blob = reply->item.blob;

    blob_ref(blob);
    reply_release(reply);
    reply->held = blob;
    reply->release = memory_unref_held;
}

static void keep_copy(struct reply *reply) {
    size_t size = reply->item.value.size;
    char *copy = malloc(size > 0 ? size : 1);

    if (copy != NULL && size > 0) {
        memcpy(copy, reply->item.value.data, size);
    }
    reply_release(reply);
    if (copy == NULL) {
        reply->result = RESULT_NO_MEMORY;
        return;
    }
    reply->item.value = slice_make(copy, size);
    reply->held = copy;
    reply->release = free_held;
}

void memory_keep_reply(struct reply *reply) {
    if (reply->release != memory_unlock_held) {
        return;
    }
    if (reply->item.blob != NULL) {
        keep_by_reference(reply);
    } else {
        keep_copy(reply);
    }
}
