/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "auth/internal.h"
#include "auth/ranges.h"

struct auth_state *state_build(size_t user_room, size_t role_room) {
    struct auth_state *state = calloc(1, sizeof(*state));

    if (state == NULL) {
        return NULL;
    }
    atomic_init(&state->references, 1);
    arena_init(&state->arena, AUTH_STATE_MEMORY_MAX);
    state->user_room = user_room;
    state->role_room = role_room;
    state->users = arena_calloc(&state->arena, user_room, sizeof(state->users[0]));
    state->roles = arena_calloc(&state->arena, role_room, sizeof(state->roles[0]));
    if (state->users == NULL || state->roles == NULL) {
        auth_state_unref(state);
        return NULL;
    }
    return state;
}

bool state_copy_name(struct auth_state *state, struct slice name, struct slice *ret_copy) {
    char *bytes = arena_alloc(&state->arena, name.size + 1);

    if (bytes == NULL) {
        return false;
    }
    if (name.size > 0) {
        memcpy(bytes, name.data, name.size);
    }
    bytes[name.size] = '\0';
    *ret_copy = slice_make(bytes, name.size);
    return true;
}

/* --- a copy --- */

static bool clone_user(struct auth_state *state, const struct auth_user *from, struct auth_user *to) {
    struct slice *roles = arena_calloc(&state->arena, from->role_count, sizeof(*roles));
    bool fits = roles != NULL;

    *to = (struct auth_user){
        .no_password = from->no_password, .id = from->id, .roles = roles, .role_count = from->role_count};
    fits = fits && state_copy_name(state, from->name, &to->name) && state_copy_name(state, from->hash, &to->hash);
    for (size_t i = 0; fits && i < from->role_count; i++) {
        fits = state_copy_name(state, from->roles[i], &roles[i]);
    }
    return fits;
}

static bool clone_role(struct auth_state *state, const struct auth_role *from, struct auth_role *to) {
    struct arena *arena = &state->arena;
    struct auth_permission *permissions = arena_calloc(arena, from->permission_count, sizeof(*permissions));
    bool fits = permissions != NULL && state_copy_name(state, from->name, &to->name);

    to->permissions = permissions;
    to->permission_count = from->permission_count;
    for (size_t i = 0; fits && i < from->permission_count; i++) {
        permissions[i].type = from->permissions[i].type;
        fits = arena_copy(arena, from->permissions[i].key, &permissions[i].key) &&
               arena_copy(arena, from->permissions[i].range_end, &permissions[i].range_end);
    }
    return fits;
}

struct auth_state *state_clone(const struct auth_state *from) {
    struct auth_state *state = state_build(from->user_count + 1, from->role_count + 1);
    bool fits = state != NULL;

    for (size_t i = 0; fits && i < from->user_count; i++) {
        fits = clone_user(state, &from->users[i], &state->users[i]);
    }
    for (size_t i = 0; fits && i < from->role_count; i++) {
        fits = clone_role(state, &from->roles[i], &state->roles[i]);
    }
    if (!fits) {
        auth_state_unref(state);
        return NULL;
    }
    state->enabled = from->enabled;
    state->revision = from->revision;
    state->user_count = from->user_count;
    state->role_count = from->role_count;
    return state;
}

/* --- what follows from the rest --- */

static bool finish_role(struct auth_state *state, struct auth_role *role) {
    role->readable = ranges_build(&state->arena, role->permissions, role->permission_count, false);
    role->writable = ranges_build(&state->arena, role->permissions, role->permission_count, true);
    return role->readable != NULL && role->writable != NULL;
}

static bool finish_user(struct auth_state *state, struct auth_user *user) {
    const struct auth_role **granted = arena_calloc(&state->arena, user->role_count, sizeof(*granted));

    if (granted == NULL) {
        return false;
    }
    user->granted = granted;
    user->granted_count = 0;
    user->is_root = false;
    for (size_t i = 0; i < user->role_count; i++) {
        const struct auth_role *role = auth_state_role(state, user->roles[i]);

        user->is_root |= slice_equal(user->roles[i], AUTH_ROOT);
        if (role != NULL) {
            granted[user->granted_count++] = role;
        }
    }
    return true;
}

bool state_finish(struct auth_state *state) {
    bool fits = true;

    for (size_t i = 0; fits && i < state->role_count; i++) {
        fits = finish_role(state, &state->roles[i]);
    }
    for (size_t i = 0; fits && i < state->user_count; i++) {
        fits = finish_user(state, &state->users[i]);
    }
    return fits;
}
