/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "cohere/near_internal.h"
#include "store/span.h"

/* What the groups want: their prefixes in order, and which spans are mirrored. */

enum { ROUNDS_PER_LIMIT = 4 };

#define STALE_LIMIT_USUAL_NS (5 * CLOCK_NS_PER_S)

static int compare_groups(const void *a, const void *b) {
    return slice_compare(((const struct near_group_copy *)a)->prefix, ((const struct near_group_copy *)b)->prefix);
}

static bool copy_groups(struct near_store *n, const struct near_config *config) {
    n->groups = arena_calloc(&n->arena, config->group_count + 1, sizeof(*n->groups));
    if (n->groups == NULL) {
        return false;
    }
    for (size_t i = 0; i < config->group_count; i++) {
        struct near_group_copy *group = &n->groups[i];
        const struct slice prefix = config->groups[i].prefix;
        char *end = arena_alloc(&n->arena, prefix.size + 1);

        if (end == NULL || !arena_copy(&n->arena, prefix, &group->prefix)) {
            return false;
        }
        group->span = store_span_of_prefix(group->prefix, end);
        group->policy = config->groups[i].policy;
    }
    n->group_count = config->group_count;
    qsort(n->groups, n->group_count, sizeof(*n->groups), compare_groups);
    return true;
}

bool near_is_inner(const struct near_store *n, size_t group) {
    for (size_t i = 0; i < group; i++) {
        if (slice_has_prefix(n->groups[group].prefix, n->groups[i].prefix)) {
            return true;
        }
    }
    return false;
}

int64_t near_round_every_ns(const struct near_store *n) {
    int64_t least_ns = STALE_LIMIT_USUAL_NS;

    for (size_t i = 0; i < n->group_count; i++) {
        const struct coherence_policy *policy = &n->groups[i].policy;

        if (policy->keeps && policy->stale_limit_ns > 0 && policy->stale_limit_ns < least_ns) {
            least_ns = policy->stale_limit_ns;
        }
    }
    return least_ns / ROUNDS_PER_LIMIT;
}

/* --- mirrors --- */

/* The keys from `from` on and below `end`, if any, are mirrored as well. Pieces come in order, and those that touch are one. */
static void add_piece(struct near_store *n, struct slice from, struct slice end) {
    struct store_span *last = n->mirror_count > 0 ? &n->mirrors[n->mirror_count - 1] : NULL;

    if (last != NULL && slice_equal(last->range_end, from)) {
        last->range_end = end;
    } else {
        n->mirrors[n->mirror_count++] = (struct store_span){.key = from, .range_end = end};
    }
}

/* The pieces of a group and of those within it. Returns the place of the first that is not. */
static size_t add_group(struct near_store *n, size_t place) {
    const struct near_group_copy *group = &n->groups[place];
    bool mirrored = group->policy.keeps && group->policy.mirrored;
    struct slice from = group->span.key;
    bool rest = true; /* there are keys from there on */

    place++;
    while (place < n->group_count && slice_has_prefix(n->groups[place].prefix, group->prefix)) {
        const struct store_span *inner = &n->groups[place].span;

        if (mirrored && !slice_equal(from, inner->key)) {
            add_piece(n, from, inner->key);
        }
        from = inner->range_end;
        rest = !slice_equal(from, group->span.range_end);
        place = add_group(n, place);
    }
    if (mirrored && rest) {
        add_piece(n, from, group->span.range_end);
    }
    return place;
}

/* Each group has a piece before each that is within it, and one behind. */
static bool find_mirrors(struct near_store *n) {
    n->mirrors = arena_calloc(&n->arena, 2 * n->group_count + 1, sizeof(*n->mirrors));
    if (n->mirrors == NULL) {
        return false;
    }
    for (size_t i = 0; i < n->group_count;) {
        i = add_group(n, i);
    }
    return true;
}

bool near_copy_groups(struct near_store *n, const struct near_config *config) {
    return copy_groups(n, config) && find_mirrors(n);
}
