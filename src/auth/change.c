/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/change.h"

#include "auth/change_internal.h"

/* --- helpers --- */

enum etcd_error change_check_text(struct slice text, size_t max) {
    bool bad = text.size > max || (text.size > 0 && memchr(text.data, '\0', text.size) != NULL);

    return bad ? ETCD_ERROR_REQUEST_TOO_LARGE : ETCD_OK;
}

struct auth_user *change_user(const struct change *c) {
    bool found;
    size_t place = state_place_of_user(c->state, c->request->user, &found);

    return found ? &c->state->users[place] : NULL;
}

struct auth_role *change_role(const struct change *c) {
    bool found;
    size_t place = state_place_of_role(c->state, c->request->role, &found);

    return found ? &c->state->roles[place] : NULL;
}

bool change_names_root_user(const struct change *c) {
    return slice_equal(c->request->user, AUTH_ROOT);
}

bool change_names_root_role(const struct change *c) {
    return slice_equal(c->request->role, AUTH_ROOT);
}

/* --- on and off --- */

static enum etcd_error enable(struct change *c) {
    const struct auth_user *root = auth_state_user(c->state, AUTH_ROOT);
    bool rules;

    c->idle = c->state->enabled;
    if (c->idle) {
        return ETCD_OK;
    }
    if (root == NULL) {
        return ETCD_ERROR_ROOT_USER_NOT_EXIST;
    }
    state_place_of_name(root->roles, root->role_count, AUTH_ROOT, &rules);
    if (!rules) {
        return ETCD_ERROR_ROOT_ROLE_NOT_EXIST;
    }
    c->state->enabled = true;
    c->same_revision = true;
    return ETCD_OK;
}

static enum etcd_error disable(struct change *c) {
    c->idle = !c->state->enabled;
    c->state->enabled = false;
    return ETCD_OK;
}

/* --- all --- */

static enum etcd_error (*const CHANGES[])(struct change *) = {
    [AUTH_ENABLE] = enable,
    [AUTH_DISABLE] = disable,
    [AUTH_USER_ADD] = change_user_add,
    [AUTH_USER_DELETE] = change_user_delete,
    [AUTH_CHANGE_PASSWORD] = change_set_password,
    [AUTH_GRANT_ROLE] = change_grant_role,
    [AUTH_REVOKE_ROLE] = change_revoke_role,
    [AUTH_ROLE_ADD] = change_role_add,
    [AUTH_ROLE_DELETE] = change_role_delete,
    [AUTH_GRANT_PERMISSION] = change_grant_permission,
    [AUTH_REVOKE_PERMISSION] = change_revoke_permission,
};

static enum etcd_error finish(struct change *c) {
    c->state->revision += !c->same_revision;
    if (state_encoded_size(c->state) > AUTH_STATE_BYTES_MAX) {
        return ETCD_ERROR_AUTH_FULL;
    }
    return state_finish(c->state) ? ETCD_OK : ETCD_ERROR_NO_MEMORY;
}

enum etcd_error auth_change(const struct auth_state *state, const struct auth_request *request,
                            struct auth_state **ret_new) {
    struct change c = {.request = request, .state = state_clone(state)};
    enum etcd_error error = ETCD_ERROR_NO_MEMORY;

    if (c.state != NULL) {
        error = CHANGES[request->kind](&c);
    }
    if (error == ETCD_OK && !c.idle) {
        error = finish(&c);
    }
    if (error != ETCD_OK || c.idle) {
        auth_state_unref(c.state);
        c.state = NULL;
    }
    if (error == ETCD_OK) {
        *ret_new = c.state;
    }
    return error;
}
