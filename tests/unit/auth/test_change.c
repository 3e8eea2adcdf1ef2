/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

static enum etcd_error try(const struct auth_state *state, struct auth_request request) {
    struct auth_state *new = NULL;
    enum etcd_error error = auth_change(state, &request, &new);

    auth_state_unref(new);
    return error;
}

#define REQUEST(...) ((struct auth_request){__VA_ARGS__})

static void test_enable(void **unused) {
    struct auth_state *state = auth_state_new();

    (void)unused;
    assert_int_equal(try(state, REQUEST(.kind = AUTH_ENABLE)), ETCD_ERROR_ROOT_USER_NOT_EXIST);
    add_user(&state, "root", "x");
    assert_int_equal(try(state, REQUEST(.kind = AUTH_ENABLE)), ETCD_ERROR_ROOT_ROLE_NOT_EXIST);
    /* The role itself need not be there. */
    grant(&state, "root", "root");
    assert_false(auth_state_enabled(state));
    must_change(&state, REQUEST(.kind = AUTH_ENABLE));
    assert_true(auth_state_enabled(state));
    auth_state_unref(state);
}

static void test_revision(void **unused) {
    struct auth_state *state = auth_state_new();

    (void)unused;
    assert_int_equal(auth_state_revision(state), 1);
    add_user(&state, "root", "x");
    assert_int_equal(auth_state_revision(state), 2);
    grant(&state, "root", "root");
    assert_int_equal(auth_state_revision(state), 3);
    must_change(&state, REQUEST(.kind = AUTH_ENABLE));
    assert_int_equal(auth_state_revision(state), 3);
    must_change(&state, REQUEST(.kind = AUTH_ENABLE));
    must_change(&state, REQUEST(.kind = AUTH_GRANT_ROLE, .user = AUTH_ROOT, .role = AUTH_ROOT));
    assert_int_equal(change(&state, REQUEST(.kind = AUTH_USER_ADD, .user = AUTH_ROOT)), ETCD_ERROR_USER_ALREADY_EXIST);
    assert_int_equal(auth_state_revision(state), 3);
    must_change(&state, REQUEST(.kind = AUTH_DISABLE));
    assert_int_equal(auth_state_revision(state), 4);
    must_change(&state, REQUEST(.kind = AUTH_DISABLE));
    assert_int_equal(auth_state_revision(state), 4);
    auth_state_unref(state);
}

/* What changes nothing makes no snapshot. */
static void test_idle(void **unused) {
    struct auth_state *state = state_with_root("x");
    struct auth_state *new = state;

    (void)unused;
    assert_int_equal(auth_change(state, &REQUEST(.kind = AUTH_ENABLE), &new), ETCD_OK);
    assert_null(new);
    auth_state_unref(state);
}

static void test_users(void **unused) {
    struct auth_state *state = state_with_root("x");
    const struct auth_user *users;
    size_t count;

    (void)unused;
    assert_int_equal(try(state, REQUEST(.kind = AUTH_USER_ADD)), ETCD_ERROR_USER_EMPTY);
    add_user(&state, "zoe", "hash of zoe");
    must_change(&state, REQUEST(.kind = AUTH_USER_ADD, .user = SLICE("ann"), .no_password = true, .hash = SLICE("x")));
    assert_int_equal(try(state, REQUEST(.kind = AUTH_USER_ADD, .user = SLICE("zoe"))), ETCD_ERROR_USER_ALREADY_EXIST);
    users = auth_state_users(state, &count);
    assert_int_equal(count, 3);
    assert_string_equal(users[0].name.data, "ann");
    assert_true(users[0].no_password);
    assert_int_equal(users[0].hash.size, 0);
    assert_string_equal(users[1].name.data, "root");
    assert_string_equal(users[2].name.data, "zoe");
    assert_string_equal(users[2].hash.data, "hash of zoe");
    assert_false(users[2].no_password);
    assert_true(users[2].id < users[0].id);
    must_change(&state, REQUEST(.kind = AUTH_CHANGE_PASSWORD, .user = SLICE("zoe"), .hash = SLICE("another")));
    assert_string_equal(auth_state_user(state, SLICE("zoe"))->hash.data, "another");
    assert_int_equal(try(state, REQUEST(.kind = AUTH_CHANGE_PASSWORD, .user = SLICE("bob"))),
                     ETCD_ERROR_USER_NOT_FOUND);
    assert_int_equal(try(state, REQUEST(.kind = AUTH_USER_DELETE, .user = SLICE("bob"))), ETCD_ERROR_USER_NOT_FOUND);
    must_change(&state, REQUEST(.kind = AUTH_USER_DELETE, .user = SLICE("ann")));
    assert_null(auth_state_user(state, SLICE("ann")));
    auth_state_unref(state);
}

/* While enabled; while disabled root is a user like others. */
static void test_root_stays(void **unused) {
    struct auth_state *state = state_with_root("x");
    const struct auth_request delete_user = {.kind = AUTH_USER_DELETE, .user = AUTH_ROOT};
    const struct auth_request revoke = {.kind = AUTH_REVOKE_ROLE, .user = AUTH_ROOT, .role = AUTH_ROOT};
    const struct auth_request delete_role = {.kind = AUTH_ROLE_DELETE, .role = AUTH_ROOT};

    (void)unused;
    assert_int_equal(try(state, delete_user), ETCD_ERROR_INVALID_AUTH_MGMT);
    assert_int_equal(try(state, revoke), ETCD_ERROR_INVALID_AUTH_MGMT);
    assert_int_equal(try(state, delete_role), ETCD_ERROR_INVALID_AUTH_MGMT);
    must_change(&state, REQUEST(.kind = AUTH_DISABLE));
    assert_int_equal(try(state, revoke), ETCD_OK);
    must_change(&state, delete_role);
    assert_false(auth_state_user(state, AUTH_ROOT)->is_root);
    must_change(&state, delete_user);
    assert_int_equal(try(state, delete_user), ETCD_ERROR_USER_NOT_FOUND);
    auth_state_unref(state);
}

static void test_roles(void **unused) {
    struct auth_state *state = auth_state_new();
    const struct auth_user *ann;

    (void)unused;
    assert_int_equal(try(state, REQUEST(.kind = AUTH_ROLE_ADD)), ETCD_ERROR_ROLE_EMPTY);
    assert_int_equal(try(state, REQUEST(.kind = AUTH_ROLE_DELETE, .role = SLICE("r"))), ETCD_ERROR_ROLE_NOT_FOUND);
    add_role(&state, "s");
    add_role(&state, "r");
    assert_int_equal(try(state, REQUEST(.kind = AUTH_ROLE_ADD, .role = SLICE("r"))), ETCD_ERROR_ROLE_ALREADY_EXIST);
    assert_int_equal(try(state, REQUEST(.kind = AUTH_GRANT_ROLE, .user = SLICE("ann"), .role = SLICE("no"))),
                     ETCD_ERROR_USER_NOT_FOUND);
    add_user(&state, "ann", "x");
    assert_int_equal(try(state, REQUEST(.kind = AUTH_GRANT_ROLE, .user = SLICE("ann"), .role = SLICE("no"))),
                     ETCD_ERROR_ROLE_NOT_FOUND);
    grant(&state, "ann", "s");
    grant(&state, "ann", "root");
    grant(&state, "ann", "r");
    ann = auth_state_user(state, SLICE("ann"));
    assert_int_equal(ann->role_count, 3);
    assert_string_equal(ann->roles[0].data, "r");
    assert_string_equal(ann->roles[1].data, "root");
    assert_string_equal(ann->roles[2].data, "s");
    assert_int_equal(ann->granted_count, 2);
    assert_true(ann->is_root);
    must_change(&state, REQUEST(.kind = AUTH_REVOKE_ROLE, .user = SLICE("ann"), .role = SLICE("root")));
    assert_int_equal(try(state, REQUEST(.kind = AUTH_REVOKE_ROLE, .user = SLICE("ann"), .role = SLICE("root"))),
                     ETCD_ERROR_ROLE_NOT_GRANTED);
    assert_int_equal(try(state, REQUEST(.kind = AUTH_REVOKE_ROLE, .user = SLICE("bob"), .role = SLICE("r"))),
                     ETCD_ERROR_USER_NOT_FOUND);
    assert_false(auth_state_user(state, SLICE("ann"))->is_root);
    must_change(&state, REQUEST(.kind = AUTH_ROLE_DELETE, .role = SLICE("r")));
    ann = auth_state_user(state, SLICE("ann"));
    assert_int_equal(ann->role_count, 1);
    assert_string_equal(ann->roles[0].data, "s");
    auth_state_unref(state);
}

static void test_permissions(void **unused) {
    struct auth_state *state = auth_state_new();
    struct auth_request revoke = {.kind = AUTH_REVOKE_PERMISSION, .role = SLICE("r"), .permission.key = SLICE("b")};
    const struct auth_role *role;

    (void)unused;
    assert_int_equal(try(state, REQUEST(.kind = AUTH_GRANT_PERMISSION, .role = SLICE("r"))), ETCD_ERROR_ROLE_NOT_FOUND);
    assert_int_equal(try(state, revoke), ETCD_ERROR_ROLE_NOT_FOUND);
    add_role(&state, "r");
    permit(&state, "r", AUTH_READ, SLICE("b"), SLICE(""));
    permit(&state, "r", AUTH_READ, SLICE("b"), SLICE("c"));
    permit(&state, "r", AUTH_WRITE, SLICE("a"), SLICE("c"));
    permit(&state, "r", AUTH_READWRITE, SLICE("b"), SLICE("c"));
    role = auth_state_role(state, SLICE("r"));
    assert_int_equal(role->permission_count, 3);
    assert_true(slice_equal(role->permissions[0].key, SLICE("a")));
    assert_int_equal(role->permissions[0].type, AUTH_WRITE);
    assert_true(slice_equal(role->permissions[1].range_end, SLICE("")));
    assert_int_equal(role->permissions[1].type, AUTH_READ);
    assert_true(slice_equal(role->permissions[2].range_end, SLICE("c")));
    assert_int_equal(role->permissions[2].type, AUTH_READWRITE);
    must_change(&state, revoke);
    assert_int_equal(try(state, revoke), ETCD_ERROR_PERMISSION_NOT_GRANTED);
    assert_int_equal(auth_state_role(state, SLICE("r"))->permission_count, 2);
    assert_int_equal(try(state, REQUEST(.kind = AUTH_GRANT_PERMISSION, .role = SLICE("r"),
                                        .permission.type = (enum auth_permission_type)3)),
                     ETCD_ERROR_INVALID_AUTH_MGMT);
    auth_state_unref(state);
}

/* --- ceilings --- */

static void test_long(void **unused) {
    struct auth_state *state = state_with_root("x");
    static char name[AUTH_NAME_MAX + 1];
    static char key[AUTH_KEY_MAX + 1];
    struct auth_permission wide = {AUTH_READ, SLICE("a"), slice_make(key, AUTH_KEY_MAX + 1)};

    (void)unused;
    memset(name, 'n', sizeof(name));
    memset(key, 'k', sizeof(key));
    must_change(&state, REQUEST(.kind = AUTH_USER_ADD, .user = slice_make(name, AUTH_NAME_MAX)));
    must_change(&state, REQUEST(.kind = AUTH_ROLE_ADD, .role = slice_make(name, AUTH_NAME_MAX)));
    assert_int_equal(try(state, REQUEST(.kind = AUTH_USER_ADD, .user = slice_make(name, AUTH_NAME_MAX + 1))),
                     ETCD_ERROR_REQUEST_TOO_LARGE);
    assert_int_equal(try(state, REQUEST(.kind = AUTH_ROLE_ADD, .role = slice_make(name, AUTH_NAME_MAX + 1))),
                     ETCD_ERROR_REQUEST_TOO_LARGE);
    assert_int_equal(try(state, REQUEST(.kind = AUTH_USER_ADD, .user = SLICE("a\0b"))), ETCD_ERROR_REQUEST_TOO_LARGE);
    assert_int_equal(
        try(state, REQUEST(.kind = AUTH_USER_ADD, .user = SLICE("a"), .hash = slice_make(name, AUTH_HASH_MAX + 1))),
        ETCD_ERROR_REQUEST_TOO_LARGE);
    assert_int_equal(try(state, REQUEST(.kind = AUTH_GRANT_PERMISSION, .role = AUTH_ROOT, .permission = wide)),
                     ETCD_ERROR_REQUEST_TOO_LARGE);
    auth_state_unref(state);
}

/* By two keys that each take half of all that may be kept. */
static void test_full(void **unused) {
    struct auth_state *state = state_with_root("x");
    static char key[AUTH_KEY_MAX];
    struct auth_permission wide = {AUTH_READ, slice_make(key, sizeof(key)), slice_make(key, sizeof(key))};
    enum etcd_error error = ETCD_OK;
    size_t granted = 0;

    (void)unused;
    for (; error == ETCD_OK && granted < 10; granted++) {
        memset(key, 'a' + (int)granted, sizeof(key));
        error = change(&state, REQUEST(.kind = AUTH_GRANT_PERMISSION, .role = AUTH_ROOT, .permission = wide));
    }
    assert_int_equal(error, ETCD_ERROR_AUTH_FULL);
    assert_int_equal(granted, AUTH_STATE_BYTES_MAX / (2 * AUTH_KEY_MAX));
    auth_state_unref(state);
}

static void test_too_many(void **unused) {
    struct auth_state *state = state_with_root("x");
    char name[32];

    (void)unused;
    for (int i = 0; i < AUTH_ROLES_PER_USER_MAX; i++) {
        snprintf(name, sizeof(name), "r%d", i);
        add_role(&state, name);
        if (i > 0) {
            grant(&state, "root", name);
        }
    }
    assert_int_equal(try(state, REQUEST(.kind = AUTH_GRANT_ROLE, .user = AUTH_ROOT, .role = SLICE("r0"))),
                     ETCD_ERROR_AUTH_FULL);
    for (int i = 0; i < AUTH_PERMISSIONS_PER_ROLE_MAX; i++) {
        snprintf(name, sizeof(name), "%d", i);
        permit(&state, "r0", AUTH_READ, TEXT(name), SLICE(""));
    }
    assert_int_equal(
        try(state, REQUEST(.kind = AUTH_GRANT_PERMISSION, .role = SLICE("r0"), .permission.key = SLICE("x"))),
        ETCD_ERROR_AUTH_FULL);
    auth_state_unref(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enable),      cmocka_unit_test(test_revision),   cmocka_unit_test(test_idle),
        cmocka_unit_test(test_users),       cmocka_unit_test(test_root_stays), cmocka_unit_test(test_roles),
        cmocka_unit_test(test_permissions), cmocka_unit_test(test_long),       cmocka_unit_test(test_full),
        cmocka_unit_test(test_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
