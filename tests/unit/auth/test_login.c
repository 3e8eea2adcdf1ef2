/* SPDX-License-Identifier: Apache-2.0 */
#include "node_helper.h"

static char hash[AUTH_HASH_MAX + 1];

static int setup(void **unused) {
    (void)unused;
    return auth_password_hash(SLICE("right"), hash) == ETCD_OK ? 0 : -1;
}

static enum etcd_error log_in(struct auth *a, const char *name, const char *password, char ret_token[AUTH_TOKEN_SIZE]) {
    struct auth_login login;
    enum etcd_error error = auth_login_begin(a, TEXT(name), &login);

    if (error == ETCD_OK) {
        auth_login_verify(&login, TEXT(password));
        error = auth_login_end(a, &login, 0, ret_token);
    }
    return error;
}

static void test_password(void **unused) {
    struct auth *a = auth_of(state_with_root(hash));
    char token[AUTH_TOKEN_SIZE] = "untouched";

    (void)unused;
    assert_int_equal(log_in(a, "root", "wrong", token), ETCD_ERROR_AUTH_FAILED);
    assert_int_equal(log_in(a, "nobody", "right", token), ETCD_ERROR_AUTH_FAILED);
    assert_int_equal(log_in(a, "", "", token), ETCD_ERROR_AUTH_FAILED);
    assert_string_equal(token, "untouched");
    assert_int_equal(log_in(a, "root", "right", token), ETCD_OK);
    assert_int_equal(identity_of(a, token).revision, auth_state_revision(a->state));
    auth_free(a);
}

static void test_no_password(void **unused) {
    struct auth *a = auth_of(state_with_root(hash));
    char token[AUTH_TOKEN_SIZE];

    (void)unused;
    adopt(a, (struct auth_request){.kind = AUTH_USER_ADD, .user = SLICE("ann"), .no_password = true});
    assert_int_equal(log_in(a, "ann", "", token), ETCD_ERROR_AUTH_FAILED);
    /* The option stays, as in etcd. */
    adopt(a, (struct auth_request){.kind = AUTH_CHANGE_PASSWORD, .user = SLICE("ann"), .hash = TEXT(hash)});
    assert_int_equal(log_in(a, "ann", "right", token), ETCD_ERROR_AUTH_FAILED);
    auth_free(a);
}

static void test_disabled(void **unused) {
    struct auth *a = auth_of(auth_state_new());
    struct auth_login login;

    (void)unused;
    assert_int_equal(auth_login_begin(a, SLICE("root"), &login), ETCD_ERROR_AUTH_NOT_ENABLED);
    auth_free(a);
}

/* Users change, or auth ends, between the first step and the last. */
static void test_change_meanwhile(void **unused) {
    struct auth *a = auth_of(state_with_root(hash));
    char token[AUTH_TOKEN_SIZE];
    struct auth_login login;

    (void)unused;
    assert_int_equal(auth_login_begin(a, SLICE("root"), &login), ETCD_OK);
    auth_login_verify(&login, SLICE("right"));
    adopt(a, (struct auth_request){.kind = AUTH_CHANGE_PASSWORD, .user = AUTH_ROOT, .hash = SLICE("other")});
    assert_int_equal(auth_login_end(a, &login, 0, token), ETCD_ERROR_AUTH_OLD_REVISION);
    assert_int_equal(auth_login_begin(a, SLICE("root"), &login), ETCD_OK);
    adopt(a, (struct auth_request){.kind = AUTH_DISABLE});
    assert_int_equal(auth_login_end(a, &login, 0, token), ETCD_ERROR_AUTH_NOT_ENABLED);
    auth_free(a);
}

static void test_too_many(void **unused) {
    struct auth *a = auth_of(state_with_root(hash));
    struct auth_login logins[AUTH_LOGINS_MAX];
    struct auth_login more;
    char token[AUTH_TOKEN_SIZE];

    (void)unused;
    for (size_t i = 0; i < AUTH_LOGINS_MAX; i++) {
        assert_int_equal(auth_login_begin(a, SLICE("root"), &logins[i]), ETCD_OK);
    }
    assert_int_equal(auth_login_begin(a, SLICE("root"), &more), ETCD_ERROR_TOO_MANY_REQUESTS);
    /* One that was not verified is refused, and makes room. */
    assert_int_equal(auth_login_end(a, &logins[0], 0, token), ETCD_ERROR_AUTH_FAILED);
    assert_int_equal(auth_login_begin(a, SLICE("root"), &more), ETCD_OK);
    assert_int_equal(auth_login_begin(a, SLICE("root"), &more), ETCD_ERROR_TOO_MANY_REQUESTS);
    auth_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_password),         cmocka_unit_test(test_no_password), cmocka_unit_test(test_disabled),
        cmocka_unit_test(test_change_meanwhile), cmocka_unit_test(test_too_many),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
