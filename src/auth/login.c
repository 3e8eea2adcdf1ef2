/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "auth/node.h"

/* With the lock held. */
static enum etcd_error look_up(const struct auth_state *state, struct slice name, struct auth_login *ret_login) {
    const struct auth_user *user = auth_state_user(state, name);

    if (!state->enabled) {
        return ETCD_ERROR_AUTH_NOT_ENABLED;
    }
    *ret_login = (struct auth_login){.revision = state->revision};
    if (user != NULL && !user->no_password && user->hash.size > 0) {
        ret_login->possible = true;
        ret_login->user = user->id;
        ret_login->index = (size_t)(user - state->users);
        memcpy(ret_login->hash, user->hash.data, user->hash.size + 1);
    }
    return ETCD_OK;
}

enum etcd_error auth_login_begin(struct auth *a, struct slice user, struct auth_login *ret_login) {
    enum etcd_error error = ETCD_ERROR_TOO_MANY_REQUESTS;

    if (atomic_fetch_add_explicit(&a->logins, 1, memory_order_relaxed) < AUTH_LOGINS_MAX) {
        pthread_rwlock_rdlock(&a->lock);
        error = look_up(a->state, user, ret_login);
        pthread_rwlock_unlock(&a->lock);
    }
    if (error != ETCD_OK) {
        atomic_fetch_sub_explicit(&a->logins, 1, memory_order_relaxed);
    }
    return error;
}

void auth_login_verify(struct auth_login *login, struct slice password) {
    login->verified = auth_password_verify(password, slice_from_string(login->hash)) && login->possible;
}

/* Whose login it was, with the lock held. NULL: *ret_error says why there is nobody. */
static const struct auth_user *find_user(const struct auth *a, const struct auth_login *login,
                                         enum etcd_error *ret_error) {
    const struct auth_user *user = NULL;

    *ret_error = ETCD_OK;
    if (!a->state->enabled) {
        *ret_error = ETCD_ERROR_AUTH_NOT_ENABLED;
    } else if (!login->verified) {
        *ret_error = ETCD_ERROR_AUTH_FAILED;
    } else if (login->revision != a->state->revision) {
        *ret_error = ETCD_ERROR_AUTH_OLD_REVISION;
    } else {
        user = node_user(a->state, login->user, login->index);
        assert(user != NULL);
    }
    return user;
}

enum etcd_error auth_login_end(struct auth *a, const struct auth_login *login, int64_t now_ns,
                               char ret_token[AUTH_TOKEN_SIZE]) {
    const struct auth_user *user;
    enum etcd_error error;

    atomic_fetch_sub_explicit(&a->logins, 1, memory_order_relaxed);
    pthread_rwlock_wrlock(&a->lock);
    user = find_user(a, login, &error);
    if (user != NULL && !tokens_add(&a->tokens, (size_t)(user - a->state->users), now_ns, ret_token)) {
        error = ETCD_ERROR_NO_MEMORY;
    }
    pthread_rwlock_unlock(&a->lock);
    return error;
}

enum etcd_error auth_login_know(struct auth *a, const struct auth_login *login, struct auth_known *ret_known) {
    const struct auth_user *user;
    enum etcd_error error;

    atomic_fetch_sub_explicit(&a->logins, 1, memory_order_relaxed);
    pthread_rwlock_rdlock(&a->lock);
    user = find_user(a, login, &error);
    if (user != NULL) {
        ret_known->identity = (struct auth_identity){
            .revision = login->revision, .user = user->id, .index = (size_t)(user - a->state->users)};
        ret_known->password = node_password(a, user);
    }
    pthread_rwlock_unlock(&a->lock);
    return error;
}
