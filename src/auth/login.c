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

/* With the lock held for writing. */
static enum etcd_error issue(struct auth *a, const struct auth_login *login, int64_t now_ns,
                             char ret_token[AUTH_TOKEN_SIZE]) {
    const struct auth_user *user;

    if (!a->state->enabled) {
        return ETCD_ERROR_AUTH_NOT_ENABLED;
    }
    if (!login->verified) {
        return ETCD_ERROR_AUTH_FAILED;
    }
    if (login->revision != a->state->revision) {
        return ETCD_ERROR_AUTH_OLD_REVISION;
    }
    user = node_user(a->state, login->user, login->index);
    assert(user != NULL);
    return tokens_add(&a->tokens, (size_t)(user - a->state->users), now_ns, ret_token) ? ETCD_OK : ETCD_ERROR_NO_MEMORY;
}

enum etcd_error auth_login_end(struct auth *a, const struct auth_login *login, int64_t now_ns,
                               char ret_token[AUTH_TOKEN_SIZE]) {
    enum etcd_error error;

    atomic_fetch_sub_explicit(&a->logins, 1, memory_order_relaxed);
    pthread_rwlock_wrlock(&a->lock);
    error = issue(a, login, now_ns, ret_token);
    pthread_rwlock_unlock(&a->lock);
    return error;
}
