/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/log.h"
#include "cohere/near_internal.h"

/* Which parts there are, and how others take their place. */

static void free_set(struct near_set *set) {
    for (size_t i = 0; i < set->count; i++) {
        near_part_free(set->parts[i]);
    }
    keyspace_free(set->keyspace);
    free(set->parts);
    free(set);
}

static bool add_part(struct near_set *set, struct slice prefix) {
    struct near_part *part = near_part_new(set, prefix);

    if (part == NULL) {
        return false;
    }
    set->parts[set->count++] = part;
    return true;
}

static bool add_parts(struct near_set *set) {
    const struct near_store *n = set->near;
    bool good = true;

    if (set->watch == NEAR_WATCH_ALL) {
        return add_part(set, SLICE(""));
    }
    for (size_t i = 0; i < n->group_count && good; i++) {
        good = near_is_inner(n, i) || add_part(set, n->groups[i].prefix);
    }
    return good;
}

/* NULL: no memory. */
static struct near_set *make_set(struct near_store *n, enum near_watch watch, enum coherence_proof proof) {
    struct near_set *set = calloc(1, sizeof(*set));

    if (set == NULL) {
        return NULL;
    }
    set->near = n;
    set->watch = watch;
    set->proof = proof;
    set->keyspace = keyspace_new(&n->keyspace);
    set->parts = calloc(n->group_count + 1, sizeof(struct near_part *));
    if (set->keyspace == NULL || set->parts == NULL || !add_parts(set)) {
        free_set(set);
        return NULL;
    }
    return set;
}

/* Puts it in the place of the one there is. */
static void use(struct near_store *n, struct near_set *set) {
    set->older = near_set_now(n);
    atomic_store_explicit(&n->set, set, memory_order_release);
    for (size_t i = 0; i < set->count; i++) {
        near_part_start(set->parts[i]);
    }
}

static enum coherence_proof choose_proof(const struct near_store *n) {
    return n->progress && etcd_watches_progress(etcd_store_watches(n->cluster)) != ETCD_PROGRESS_FALSE
               ? COHERENCE_BY_PROGRESS
               : COHERENCE_BY_QUESTION;
}

void near_begin(struct near_store *n) {
    struct near_set *set = n->wanted == NEAR_WATCH_PREFIXES ? make_set(n, NEAR_WATCH_PREFIXES, choose_proof(n))
                                                            : make_set(n, NEAR_WATCH_ALL, COHERENCE_BY_EVENTS);

    if (set == NULL) {
        log_error("nothing is kept of the cluster's keys: out of memory");
        return;
    }
    use(n, set);
}

/* --- another one --- */

void near_want_other(struct near_set *set, const char *why) {
    struct near_store *n = set->near;
    bool can = set->watch == NEAR_WATCH_ALL ? n->wanted == NEAR_WATCH_AUTO : set->proof == COHERENCE_BY_PROGRESS;

    if (can && set == near_set_now(n) && !n->ended) {
        n->poor = set;
        n->why = why;
    }
}

/* What it still waits for comes to an end. */
static void retire(struct near_set *set) {
    const struct near_store *n = set->near;

    for (size_t i = 0; i < set->count; i++) {
        near_part_retire(set->parts[i]);
    }
    if (n->observer != NULL && n->observer->reset != NULL) {
        n->observer->reset(n->observer_ctx);
    }
}

void near_give_way(struct near_store *n) {
    struct near_set *poor = n->poor;
    enum coherence_proof proof = poor->watch == NEAR_WATCH_ALL ? choose_proof(n) : COHERENCE_BY_QUESTION;
    struct near_set *set = make_set(n, NEAR_WATCH_PREFIXES, proof);

    n->poor = NULL;
    if (set == NULL) {
        log_error("the groups cannot be watched one by one: out of memory");
        return;
    }
    log_warn(poor->watch == NEAR_WATCH_ALL ? "the groups are watched one by one, not all keys of the cluster"
                                           : "reads that must be current ask the cluster, one transaction for many",
             log_string("reason", n->why));
    use(n, set);
    retire(poor);
}

/* --- the end --- */

void near_end_sets(struct near_store *n) {
    for (struct near_set *set = near_set_now(n); set != NULL; set = set->older) {
        for (size_t i = 0; i < set->count; i++) {
            near_part_end(set->parts[i]);
        }
    }
}

void near_free_sets(struct near_store *n) {
    struct near_set *set = near_set_now(n);

    atomic_store(&n->set, NULL);
    while (set != NULL) {
        struct near_set *older = set->older;

        free_set(set);
        set = older;
    }
}
