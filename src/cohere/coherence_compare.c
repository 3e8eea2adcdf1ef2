/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/coherence_sweep.h"

#include <stdlib.h>

/* What is known beside what the cluster says. It is looked up without counting as used, or a sweep would keep everything. */

static enum keyspace_found known_of(struct coherence *c, struct slice key, struct kv *ret_kv) {
    enum keyspace_found found = keyspace_seek(c->keys, key, ret_kv);

    return found != KEYSPACE_UNKNOWN && slice_equal(ret_kv->key, key) ? found : KEYSPACE_UNKNOWN;
}

static bool is_same(const struct kv *a, const struct kv *b) {
    return a->mod_revision == b->mod_revision && a->create_revision == b->create_revision && a->version == b->version &&
           a->lease == b->lease && slice_equal(a->value, b->value);
}

bool sweep_differs(struct coherence *c, struct slice key, const struct kv *kv, int64_t revision) {
    struct kv known = {.mod_revision = 0};
    enum keyspace_found found = known_of(c, key, &known);
    const struct mirror *m;

    if (applied_now(c) < revision && (kv == NULL || kv->mod_revision > applied_now(c))) {
        return false; /* its event may be on its way */
    }
    switch (found) {
    case KEYSPACE_UNKNOWN:
        m = mirror_of_key(c, key);
        return kv != NULL && m != NULL && mirror_is_loaded(m);
    case KEYSPACE_ABSENT:
        return kv != NULL && known.mod_revision <= revision;
    case KEYSPACE_PRESENT:
        return known.mod_revision <= revision && (kv == NULL || !is_same(kv, &known));
    }
    return false;
}

static bool add_suspect(struct sweep *s, struct slice key) {
    if (s->suspect_count == s->suspect_capacity) {
        size_t capacity = s->suspect_capacity == 0 ? COHERENCE_TXN_KEYS : s->suspect_capacity * 2;
        struct slice *suspects = realloc(s->suspects, capacity * sizeof(*suspects));

        if (suspects == NULL) {
            return false;
        }
        s->suspects = suspects;
        s->suspect_capacity = capacity;
    }
    if (!arena_copy(&s->arena, key, &s->suspects[s->suspect_count])) {
        return false;
    }
    s->suspect_count++;
    return true;
}

static bool compare(struct coherence *c, struct sweep *s, struct slice key, const struct kv *kv) {
    s->compared++;
    count(&c->counts.compared, 1);
    return !sweep_differs(c, key, kv, s->q.call.revision) || add_suspect(s, key);
}

bool sweep_compare_keys(struct coherence *c, struct sweep *s) {
    const struct store_result *result = &s->q.call.result;

    for (size_t i = 0; i < s->key_count && i < result->result_count; i++) {
        const struct store_result *one = &result->results[i];

        if (!compare(c, s, s->keys[i], one->kv_count > 0 ? &one->kvs[0] : NULL)) {
            return false;
        }
    }
    return true;
}

/* Keys that are known in [from, end) and that the cluster did not name. An empty end: to the last of all. */
static bool compare_unnamed(struct coherence *c, struct sweep *s, struct slice from, struct slice end) {
    struct kv known;
    char *place = NULL;
    bool good = true;

    while (good && keyspace_seek(c->keys, from, &known) != KEYSPACE_UNKNOWN &&
           (end.size == 0 || slice_compare(known.key, end) < 0)) {
        char *next = realloc(place, known.key.size + 1);

        good = next != NULL && compare(c, s, known.key, NULL);
        if (good) {
            memcpy(next, known.key.data, known.key.size);
            next[known.key.size] = '\0';
            from = slice_make(next, known.key.size + 1);
        }
        place = next != NULL ? next : place;
    }
    free(place);
    return good;
}

/* The first key behind `key`, in the arena of the page. */
static bool behind(struct sweep *s, struct slice key, struct slice *ret_next) {
    char *next = arena_alloc(&s->q.call.arena, key.size + 1);

    if (next == NULL) {
        return false;
    }
    memcpy(next, key.data, key.size);
    next[key.size] = '\0';
    *ret_next = slice_make(next, key.size + 1);
    return true;
}

bool sweep_compare_mirror(struct coherence *c, struct sweep *s) {
    const struct store_span *span = &s->q.call.op.range.span;
    const struct store_result *result = &s->q.call.result;
    struct slice from = span->key;

    for (size_t i = 0; i < result->kv_count; i++) {
        const struct kv *kv = &result->kvs[i];

        if (!compare_unnamed(c, s, from, kv->key) || !compare(c, s, kv->key, kv) || !behind(s, kv->key, &from)) {
            return false;
        }
    }
    return result->more || compare_unnamed(c, s, from, store_span_is_open(span) ? SLICE("") : span->range_end);
}

void sweep_mend(struct coherence *c, struct slice key, const struct kv *kv, int64_t revision) {
    const struct kv_event event = {
        .kind = kv != NULL ? KV_EVENT_PUT : KV_EVENT_DELETE,
        .kv = kv != NULL ? *kv : (struct kv){.key = key, .mod_revision = revision},
    };
    struct mirror *m = mirror_of_key(c, key);

    atomic_fetch_add_explicit(&c->applying, 1, memory_order_acq_rel);
    keyspace_drop(c->keys, key);
    if (kv != NULL && m != NULL && m->state != MIRROR_GIVEN_UP) {
        mirror_fill(c, m, key, kv, revision);
    } else if (kv != NULL) {
        keyspace_put(c->keys, kv, KEYSPACE_KEEP);
    }
    c->world->tell_early(c->ctx, &event);
    atomic_fetch_add_explicit(&c->applying, 1, memory_order_release);
}
