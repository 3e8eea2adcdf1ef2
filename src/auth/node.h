/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_AUTH_NODE_H
#define LARDER_AUTH_NODE_H

#include <pthread.h>

#include "auth/auth.h"
#include "auth/internal.h"
#include "auth/memo.h"
#include "auth/token.h"

/* The locks are held for a short time, and no other is taken under them. */
struct auth {
    atomic_bool enabled; /* of the state that rules, for who holds no lock */
    atomic_int logins;   /* under way */
    pthread_rwlock_t lock;
    struct auth_state *state; /* by `lock` */
    struct tokens tokens;     /* by `lock`; looked for with it held for reading */
    struct memo memo;         /* has a lock of its own */
    pthread_mutex_t turn_lock;
    bool turn_taken; /* by `turn_lock`, as the line is */
    struct auth_turn *first;
    struct auth_turn **end;
};

/* Of that id, wherever the user stands; `index` is where it probably does. NULL: there is none. */
const struct auth_user *node_user(const struct auth_state *state, uint64_t id, size_t index);

/* Which password a user has, for auth_known. With the lock held. */
uint64_t node_password(const struct auth *a, const struct auth_user *user);

#endif
