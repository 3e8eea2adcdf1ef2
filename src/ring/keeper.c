/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/keeper.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ring/keeper_internal.h"

enum larder_error keeper_new(const struct keeper_config *config, struct keeper **ret_keeper) {
    struct keeper *keeper = calloc(1, sizeof(*keeper));

    if (keeper == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    assert(config->id.size > 0 && config->lease_ns >= KEEPER_MARGIN && config->handoff_ns >= 2 * config->lease_ns);
    keeper->id = malloc(config->id.size);
    if (keeper->id == NULL || pthread_mutex_init(&keeper->lock, NULL) != 0) {
        free(keeper->id);
        free(keeper);
        return LARDER_ERROR_NO_MEMORY;
    }
    memcpy(keeper->id, config->id.data, config->id.size);
    keeper->config = *config;
    keeper->config.id.data = keeper->id;
    keeper->renewed_ns = INT64_MIN;
    keeper->proven_ns = INT64_MIN;
    atomic_init(&keeper->authority_ns, INT64_MIN);
    *ret_keeper = keeper;
    return LARDER_OK;
}

void keeper_free(struct keeper *keeper) {
    if (keeper == NULL) {
        return;
    }
    keeper_view_unref(atomic_load(&keeper->newest));
    ring_free(keeper->ring);
    pthread_mutex_destroy(&keeper->lock);
    free(keeper->id);
    free(keeper);
}

/* --- authority --- */

void keeper_set_authority(struct keeper *keeper, int64_t renewed_ns, int64_t proven_ns) {
    int64_t from_ns = renewed_ns < proven_ns ? renewed_ns : proven_ns;
    int64_t until_ns = INT64_MIN;

    if (from_ns != INT64_MIN && !keeper->is_broken) {
        until_ns = from_ns + keeper->config.lease_ns - keeper->config.lease_ns / KEEPER_MARGIN;
    }
    atomic_store_explicit(&keeper->authority_ns, until_ns, memory_order_release);
}

int64_t keeper_authority_ns(const struct keeper *keeper) {
    return atomic_load_explicit(&keeper->authority_ns, memory_order_acquire);
}

/* --- sweeps --- */

static uint64_t newest_serial(const struct keeper *keeper) {
    return atomic_load_explicit(&keeper->serial, memory_order_acquire);
}

bool keeper_wants_sweep(const struct keeper *keeper) {
    return keeper->swept < newest_serial(keeper);
}

void keeper_swept(struct keeper *keeper, uint64_t serial) {
    assert(serial <= newest_serial(keeper));
    if (serial > keeper->swept) {
        keeper->swept = serial;
        keeper_sweep_prefixes(keeper);
    }
}

bool keeper_must_clear(const struct keeper *keeper) {
    return newest_serial(keeper) + 1 - keeper->swept >= KEEPER_ERAS;
}

/* --- views --- */

struct keeper_view *keeper_view_ref(struct keeper_view *view) {
    if (view != NULL) {
        atomic_fetch_add_explicit(&view->refs, 1, memory_order_relaxed);
    }
    return view;
}

void keeper_view_unref(struct keeper_view *view) {
    if (view != NULL && atomic_fetch_sub_explicit(&view->refs, 1, memory_order_acq_rel) == 1) {
        membership_unref(view->members);
        keeper_plan_unref(view->plan);
        free(view);
    }
}

/* A view that is held cannot have its place taken by another one of the same address. */
void keeper_renew(struct keeper *keeper, struct keeper_view **held) {
    struct keeper_view *view = *held;

    if (view == atomic_load_explicit(&keeper->newest, memory_order_acquire)) {
        return;
    }
    pthread_mutex_lock(&keeper->lock);
    *held = keeper_view_ref(atomic_load_explicit(&keeper->newest, memory_order_relaxed));
    pthread_mutex_unlock(&keeper->lock);
    keeper_view_unref(view);
}

struct peer_stamp keeper_stamp(const struct keeper_view *view, bool give_up) {
    return (struct peer_stamp){.revision = view->members->revision,
                               .digest = view->members->digest,
                               .purges = view->purges,
                               .give_up = give_up};
}

bool keeper_is_newest(const struct keeper *keeper, const struct keeper_view *view) {
    return view->serial == newest_serial(keeper);
}

bool keeper_counts(const struct keeper_view *view, uint32_t slot, unsigned group, uint8_t era) {
    const struct keeper_plan *plan = view->plan;
    unsigned age = keeper_age(view->serial, era);

    assert(group < KEEPER_GROUPS);
    return age <= keeper_age(view->serial, plan->since[slot]) && age <= keeper_age(view->serial, plan->purged[group]);
}

bool keeper_keeps(const struct keeper_view *view, uint32_t slot, unsigned group, uint8_t *era) {
    if (!keeper_counts(view, slot, group, *era)) {
        return false;
    }
    *era = view->era;
    return true;
}
