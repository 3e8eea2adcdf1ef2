/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ring/keeper_internal.h"

/* Purges by a prefix. That of a group costs a number for the group; this has to look at keys: entries of before are told by their
 * eras, as all others that do not count, until a sweep has taken them out. So a purge counts at once everywhere, however
 * long the sweep takes, and also for entries that go from one node to another meanwhile. */

static struct keeper_prefixes *new_prefixes(size_t count) {
    struct keeper_prefixes *prefixes = malloc(sizeof(*prefixes) + count * sizeof(prefixes->list[0]));

    if (prefixes != NULL) {
        atomic_init(&prefixes->swept, false);
        prefixes->count = 0;
    }
    return prefixes;
}

static void add(struct keeper_prefixes *prefixes, const struct keeper_prefix *prefix) {
    prefixes->list[prefixes->count++] = *prefix;
}

bool keeper_carry_prefixes(struct keeper_plan *plan, const struct keeper_plan *last, uint64_t swept) {
    const struct keeper_prefixes *old = last != NULL ? last->prefixes : NULL;

    if (old == NULL || atomic_load_explicit(&old->swept, memory_order_relaxed)) {
        return true;
    }
    plan->prefixes = new_prefixes(old->count + 1); /* for one that may be added */
    if (plan->prefixes == NULL) {
        return false;
    }
    for (size_t i = 0; i < old->count; i++) {
        if (old->list[i].serial > swept) {
            add(plan->prefixes, &old->list[i]);
        }
    }
    return true;
}

bool keeper_add_prefix(struct keeper_plan *plan, unsigned group, struct slice prefix, enum larder_error *ret_error) {
    struct keeper_prefix one = {.serial = plan->serial, .group = group, .size = prefix.size};

    assert(prefix.size > 0 && prefix.size <= sizeof(one.bytes));
    *ret_error = LARDER_OK;
    if (plan->prefixes == NULL) {
        plan->prefixes = new_prefixes(1);
    }
    if (plan->prefixes == NULL) {
        *ret_error = LARDER_ERROR_NO_MEMORY;
        return false;
    }
    if (plan->prefixes->count == KEEPER_PREFIXES) {
        return false;
    }
    memcpy(one.bytes, prefix.data, prefix.size);
    add(plan->prefixes, &one);
    return true;
}

void keeper_sweep_prefixes(struct keeper *keeper) {
    struct keeper_view *newest = atomic_load_explicit(&keeper->newest, memory_order_relaxed);
    struct keeper_prefixes *prefixes = newest != NULL ? newest->plan->prefixes : NULL;

    if (prefixes != NULL && prefixes->count > 0 && prefixes->list[prefixes->count - 1].serial <= keeper->swept) {
        atomic_store_explicit(&prefixes->swept, true, memory_order_relaxed);
    }
}

bool keeper_is_purged(const struct keeper_view *view, unsigned group, struct slice key, uint8_t era) {
    const struct keeper_prefixes *prefixes = view->plan->prefixes;
    uint64_t serial = view->serial - keeper_age(view->serial, era);

    if (prefixes == NULL || atomic_load_explicit(&prefixes->swept, memory_order_relaxed)) {
        return false;
    }
    for (size_t i = 0; i < prefixes->count; i++) {
        const struct keeper_prefix *p = &prefixes->list[i];

        if (p->group == group && serial < p->serial && slice_has_prefix(key, slice_make(p->bytes, p->size))) {
            return true;
        }
    }
    return false;
}
