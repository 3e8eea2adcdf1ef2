/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "ring/keeper_internal.h"

static size_t align(size_t size) {
    return (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
}

/* One piece of memory: the plan, the findings, what there is for each slot. */
struct keeper_plan *keeper_plan_new(size_t count) {
    size_t findings = align(sizeof(struct keeper_plan));
    size_t owners = align(findings + count * sizeof(struct keeper_finding));
    size_t previous = owners + RING_SLOTS * sizeof(uint16_t);
    size_t since = previous + RING_SLOTS * sizeof(uint16_t);
    char *memory = malloc(since + RING_SLOTS);
    struct keeper_plan *plan = (struct keeper_plan *)(void *)memory;

    if (memory == NULL) {
        return NULL;
    }
    memset(memory, 0, owners);
    atomic_init(&plan->refs, 1);
    plan->count = count;
    plan->findings = (struct keeper_finding *)(void *)(memory + findings);
    plan->owners = (uint16_t *)(void *)(memory + owners);
    plan->previous = (uint16_t *)(void *)(memory + previous);
    plan->since = (uint8_t *)(memory + since);
    return plan;
}

struct keeper_plan *keeper_plan_ref(struct keeper_plan *plan) {
    atomic_fetch_add_explicit(&plan->refs, 1, memory_order_relaxed);
    return plan;
}

void keeper_plan_unref(struct keeper_plan *plan) {
    if (plan != NULL && atomic_fetch_sub_explicit(&plan->refs, 1, memory_order_acq_rel) == 1) {
        free(plan->prefixes);
        free(plan);
    }
}

void keeper_match(const struct membership *last, const struct membership *next, uint16_t *ret_places) {
    size_t at = 0;

    for (size_t i = 0; i < last->count; i++) {
        while (at < next->count && slice_compare(next->members[at].id, last->members[i].id) < 0) {
            at++;
        }
        ret_places[i] = RING_NOBODY;
        if (at < next->count && slice_equal(next->members[at].id, last->members[i].id) &&
            next->members[at].incarnation == last->members[i].incarnation) {
            ret_places[i] = (uint16_t)at;
        }
    }
}
