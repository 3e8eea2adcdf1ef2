/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of a kept auth state: what it takes is written back byte for byte, may be asked, and may be changed. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "auth/change.h"
#include "auth/internal.h"
#include "auth/ranges.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_back(const struct auth_state *state, struct slice bytes) {
    struct buf b;

    buf_init(&b, AUTH_STATE_BYTES_MAX);
    assert(auth_encode_state(state, &b) == LARDER_OK);
    assert(slice_equal(buf_slice(&b), bytes));
    buf_fini(&b);
}

/* A role may do what each of its permissions says, unless that says nothing. */
static void ask_role(const struct auth_role *role) {
    for (size_t i = 0; i < role->permission_count; i++) {
        const struct auth_permission *p = &role->permissions[i];
        bool open = p->range_end.size == 1 && p->range_end.data[0] == '\0';
        bool empty = !open && p->range_end.size > 0 && slice_compare(p->range_end, p->key) <= 0;

        if (p->key.size > 0 && !empty) {
            assert(ranges_allow(&role, 1, p->type != AUTH_READ, p->key, p->range_end));
        }
    }
}

/* Taking a user away and adding one of the same name gives a state that can be read again. */
static void change(const struct auth_state *state, const struct auth_user *user) {
    struct auth_request request = {.kind = AUTH_USER_DELETE, .user = user->name};
    struct auth_state *without;
    struct auth_state *again;
    enum etcd_error error = auth_change(state, &request, &without);

    if (error != ETCD_OK) {
        assert(error == ETCD_ERROR_INVALID_AUTH_MGMT || error == ETCD_ERROR_NO_MEMORY);
        return;
    }
    request = (struct auth_request){.kind = AUTH_USER_ADD, .user = user->name, .hash = user->hash};
    if (auth_change(without, &request, &again) == ETCD_OK) {
        assert(auth_state_user(again, user->name)->id == auth_state_revision(again));
        auth_state_unref(again);
    }
    auth_state_unref(without);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice bytes = slice_make((const char *)data, size);
    struct auth_state *state;
    const struct auth_role *roles;
    const struct auth_user *users;
    size_t role_count;
    size_t user_count;

    if (auth_decode_state(bytes, &state) != LARDER_OK) {
        return 0;
    }
    write_back(state, bytes);
    roles = auth_state_roles(state, &role_count);
    for (size_t i = 0; i < role_count; i++) {
        ask_role(&roles[i]);
    }
    users = auth_state_users(state, &user_count);
    if (user_count > 0) {
        change(state, &users[user_count - 1]);
    }
    auth_state_unref(state);
    return 0;
}
