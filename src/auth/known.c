/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/node.h"
#include "base/hash.h"

/* Who is known for longer than one request. */

/* The hash of a password has a salt, so no two are alike that were set at different times. */
uint64_t node_password(const struct auth *a, const struct auth_user *user) {
    return hash_key(user->hash, a->tokens.seed);
}

/* With the lock held. False: nobody has the token. */
static bool find(struct auth *a, struct slice token, int64_t now_ns, struct auth_known *ret_known) {
    const struct auth_user *user;
    size_t index;

    if (!tokens_find(&a->tokens, token, now_ns, &index)) {
        return false;
    }
    user = &a->state->users[index];
    ret_known->identity = (struct auth_identity){.revision = a->state->revision, .user = user->id, .index = index};
    ret_known->password = node_password(a, user);
    return true;
}

enum etcd_error auth_know_token(struct auth *a, struct slice token, int64_t now_ns, struct auth_known *ret_known) {
    struct auth_known known = {0};
    enum etcd_error error = ETCD_OK;

    if (auth_enabled(a) && token.size > 0) {
        pthread_rwlock_rdlock(&a->lock);
        if (!find(a, token, now_ns, &known) && a->state->enabled) {
            error = ETCD_ERROR_INVALID_AUTH_TOKEN;
        }
        pthread_rwlock_unlock(&a->lock);
    }
    if (error == ETCD_OK) {
        *ret_known = known;
    }
    return error;
}

/* With the lock held. */
static bool is_still(const struct auth *a, struct auth_known *known) {
    const struct auth_user *user = node_user(a->state, known->identity.user, known->identity.index);

    if (user == NULL || node_password(a, user) != known->password) {
        return false;
    }
    known->identity.revision = a->state->revision;
    known->identity.index = (size_t)(user - a->state->users);
    return true;
}

enum etcd_error auth_renew(struct auth *a, struct auth_known *known) {
    bool still = true;

    if (known->identity.revision != 0) {
        pthread_rwlock_rdlock(&a->lock);
        still = is_still(a, known);
        pthread_rwlock_unlock(&a->lock);
    }
    if (!still) {
        *known = (struct auth_known){0};
    }
    return still ? ETCD_OK : ETCD_ERROR_INVALID_AUTH_TOKEN;
}
