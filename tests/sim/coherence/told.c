/* SPDX-License-Identifier: Apache-2.0 */
#include "told.h"

#include "../seeds.h"
#include "layout.h"

void told_init(struct told *told, struct truth *truth, const struct store_span *span, size_t machine) {
    *told = (struct told){.truth = truth, .span = span, .machine = machine};
}

/* Of an era in which it was, or of a later one that shares all that was told. */
bool told_may_be_of(const struct told *told, size_t era) {
    size_t first = era;

    while (first > 0 && (told->eras & 1U << first) == 0 && told->applied <= told->truth->eras[first].base) {
        first--;
    }
    return (told->eras & 1U << first) != 0;
}

/* --- events --- */

static bool is_same_event(const struct kv_event *a, const struct kv_event *b) {
    if (a->kind != b->kind || !slice_equal(a->kv.key, b->kv.key) || a->kv.mod_revision != b->kv.mod_revision) {
        return false;
    }
    if (a->kind == KV_EVENT_PUT && !truth_same(&a->kv, &b->kv)) {
        return false;
    }
    return !a->has_previous || truth_same(&a->previous, &b->previous);
}

static bool matches(const struct told *told, const struct truth_era *era, const struct kv_event *events, size_t count,
                    int64_t applied) {
    int64_t revision = told->applied;
    size_t place = 0;

    if (applied > era->mvcc.revision) {
        return false;
    }
    while ((revision = truth_next_change(era, told->span, revision)) <= applied) {
        size_t changes;
        const struct mvcc_change *change = truth_changes(era, revision, &changes);

        for (size_t i = 0; i < changes; i++) {
            struct kv_event event = truth_event(era, &change[i]);

            /* What was there before may have been sent before it was compacted. */
            event.previous = change[i].previous;
            if (!layout_has(told->span, change[i].kv.key)) {
                continue;
            }
            if (place == count || !is_same_event(&events[place++], &event)) {
                return false;
            }
        }
    }
    return place == count;
}

static void begin(struct told *told, int64_t applied, size_t era) {
    int64_t newest = told->truth->eras[era].mvcc.revision;

    ENSURE(applied > 0 && applied <= newest, "m%zu begins at %lld of %lld", told->machine, (long long)applied,
           (long long)newest);
    told->has_begun = true;
    told->eras = 1U << era;
    told->applied = applied;
}

void told_events(struct told *told, const struct kv_event *events, size_t count, int64_t applied, size_t era) {
    unsigned eras = 0;

    if (!told->has_begun) {
        ENSURE(count == 0, "m%zu tells of events without a beginning", told->machine);
        begin(told, applied, era);
        return;
    }
    ENSURE(applied > told->applied, "m%zu tells %lld after %lld", told->machine, (long long)applied,
           (long long)told->applied);
    for (size_t e = 0; e < told->truth->count; e++) {
        if (told_may_be_of(told, e) && matches(told, &told->truth->eras[e], events, count, applied)) {
            eras |= 1U << e;
        }
    }
    ENSURE(eras != 0, "m%zu tells %zu events up to %lld after %lld, first %lld", told->machine, count,
           (long long)applied, (long long)told->applied, (long long)(count > 0 ? events[0].kv.mod_revision : 0));
    told->eras = eras;
    told->applied = applied;
}

/* Of a put it may lack what an answer to it does not say; and of a key that is absent it says so as of any revision. */
static bool is_early_event(const struct truth_era *era, const struct kv_event *event) {
    const struct kv *kv = mvcc_get(&era->mvcc, event->kv.key, event->kv.mod_revision);

    if (event->kv.mod_revision > era->mvcc.revision) {
        return false;
    }
    if (event->kind == KV_EVENT_DELETE) {
        return kv == NULL;
    }
    return kv != NULL && kv->mod_revision == event->kv.mod_revision && slice_equal(kv->value, event->kv.value) &&
           kv->lease == event->kv.lease;
}

void told_early(struct told *told, const struct kv_event *event) {
    for (size_t e = 0; e < told->truth->count; e++) {
        if (is_early_event(&told->truth->eras[e], event)) {
            return;
        }
    }
    ENSURE(false, "m%zu tells early of %.*s at %lld, which never was", told->machine, (int)event->kv.key.size,
           event->kv.key.data, (long long)event->kv.mod_revision);
}

void told_reset(struct told *told) {
    ENSURE(told->may_reset, "m%zu was reset for no reason", told->machine);
    told->has_begun = false;
    told->applied = 0;
    told->resets++;
}

void told_check_applied(const struct told *told, int64_t applied) {
    ENSURE(!told->has_begun || applied == told->applied, "m%zu has applied %lld, but told %lld", told->machine,
           (long long)applied, (long long)told->applied);
}

/* --- what follows from it --- */

static bool has_proven(const struct told *told, const struct truth_era *era, int64_t proven_ns) {
    int64_t newest = truth_revision_at(era, proven_ns - 1);

    return proven_ns <= era->ended_ns && truth_next_change(era, told->span, told->applied) > newest;
}

void told_check_proven(const struct told *told, int64_t proven_ns) {
    if (!told->has_begun) {
        ENSURE(proven_ns == INT64_MIN, "m%zu has proven %lld, though it knows nothing", told->machine,
               (long long)proven_ns);
        return;
    }
    if (proven_ns <= 0) {
        return;
    }
    for (size_t e = 0; e < told->truth->count; e++) {
        if (told_may_be_of(told, e) && has_proven(told, &told->truth->eras[e], proven_ns)) {
            return;
        }
    }
    ENSURE(false, "m%zu has proven %lld, which is not so with %lld applied", told->machine, (long long)proven_ns,
           (long long)told->applied);
}

static bool is_true_entry(const struct told *told, size_t e, enum keyspace_found found, const struct kv *kv) {
    const struct truth_era *era = &told->truth->eras[e];
    int64_t known = kv->mod_revision > told->applied ? kv->mod_revision : told->applied;
    const struct kv *now = mvcc_get(&era->mvcc, kv->key, known);

    return kv->mod_revision <= era->mvcc.revision && truth_same(found == KEYSPACE_PRESENT ? kv : NULL, now);
}

static void check_entry(const struct told *told, enum keyspace_found found, const struct kv *kv) {
    for (size_t e = 0; e < told->truth->count; e++) {
        if ((!told->has_begun || told_may_be_of(told, e)) && is_true_entry(told, e, found, kv)) {
            return;
        }
    }
    ENSURE(false, "%.*s is known as %.*s of %lld, with %lld applied", (int)kv->key.size, kv->key.data,
           found == KEYSPACE_PRESENT ? (int)kv->value.size : 6, found == KEYSPACE_PRESENT ? kv->value.data : "absent",
           (long long)kv->mod_revision, (long long)told->applied);
}

void told_check_keyspace(const struct told *told, struct keyspace *keyspace) {
    char from[16] = "";
    struct slice at = slice_make(from, 0);
    struct kv kv;
    enum keyspace_found found;

    while ((found = keyspace_seek(keyspace, at, &kv)) != KEYSPACE_UNKNOWN) {
        if (layout_has(told->span, kv.key)) {
            check_entry(told, found, &kv);
        }
        memcpy(from, kv.key.data, kv.key.size);
        from[kv.key.size] = '\0';
        at = slice_make(from, kv.key.size + 1);
    }
}
