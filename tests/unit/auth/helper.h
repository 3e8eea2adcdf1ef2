/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_AUTH_HELPER_H
#define LARDER_TESTS_AUTH_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/change.h"

#define TEXT(string) slice_from_string(string)

/* A slice with what a string literal has, NULs too. */
#define BYTES(literal) SLICE(literal)

/* Puts the changed snapshot in place of *state. */
static inline enum etcd_error change(struct auth_state **state, struct auth_request request) {
    struct auth_state *new = NULL;
    enum etcd_error error = auth_change(*state, &request, &new);

    if (error == ETCD_OK && new != NULL) {
        auth_state_unref(*state);
        *state = new;
    }
    return error;
}

static inline void must_change(struct auth_state **state, struct auth_request request) {
    assert_int_equal(change(state, request), ETCD_OK);
}

static inline void add_user(struct auth_state **state, const char *user, const char *hash) {
    must_change(state, (struct auth_request){.kind = AUTH_USER_ADD, .user = TEXT(user), .hash = TEXT(hash)});
}

static inline void add_role(struct auth_state **state, const char *role) {
    must_change(state, (struct auth_request){.kind = AUTH_ROLE_ADD, .role = TEXT(role)});
}

static inline void grant(struct auth_state **state, const char *user, const char *role) {
    must_change(state, (struct auth_request){.kind = AUTH_GRANT_ROLE, .user = TEXT(user), .role = TEXT(role)});
}

static inline void permit(struct auth_state **state, const char *role, enum auth_permission_type type, struct slice key,
                          struct slice range_end) {
    must_change(state, (struct auth_request){
                           .kind = AUTH_GRANT_PERMISSION, .role = TEXT(role), .permission = {type, key, range_end}});
}

/* Enabled, with root, who has the role root. */
static inline struct auth_state *state_with_root(const char *hash) {
    struct auth_state *state = auth_state_new();

    assert_non_null(state);
    add_user(&state, "root", hash);
    add_role(&state, "root");
    grant(&state, "root", "root");
    must_change(&state, (struct auth_request){.kind = AUTH_ENABLE});
    return state;
}

#endif
