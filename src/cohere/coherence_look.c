/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/coherence_internal.h"

/* What memory says to a read. Any thread; see coherence_internal.h for why that is right. */

static const struct coherence_policy no_policy;

static enum coherence_fallback reason_of_keys(const struct coherence *c, const struct store_range *range,
                                              const struct coherence_policy *policy) {
    const struct mirror *m;

    if (store_span_is_single(&range->span)) {
        return policy->keeps || policy->mirrored ? COHERENCE_FALLBACK_COUNT : COHERENCE_FALLBACK_NOT_KEPT;
    }
    m = mirror_of(c, &range->span);
    if (m == NULL) {
        return COHERENCE_FALLBACK_RANGE;
    }
    return mirror_is_loaded(m) ? COHERENCE_FALLBACK_COUNT : COHERENCE_FALLBACK_STARTING;
}

enum coherence_fallback look_reason(const struct coherence *c, const struct store_range *range,
                                    const struct coherence_policy **ret_policy) {
    const struct coherence_policy *policy = c->world->policy(c->ctx, range->span.key);

    *ret_policy = policy != NULL ? policy : &no_policy;
    if (range->direct) {
        return COHERENCE_FALLBACK_DIRECT;
    }
    if (range->revision != 0) {
        return COHERENCE_FALLBACK_REVISION;
    }
    if (range->span.key.size == 0) {
        return COHERENCE_FALLBACK_RANGE;
    }
    if (!atomic_load_explicit(&c->ready, memory_order_acquire)) {
        return COHERENCE_FALLBACK_STARTING;
    }
    return reason_of_keys(c, range, *ret_policy);
}

static bool is_filtered(const struct store_range *r, const struct kv *kv) {
    return (r->min_mod_revision != 0 && kv->mod_revision < r->min_mod_revision) ||
           (r->max_mod_revision != 0 && kv->mod_revision > r->max_mod_revision) ||
           (r->min_create_revision != 0 && kv->create_revision < r->min_create_revision) ||
           (r->max_create_revision != 0 && kv->create_revision > r->max_create_revision);
}

bool look_give(struct store_call *call, const struct kv *kv, int64_t revision) {
    const struct store_range *range = &call->op.range;
    struct store_result *result = &call->result;
    size_t value_size;
    struct kv *copy;
    char *place;

    *result = (struct store_result){.kind = STORE_OP_RANGE, .count = kv != NULL};
    call->revision = revision;
    call->status = STORE_OK;
    if (kv == NULL || range->count_only || is_filtered(range, kv)) {
        return true;
    }
    value_size = range->keys_only ? 0 : kv->value.size;
    copy = arena_alloc_alone(&call->arena, sizeof(*copy) + kv->key.size + value_size);
    if (copy == NULL) {
        return false;
    }
    place = (char *)(copy + 1);
    *copy = *kv;
    copy->key.data = memcpy(place, kv->key.data, kv->key.size);
    copy->value = slice_make(place + kv->key.size, value_size);
    if (value_size > 0) {
        memcpy(place + kv->key.size, kv->value.data, value_size);
    }
    result->kvs = copy;
    result->kv_count = 1;
    return true;
}

/* Whether what is seen under the lock is the keys as of one revision. */
static bool is_whole(const struct coherence *c) {
    return (atomic_load_explicit(&c->applying, memory_order_acquire) & 1) == 0;
}

static enum look look_key(struct coherence *c, struct store_call *call, int64_t *ret_need) {
    struct slice key = call->op.range.span.key;
    int64_t applied = atomic_load_explicit(&c->applied, memory_order_acquire);
    struct kv kv = {.mod_revision = 0};
    enum keyspace_found found = keyspace_find(c->keys, key, &kv);
    const struct mirror *m;

    if (found == KEYSPACE_UNKNOWN) {
        m = mirror_of_key(c, key);
        if (m == NULL || !mirror_is_loaded(m)) {
            return LOOK_UNKNOWN;
        }
        if (!is_whole(c)) {
            *ret_need = 0;
            return LOOK_AHEAD;
        }
        applied = atomic_load_explicit(&c->applied, memory_order_acquire); /* now it is that of what is seen */
    }
    if (kv.mod_revision > applied) {
        *ret_need = kv.mod_revision;
        return LOOK_AHEAD;
    }
    kv.key = key;
    return look_give(call, found == KEYSPACE_PRESENT ? &kv : NULL, applied) ? LOOK_ANSWERED : LOOK_NO_MEMORY;
}

static enum look look_range(struct coherence *c, struct store_call *call, int64_t *ret_need) {
    const struct mirror *m = mirror_of(c, &call->op.range.span);
    enum store_status status;
    int64_t newest = 0;
    int64_t applied;

    if (m == NULL || !mirror_is_loaded(m)) {
        return LOOK_UNKNOWN;
    }
    *ret_need = 0;
    if (!is_whole(c)) {
        return LOOK_AHEAD;
    }
    applied = atomic_load_explicit(&c->applied, memory_order_acquire); /* after that: never older than what is seen */
    call->result = (struct store_result){.kind = STORE_OP_RANGE};
    status = keyspace_range(c->keys, &call->op.range, &call->arena, &call->result, &newest);
    if (status != STORE_OK) {
        return status == STORE_TOO_LARGE ? LOOK_TOO_LARGE : LOOK_NO_MEMORY;
    }
    if (newest > applied) {
        *ret_need = newest;
        return LOOK_AHEAD;
    }
    call->result.kind = STORE_OP_RANGE;
    call->revision = applied;
    call->status = STORE_OK;
    return LOOK_ANSWERED;
}

enum look look_answer(struct coherence *c, struct store_call *call, int64_t *ret_need) {
    if (!atomic_load_explicit(&c->ready, memory_order_acquire)) {
        return LOOK_UNKNOWN;
    }
    return store_span_is_single(&call->op.range.span) ? look_key(c, call, ret_need) : look_range(c, call, ret_need);
}

int64_t look_age_limit(const struct store_range *range, const struct coherence_policy *policy) {
    if (range->serializable) {
        return later_of(range->max_age_ns, policy->stale_limit_ns);
    }
    return range->max_age_ns > 0 ? range->max_age_ns : -1;
}

int64_t look_age(const struct coherence *c, int64_t now_ns) {
    int64_t proven_ns = atomic_load_explicit(&c->proven_ns, memory_order_acquire);

    return proven_ns == INT64_MIN ? INT64_MAX : later_of(now_ns - proven_ns, 0);
}

bool coherence_try(struct coherence *c, struct store_call *call) {
    const struct store_range *range = &call->op.range;
    const struct coherence_policy *policy;
    int64_t need;
    int64_t limit;
    int64_t age;
    enum look look;

    if (call->op.kind != STORE_OP_RANGE || (range->max_age_ns <= 0 && !range->serializable) ||
        look_reason(c, range, &policy) != COHERENCE_FALLBACK_COUNT) {
        return false;
    }
    if (!atomic_load_explicit(&c->interest, memory_order_relaxed)) {
        atomic_store_explicit(&c->interest, true, memory_order_relaxed);
    }
    limit = look_age_limit(range, policy);
    age = look_age(c, now_of(c));
    if (age > limit || floors_of_span(&c->floors, &range->span) > 0) {
        return false;
    }
    keyspace_lock(c->keys);
    look = look_answer(c, call, &need);
    keyspace_unlock(c->keys);
    if (look != LOOK_ANSWERED) {
        return false;
    }
    call->from_memory = true;
    call->age_ns = age;
    atomic_fetch_add_explicit(&c->memory_reads, 1, memory_order_relaxed);
    return true;
}
