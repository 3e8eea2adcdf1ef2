/* SPDX-License-Identifier: Apache-2.0 */
#include "group/origin_internal.h"
#include "group/shared.h"

/* --- writing --- */

/* Under the shard's lock. */
static bool is_void(const struct memory_access *a, struct slice key, uint64_t hash, const atomic_bool *voided) {
    struct memory_gate *gate = a->gate;

    if (gate != NULL && !keeper_is_newest(gate->keeper, gate->view)) {
        gate->passage = MEMORY_MOVED;
        return true;
    }
    if (voided != NULL && atomic_load_explicit(voided, memory_order_relaxed)) {
        return true;
    }
    if (gate != NULL && gate->hot != NULL &&
        !hot_node_may_change(gate->hot, key, hash, gate->change, gate->revocations)) {
        gate->passage = MEMORY_COPIED;
        return true;
    }
    return false;
}

/* Fills a segment of its own before the shard is locked. */
static enum larder_error put_large(const struct memory_access *a, struct slice key, uint64_t hash, struct slice value,
                                   const struct shard_put *put, const atomic_bool *voided) {
    struct placed_value placed;
    enum larder_error error = LARDER_OK;
    struct entry *e;
    struct shard *s;

    if (!memory_place(a->table, key, put->value_size, a->now, &placed)) {
        return LARDER_ERROR_NO_MEMORY;
    }
    memcpy(placed.data, value.data, value.size);
    e = segment_first(placed.segment);
    e->expires = put->expires;
    e->client_flags = put->client_flags;
    entry_set_origin(e, put->group, put->era);
    s = table_lock(a->table, hash);
    if (!is_void(a, key, hash, voided)) {
        error = shard_large_link(s, hash, placed.segment, a->now);
        placed.segment = error == LARDER_OK ? NULL : placed.segment;
    } else {
        error = LARDER_ERROR_CLOSED;
    }
    table_unlock(s);
    memory_place_cancel(&placed);
    return error;
}

static enum larder_error put_small(const struct memory_access *a, struct slice key, uint64_t hash, struct slice value,
                                   const struct shard_put *put, const atomic_bool *voided) {
    struct shard *s = table_lock(a->table, hash);
    enum larder_error error = LARDER_ERROR_CLOSED;

    if (!is_void(a, key, hash, voided)) {
        struct entry *e = shard_put(s, hash, key, put, a->now);

        error = e != NULL ? LARDER_OK : LARDER_ERROR_NO_MEMORY;
        if (e != NULL) {
            memcpy(entry_value(e), value.data, value.size);
        }
    }
    table_unlock(s);
    return error;
}

static void remove_key(const struct memory_access *a, struct slice key, uint64_t hash, const atomic_bool *voided) {
    struct shard *s = table_lock(a->table, hash);
    struct entry *e = is_void(a, key, hash, voided) ? NULL : shard_find(s, hash, key, a->now, NULL);

    if (e != NULL) {
        shard_remove(s, hash, e);
    }
    table_unlock(s);
}

enum larder_error origin_put(const struct memory_access *a, struct slice key, uint64_t hash, struct slice value,
                             uint32_t expires, uint32_t client_flags, const atomic_bool *voided) {
    const struct shard_put put = {
        .value_size = (uint32_t)value.size,
        .expires = expires,
        .client_flags = client_flags,
        .group = (uint16_t)a->policy->index,
        .era = memory_era(a),
    };
    enum larder_error error = memory_places(a->table, key, put.value_size)
                                  ? put_large(a, key, hash, value, &put, voided)
                                  : put_small(a, key, hash, value, &put, voided);

    if (error == LARDER_ERROR_NO_MEMORY) {
        remove_key(a, key, hash, voided); /* what is there is older */
    }
    return error;
}

/* --- outcomes --- */

struct memory_access origin_flight_access(const struct origin_flight *f, struct memory_gate *gate) {
    const struct origin *origin = f->worker->origin;
    const struct shared_worker *shared = f->worker->shared;

    *gate = (struct memory_gate){.keeper = f->place.keeper,
                                 .view = f->place.view,
                                 .slot = f->place.slot,
                                 .hot = shared != NULL ? shared->shared->hot : NULL};
    return (struct memory_access){
        .table = origin->table,
        .policy = &(*f->worker->groups)->policies[f->group],
        .now = table_seconds(origin->start_ns, clock_monotonic_ns()),
        .gate = f->place.view != NULL ? gate : NULL,
    };
}

static void put(struct origin_flight *f, const struct memory_access *a, struct slice value, uint32_t expires,
                uint32_t client_flags, const atomic_bool *voided) {
    switch (origin_put(a, origin_flight_key(f), f->hash, value, expires, client_flags, voided)) {
    case LARDER_OK:
        f->stored = f->outcome.action != JUDGE_MARK && f->outcome.action != JUDGE_KEEP;
        break;
    case LARDER_ERROR_CLOSED:
        if (a->gate == NULL || a->gate->passage != MEMORY_COPIED) {
            telemetry_count(f->worker->telemetry, COUNTER_ORIGIN_VOIDED, 1);
        }
        break;
    default:
        telemetry_count(f->worker->telemetry, COUNTER_LIMIT_MEMORY, 1);
        break;
    }
}

static void put_for(struct origin_flight *f, const struct memory_access *a, struct slice value, uint32_t client_flags) {
    put(f, a, value, origin_expiry(a->now, f->outcome.keep_ms), client_flags, &f->voided);
}

static void put_marker(struct origin_flight *f, const struct memory_access *a) {
    char place[ORIGIN_ENTRY_FIXED];
    size_t size;

    if (origin_entry_head_size(&f->outcome.entry, &size) == LARDER_OK && size <= sizeof(place)) {
        put_for(f, a, slice_make(place, origin_entry_write_head(&f->outcome.entry, place)), 0);
    }
}

/* The old entry, with when the origin is to be asked again. Readers may hold the old bytes, so they are written anew. */
static void put_held(struct origin_flight *f, const struct memory_access *a) {
    struct origin_value *copy = origin_value_new(f->worker->origin, f->old_held.value.size);

    if (copy == NULL) {
        return;
    }
    memcpy(copy->data, f->old_held.value.data, f->old_held.value.size);
    copy->size = f->old_held.value.size;
    origin_entry_hold(copy->data, f->outcome.held_ms);
    put(f, a, origin_value_bytes(copy), f->old_expires, f->old_flags, &f->outdated);
    blob_unref(&copy->blob);
}

/* What was stored when the flight began is not what is there now, if anything is: that is what is kept, and shown. */
static void take_newer(struct origin_flight *f) {
    struct memory_gate gate;
    const struct memory_access a = origin_flight_access(f, &gate);
    struct spot spot;

    origin_held_drop(&f->old_held);
    if (spot_lock(&a, origin_flight_key(f), &spot)) {
        if (spot.entry != NULL) {
            (void)origin_hold_spot(f->worker->origin, &spot, &f->old_held); /* without it the error is shown */
        }
        spot_unlock(&spot);
    }
}

void origin_unmark(struct table *table, uint64_t hash, struct slice key, uint32_t now) {
    struct shard *s = table_lock(table, hash);
    struct entry *e = shard_find(s, hash, key, now, NULL);

    if (e != NULL) {
        entry_clear_bits(e, ENTRY_WIN_SENT);
    }
    table_unlock(s);
}

bool origin_may_tell(const struct origin_flight *f) {
    struct memory_gate gate;
    const struct memory_access a = origin_flight_access(f, &gate);
    struct slice key = origin_flight_key(f);
    struct origin_entry entry;
    struct entry *e;
    struct shard *s;
    bool is_fresh, may;

    if (a.gate == NULL || gate.hot == NULL) {
        return true;
    }
    s = table_lock(a.table, f->hash);
    e = shard_find(s, f->hash, key, a.now, NULL);
    is_fresh = e != NULL && origin_entry_read(slice_make(entry_value(e), e->value_size), &entry) == LARDER_OK &&
               origin_entry_age_ms(&entry, origin_now_ms(f->worker->origin)) < entry.lifetime_ms;
    may = !is_fresh && hot_node_may_change(gate.hot, key, f->hash, NULL, NULL);
    table_unlock(s);
    return may;
}

static bool replaces(enum judge_action action) {
    return action == JUDGE_STORE || action == JUDGE_RENEW || action == JUDGE_MARK || action == JUDGE_DROP;
}

static void act(struct origin_flight *f, const struct memory_access *a) {
    switch (f->outcome.action) {
    case JUDGE_STORE:
        put_for(f, a, origin_value_bytes(f->value), 0);
        break;
    case JUDGE_RENEW:
        put_for(f, a, origin_value_bytes(f->value), f->old_flags);
        break;
    case JUDGE_MARK:
        put_marker(f, a);
        break;
    case JUDGE_DROP:
        remove_key(a, origin_flight_key(f), f->hash, &f->voided);
        break;
    case JUDGE_KEEP:
        if (f->outcome.held_ms != 0) {
            put_held(f, a);
        }
        break;
    case JUDGE_PASS_ON:
    case JUDGE_RELOAD:
        break;
    }
}

bool origin_publish(struct origin_flight *f, struct hot_change *change, struct hot_revocations *ret_revocations) {
    struct memory_gate gate;
    const struct memory_access a = origin_flight_access(f, &gate);

    if (f->place.aside) {
        origin_keep_aside(f);
        return true;
    }
    gate.change = change;
    gate.revocations = ret_revocations;
    if (replaces(f->outcome.action)) {
        origin_void_key(f->worker->origin, f->hash, origin_flight_key(f), f->number);
    }
    act(f, &a);
    if (gate.passage == MEMORY_COPIED) {
        return false;
    }
    if (f->outcome.action == JUDGE_KEEP && atomic_load_explicit(&f->outdated, memory_order_relaxed)) {
        take_newer(f);
    }
    /* Whatever is there now, nobody is at it any more; and what came since may have had this flight joined to refresh it. */
    origin_unmark(a.table, f->hash, origin_flight_key(f), a.now);
    return true;
}
