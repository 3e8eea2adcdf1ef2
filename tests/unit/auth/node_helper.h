/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_AUTH_NODE_HELPER_H
#define LARDER_TESTS_AUTH_NODE_HELPER_H

#include "auth/node.h"
#include "helper.h"

/* A change as a handler makes it, but for the keeping. */
static inline void adopt(struct auth *a, struct auth_request request) {
    struct auth_state *state = auth_hold(a);
    struct auth_state *new = NULL;

    assert_int_equal(auth_change(state, &request, &new), ETCD_OK);
    auth_state_unref(state);
    if (new != NULL) {
        auth_adopt(a, new);
    }
}

static inline struct auth *auth_of(struct auth_state *state) {
    struct auth *a = auth_new(state);

    assert_non_null(a);
    return a;
}

/* A token without a password. */
static inline void enter(struct auth *a, const char *name, int64_t now_ns, char ret_token[AUTH_TOKEN_SIZE]) {
    struct auth_login login;

    assert_int_equal(auth_login_begin(a, TEXT(name), &login), ETCD_OK);
    login.verified = login.possible;
    assert_int_equal(auth_login_end(a, &login, now_ns, ret_token), ETCD_OK);
}

static inline struct auth_identity identity_of(struct auth *a, const char *token) {
    struct auth_identity who = {0};

    assert_int_equal(auth_identify(a, TEXT(token), 0, &who), ETCD_OK);
    return who;
}

#endif
