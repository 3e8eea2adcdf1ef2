/* SPDX-License-Identifier: Apache-2.0 */
#include "truth.h"

void truth_init(struct truth *t, struct sim *sim) {
    *t = (struct truth){.sim = sim, .count = 1};
    mvcc_init(&t->eras[0].mvcc);
    t->eras[0].base = t->eras[0].mvcc.revision;
    t->eras[0].ended_ns = INT64_MAX;
}

void truth_fini(struct truth *t) {
    for (size_t i = 0; i < t->count; i++) {
        mvcc_fini(&t->eras[i].mvcc);
        free(t->eras[i].made);
    }
}

enum store_status truth_status(enum etcd_error error) {
    switch (error) {
    case ETCD_OK:
        return STORE_OK;
    case ETCD_ERROR_COMPACTED:
        return STORE_COMPACTED;
    case ETCD_ERROR_FUTURE_REV:
        return STORE_FUTURE_REVISION;
    case ETCD_ERROR_LEASE_NOT_FOUND:
        return STORE_LEASE_NOT_FOUND;
    case ETCD_ERROR_KEY_NOT_FOUND:
        return STORE_KEY_NOT_FOUND;
    default:
        abort();
    }
}

static void grow(struct truth_era *era) {
    size_t need = (size_t)era->mvcc.revision + 2;

    if (need > era->made_capacity) {
        size_t capacity = 2 * need + 64;

        era->made = realloc(era->made, capacity * sizeof(*era->made));
        sim_must(era->made != NULL);
        memset(&era->made[era->made_capacity], 0, (capacity - era->made_capacity) * sizeof(*era->made));
        era->made_capacity = capacity;
    }
}

enum store_status truth_apply(struct truth *t, const struct store_op *op, struct arena *arena,
                              struct store_result *result) {
    struct truth_era *era = truth_now(t);
    int64_t before = era->mvcc.revision;
    size_t first = era->mvcc.change_count;
    enum etcd_error error = mvcc_apply(&era->mvcc, op, t->sim->now_ns, arena, result);

    if (era->mvcc.revision > before) {
        grow(era);
        era->made[era->mvcc.revision] = (struct truth_made){.at_ns = t->sim->now_ns, .first = first};
    }
    return truth_status(error);
}

/* --- a restored backup --- */

/* Names and values stay in the old one's memory, which lives as long. */
static void copy_key(struct mvcc_key *to, const struct mvcc_key *from, int64_t revision) {
    *to = (struct mvcc_key){.name = from->name, .versions = sim_new((from->count + 1) * sizeof(*to->versions))};
    while (to->count < from->count && from->versions[to->count].kv.mod_revision <= revision) {
        to->versions[to->count] = from->versions[to->count];
        to->count++;
    }
}

static void copy_changes(struct mvcc *to, const struct mvcc *from, int64_t revision) {
    to->changes = sim_new((from->change_count + 1) * sizeof(*to->changes));
    while (to->change_count < from->change_count && from->changes[to->change_count].kv.mod_revision <= revision) {
        to->changes[to->change_count] = from->changes[to->change_count];
        to->change_count++;
    }
}

void truth_restore(struct truth *t, int64_t revision) {
    struct truth_era *old = truth_now(t);
    struct truth_era *era = &t->eras[t->count];

    sim_must(t->count < TRUTH_ERAS && revision <= old->mvcc.revision);
    *era = (struct truth_era){.base = revision, .began_ns = t->sim->now_ns, .ended_ns = INT64_MAX};
    mvcc_init(&era->mvcc);
    era->mvcc.revision = revision;
    era->mvcc.compacted = old->mvcc.compacted < revision ? old->mvcc.compacted : revision;
    era->mvcc.next_lease = old->mvcc.next_lease;
    era->mvcc.keys = sim_new((old->mvcc.key_count + 1) * sizeof(*era->mvcc.keys));
    era->mvcc.key_count = old->mvcc.key_count;
    for (size_t i = 0; i < old->mvcc.key_count; i++) {
        copy_key(&era->mvcc.keys[i], &old->mvcc.keys[i], revision);
    }
    copy_changes(&era->mvcc, &old->mvcc, revision);
    grow(era);
    if (old->made != NULL) {
        memcpy(era->made, old->made, ((size_t)revision + 1) * sizeof(*era->made));
    }
    old->ended_ns = t->sim->now_ns;
    t->count++;
}

/* --- looking --- */

int64_t truth_revision_at(const struct truth_era *era, int64_t at_ns) {
    int64_t low = era->base;
    int64_t high = era->mvcc.revision;

    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;

        if (era->made[middle].at_ns <= at_ns) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

const struct mvcc_change *truth_changes(const struct truth_era *era, int64_t revision, size_t *ret_count) {
    size_t first;
    size_t end;

    if (revision <= 1 || revision > era->mvcc.revision) {
        *ret_count = 0;
        return NULL;
    }
    first = era->made[revision].first;
    end = revision < era->mvcc.revision ? era->made[revision + 1].first : era->mvcc.change_count;
    *ret_count = end - first;
    return &era->mvcc.changes[first];
}

int64_t truth_next_change(const struct truth_era *era, const struct store_span *span, int64_t after) {
    int64_t from = after < 1 ? 2 : after + 1;

    if (from > era->mvcc.revision) {
        return INT64_MAX;
    }
    for (size_t i = era->made[from].first; i < era->mvcc.change_count; i++) {
        if (mvcc_has(span, era->mvcc.changes[i].kv.key)) {
            return era->mvcc.changes[i].kv.mod_revision;
        }
    }
    return INT64_MAX;
}

/* What a key was before is not known any more once that revision is compacted. */
struct kv_event truth_event(const struct truth_era *era, const struct mvcc_change *change) {
    struct kv_event event = {.kind = change->is_delete ? KV_EVENT_DELETE : KV_EVENT_PUT, .kv = change->kv};

    if (change->has_previous && change->kv.mod_revision - 1 >= era->mvcc.compacted) {
        event.has_previous = true;
        event.previous = change->previous;
    }
    return event;
}

bool truth_same(const struct kv *a, const struct kv *b) {
    if (a == NULL || b == NULL) {
        return a == b;
    }
    return slice_equal(a->key, b->key) && slice_equal(a->value, b->value) && a->mod_revision == b->mod_revision &&
           a->create_revision == b->create_revision && a->version == b->version && a->lease == b->lease;
}
