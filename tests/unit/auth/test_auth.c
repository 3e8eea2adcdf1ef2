/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "node_helper.h"

#define REQUEST(...) ((struct auth_request){__VA_ARGS__})
#define NONE SLICE("")

static const struct auth_identity nobody;

/* Ann has the role r, which may read and write a..c, only read r and only write w. */
static struct auth *auth_with_ann(void) {
    struct auth_state *state = state_with_root("hash of root");

    add_user(&state, "ann", "hash of ann");
    add_role(&state, "r");
    grant(&state, "ann", "r");
    permit(&state, "r", AUTH_READWRITE, SLICE("a"), SLICE("c"));
    permit(&state, "r", AUTH_READ, SLICE("r"), NONE);
    permit(&state, "r", AUTH_WRITE, SLICE("w"), NONE);
    return auth_of(state);
}

static void test_disabled(void **unused) {
    struct auth *a = auth_of(auth_state_new());
    struct auth_identity who = {.revision = 9};

    (void)unused;
    assert_false(auth_enabled(a));
    assert_int_equal(auth_identify(a, SLICE("any.1"), 0, &who), ETCD_OK);
    assert_int_equal(who.revision, 0);
    assert_int_equal(auth_may_range(a, &who, SLICE("k"), NONE), ETCD_OK);
    assert_int_equal(auth_may_put(a, &who, SLICE("k")), ETCD_OK);
    assert_int_equal(auth_may_delete(a, &who, SLICE("k"), NONE), ETCD_OK);
    assert_int_equal(auth_is_root(a, &who), ETCD_OK);
    assert_int_equal(auth_still_current(a, &who), ETCD_OK);
    assert_int_equal(auth_may_see_user(a, &who, SLICE("ann")), ETCD_OK);
    auth_free(a);
}

static void test_nobody(void **unused) {
    struct auth *a = auth_with_ann();
    struct auth_identity who = {.revision = 9};

    (void)unused;
    assert_true(auth_enabled(a));
    assert_int_equal(auth_identify(a, NONE, 0, &who), ETCD_OK);
    assert_int_equal(who.revision, 0);
    assert_int_equal(auth_may_range(a, &who, SLICE("a"), NONE), ETCD_ERROR_USER_EMPTY);
    assert_int_equal(auth_may_put(a, &who, SLICE("a")), ETCD_ERROR_USER_EMPTY);
    assert_int_equal(auth_may_delete(a, &who, SLICE("a"), NONE), ETCD_ERROR_USER_EMPTY);
    assert_int_equal(auth_is_root(a, &who), ETCD_ERROR_USER_EMPTY);
    assert_int_equal(auth_may_see_user(a, &who, SLICE("ann")), ETCD_ERROR_USER_EMPTY);
    assert_int_equal(auth_may_see_user(a, &who, NONE), ETCD_OK);
    assert_int_equal(auth_may_see_role(a, &who, SLICE("r")), ETCD_ERROR_USER_EMPTY);
    assert_int_equal(auth_still_current(a, &who), ETCD_OK);
    assert_int_equal(auth_identify(a, SLICE("any.1"), 0, &who), ETCD_ERROR_INVALID_AUTH_TOKEN);
    auth_free(a);
}

static void test_user(void **unused) {
    struct auth *a = auth_with_ann();
    char token[AUTH_TOKEN_SIZE];
    struct auth_identity who;

    (void)unused;
    enter(a, "ann", 0, token);
    who = identity_of(a, token);
    assert_int_equal(auth_may_range(a, &who, SLICE("a"), SLICE("c")), ETCD_OK);
    assert_int_equal(auth_may_range(a, &who, SLICE("a"), SLICE("d")), ETCD_ERROR_PERMISSION_DENIED);
    assert_int_equal(auth_may_put(a, &who, SLICE("b")), ETCD_OK);
    assert_int_equal(auth_may_put(a, &who, SLICE("c")), ETCD_ERROR_PERMISSION_DENIED);
    assert_int_equal(auth_may_delete(a, &who, SLICE("a"), BYTES("\0")), ETCD_ERROR_PERMISSION_DENIED);
    assert_int_equal(auth_may_delete(a, &who, SLICE("a"), NONE), ETCD_OK);
    assert_int_equal(auth_may_range(a, &who, SLICE("r"), NONE), ETCD_OK);
    assert_int_equal(auth_may_put(a, &who, SLICE("r")), ETCD_ERROR_PERMISSION_DENIED);
    assert_int_equal(auth_may_delete(a, &who, SLICE("r"), NONE), ETCD_ERROR_PERMISSION_DENIED);
    assert_int_equal(auth_may_range(a, &who, SLICE("w"), NONE), ETCD_ERROR_PERMISSION_DENIED);
    assert_int_equal(auth_may_put(a, &who, SLICE("w")), ETCD_OK);
    assert_int_equal(auth_may_delete(a, &who, SLICE("w"), NONE), ETCD_OK);
    assert_int_equal(auth_is_root(a, &who), ETCD_ERROR_PERMISSION_DENIED);
    assert_int_equal(auth_may_see_user(a, &who, SLICE("ann")), ETCD_OK);
    assert_int_equal(auth_may_see_user(a, &who, SLICE("root")), ETCD_ERROR_PERMISSION_DENIED);
    assert_int_equal(auth_may_see_role(a, &who, SLICE("r")), ETCD_OK);
    assert_int_equal(auth_may_see_role(a, &who, SLICE("root")), ETCD_ERROR_PERMISSION_DENIED);
    auth_free(a);
}

static void test_root(void **unused) {
    struct auth *a = auth_with_ann();
    char token[AUTH_TOKEN_SIZE];
    struct auth_identity who;

    (void)unused;
    enter(a, "root", 0, token);
    who = identity_of(a, token);
    assert_int_equal(auth_may_range(a, &who, BYTES("\0"), BYTES("\0")), ETCD_OK);
    assert_int_equal(auth_may_put(a, &who, SLICE("z")), ETCD_OK);
    assert_int_equal(auth_is_root(a, &who), ETCD_OK);
    assert_int_equal(auth_may_see_user(a, &who, SLICE("ann")), ETCD_OK);
    assert_int_equal(auth_may_see_role(a, &who, SLICE("r")), ETCD_OK);
    auth_free(a);
}

/* An identity is true of one revision; a token goes on. */
static void test_old_revision(void **unused) {
    struct auth *a = auth_with_ann();
    char token[AUTH_TOKEN_SIZE];
    struct auth_identity who;

    (void)unused;
    enter(a, "ann", 0, token);
    who = identity_of(a, token);
    assert_int_equal(auth_still_current(a, &who), ETCD_OK);
    adopt(a, REQUEST(.kind = AUTH_USER_ADD, .user = SLICE("aaa")));
    assert_int_equal(auth_may_range(a, &who, SLICE("a"), NONE), ETCD_ERROR_AUTH_OLD_REVISION);
    assert_int_equal(auth_still_current(a, &who), ETCD_ERROR_AUTH_OLD_REVISION);
    /* Ann has another place now, and is found all the same. */
    assert_int_equal(auth_may_see_user(a, &who, SLICE("ann")), ETCD_OK);
    assert_int_equal(auth_is_root(a, &who), ETCD_ERROR_PERMISSION_DENIED);
    who = identity_of(a, token);
    assert_int_equal(auth_may_range(a, &who, SLICE("a"), NONE), ETCD_OK);
    adopt(a, REQUEST(.kind = AUTH_REVOKE_PERMISSION, .role = SLICE("r"),
                     .permission = {.key = SLICE("a"), .range_end = SLICE("c")}));
    who = identity_of(a, token);
    assert_int_equal(auth_may_range(a, &who, SLICE("a"), NONE), ETCD_ERROR_PERMISSION_DENIED);
    adopt(a, REQUEST(.kind = AUTH_USER_DELETE, .user = SLICE("ann")));
    assert_int_equal(auth_is_root(a, &who), ETCD_ERROR_USER_NOT_FOUND);
    assert_int_equal(auth_identify(a, TEXT(token), 0, &who), ETCD_ERROR_INVALID_AUTH_TOKEN);
    auth_free(a);
}

static void test_disable(void **unused) {
    struct auth *a = auth_with_ann();
    char token[AUTH_TOKEN_SIZE];
    struct auth_identity who;

    (void)unused;
    enter(a, "root", 0, token);
    who = identity_of(a, token);
    adopt(a, REQUEST(.kind = AUTH_DISABLE));
    assert_int_equal(auth_may_put(a, &who, SLICE("z")), ETCD_OK);
    assert_int_equal(auth_still_current(a, &who), ETCD_ERROR_AUTH_OLD_REVISION);
    assert_int_equal(auth_may_put(a, &nobody, SLICE("z")), ETCD_OK);
    adopt(a, REQUEST(.kind = AUTH_ENABLE));
    assert_int_equal(auth_may_put(a, &nobody, SLICE("z")), ETCD_ERROR_USER_EMPTY);
    assert_int_equal(auth_identify(a, TEXT(token), 0, &who), ETCD_ERROR_INVALID_AUTH_TOKEN);
    auth_free(a);
}

static void test_expiry(void **unused) {
    struct auth *a = auth_with_ann();
    char token[AUTH_TOKEN_SIZE];
    struct auth_identity who;

    (void)unused;
    enter(a, "ann", 5, token);
    assert_int_equal(auth_identify(a, TEXT(token), 5 + AUTH_TOKEN_TTL_S * CLOCK_NS_PER_S, &who), ETCD_OK);
    assert_int_equal(auth_identify(a, TEXT(token), 6 + 2 * AUTH_TOKEN_TTL_S * CLOCK_NS_PER_S, &who),
                     ETCD_ERROR_INVALID_AUTH_TOKEN);
    auth_free(a);
}

/* --- turns --- */

struct waiter {
    struct auth_turn turn; /* first */
    int *order;
    int begun;
};

static void begin(struct auth_turn *turn) {
    struct waiter *waiter = (struct waiter *)turn;

    waiter->begun = ++*waiter->order;
}

static void test_turns(void **unused) {
    struct auth *a = auth_of(auth_state_new());
    int order = 0;
    struct waiter waiters[3];

    (void)unused;
    for (size_t i = 0; i < 3; i++) {
        waiters[i] = (struct waiter){.turn = {.begin = begin}, .order = &order};
        assert_int_equal(auth_turn_take(a, &waiters[i].turn), i == 0);
    }
    assert_int_equal(order, 0);
    auth_turn_give(a);
    assert_int_equal(waiters[1].begun, 1);
    assert_int_equal(waiters[2].begun, 0);
    auth_turn_give(a);
    assert_int_equal(waiters[2].begun, 2);
    auth_turn_give(a);
    assert_true(auth_turn_take(a, &waiters[0].turn));
    auth_turn_give(a);
    assert_int_equal(order, 2);
    auth_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disabled), cmocka_unit_test(test_nobody),       cmocka_unit_test(test_user),
        cmocka_unit_test(test_root),     cmocka_unit_test(test_old_revision), cmocka_unit_test(test_disable),
        cmocka_unit_test(test_expiry),   cmocka_unit_test(test_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
