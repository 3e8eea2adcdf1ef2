/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/node.h"
#include "auth/ranges.h"

/* --- who asks --- */

bool auth_enabled(const struct auth *a) {
    return atomic_load_explicit(&a->enabled, memory_order_acquire);
}

enum etcd_error auth_identify(struct auth *a, struct slice token, int64_t now_ns, struct auth_identity *ret_identity) {
    struct auth_known known;
    enum etcd_error error = auth_know_token(a, token, now_ns, &known);

    if (error == ETCD_OK) {
        *ret_identity = known.identity;
    }
    return error;
}

/* --- what they may --- */

/* A state with the revision of an identity has its user at the same place. */
static enum etcd_error allow(const struct auth_state *state, const struct auth_identity *who, bool write,
                             struct slice key, struct slice range_end) {
    const struct auth_user *user;

    if (!state->enabled) {
        return ETCD_OK;
    }
    if (who->revision == 0) {
        return ETCD_ERROR_USER_EMPTY;
    }
    if (who->revision != state->revision) {
        return ETCD_ERROR_AUTH_OLD_REVISION;
    }
    user = &state->users[who->index];
    return user->is_root || ranges_allow(user->granted, user->granted_count, write, key, range_end)
               ? ETCD_OK
               : ETCD_ERROR_PERMISSION_DENIED;
}

static enum etcd_error may(struct auth *a, const struct auth_identity *who, bool write, struct slice key,
                           struct slice range_end) {
    enum etcd_error error = ETCD_OK;

    if (auth_enabled(a)) {
        pthread_rwlock_rdlock(&a->lock);
        error = allow(a->state, who, write, key, range_end);
        pthread_rwlock_unlock(&a->lock);
    }
    return error;
}

enum etcd_error auth_may_range(struct auth *a, const struct auth_identity *who, struct slice key,
                               struct slice range_end) {
    return may(a, who, false, key, range_end);
}

enum etcd_error auth_may_put(struct auth *a, const struct auth_identity *who, struct slice key) {
    return may(a, who, true, key, SLICE(""));
}

enum etcd_error auth_may_delete(struct auth *a, const struct auth_identity *who, struct slice key,
                                struct slice range_end) {
    return may(a, who, true, key, range_end);
}

enum etcd_error auth_still_current(struct auth *a, const struct auth_identity *who) {
    bool current = who->revision == 0;

    if (!current) {
        pthread_rwlock_rdlock(&a->lock);
        current = who->revision == a->state->revision;
        pthread_rwlock_unlock(&a->lock);
    }
    return current ? ETCD_OK : ETCD_ERROR_AUTH_OLD_REVISION;
}

/* --- who rules --- */

const struct auth_user *node_user(const struct auth_state *state, uint64_t id, size_t index) {
    if (index < state->user_count && state->users[index].id == id) {
        return &state->users[index];
    }
    for (size_t i = 0; i < state->user_count; i++) {
        if (state->users[i].id == id) {
            return &state->users[i];
        }
    }
    return NULL;
}

/* `permitted`: the user need not be root, for another reason. */
static enum etcd_error rule(const struct auth_state *state, const struct auth_identity *who,
                            bool (*permitted)(const struct auth_user *user, struct slice name), struct slice name) {
    const struct auth_user *user;

    if (!state->enabled) {
        return ETCD_OK;
    }
    if (who->revision == 0) {
        return ETCD_ERROR_USER_EMPTY;
    }
    user = node_user(state, who->user, who->index);
    if (user == NULL) {
        return ETCD_ERROR_USER_NOT_FOUND;
    }
    return user->is_root || (permitted != NULL && permitted(user, name)) ? ETCD_OK : ETCD_ERROR_PERMISSION_DENIED;
}

static enum etcd_error may_rule(struct auth *a, const struct auth_identity *who,
                                bool (*permitted)(const struct auth_user *user, struct slice name), struct slice name) {
    enum etcd_error error = ETCD_OK;

    if (auth_enabled(a)) {
        pthread_rwlock_rdlock(&a->lock);
        error = rule(a->state, who, permitted, name);
        pthread_rwlock_unlock(&a->lock);
    }
    return error;
}

enum etcd_error auth_is_root(struct auth *a, const struct auth_identity *who) {
    return may_rule(a, who, NULL, SLICE(""));
}

static bool is_called(const struct auth_user *user, struct slice name) {
    return slice_equal(user->name, name);
}

enum etcd_error auth_may_see_user(struct auth *a, const struct auth_identity *who, struct slice name) {
    /* Nobody has no name, and so may look at the user of no name, whom there is not: as etcd has it. */
    return who->revision == 0 && name.size == 0 ? ETCD_OK : may_rule(a, who, is_called, name);
}

static bool has_role(const struct auth_user *user, struct slice name) {
    bool found;

    state_place_of_name(user->roles, user->role_count, name, &found);
    return found;
}

enum etcd_error auth_may_see_role(struct auth *a, const struct auth_identity *who, struct slice name) {
    return may_rule(a, who, has_role, name);
}
