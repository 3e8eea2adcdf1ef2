/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "auth/node.h"

enum etcd_error auth_login_begin(struct auth *a, struct slice user, struct auth_login *ret_login) {
    struct auth_login login = {0};
    const struct auth_user *found;
    bool enabled;

    pthread_rwlock_rdlock(&a->lock);
    enabled = a->state->enabled;
    found = auth_state_user(a->state, user);
    login.revision = a->state->revision;
    if (found != NULL && !found->no_password && found->hash.size > 0) {
        login.possible = true;
        login.user = found->id;
        login.index = (size_t)(found - a->state->users);
        memcpy(login.hash, found->hash.data, found->hash.size + 1);
    }
    pthread_rwlock_unlock(&a->lock);
    if (!enabled) {
        return ETCD_ERROR_AUTH_NOT_ENABLED;
    }
    *ret_login = login;
    return ETCD_OK;
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

    pthread_rwlock_wrlock(&a->lock);
    error = issue(a, login, now_ns, ret_token);
    pthread_rwlock_unlock(&a->lock);
    return error;
}
