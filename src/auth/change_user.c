/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "auth/change_internal.h"

/* An empty hash for who has no password. */
static enum etcd_error set_hash(struct change *c, struct auth_user *user, struct slice hash) {
    enum etcd_error error = change_check_text(hash, AUTH_HASH_MAX);

    if (error != ETCD_OK) {
        return error;
    }
    return state_copy_name(c->state, hash, &user->hash) ? ETCD_OK : ETCD_ERROR_NO_MEMORY;
}

enum etcd_error change_user_add(struct change *c) {
    const struct auth_request *request = c->request;
    struct auth_state *state = c->state;
    struct auth_user user = {.no_password = request->no_password, .id = state->revision + 1};
    bool found;
    size_t place = state_place_of_user(state, request->user, &found);
    enum etcd_error error = change_check_text(request->user, AUTH_NAME_MAX);

    if (request->user.size == 0) {
        return ETCD_ERROR_USER_EMPTY;
    }
    if (found) {
        return ETCD_ERROR_USER_ALREADY_EXIST;
    }
    if (error == ETCD_OK) {
        error = set_hash(c, &user, request->no_password ? SLICE("") : request->hash);
    }
    if (error != ETCD_OK) {
        return error;
    }
    if (state->user_count >= AUTH_USERS_MAX) {
        return ETCD_ERROR_AUTH_FULL;
    }
    if (!state_copy_name(state, request->user, &user.name)) {
        return ETCD_ERROR_NO_MEMORY;
    }
    assert(state->user_count < state->user_room);
    CHANGE_OPEN_GAP(state->users, state->user_count, place);
    state->users[place] = user;
    state->user_count++;
    return ETCD_OK;
}

enum etcd_error change_user_delete(struct change *c) {
    struct auth_state *state = c->state;
    bool found;
    size_t place = state_place_of_user(state, c->request->user, &found);

    if (state->enabled && change_names_root_user(c)) {
        return ETCD_ERROR_INVALID_AUTH_MGMT;
    }
    if (!found) {
        return ETCD_ERROR_USER_NOT_FOUND;
    }
    CHANGE_CLOSE_GAP(state->users, state->user_count, place);
    state->user_count--;
    return ETCD_OK;
}

/* Whoever was to have no password still needs none that fits: as etcd. */
enum etcd_error change_set_password(struct change *c) {
    struct auth_user *user = change_user(c);

    return user == NULL ? ETCD_ERROR_USER_NOT_FOUND : set_hash(c, user, c->request->hash);
}

enum etcd_error change_grant_role(struct change *c) {
    struct auth_user *user = change_user(c);
    struct slice *roles;
    size_t place;

    if (user == NULL) {
        return ETCD_ERROR_USER_NOT_FOUND;
    }
    if (!change_names_root_role(c) && change_role(c) == NULL) {
        return ETCD_ERROR_ROLE_NOT_FOUND;
    }
    place = state_place_of_name(user->roles, user->role_count, c->request->role, &c->idle);
    if (c->idle) {
        return ETCD_OK;
    }
    if (user->role_count >= AUTH_ROLES_PER_USER_MAX) {
        return ETCD_ERROR_AUTH_FULL;
    }
    roles = arena_calloc(&c->state->arena, user->role_count + 1, sizeof(*roles));
    if (roles == NULL || !state_copy_name(c->state, c->request->role, &roles[place])) {
        return ETCD_ERROR_NO_MEMORY;
    }
    for (size_t i = 0; i < user->role_count; i++) {
        roles[i < place ? i : i + 1] = user->roles[i];
    }
    user->roles = roles;
    user->role_count++;
    return ETCD_OK;
}

/* The array is the copy's own, so it may be written to. */
bool change_take_role(struct auth_user *user, struct slice role) {
    struct slice *roles = (struct slice *)user->roles;
    bool found;
    size_t place = state_place_of_name(roles, user->role_count, role, &found);

    if (found) {
        CHANGE_CLOSE_GAP(roles, user->role_count, place);
        user->role_count--;
    }
    return found;
}

enum etcd_error change_revoke_role(struct change *c) {
    struct auth_user *user = change_user(c);

    if (c->state->enabled && change_names_root_user(c) && change_names_root_role(c)) {
        return ETCD_ERROR_INVALID_AUTH_MGMT;
    }
    if (user == NULL) {
        return ETCD_ERROR_USER_NOT_FOUND;
    }
    return change_take_role(user, c->request->role) ? ETCD_OK : ETCD_ERROR_ROLE_NOT_GRANTED;
}
