/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth.h"

#include <assert.h>
#include <stdlib.h>

#include "auth/node.h"

struct auth *auth_new(struct auth_state *state) {
    struct auth *a = calloc(1, sizeof(*a));
    pthread_rwlockattr_t attributes;

    if (a == NULL) {
        return NULL;
    }
    /* Otherwise a change could wait as long as there are readers. Nobody holds the lock twice. */
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&a->lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    pthread_mutex_init(&a->turn_lock, NULL);
    tokens_init(&a->tokens);
    memo_init(&a->memo);
    atomic_init(&a->enabled, state->enabled);
    a->state = state;
    a->end = &a->first;
    return a;
}

void auth_free(struct auth *a) {
    if (a == NULL) {
        return;
    }
    assert(!a->turn_taken && a->first == NULL);
    tokens_fini(&a->tokens);
    memo_fini(&a->memo);
    auth_state_unref(a->state);
    pthread_mutex_destroy(&a->turn_lock);
    pthread_rwlock_destroy(&a->lock);
    free(a);
}

/* --- changes --- */

bool auth_turn_take(struct auth *a, struct auth_turn *turn) {
    bool mine;

    pthread_mutex_lock(&a->turn_lock);
    mine = !a->turn_taken;
    a->turn_taken = true;
    if (!mine) {
        turn->next = NULL;
        *a->end = turn;
        a->end = &turn->next;
    }
    pthread_mutex_unlock(&a->turn_lock);
    return mine;
}

void auth_turn_give(struct auth *a) {
    struct auth_turn *next;

    pthread_mutex_lock(&a->turn_lock);
    assert(a->turn_taken);
    next = a->first;
    if (next == NULL) {
        a->turn_taken = false;
    } else {
        a->first = next->next;
        if (a->first == NULL) {
            a->end = &a->first;
        }
    }
    pthread_mutex_unlock(&a->turn_lock);
    if (next != NULL) {
        next->begin(next);
    }
}

struct auth_state *auth_hold(struct auth *a) {
    struct auth_state *state;

    pthread_rwlock_rdlock(&a->lock);
    state = a->state;
    auth_state_ref(state);
    pthread_rwlock_unlock(&a->lock);
    return state;
}

void auth_adopt(struct auth *a, struct auth_state *state) {
    struct auth_state *before;

    pthread_rwlock_wrlock(&a->lock);
    before = a->state;
    if (state->enabled) {
        tokens_carry(&a->tokens, before, state);
    } else {
        tokens_clear(&a->tokens);
    }
    a->state = state;
    atomic_store_explicit(&a->enabled, state->enabled, memory_order_release);
    pthread_rwlock_unlock(&a->lock);
    auth_state_unref(before);
}
