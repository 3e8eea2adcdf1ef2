/* SPDX-License-Identifier: Apache-2.0 */
#include "group/origin.h"

#include "group/origin_internal.h"

enum { LOOKS_MAX = 3 /* at what is stored, for one read */ };

/* --- reads --- */

static const uint32_t read_options = REQUEST_FRESHNESS | REQUEST_NO_BUMP | REQUEST_BINARY_KEY | REQUEST_WANT_TTL |
                                     REQUEST_PLAIN | REQUEST_MAY_WIN | REQUEST_OUT_OF_TURN | REQUEST_FROM_POOL;

struct judge_wish origin_wish_of(const struct origin_access *a, const struct request *request) {
    struct judge_wish wish = {.freshness = a->memory.policy->freshness};

    if (has_option(request, REQUEST_FRESHNESS)) {
        wish.freshness = request->freshness;
    }
    if (request->caching != NULL) {
        wish.caching = *request->caching;
    }
    return wish;
}

/* What the table has, as it lies there. */
static void serve(const struct origin_access *a, const struct request *request, struct spot *spot,
                  const struct origin_entry *entry, int64_t now_ms, struct reply *reply) {
    memory_describe(spot, a->memory.now, &reply->item);
    if (!has_option(request, REQUEST_NO_BUMP)) {
        entry_read(spot->entry, a->memory.now);
    }
    memory_show_value(spot, reply);
    origin_show(reply, entry, (struct origin_held){reply->item.blob, reply->item.value}, now_ms);
    reply->source = REPLY_ORIGIN_HIT;
}

/* Another node may keep it while it is fresh. */
static void grant(const struct origin_access *a, const struct request *request, const struct spot *spot,
                  const struct origin_entry *entry, int64_t now_ms, struct reply *reply) {
    const struct memory_gate *gate = a->memory.gate;
    int64_t left_ms = entry->lifetime_ms - origin_entry_age_ms(entry, now_ms);

    if (gate != NULL && gate->hot != NULL && left_ms > 0 &&
        (entry->kind == ORIGIN_ANSWER || entry->kind == ORIGIN_ABSENT) && (entry->flags & ORIGIN_NO_CACHE) == 0 &&
        (request->options & ~MEMORY_COPIED_OPTIONS) == 0) {
        reply->copy_ns = hot_node_grant(gate->hot, &(struct hot_node_read){
                                                       .key = request->key,
                                                       .hash = spot->hash,
                                                       .stamp = request->peer,
                                                       .view = gate->view,
                                                       .left_ns = left_ms * CLOCK_NS_PER_MS,
                                                   });
    }
}

/* It is stale, good enough, and nobody has been sent to refresh it. The shard is given up. */
static void serve_and_refresh(const struct origin_access *a, const struct request *request, struct spot *spot,
                              struct origin_plan *plan, int64_t now_ms, struct reply *reply) {
    uint64_t hash = spot->hash;
    struct origin_flight *begun;
    struct origin_entry entry;
    struct origin_place place;
    enum result result;
    bool flies;

    entry_set_bits(spot->entry, ENTRY_WIN_SENT);
    memory_describe(spot, a->memory.now, &reply->item);
    entry_read(spot->entry, a->memory.now);
    spot_unlock(spot);
    (void)origin_entry_read(plan->old.value, &entry);
    blob_ref(plan->old.blob);
    reply->held = plan->old.blob;
    reply->release = memory_unref_held;
    origin_show(reply, &entry, plan->old, now_ms);
    reply->source = REPLY_ORIGIN_HIT;
    telemetry_count(a->worker->telemetry, COUNTER_ORIGIN_REFRESHES, 1);
    place = origin_place_of(&a->memory, false);
    plan->scope = request->scope;
    flies = origin_fly(NULL, a->worker, a->memory.policy, &place, hash, request->key, plan, &begun, &result);
    origin_place_drop(&place);
    if (!flies) {
        origin_unmark(a->memory.table, hash, request->key, a->memory.now);
    } else if (begun != NULL) {
        origin_load(begun);
    }
}

static void count_hit(const struct origin_access *a, bool stale) {
    origin_count_pool(a, POOL_CACHE_HITS);
    telemetry_count(a->worker->telemetry, stale ? COUNTER_ORIGIN_HITS_STALE : COUNTER_ORIGIN_HITS_FRESH, 1);
}

/* What the table has for the key, or gets for it now; the spot is locked. False: the gate is closed. */
static bool look(const struct origin_access *a, const struct request *request, struct spot *spot) {
    if (!spot_lock(&a->memory, request->key, spot)) {
        return false;
    }
    if (spot->entry == NULL && origin_may_adopt(a)) {
        spot_unlock(spot);
        origin_adopt(a, request->key, spot->hash);
        return spot_lock(&a->memory, request->key, spot);
    }
    return true;
}

/* True: what was found is old already, and it is looked at once more, if `may_look_again`. */
static bool read_once(const struct origin_access *a, const struct request *request, bool may_look_again,
                      struct reply *reply) {
    const struct judge_wish wish = origin_wish_of(a, request);
    int64_t now_ms = origin_now_ms(a->worker->origin);
    struct origin_plan plan = {.ended = origin_ended(a->worker->origin), .may_look_again = may_look_again};
    struct origin_entry entry;
    struct origin_place place;
    struct spot spot;
    bool has;

    if (!look(a, request, &spot)) {
        return false;
    }
    has = spot.entry != NULL &&
          origin_entry_read(slice_make(entry_value(spot.entry), spot.entry->value_size), &entry) == LARDER_OK;
    plan.decision = judge_request(has ? &entry : NULL, &wish, now_ms);
    switch (plan.decision.way) {
    case JUDGE_SERVE_AND_REFRESH:
        if ((spot.entry->bits & ENTRY_WIN_SENT) == 0) {
            origin_plan_old(a->worker->origin, &spot, &plan);
        }
        count_hit(a, true);
        if (plan.old.blob != NULL) {
            plan.decision.join_ms = JUDGE_JOIN_ANY;
            plan.may_look_again = false;
            serve_and_refresh(a, request, &spot, &plan, now_ms, reply);
        } else {
            serve(a, request, &spot, &entry, now_ms, reply);
        }
        return false;
    case JUDGE_SERVE:
        count_hit(a, plan.decision.stale);
        if (request->peer != NULL && request->peer->keeps && !plan.decision.stale) {
            grant(a, request, &spot, &entry, now_ms, reply);
        }
        serve(a, request, &spot, &entry, now_ms, reply);
        return false;
    case JUDGE_REFUSE:
    case JUDGE_FAIL:
        spot_unlock(&spot);
        reply->result = plan.decision.way == JUDGE_REFUSE ? RESULT_NOT_CACHED : RESULT_ORIGIN_TIMEOUT;
        return false;
    case JUDGE_REVALIDATE:
    case JUDGE_LOAD:
    case JUDGE_PASS:
        break;
    }
    if (has && entry.kind != ORIGIN_MARKER) {
        origin_plan_old(a->worker->origin, &spot, &plan);
    }
    spot_unlock(&spot);
    place = origin_place_of(&a->memory, false);
    place.pooled = origin_is_pooled(a, request, &wish);
    origin_ask(a, request, &wish, place, &plan, reply);
    if (!plan.looks_again) {
        origin_count_pool(a, POOL_LOADS);
    }
    return plan.looks_again;
}

static void read(const struct origin_access *a, const struct request *request, struct reply *reply) {
    const struct reply fresh = *reply;
    unsigned looks = 1;

    origin_count_pool(a, POOL_GETS);
    while (read_once(a, request, looks < LOOKS_MAX, reply)) {
        *reply = fresh;
        looks++;
    }
}

bool origin_take_answer(const struct origin *origin, struct reply *reply) {
    const struct origin_held held = {reply->item.blob, reply->item.value};
    size_t head_size = reply->item.head_size;
    struct origin_entry entry;

    if (origin_entry_read(reply->item.value, &entry) != LARDER_OK || entry.kind == ORIGIN_MARKER) {
        return false;
    }
    origin_show(reply, &entry, held, origin_now_ms(origin));
    return reply->item.head_size == head_size;
}

/* --- writes --- */

static const uint32_t set_options = REQUEST_BINARY_KEY | REQUEST_EVICT_ON_REFUSAL | REQUEST_NO_BUMP;
static const uint32_t delete_options = REQUEST_BINARY_KEY | REQUEST_NO_BUMP;

/* The rest of the group's life for an entry that somebody gives us. */
static int64_t life_ms_of(const struct group_policy *policy, int64_t ttl) {
    const struct origin_policy *answers = &policy->origin.answers;
    int64_t ms = ttl == REQUEST_TTL_FOREVER     ? answers->ttl_ms
                 : ttl < 0                      ? 0
                 : ttl < ORIGIN_SPAN_MAX / 1000 ? ttl * 1000
                                                : ORIGIN_SPAN_MAX;

    return ms < answers->max_ttl_ms ? ms : answers->max_ttl_ms;
}

/* As if the origin had just answered so. */
static struct origin_entry primed(const struct origin_access *a, const struct request *request) {
    int64_t now_ms = origin_now_ms(a->worker->origin);
    const struct origin_policy *answers = &a->memory.policy->origin.answers;

    return (struct origin_entry){
        .kind = ORIGIN_ANSWER,
        .status = 200,
        .asked_ms = now_ms,
        .answered_ms = now_ms,
        .lifetime_ms = life_ms_of(a->memory.policy, request->ttl),
        .while_revalidate_ms = answers->while_revalidate_ms,
        .if_error_ms = answers->if_error_ms,
        .body = request->value,
    };
}

static enum result write_primed(const struct origin_access *a, const struct request *request,
                                const struct origin_entry *e) {
    struct origin_value *value;
    int64_t stale_ms = e->while_revalidate_ms > e->if_error_ms ? e->while_revalidate_ms : e->if_error_ms;
    enum larder_error error;
    size_t size;

    if (origin_entry_head_size(e, &size) != LARDER_OK ||
        (value = origin_value_new(a->worker->origin, size + e->body.size)) == NULL) {
        return RESULT_NO_MEMORY;
    }
    value->size = origin_entry_write_head(e, value->data);
    if (e->body.size > 0) {
        memcpy(value->data + value->size, e->body.data, e->body.size);
        value->size += e->body.size;
    }
    error = origin_put(&a->memory, request->key, table_hash(a->memory.table, request->key), origin_value_bytes(value),
                       origin_expiry(a->memory.now, e->lifetime_ms + stale_ms), request->client_flags, NULL);
    blob_unref(&value->blob);
    return error == LARDER_ERROR_NO_MEMORY ? RESULT_NO_MEMORY : RESULT_STORED; /* or the gate says that it was not */
}

/* Takes the key out, and all that is under way for it. */
static bool purge_key(const struct origin_access *a, const struct request *request) {
    struct spot spot;
    bool was_there;

    origin_void_key(a->worker->origin, table_hash(a->memory.table, request->key), request->key, UINT64_MAX);
    if (!spot_lock_to_change(&a->memory, request->key, &spot)) {
        return false;
    }
    was_there = spot.entry != NULL;
    if (was_there) {
        shard_remove(spot.shard, spot.hash, spot.entry);
    }
    spot_unlock(&spot);
    return was_there;
}

/* Whether the gate lets anybody do something with the key. */
static bool may_act(const struct origin_access *a, const struct request *request) {
    struct spot spot;

    if (a->memory.gate == NULL) {
        return true;
    }
    if (!spot_lock(&a->memory, request->key, &spot)) {
        return false;
    }
    spot_unlock(&spot);
    return true;
}

static void set(const struct origin_access *a, const struct request *request, struct reply *reply) {
    const struct origin_entry e = primed(a, request);

    if (!may_act(a, request)) {
        return;
    }
    if (entry_size_for(request->key.size, request->value.size) > a->memory.policy->max_item) {
        origin_refuse(a, request);
        reply->result = RESULT_TOO_LARGE;
        return;
    }
    if (request->ttl < 0) {
        (void)purge_key(a, request); /* as in a memory group: it is over at once */
        reply->result = RESULT_STORED;
        return;
    }
    origin_void_key(a->worker->origin, table_hash(a->memory.table, request->key), request->key, UINT64_MAX);
    reply->result = write_primed(a, request, &e);
    if (reply->result != RESULT_STORED) {
        origin_refuse(a, request);
    }
}

void origin_refuse(const struct origin_access *a, const struct request *request) {
    if (has_option(request, REQUEST_EVICT_ON_REFUSAL)) {
        (void)purge_key(a, request);
    }
}

/* --- all --- */

static bool is_plain(const struct request *request, uint32_t options) {
    return (request->options & ~options) == 0 && request->conditions == NULL;
}

void origin_run(const struct origin_access *a, const struct request *request, struct reply *reply) {
    reply->result = RESULT_NOT_IN_ORIGIN;
    switch (request->command) {
    case COMMAND_GET:
        if (is_plain(request, read_options)) {
            read(a, request, reply);
        }
        break;
    case COMMAND_SET:
        if (is_plain(request, set_options)) {
            set(a, request, reply);
        } else {
            origin_refuse(a, request);
        }
        break;
    case COMMAND_DELETE:
        if (is_plain(request, delete_options)) {
            reply->result = purge_key(a, request) ? RESULT_DELETED : RESULT_NOT_FOUND;
        }
        break;
    default:
        break;
    }
}
