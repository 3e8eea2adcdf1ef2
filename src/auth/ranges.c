/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/ranges.h"

/* An empty end is behind all others. */
static int compare_ends(struct slice a, struct slice b) {
    if (a.size == 0 || b.size == 0) {
        return (a.size == 0) - (b.size == 0);
    }
    return slice_compare(a, b);
}

static bool is_below(struct slice key, struct slice end) {
    return end.size == 0 || slice_compare(key, end) < 0;
}

static bool is_open(struct slice range_end) {
    return range_end.size == 1 && range_end.data[0] == '\0';
}

/* --- building --- */

/* The first key behind `key`. */
static bool next_key(struct arena *arena, struct slice key, struct slice *ret_next) {
    char *bytes = arena_alloc(arena, key.size + 1);

    if (bytes == NULL) {
        return false;
    }
    memcpy(bytes, key.data, key.size);
    bytes[key.size] = '\0';
    *ret_next = slice_make(bytes, key.size + 1);
    return true;
}

/* False: out of memory. */
static bool range_of(struct arena *arena, const struct auth_permission *permission, struct auth_range *ret_range) {
    struct slice end = permission->range_end;

    if (end.size == 0 && !next_key(arena, permission->key, &end)) {
        return false;
    }
    *ret_range = (struct auth_range){permission->key, is_open(permission->range_end) ? SLICE("") : end};
    return true;
}

static bool is_wanted(const struct auth_permission *permission, bool write) {
    return permission->key.size > 0 && permission->type != (write ? AUTH_READ : AUTH_WRITE);
}

/* The ranges come by their begin. */
static void add(struct auth_ranges *ranges, struct auth_range range) {
    struct auth_range *last = ranges->count > 0 ? &ranges->ranges[ranges->count - 1] : NULL;

    if (!is_below(range.begin, range.end)) {
        return;
    }
    if (last == NULL || (last->end.size > 0 && slice_compare(last->end, range.begin) < 0)) {
        ranges->ranges[ranges->count++] = range;
    } else if (compare_ends(range.end, last->end) > 0) {
        last->end = range.end;
    }
}

const struct auth_ranges *ranges_build(struct arena *arena, const struct auth_permission *permissions, size_t count,
                                       bool write) {
    struct auth_ranges *ranges = arena_alloc(arena, sizeof(*ranges) + count * sizeof(ranges->ranges[0]));
    struct auth_range range;

    if (ranges == NULL) {
        return NULL;
    }
    ranges->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_wanted(&permissions[i], write)) {
            if (!range_of(arena, &permissions[i], &range)) {
                return NULL;
            }
            add(ranges, range);
        }
    }
    return ranges;
}

/* --- asking --- */

/* The range that has `key`, or NULL. */
static const struct auth_range *find(const struct auth_ranges *ranges, struct slice key) {
    size_t low = 0;
    size_t high = ranges->count;

    /* How many begin at the key or before it. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (slice_compare(ranges->ranges[middle].begin, key) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && is_below(key, ranges->ranges[low - 1].end) ? &ranges->ranges[low - 1] : NULL;
}

static const struct auth_ranges *ranges_of(const struct auth_role *role, bool write) {
    return write ? role->writable : role->readable;
}

/* How far all keys from `key` on are allowed by one role. False: `key` itself is not. */
static bool reach(const struct auth_role *const *roles, size_t count, bool write, struct slice key,
                  struct slice *ret_end) {
    bool found = false;

    for (size_t i = 0; i < count; i++) {
        const struct auth_range *range = find(ranges_of(roles[i], write), key);

        if (range != NULL && (!found || compare_ends(range->end, *ret_end) > 0)) {
            *ret_end = range->end;
            found = true;
        }
    }
    return found;
}

bool ranges_allow(const struct auth_role *const *roles, size_t count, bool write, struct slice key,
                  struct slice range_end) {
    struct slice end = is_open(range_end) ? SLICE("") : range_end;
    struct slice reached = key;

    if (range_end.size == 0) {
        return reach(roles, count, write, key, &reached);
    }
    /* From one range to that which goes on where it ends; each step ends further on. */
    while (reach(roles, count, write, reached, &reached)) {
        if (compare_ends(reached, end) >= 0) {
            return true;
        }
    }
    return false;
}
