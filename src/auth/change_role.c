/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "auth/change_internal.h"

/* --- roles --- */

enum etcd_error change_role_add(struct change *c) {
    struct auth_state *state = c->state;
    struct auth_role role = {.permissions = NULL};
    bool found;
    size_t place = state_place_of_role(state, c->request->role, &found);
    enum etcd_error error = change_check_text(c->request->role, AUTH_NAME_MAX);

    if (c->request->role.size == 0) {
        return ETCD_ERROR_ROLE_EMPTY;
    }
    if (found) {
        return ETCD_ERROR_ROLE_ALREADY_EXIST;
    }
    if (error != ETCD_OK) {
        return error;
    }
    if (state->role_count >= AUTH_ROLES_MAX) {
        return ETCD_ERROR_AUTH_FULL;
    }
    if (!state_copy_name(state, c->request->role, &role.name)) {
        return ETCD_ERROR_NO_MEMORY;
    }
    assert(state->role_count < state->role_room);
    CHANGE_OPEN_GAP(state->roles, state->role_count, place);
    state->roles[place] = role;
    state->role_count++;
    return ETCD_OK;
}

/* It is taken from everybody who has it. */
enum etcd_error change_role_delete(struct change *c) {
    struct auth_state *state = c->state;
    bool found;
    size_t place = state_place_of_role(state, c->request->role, &found);

    if (state->enabled && change_names_root_role(c)) {
        return ETCD_ERROR_INVALID_AUTH_MGMT;
    }
    if (!found) {
        return ETCD_ERROR_ROLE_NOT_FOUND;
    }
    CHANGE_CLOSE_GAP(state->roles, state->role_count, place);
    state->role_count--;
    for (size_t i = 0; i < state->user_count; i++) {
        change_take_role(&state->users[i], c->request->role);
    }
    return ETCD_OK;
}

/* --- permissions --- */

/* Where it stands among the role's, or would have to stand. */
static size_t place_of_permission(const struct auth_role *role, const struct auth_permission *permission,
                                  bool *ret_found) {
    size_t place = 0;
    int order = -1;

    while (place < role->permission_count && order < 0) {
        order = state_compare_permissions(&role->permissions[place], permission);
        place += order < 0;
    }
    *ret_found = order == 0;
    return place;
}

static enum etcd_error add_permission(struct change *c, struct auth_role *role, size_t place) {
    struct arena *arena = &c->state->arena;
    const struct auth_permission *wanted = &c->request->permission;
    struct auth_permission *permissions;
    size_t count = role->permission_count;

    if (wanted->key.size > AUTH_KEY_MAX || wanted->range_end.size > AUTH_KEY_MAX) {
        return ETCD_ERROR_REQUEST_TOO_LARGE;
    }
    if (count >= AUTH_PERMISSIONS_PER_ROLE_MAX) {
        return ETCD_ERROR_AUTH_FULL;
    }
    permissions = arena_calloc(arena, count + 1, sizeof(*permissions));
    if (permissions == NULL || !arena_copy(arena, wanted->key, &permissions[place].key) ||
        !arena_copy(arena, wanted->range_end, &permissions[place].range_end)) {
        return ETCD_ERROR_NO_MEMORY;
    }
    permissions[place].type = wanted->type;
    for (size_t i = 0; i < count; i++) {
        permissions[i < place ? i : i + 1] = role->permissions[i];
    }
    role->permissions = permissions;
    role->permission_count++;
    return ETCD_OK;
}

static bool is_permission_type(enum auth_permission_type type) {
    return type == AUTH_READ || type == AUTH_WRITE || type == AUTH_READWRITE;
}

enum etcd_error change_grant_permission(struct change *c) {
    struct auth_role *role = change_role(c);
    bool found;
    size_t place;

    if (role == NULL) {
        return ETCD_ERROR_ROLE_NOT_FOUND;
    }
    if (!is_permission_type(c->request->permission.type)) {
        return ETCD_ERROR_INVALID_AUTH_MGMT;
    }
    place = place_of_permission(role, &c->request->permission, &found);
    if (!found) {
        return add_permission(c, role, place);
    }
    ((struct auth_permission *)role->permissions)[place].type = c->request->permission.type;
    return ETCD_OK;
}

enum etcd_error change_revoke_permission(struct change *c) {
    struct auth_role *role = change_role(c);
    struct auth_permission *permissions;
    bool found;
    size_t place;

    if (role == NULL) {
        return ETCD_ERROR_ROLE_NOT_FOUND;
    }
    place = place_of_permission(role, &c->request->permission, &found);
    if (!found) {
        return ETCD_ERROR_PERMISSION_NOT_GRANTED;
    }
    permissions = (struct auth_permission *)role->permissions;
    CHANGE_CLOSE_GAP(permissions, role->permission_count, place);
    role->permission_count--;
    return ETCD_OK;
}
