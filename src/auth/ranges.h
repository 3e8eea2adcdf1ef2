/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_AUTH_RANGES_H
#define LARDER_AUTH_RANGES_H

#include "auth/state.h"
#include "base/arena.h"

/* The keys from `begin` on, below `end`; an empty end has all keys behind `begin`. */
struct auth_range {
    struct slice begin;
    struct slice end;
};

/* The union of a role's permissions of one sort: in order, and with a gap between one and the next. */
struct auth_ranges {
    size_t count;
    struct auth_range ranges[];
};

/* What the permissions, in auth_role's order, allow to read or to write. It lies in the arena and points into the permissions.
 * NULL: out of memory. */
const struct auth_ranges *ranges_build(struct arena *arena, const struct auth_permission *permissions, size_t count,
                                       bool write);

/* Whether the roles together allow to read, or to write, all that is in the range of a request (auth_permission's form). The
 * key is not empty. A range whose end is not above its key has no keys; it is taken for that key alone. */
bool ranges_allow(const struct auth_role *const *roles, size_t count, bool write, struct slice key,
                  struct slice range_end);

#endif
