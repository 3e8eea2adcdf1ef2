/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"
#include "group/counter.h"
#include "group/memory_internal.h"

void memory_touch(const struct memory_access *a, const struct request *request, struct reply *reply) {
    struct spot spot;

    if (!spot_lock_to_change(a, request->key, &spot)) {
        return;
    }
    if (spot.entry == NULL) {
        reply->result = RESULT_NOT_FOUND;
    } else {
        shard_set_expiry(spot.shard, spot.entry, memory_expiry(a, request->ttl));
        entry_read(spot.entry, a->now);
        reply->result = RESULT_TOUCHED;
    }
    spot_unlock(&spot);
}

/* The entry stays to be served as stale until somebody has filled it anew. */
static void invalidate(const struct memory_access *a, const struct request *request, struct spot *spot) {
    struct entry *e = spot->entry;

    shard_renew_cas(spot->shard, e);
    memory_stamp(request, e);
    entry_clear_bits(e, ENTRY_WIN_SENT);
    entry_set_bits(e, ENTRY_STALE);
    if (has_option(request, REQUEST_TOUCH)) {
        shard_set_expiry(spot->shard, e, memory_expiry(a, request->ttl));
    }
}

/* The entry stays, without its value. */
static bool empty(const struct memory_access *a, const struct request *request, struct spot *spot) {
    const struct shard_put put = {
        .expires = has_option(request, REQUEST_TOUCH) ? memory_expiry(a, request->ttl) : ENTRY_NEVER,
        .client_flags = request->client_flags,
        .group = (uint16_t)a->policy->index,
        .era = memory_era(a),
    };

    spot->entry = shard_put(spot->shard, spot->hash, request->key, &put, a->now);
    if (spot->entry == NULL) {
        return false;
    }
    memory_stamp(request, spot->entry);
    return true;
}

static enum result delete_entry(const struct memory_access *a, const struct request *request, struct spot *spot) {
    if (has_option(request, REQUEST_COMPARE) && spot->entry->cas != request->compare) {
        return RESULT_EXISTS;
    }
    if (has_option(request, REQUEST_DROP_VALUE) && !empty(a, request, spot)) {
        return RESULT_NO_MEMORY;
    }
    if (has_option(request, REQUEST_INVALIDATE)) {
        invalidate(a, request, spot);
    } else if (!has_option(request, REQUEST_DROP_VALUE)) {
        shard_remove(spot->shard, spot->hash, spot->entry);
    }
    return RESULT_DELETED;
}

void memory_delete(const struct memory_access *a, const struct request *request, struct reply *reply) {
    struct spot spot;

    if (!spot_lock_to_change(a, request->key, &spot)) {
        return;
    }
    if (!memory_conditions_hold(request, &spot)) {
        reply->result = RESULT_EXISTS;
    } else {
        reply->result = spot.entry == NULL ? RESULT_NOT_FOUND : delete_entry(a, request, &spot);
    }
    spot_unlock(&spot);
}

/* Writes the number over the old value, padded to its length, or into a longer entry. The value of a large entry may be
 * on its way to a reader, so it is never written in place. */
static bool write_number(const struct memory_access *a, const struct request *request, struct spot *spot,
                         uint64_t number) {
    char digits[NUMBER_MAX_DIGITS];
    size_t size = number_format_u64(number, digits);
    struct entry *e = spot->entry;

    if (size <= e->value_size && !shard_segment_of(spot->shard, e)->large) {
        shard_renew_cas(spot->shard, e);
    } else {
        uint32_t new_size = (uint32_t)counter_size(size, e->value_size);
        unsigned kept = size > e->value_size ? 0 : e->bits;

        e = shard_resize(spot->shard, spot->hash, request->key, new_size, a->now);
        if (e == NULL) {
            return false;
        }
        entry_set_bits(e, kept);
        spot->entry = e;
    }
    memcpy(entry_value(e), digits, size);
    memset(entry_value(e) + size, ' ', e->value_size - size);
    memory_stamp(request, e);
    return true;
}

static enum result arith_missing(const struct memory_access *a, const struct request *request, struct spot *spot,
                                 struct reply *reply) {
    char digits[NUMBER_MAX_DIGITS];
    size_t size = number_format_u64(request->initial, digits);
    const struct shard_put put = {
        .value_size = (uint32_t)size,
        .expires = memory_expiry(a, request->vivify_ttl),
        .group = (uint16_t)a->policy->index,
        .era = memory_era(a),
    };

    if (!has_option(request, REQUEST_VIVIFY)) {
        return RESULT_NOT_FOUND;
    }
    spot->entry = shard_put(spot->shard, spot->hash, request->key, &put, a->now);
    if (spot->entry == NULL) {
        return RESULT_NO_MEMORY;
    }
    memcpy(entry_value(spot->entry), digits, size);
    memory_stamp(request, spot->entry);
    memory_describe(spot, a->now, &reply->item);
    reply->number = request->initial;
    return RESULT_DONE;
}

static enum result arith_present(const struct memory_access *a, const struct request *request, struct spot *spot,
                                 struct reply *reply) {
    struct entry *e = spot->entry;
    int64_t ttl_before = memory_remaining(e->expires, a->now);
    uint64_t number;

    if (e->value_size == 0) {
        return RESULT_NOT_A_NUMBER;
    }
    if (has_option(request, REQUEST_COMPARE) && request->compare != 0 && request->compare != e->cas) {
        return RESULT_EXISTS;
    }
    if (!counter_read(slice_make(entry_value(e), e->value_size), &number)) {
        return RESULT_NOT_A_NUMBER;
    }
    number = counter_compute(request->command, request->delta, number);
    entry_use(e);
    if (!write_number(a, request, spot, number)) {
        return RESULT_NO_MEMORY;
    }
    if (has_option(request, REQUEST_TOUCH)) {
        shard_set_expiry(spot->shard, spot->entry, memory_expiry(a, request->ttl));
    }
    memory_describe(spot, a->now, &reply->item);
    reply->item.ttl_before = ttl_before;
    reply->number = number;
    return RESULT_DONE;
}

void memory_arith(const struct memory_access *a, const struct request *request, struct reply *reply) {
    struct spot spot;

    if (!spot_lock_to_change(a, request->key, &spot)) {
        return;
    }
    reply->result =
        spot.entry == NULL ? arith_missing(a, request, &spot, reply) : arith_present(a, request, &spot, reply);
    spot_unlock(&spot);
}
