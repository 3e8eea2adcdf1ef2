/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/membership.h"

#include <stdlib.h>

#include "base/arena.h"
#include "ring/membership_pack.h"
#include "ring/record.h"
#include "ring/ring.h"

/* An address for each node, and what an arena needs to keep them apart. */
enum { ARENA_MAX = 2 * RING_NODES_MAX * MEMBER_ADDRESS_MAX };

/* The nodes of a membership to be. Their texts belong to others, or to the arena. */
struct gathering {
    size_t count;
    size_t bad;
    struct arena arena;
    struct member members[RING_NODES_MAX];
};

/* NULL: out of memory. */
static struct gathering *gather(void) {
    struct gathering *g = calloc(1, sizeof(*g));

    if (g != NULL) {
        arena_init(&g->arena, ARENA_MAX);
    }
    return g;
}

static void dissolve(struct gathering *g) {
    arena_fini(&g->arena);
    free(g);
}

/* Errors: LIMIT. */
static enum larder_error add(struct gathering *g, const struct member *member) {
    if (g->count == RING_NODES_MAX) {
        return LARDER_ERROR_LIMIT;
    }
    g->members[g->count++] = *member;
    return LARDER_OK;
}

/* Adds what `kv` says; or counts it as bad. */
static enum larder_error add_read(struct gathering *g, struct slice prefix, const struct kv *kv) {
    struct member member;
    enum larder_error error = LARDER_ERROR_INVALID;

    if (slice_has_prefix(kv->key, prefix)) {
        error = record_read(slice_skip(kv->key, prefix.size), kv, &g->arena, &member);
    }
    if (error == LARDER_ERROR_INVALID) {
        g->bad++;
        return LARDER_OK;
    }
    return error == LARDER_OK ? add(g, &member) : error;
}

/* Makes it, unless there was an error before, and ends the gathering. */
static enum larder_error finish(struct gathering *g, enum larder_error error, int64_t revision,
                                struct membership **ret_membership, size_t *ret_bad) {
    size_t bad = g->bad;

    if (error == LARDER_OK) {
        error = membership_pack(g->members, g->count, revision, ret_membership);
    }
    dissolve(g);
    if (error == LARDER_OK) {
        *ret_bad = bad;
    }
    return error;
}

/* By id; of one id the newest first. */
static int compare_members(const void *left, const void *right) {
    const struct member *a = left, *b = right;
    int order = slice_compare(a->id, b->id);

    return order != 0 ? order : (a->incarnation < b->incarnation) - (a->incarnation > b->incarnation);
}

/* A store has a key once; of what has it twice the older ones are bad. */
static void sort(struct gathering *g) {
    size_t kept = 0;

    qsort(g->members, g->count, sizeof(g->members[0]), compare_members);
    for (size_t i = 0; i < g->count; i++) {
        if (kept > 0 && slice_equal(g->members[kept - 1].id, g->members[i].id)) {
            g->bad++;
        } else {
            g->members[kept++] = g->members[i];
        }
    }
    g->count = kept;
}

enum larder_error membership_read(struct slice prefix, const struct kv *kvs, size_t count, int64_t revision,
                                  struct membership **ret_membership, size_t *ret_bad) {
    struct gathering *g = gather();
    enum larder_error error = LARDER_OK;

    if (g == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    for (size_t i = 0; i < count && error == LARDER_OK; i++) {
        error = add_read(g, prefix, &kvs[i]);
    }
    sort(g);
    return finish(g, error, revision, ret_membership, ret_bad);
}

/* By key, then by time. */
static int compare_events(const void *left, const void *right) {
    const struct kv_event *a = *(const struct kv_event *const *)left, *b = *(const struct kv_event *const *)right;
    int order = slice_compare(a->kv.key, b->kv.key);

    if (order == 0) {
        order = (a->kv.mod_revision > b->kv.mod_revision) - (a->kv.mod_revision < b->kv.mod_revision);
    }
    return order != 0 ? order : (a > b) - (a < b);
}

/* Those that tell something new, the last one of each key, sorted by key. Returns how many. */
static size_t choose_events(int64_t known, const struct kv_event *events, size_t count,
                            const struct kv_event **chosen) {
    size_t news = 0, kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (events[i].kv.mod_revision > known) {
            chosen[news++] = &events[i];
        }
    }
    qsort(chosen, news, sizeof(*chosen), compare_events);
    for (size_t i = 0; i < news; i++) {
        if (i + 1 == news || !slice_equal(chosen[i]->kv.key, chosen[i + 1]->kv.key)) {
            chosen[kept++] = chosen[i];
        }
    }
    return kept;
}

/* What the event makes of its key. */
static enum larder_error add_event(struct gathering *g, struct slice prefix, const struct kv_event *event) {
    return event->kind == KV_EVENT_DELETE ? LARDER_OK : add_read(g, prefix, &event->kv);
}

/* Where the key of the event stands to the member: below 0 before it, 0 it is its own. */
static int compare_key(struct slice prefix, const struct kv_event *event, const struct member *member) {
    if (!slice_has_prefix(event->kv.key, prefix)) {
        return slice_compare(event->kv.key, prefix);
    }
    return slice_compare(slice_skip(event->kv.key, prefix.size), member->id);
}

/* Both are sorted by key, and so is what becomes of them. */
static enum larder_error merge(struct gathering *g, const struct membership *m, struct slice prefix,
                               const struct kv_event *const *events, size_t count) {
    enum larder_error error = LARDER_OK;
    size_t e = 0;

    for (size_t i = 0; i < m->count && error == LARDER_OK; i++) {
        const struct member *old = &m->members[i];
        int order = -1;

        while (e < count && error == LARDER_OK && (order = compare_key(prefix, events[e], old)) < 0) {
            error = add_event(g, prefix, events[e++]);
        }
        if (error == LARDER_OK) {
            error = e < count && order == 0 ? add_event(g, prefix, events[e++]) : add(g, old);
        }
    }
    while (e < count && error == LARDER_OK) {
        error = add_event(g, prefix, events[e++]);
    }
    return error;
}

enum larder_error membership_apply(const struct membership *m, struct slice prefix, const struct kv_event *events,
                                   size_t count, int64_t revision, struct membership **ret_membership,
                                   size_t *ret_bad) {
    const struct kv_event **chosen = malloc((count + 1) * sizeof(*chosen));
    struct gathering *g = gather();
    enum larder_error error = LARDER_ERROR_NO_MEMORY;

    if (chosen != NULL && g != NULL) {
        error = merge(g, m, prefix, chosen, choose_events(m->revision, events, count, chosen));
        error = finish(g, error, revision > m->revision ? revision : m->revision, ret_membership, ret_bad);
        g = NULL;
    }
    free(g);
    free(chosen);
    return error;
}

struct membership *membership_ref(struct membership *m) {
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

void membership_unref(struct membership *m) {
    if (m != NULL && atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) == 1) {
        free(m);
    }
}

const struct member *membership_find(const struct membership *m, struct slice id) {
    size_t from = 0, to = m->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = slice_compare(m->members[middle].id, id);

        if (order == 0) {
            return &m->members[middle];
        }
        *(order < 0 ? &from : &to) = order < 0 ? middle + 1 : middle;
    }
    return NULL;
}
