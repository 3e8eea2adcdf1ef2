/* SPDX-License-Identifier: Apache-2.0 */
#include "group/memory_internal.h"

uint32_t memory_expiry(const struct memory_access *a, int64_t ttl) {
    bool cut = false;

    ttl = group_policy_ttl(a->policy, ttl, &cut);
    if (cut) {
        *a->ret_cut = true;
    }
    if (ttl == REQUEST_TTL_FOREVER) {
        return ENTRY_NEVER;
    }
    if (ttl < 0) {
        return a->now;
    }
    return ttl < (int64_t)(UINT32_MAX - a->now) ? a->now + (uint32_t)ttl : ENTRY_NEVER;
}

int64_t memory_remaining(uint32_t expires, uint32_t now) {
    if (expires == ENTRY_NEVER) {
        return ITEM_TTL_FOREVER;
    }
    return expires > now ? (int64_t)(expires - now) : 0;
}

void memory_describe(const struct spot *spot, uint32_t now, struct item *ret_item) {
    const struct entry *e = spot->entry;
    const struct segment *segment = shard_segment_of(spot->shard, e);

    *ret_item = (struct item){
        .client_flags = e->client_flags,
        /* Another worker's batch may have begun a second later. */
        .last_access = now > e->last_access ? now - e->last_access : 0,
        .cas = e->cas,
        .ttl = memory_remaining(e->expires, now),
        .ttl_before = memory_remaining(e->expires, now),
        .footprint = (uint32_t)entry_footprint(e),
        .queue = segment->queue,
        .binary_key = (e->bits & ENTRY_BINARY_KEY) != 0,
        .fetched = (e->bits & ENTRY_FETCHED) != 0,
    };
}

void memory_unlock_held(void *held) {
    table_unlock(held);
}

void memory_show_value(const struct spot *spot, struct reply *reply) {
    struct segment *segment = shard_segment_of(spot->shard, spot->entry);

    reply->item.value = slice_make(entry_value(spot->entry), spot->entry->value_size);
    reply->item.blob = segment->large ? &segment->blob : NULL;
    reply->held = spot->shard;
    reply->release = memory_unlock_held;
}

/* A miss becomes an empty entry that the caller has won the right to fill. */
static void vivify(const struct memory_access *a, const struct request *request, struct spot *spot,
                   struct reply *reply) {
    bool touched = has_option(request, REQUEST_TOUCH) && !has_option(request, REQUEST_VIVIFY_AFTER_TOUCH);
    const struct shard_put put = {
        .expires = memory_expiry(a, touched ? request->ttl : request->vivify_ttl),
        .group = (uint16_t)a->policy->index,
        .era = memory_era(a),
    };

    spot->entry = shard_put(spot->shard, spot->hash, request->key, &put, a->now);
    if (spot->entry == NULL) {
        reply->result = RESULT_NO_MEMORY;
        spot_unlock(spot);
        return;
    }
    memory_stamp(request, spot->entry);
    entry_set_bits(spot->entry, ENTRY_WIN_SENT | (has_option(request, REQUEST_BINARY_KEY) ? ENTRY_BINARY_KEY : 0));
    memory_describe(spot, a->now, &reply->item);
    reply->item.ttl_before = memory_remaining(memory_expiry(a, request->vivify_ttl), a->now);
    if (!has_option(request, REQUEST_NO_BUMP)) {
        entry_read(spot->entry, a->now);
    }
    reply->item.won = true;
    reply->result = RESULT_HIT;
    memory_show_value(spot, reply);
}

/* Whether the entry's life is so near its end that one caller shall renew it. */
static bool wants_recache(const struct request *request, const struct item *item) {
    int64_t left = has_option(request, REQUEST_RECACHE_AFTER_TOUCH) ? item->ttl : item->ttl_before;

    return has_option(request, REQUEST_RECACHE) && left != ITEM_TTL_FOREVER && left < request->recache_ttl;
}

/* Stale and ageing entries are given to one winner for renewal; the others are told that somebody is at it. */
static void judge_win(const struct request *request, struct entry *e, struct item *item) {
    item->stale = (e->bits & ENTRY_STALE) != 0;
    item->win_sent = (e->bits & ENTRY_WIN_SENT) != 0;
    if (!item->win_sent && (item->stale || wants_recache(request, item))) {
        item->won = true;
        entry_set_bits(e, ENTRY_WIN_SENT);
    }
}

/* Another node may keep what it is told here, if that is all that it shows of the entry. */
static void grant(const struct memory_access *a, const struct request *request, const struct spot *spot,
                  struct reply *reply) {
    const struct memory_gate *gate = a->gate;
    const struct hot_node_read read = {
        .key = request->key,
        .hash = spot->hash,
        .stamp = request->peer,
        .view = gate->view,
        .left_ns = hot_node_left_ns(gate->hot, spot->entry->expires),
    };

    if ((request->options & ~MEMORY_COPIED_OPTIONS) == 0) {
        reply->copy_ns = hot_node_grant(gate->hot, &read);
    }
}

static void get_hit(const struct memory_access *a, const struct request *request, struct spot *spot,
                    struct reply *reply) {
    struct entry *e = spot->entry;

    if (request->options == 0) {
        /* The plain read: nothing but what its reply shows. */
        reply->item.client_flags = e->client_flags;
        reply->item.cas = e->cas;
        reply->item.value = slice_make(entry_value(e), e->value_size);
    } else {
        memory_describe(spot, a->now, &reply->item);
    }
    reply->item.unchanged = has_option(request, REQUEST_COMPARE) && request->compare == e->cas;
    if (has_option(request, REQUEST_TOUCH)) {
        shard_set_expiry(spot->shard, e, memory_expiry(a, request->ttl));
        reply->item.ttl = memory_remaining(e->expires, a->now);
    }
    if (has_option(request, REQUEST_MAY_WIN)) {
        judge_win(request, e, &reply->item);
    }
    if (!has_option(request, REQUEST_NO_BUMP)) {
        entry_read(e, a->now);
    }
    if (__builtin_expect(request->peer != NULL && request->peer->keeps, 0) && a->gate->hot != NULL) {
        grant(a, request, spot, reply);
    }
    reply->result = RESULT_HIT;
    memory_show_value(spot, reply);
}

/* Whether it changes more than what only those see who may win. */
static bool is_change(const struct request *request, const struct spot *spot) {
    return has_option(request, REQUEST_TOUCH) || (spot->entry == NULL && has_option(request, REQUEST_VIVIFY));
}

void memory_get(const struct memory_access *a, const struct request *request, struct reply *reply) {
    struct spot spot;

    if (!spot_lock(a, request->key, &spot) || (is_change(request, &spot) && !spot_may_change(a, request->key, &spot))) {
        return;
    }
    if (spot.entry != NULL) {
        get_hit(a, request, &spot, reply);
    } else if (has_option(request, REQUEST_VIVIFY)) {
        vivify(a, request, &spot, reply);
    } else {
        reply->result = RESULT_MISS;
        spot_unlock(&spot);
    }
}

void memory_inspect(const struct memory_access *a, const struct request *request, struct reply *reply) {
    struct spot spot;

    if (!spot_lock(a, request->key, &spot)) {
        return;
    }
    reply->result = spot.entry != NULL ? RESULT_HIT : RESULT_MISS;
    if (spot.entry != NULL) {
        memory_describe(&spot, a->now, &reply->item);
    }
    spot_unlock(&spot);
}
