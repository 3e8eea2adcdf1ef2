/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/near_internal.h"

/* What is counted, of all parts together. */

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* The worst of revisions and times. */
static void add_state(struct coherence_figures *sum, const struct coherence_figures *one) {
    sum->applied = least(sum->applied, one->applied);
    sum->seen = most(sum->seen, one->seen);
    sum->proven_ns = least(sum->proven_ns, one->proven_ns);
    sum->behind_ns = most(sum->behind_ns, one->behind_ns);
    sum->watching = sum->watching && one->watching;
    sum->mirrors += one->mirrors;
    sum->mirrors_loaded += one->mirrors_loaded;
    sum->mirror_load_ns = most(sum->mirror_load_ns, one->mirror_load_ns);
}

static void add_counts(struct coherence_figures *sum, const struct coherence_figures *one) {
    sum->rounds += one->rounds;
    sum->round_reads += one->round_reads;
    sum->rounds_failed += one->rounds_failed;
    sum->memory_reads += one->memory_reads;
    sum->flights += one->flights;
    sum->flight_reads += one->flight_reads;
    sum->flights_repeated += one->flights_repeated;
    for (size_t i = 0; i < COHERENCE_FALLBACK_COUNT; i++) {
        sum->fallbacks[i] += one->fallbacks[i];
    }
    sum->early_writes += one->early_writes;
    sum->resets += one->resets;
    sum->watch_losses += one->watch_losses;
    sum->compared += one->compared;
    sum->differences += one->differences;
}

static void add_keyspace(struct keyspace_figures *sum, const struct keyspace_figures *one) {
    sum->keys += one->keys;
    sum->mirrored += one->mirrored;
    sum->bytes += one->bytes;
    sum->mirrored_bytes += one->mirrored_bytes;
    sum->evictions += one->evictions;
    sum->refusals += one->refusals;
}

static void add_watches(struct watches_figures *sum, const struct watches_figures *one) {
    sum->watchers += one->watchers;
    sum->own += one->own;
    sum->remembered += one->remembered;
    sum->bytes += one->bytes;
    sum->first = most(sum->first, one->first);
    sum->fell_behind += one->fell_behind;
}

/* Of a set that another one has replaced, what it has counted still counts, and what it holds; how it is does not. */
static void add_set(struct near_figures *f, const struct near_set *set, bool in_use) {
    struct keyspace_figures keyspace;

    keyspace_get_figures(set->keyspace, &keyspace);
    add_keyspace(&f->keyspace, &keyspace);
    for (size_t i = 0; i < set->count; i++) {
        struct coherence_figures machine;
        struct watches_figures watches;

        coherence_get_figures(set->parts[i]->machine, &machine);
        add_counts(&f->coherence, &machine);
        watches_get_figures(set->parts[i]->watches, &watches);
        add_watches(&f->watches, &watches);
        f->upstream_watches += watches.own;
        if (in_use) {
            add_state(&f->coherence, &machine);
            f->upstream_watches += machine.watching ? 1 : 0;
        }
    }
}

bool near_get_figures(struct store *store, struct near_figures *ret_figures) {
    const struct near_store *n = near_of(store);
    const struct near_set *set;

    if (store == NULL || store->engine != &near_engine) {
        return false;
    }
    set = near_set_now(n);
    *ret_figures = (struct near_figures){.watch = n->wanted};
    (void)etcd_store_merged(n->cluster, &ret_figures->merged_transactions, &ret_figures->merged_writes);
    if (set == NULL || set->count == 0) {
        ret_figures->coherence.proven_ns = INT64_MIN;
        return true;
    }
    ret_figures->watch = set->watch;
    ret_figures->proof = set->proof;
    ret_figures->coherence = (struct coherence_figures){.applied = INT64_MAX, .proven_ns = INT64_MAX, .watching = true};
    for (const struct near_set *one = set; one != NULL; one = one->older) {
        add_set(ret_figures, one, one == set);
    }
    return true;
}

void near_get_store_figures(struct store *store, struct store_figures *ret_figures) {
    struct near_figures figures;

    store_get_figures(near_of(store)->cluster, ret_figures);
    ret_figures->revision = store_revision(store);
    if (near_get_figures(store, &figures)) {
        /* Those that have a watch of their own right now are counted by the cluster's engine as well. */
        ret_figures->watchers += figures.watches.watchers;
        ret_figures->watchers -= figures.watches.own < ret_figures->watchers ? figures.watches.own : 0;
    }
}
