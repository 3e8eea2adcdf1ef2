/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/state.h"

#include <assert.h>
#include <stdlib.h>

#include "auth/internal.h"

struct auth_state *auth_state_new(void) {
    struct auth_state *state = state_build(0, 0);

    if (state != NULL) {
        state->revision = 1;
    }
    return state;
}

/* The count of references is the one thing in a snapshot that changes. */
void auth_state_ref(const struct auth_state *state) {
    atomic_fetch_add_explicit(&((struct auth_state *)state)->references, 1, memory_order_relaxed);
}

void auth_state_unref(const struct auth_state *state) {
    struct auth_state *own = (struct auth_state *)state;

    if (own != NULL && atomic_fetch_sub_explicit(&own->references, 1, memory_order_acq_rel) == 1) {
        arena_fini(&own->arena);
        free(own);
    }
}

bool auth_state_enabled(const struct auth_state *state) {
    return state->enabled;
}

uint64_t auth_state_revision(const struct auth_state *state) {
    return state->revision;
}

const struct auth_user *auth_state_users(const struct auth_state *state, size_t *ret_count) {
    *ret_count = state->user_count;
    return state->users;
}

const struct auth_role *auth_state_roles(const struct auth_state *state, size_t *ret_count) {
    *ret_count = state->role_count;
    return state->roles;
}

const struct auth_user *auth_state_user(const struct auth_state *state, struct slice name) {
    bool found;
    size_t place = state_place_of_user(state, name, &found);

    return found ? &state->users[place] : NULL;
}

const struct auth_role *auth_state_role(const struct auth_state *state, struct slice name) {
    bool found;
    size_t place = state_place_of_role(state, name, &found);

    return found ? &state->roles[place] : NULL;
}

/* --- places --- */

/* The names are the first members of elements of `size` bytes each. */
static size_t place_of(const void *elements, size_t count, size_t size, struct slice name, bool *ret_found) {
    size_t low = 0;
    size_t high = count;

    *ret_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = slice_compare(*(const struct slice *)((const char *)elements + middle * size), name);

        *ret_found |= order == 0;
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static_assert(offsetof(struct auth_user, name) == 0 && offsetof(struct auth_role, name) == 0, "for place_of");

size_t state_place_of_user(const struct auth_state *state, struct slice name, bool *ret_found) {
    return place_of(state->users, state->user_count, sizeof(state->users[0]), name, ret_found);
}

size_t state_place_of_role(const struct auth_state *state, struct slice name, bool *ret_found) {
    return place_of(state->roles, state->role_count, sizeof(state->roles[0]), name, ret_found);
}

size_t state_place_of_name(const struct slice *names, size_t count, struct slice name, bool *ret_found) {
    return place_of(names, count, sizeof(names[0]), name, ret_found);
}

int state_compare_permissions(const struct auth_permission *a, const struct auth_permission *b) {
    int order = slice_compare(a->key, b->key);

    return order != 0 ? order : slice_compare(a->range_end, b->range_end);
}

bool secret_equal(struct slice a, struct slice b) {
    volatile unsigned char different = 0;

    if (a.size != b.size) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        different = (unsigned char)(different | (a.data[i] ^ b.data[i]));
    }
    return different == 0;
}
