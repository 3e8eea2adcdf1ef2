/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_AUTH_INTERNAL_H
#define LARDER_AUTH_INTERNAL_H

#include <stdatomic.h>

#include "auth/state.h"
#include "base/arena.h"

enum { AUTH_STATE_MEMORY_MAX = 64 << 20 };

/* A snapshot. Whoever builds one may still write to it; once it is finished nobody does. */
struct auth_state {
    atomic_uint references;
    struct arena arena; /* all that follows lies in it */
    bool enabled;
    uint64_t revision;
    struct auth_user *users; /* there is room for user_room */
    size_t user_count;
    size_t user_room;
    struct auth_role *roles;
    size_t role_count;
    size_t role_room;
};

/* --- building, in state_build.c; NULL or false: out of memory --- */

/* An empty snapshot with room for so many. */
struct auth_state *state_build(size_t user_room, size_t role_room);

/* A deep copy, with room for one more of each, not finished. */
struct auth_state *state_clone(const struct auth_state *from);

/* Copies, with a NUL behind. */
bool state_copy_name(struct auth_state *state, struct slice name, struct slice *ret_copy);

/* Fills in what follows from the rest: ranges, what is granted. */
bool state_finish(struct auth_state *state);

/* What auth_encode_state will append. */
size_t state_encoded_size(const struct auth_state *state);

/* Where the name stands, or would have to stand; *ret_found says which. */
size_t state_place_of_user(const struct auth_state *state, struct slice name, bool *ret_found);
size_t state_place_of_role(const struct auth_state *state, struct slice name, bool *ret_found);
size_t state_place_of_name(const struct slice *names, size_t count, struct slice name, bool *ret_found);

/* By key, then by range_end. */
int state_compare_permissions(const struct auth_permission *a, const struct auth_permission *b);

/* Whether the bytes are the same, in a time that only depends on how many they are. */
bool secret_equal(struct slice a, struct slice b);

#endif
