/* SPDX-License-Identifier: Apache-2.0 */
/* Who is known for longer than one request, and whose password is remembered. */
#include "base/clock.h"
#include "node_helper.h"

#define HASH_ANN "$2b$10$ann"

static struct auth *auth_with_ann(void) {
    struct auth_state *state = state_with_root("$2b$10$root");

    add_user(&state, "ann", HASH_ANN);
    add_role(&state, "r");
    permit(&state, "r", AUTH_READ, SLICE("k"), SLICE(""));
    grant(&state, "ann", "r");
    return auth_of(state);
}

/* A login whose password is right. */
static struct auth_known know(struct auth *a, const char *name) {
    struct auth_known known = {0};
    struct auth_login login;

    assert_int_equal(auth_login_begin(a, TEXT(name), &login), ETCD_OK);
    login.verified = login.possible;
    assert_int_equal(auth_login_know(a, &login, &known), ETCD_OK);
    return known;
}

static enum etcd_error may_read(struct auth *a, const struct auth_known *known) {
    return auth_may_range(a, &known->identity, SLICE("k"), SLICE(""));
}

static void test_by_login_and_by_token(void **unused) {
    struct auth *a = auth_with_ann();
    struct auth_known by_login = know(a, "ann");
    struct auth_known by_token;
    char token[AUTH_TOKEN_SIZE];

    (void)unused;
    enter(a, "ann", 0, token);
    assert_int_equal(auth_know_token(a, TEXT(token), 0, &by_token), ETCD_OK);
    assert_memory_equal(&by_token.identity.user, &by_login.identity.user, sizeof(uint64_t));
    assert_true(by_token.password == by_login.password);
    assert_int_equal(may_read(a, &by_login), ETCD_OK);
    assert_int_equal(auth_know_token(a, SLICE("x.1"), 0, &by_token), ETCD_ERROR_INVALID_AUTH_TOKEN);
    auth_free(a);
}

static void test_a_login_that_fails_is_over(void **unused) {
    struct auth *a = auth_with_ann();
    struct auth_known known = {.password = 7};
    struct auth_login login;

    (void)unused;
    for (int i = 0; i < 2 * AUTH_LOGINS_MAX; i++) {
        assert_int_equal(auth_login_begin(a, SLICE("ann"), &login), ETCD_OK);
        assert_int_equal(auth_login_know(a, &login, &known), ETCD_ERROR_AUTH_FAILED);
    }
    assert_int_equal(known.password, 7);
    auth_free(a);
}

static void test_a_change_of_others_is_lived_through(void **unused) {
    struct auth *a = auth_with_ann();
    struct auth_known known = know(a, "ann");

    (void)unused;
    adopt(a, (struct auth_request){.kind = AUTH_USER_ADD, .user = SLICE("aaa"), .hash = SLICE("x")});
    assert_int_equal(may_read(a, &known), ETCD_ERROR_AUTH_OLD_REVISION);
    assert_int_equal(auth_renew(a, &known), ETCD_OK);
    assert_int_equal(may_read(a, &known), ETCD_OK);
    adopt(a, (struct auth_request){.kind = AUTH_REVOKE_ROLE, .user = SLICE("ann"), .role = SLICE("r")});
    assert_int_equal(auth_renew(a, &known), ETCD_OK);
    assert_int_equal(may_read(a, &known), ETCD_ERROR_PERMISSION_DENIED);
    auth_free(a);
}

static void test_another_password_ends_it(void **unused) {
    struct auth *a = auth_with_ann();
    struct auth_known known = know(a, "ann");

    (void)unused;
    adopt(a, (struct auth_request){.kind = AUTH_CHANGE_PASSWORD, .user = SLICE("ann"), .hash = SLICE("$2b$10$new")});
    assert_int_equal(auth_renew(a, &known), ETCD_ERROR_INVALID_AUTH_TOKEN);
    assert_int_equal(known.identity.revision, 0);
    assert_int_equal(may_read(a, &known), ETCD_ERROR_USER_EMPTY);
    auth_free(a);
}

static void test_another_user_of_the_name_is_somebody_else(void **unused) {
    struct auth *a = auth_with_ann();
    struct auth_known known = know(a, "ann");

    (void)unused;
    adopt(a, (struct auth_request){.kind = AUTH_USER_DELETE, .user = SLICE("ann")});
    adopt(a, (struct auth_request){.kind = AUTH_USER_ADD, .user = SLICE("ann"), .hash = SLICE(HASH_ANN)});
    assert_int_equal(auth_renew(a, &known), ETCD_ERROR_INVALID_AUTH_TOKEN);
    auth_free(a);
}

static void test_nobody_stays_nobody(void **unused) {
    struct auth *a = auth_with_ann();
    struct auth_known nobody = {0};

    (void)unused;
    assert_int_equal(auth_renew(a, &nobody), ETCD_OK);
    assert_int_equal(may_read(a, &nobody), ETCD_ERROR_USER_EMPTY);
    auth_free(a);
}

static void test_memory(void **unused) {
    const int64_t end = AUTH_MEMO_TTL_S * CLOCK_NS_PER_S;
    struct auth *a = auth_with_ann();
    struct auth_known known = know(a, "ann");
    struct auth_known found;

    (void)unused;
    assert_false(auth_remembers(a, SLICE("ann"), SLICE("pw"), 0, &found));
    auth_remember(a, SLICE("ann"), SLICE("pw"), 0, &known);
    assert_true(auth_remembers(a, SLICE("ann"), SLICE("pw"), end, &found));
    assert_int_equal(may_read(a, &found), ETCD_OK);
    assert_false(auth_remembers(a, SLICE("ann"), SLICE("pw"), end + 1, &found));
    assert_false(auth_remembers(a, SLICE("ann"), SLICE("Pw"), 0, &found));
    assert_false(auth_remembers(a, SLICE("annp"), SLICE("w"), 0, &found));
    assert_false(auth_remembers(a, SLICE("ann\0p"), SLICE("w"), 0, &found));
    assert_false(auth_remembers(a, SLICE(""), SLICE("pw"), 0, &found));
    assert_false(auth_remembers(a, SLICE("ann"), SLICE(""), 0, &found));
    auth_free(a);
}

static void test_what_is_remembered_ends_with_the_password(void **unused) {
    struct auth *a = auth_with_ann();
    struct auth_known known = know(a, "ann");

    (void)unused;
    auth_remember(a, SLICE("ann"), SLICE("pw"), 0, &known);
    adopt(a, (struct auth_request){.kind = AUTH_USER_ADD, .user = SLICE("aaa"), .hash = SLICE("x")});
    assert_true(auth_remembers(a, SLICE("ann"), SLICE("pw"), 0, &known));
    assert_int_equal(may_read(a, &known), ETCD_OK);
    adopt(a, (struct auth_request){.kind = AUTH_CHANGE_PASSWORD, .user = SLICE("ann"), .hash = SLICE("$2b$10$new")});
    assert_false(auth_remembers(a, SLICE("ann"), SLICE("pw"), 0, &known));
    auth_free(a);
}

/* There is an end to what is kept, and the latest is always there. */
static void test_memory_is_bounded(void **unused) {
    struct auth *a = auth_with_ann();
    struct auth_known known = know(a, "ann");
    size_t kept = 0;
    char text[16];

    (void)unused;
    for (int i = 0; i < 4 * AUTH_MEMO_MAX; i++) {
        snprintf(text, sizeof(text), "pw%d", i);
        auth_remember(a, SLICE("ann"), TEXT(text), i, &known);
        assert_true(auth_remembers(a, SLICE("ann"), TEXT(text), i, &known));
    }
    for (int i = 0; i < 4 * AUTH_MEMO_MAX; i++) {
        snprintf(text, sizeof(text), "pw%d", i);
        kept += auth_remembers(a, SLICE("ann"), TEXT(text), 0, &known);
    }
    assert_in_range(kept, AUTH_MEMO_MAX / 2, AUTH_MEMO_MAX);
    auth_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_login_and_by_token),
        cmocka_unit_test(test_a_login_that_fails_is_over),
        cmocka_unit_test(test_a_change_of_others_is_lived_through),
        cmocka_unit_test(test_another_password_ends_it),
        cmocka_unit_test(test_another_user_of_the_name_is_somebody_else),
        cmocka_unit_test(test_nobody_stays_nobody),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_what_is_remembered_ends_with_the_password),
        cmocka_unit_test(test_memory_is_bounded),
    };

    return cmocka_run_group_tests_name("auth-known", tests, NULL, NULL);
}
