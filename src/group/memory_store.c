/* SPDX-License-Identifier: Apache-2.0 */
#include "group/memory_internal.h"

bool memory_places(const struct table *table, struct slice key, uint32_t value_size) {
    return shard_is_large(&table->shards[0], entry_size_for(key.size, value_size));
}

bool memory_place(struct table *table, struct slice key, uint32_t value_size, uint32_t now,
                  struct placed_value *ret_value) {
    struct shard *s = table_lock(table, table_hash(table, key));
    struct segment *segment = shard_large_new(s, key, value_size, now);

    table_unlock(s);
    if (segment == NULL) {
        return false;
    }
    *ret_value = (struct placed_value){
        .segment = segment,
        .data = entry_value(segment_first(segment)),
        .size = value_size,
    };
    return true;
}

void memory_place_cancel(struct placed_value *value) {
    if (value->segment != NULL) {
        blob_unref(&value->segment->blob);
        value->segment = NULL;
    }
}

/* Links a value that already lies in a segment of its own. */
static struct entry *link_placed(const struct memory_access *a, const struct request *request, struct spot *spot,
                                 const struct shard_put *put) {
    struct placed_value *placed = request->placed;
    struct entry *e = segment_first(placed->segment);

    e->expires = put->expires;
    e->client_flags = put->client_flags;
    entry_set_origin(e, put->group, put->era);
    if (shard_large_link(spot->shard, spot->hash, placed->segment, a->now) != LARDER_OK) {
        return NULL;
    }
    placed->segment = NULL;
    return e;
}

/* Writes the whole value in place of whatever the key had. */
static struct entry *write_entry(const struct memory_access *a, const struct request *request, struct spot *spot,
                                 uint32_t expires) {
    const struct shard_put put = {
        .value_size = (uint32_t)request->value.size,
        .expires = expires,
        .client_flags = request->client_flags,
        .group = (uint16_t)a->policy->index,
        .era = memory_era(a),
    };
    struct entry *e;

    if (request->placed != NULL) {
        e = link_placed(a, request, spot, &put);
    } else {
        e = shard_put(spot->shard, spot->hash, request->key, &put, a->now);
        if (e != NULL && request->value.size > 0) {
            memcpy(entry_value(e), request->value.data, request->value.size);
        }
    }
    if (e == NULL) {
        return NULL;
    }
    memory_stamp(request, e);
    if (has_option(request, REQUEST_BINARY_KEY)) {
        entry_set_bits(e, ENTRY_BINARY_KEY);
    }
    return e;
}

static bool is_too_large(const struct memory_access *a, struct slice key, size_t value_size) {
    return entry_size_for(key.size, value_size) > a->policy->max_item;
}

/* The old value must not outlive a set that its writer believes done. */
static void refuse(const struct request *request, struct spot *spot, enum result result, struct reply *reply) {
    if (spot->entry != NULL && has_option(request, REQUEST_EVICT_ON_REFUSAL)) {
        shard_remove(spot->shard, spot->hash, spot->entry);
    }
    reply->result = result;
}

static struct entry *store_whole(const struct memory_access *a, const struct request *request, struct spot *spot,
                                 uint32_t expires, struct reply *reply) {
    bool created = spot->entry == NULL;
    struct entry *e = write_entry(a, request, spot, expires);

    if (e == NULL) {
        spot->entry = shard_find(spot->shard, spot->hash, request->key, a->now, NULL);
        refuse(request, spot, RESULT_NO_MEMORY, reply);
        return NULL;
    }
    reply->result = RESULT_STORED;
    reply->item.cas = e->cas;
    reply->item.value.size = e->value_size;
    reply->item.created = created;
    return e;
}

/* A writer with an older cas comes late: its value is kept, marked stale, with the life and the winner there were. */
static void store_stale(const struct memory_access *a, const struct request *request, struct spot *spot,
                        struct reply *reply) {
    unsigned kept = spot->entry->bits & ENTRY_WIN_SENT;
    struct entry *e = store_whole(a, request, spot, spot->entry->expires, reply);

    if (e != NULL) {
        entry_set_bits(e, ENTRY_STALE | kept);
    }
}

/* The condition on the cas. False: the reply is made. */
static bool compare_holds(const struct memory_access *a, const struct request *request, struct spot *spot,
                          struct reply *reply) {
    if (!has_option(request, REQUEST_COMPARE)) {
        return true;
    }
    if (spot->entry == NULL) {
        reply->result = RESULT_NOT_FOUND;
        return false;
    }
    if (spot->entry->cas == request->compare) {
        return true;
    }
    if (has_option(request, REQUEST_INVALIDATE) && request->compare < spot->entry->cas) {
        store_stale(a, request, spot, reply);
        return false;
    }
    reply->result = RESULT_EXISTS;
    return false;
}

static void extend(const struct memory_access *a, const struct request *request, struct spot *spot,
                   struct reply *reply) {
    uint32_t old_size = spot->entry->value_size;
    size_t size = (size_t)old_size + request->value.size;
    struct entry *e;
    char *value;

    if (has_option(request, REQUEST_COMPARE) && request->compare != 0 && spot->entry->cas != request->compare) {
        reply->result = RESULT_EXISTS;
        return;
    }
    if (is_too_large(a, request->key, size)) {
        reply->result = RESULT_NOT_STORED;
        return;
    }
    e = shard_resize(spot->shard, spot->hash, request->key, (uint32_t)size, a->now);
    if (e == NULL) {
        reply->result = RESULT_NO_MEMORY;
        return;
    }
    value = entry_value(e);
    if (request->command == COMMAND_PREPEND) {
        memmove(value + request->value.size, value, old_size);
        memcpy(value, request->value.data, request->value.size);
    } else {
        memcpy(value + old_size, request->value.data, request->value.size);
    }
    memory_stamp(request, e);
    reply->result = RESULT_STORED;
    reply->item.cas = e->cas;
    reply->item.value.size = size;
}

/* Appending to nothing stores nothing, unless the request says that a miss begins a value. */
static void extend_missing(const struct memory_access *a, const struct request *request, struct spot *spot,
                           struct reply *reply) {
    struct entry *e;

    if (!has_option(request, REQUEST_VIVIFY)) {
        reply->result = RESULT_NOT_STORED;
        return;
    }
    e = write_entry(a, request, spot, memory_expiry(a, request->vivify_ttl));
    reply->result = e != NULL ? RESULT_STORED : RESULT_NO_MEMORY;
    reply->item.cas = e != NULL ? e->cas : 0;
    reply->item.value.size = request->value.size;
}

static void store_by_command(const struct memory_access *a, const struct request *request, struct spot *spot,
                             struct reply *reply) {
    switch (request->command) {
    case COMMAND_ADD:
        if (spot->entry != NULL) {
            entry_use(spot->entry);
            reply->result = RESULT_NOT_STORED;
            return;
        }
        break;
    case COMMAND_REPLACE:
        if (spot->entry == NULL && !has_option(request, REQUEST_COMPARE)) {
            reply->result = RESULT_NOT_STORED;
            return;
        }
        break;
    case COMMAND_APPEND:
    case COMMAND_PREPEND:
        if (spot->entry == NULL) {
            extend_missing(a, request, spot, reply);
        } else {
            extend(a, request, spot, reply);
        }
        return;
    default:
        break;
    }
    if (request->command == COMMAND_ADD || compare_holds(a, request, spot, reply)) {
        (void)store_whole(a, request, spot, memory_expiry(a, request->ttl), reply);
    }
}

void memory_store(const struct memory_access *a, const struct request *request, struct reply *reply) {
    struct spot spot;

    if (!spot_lock_to_change(a, request->key, &spot)) {
        return;
    }
    if (is_too_large(a, request->key, request->body_size)) {
        refuse(request, &spot, RESULT_TOO_LARGE, reply);
    } else if (!memory_conditions_hold(request, &spot)) {
        reply->result = RESULT_EXISTS;
    } else {
        store_by_command(a, request, &spot, reply);
    }
    spot_unlock(&spot);
}

void memory_refuse(const struct memory_access *a, const struct request *request) {
    struct spot spot;
    struct reply unused;

    if (!spot_lock_to_change(a, request->key, &spot)) {
        return;
    }
    refuse(request, &spot, RESULT_TOO_LARGE, &unused);
    spot_unlock(&spot);
}
