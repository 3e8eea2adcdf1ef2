/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/password.h"
#include "helper.h"

static char hash[AUTH_HASH_MAX + 1];

static int setup(void **unused) {
    (void)unused;
    return auth_password_hash(SLICE("s3cret"), hash) == ETCD_OK ? 0 : -1;
}

static void test_right_and_wrong(void **unused) {
    (void)unused;
    assert_true(slice_has_prefix(TEXT(hash), SLICE("$2b$10$")));
    assert_true(auth_password_verify(SLICE("s3cret"), TEXT(hash)));
    assert_false(auth_password_verify(SLICE("s3cre"), TEXT(hash)));
    assert_false(auth_password_verify(SLICE(""), TEXT(hash)));
    assert_false(auth_password_verify(BYTES("s3cret\0"), TEXT(hash)));
}

static void test_salt(void **unused) {
    char other[AUTH_HASH_MAX + 1];

    (void)unused;
    assert_int_equal(auth_password_hash(SLICE("s3cret"), other), ETCD_OK);
    assert_string_not_equal(hash, other);
}

/* A hash of the kind that Go's bcrypt, and so an etcd, makes. */
static void test_other_makers(void **unused) {
    (void)unused;
    assert_true(
        auth_password_verify(SLICE("allmine"), SLICE("$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga")));
    assert_false(
        auth_password_verify(SLICE("allmind"), SLICE("$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga")));
}

static void test_strange_hashes(void **unused) {
    (void)unused;
    assert_false(auth_password_verify(SLICE(""), SLICE("")));
    assert_false(auth_password_verify(SLICE("*0"), SLICE("*0")));
    assert_false(auth_password_verify(SLICE("$2b$"), SLICE("$2b$")));
    assert_false(auth_password_verify(SLICE("x"), slice_make(hash, strlen(hash) - 1)));
}

static void test_long(void **unused) {
    static char text[AUTH_PASSWORD_MAX + 1];
    char other[AUTH_HASH_MAX + 1] = "untouched";

    (void)unused;
    memset(text, 'p', sizeof(text));
    assert_int_equal(auth_password_hash(slice_make(text, sizeof(text)), other), ETCD_ERROR_REQUEST_TOO_LARGE);
    assert_int_equal(auth_password_hash(BYTES("a\0b"), other), ETCD_ERROR_REQUEST_TOO_LARGE);
    assert_string_equal(other, "untouched");
    assert_false(auth_password_verify(slice_make(text, sizeof(text)), TEXT(hash)));
    assert_int_equal(auth_password_hash(slice_make(text, AUTH_PASSWORD_MAX), other), ETCD_OK);
    assert_true(auth_password_verify(slice_make(text, AUTH_PASSWORD_MAX), TEXT(other)));
    assert_true(auth_password_verify(slice_make(text, 72), TEXT(other)));
    assert_false(auth_password_verify(slice_make(text, 71), TEXT(other)));
}

static void test_empty(void **unused) {
    char other[AUTH_HASH_MAX + 1];

    (void)unused;
    assert_int_equal(auth_password_hash(SLICE(""), other), ETCD_OK);
    assert_true(auth_password_verify(SLICE(""), TEXT(other)));
    assert_false(auth_password_verify(SLICE("x"), TEXT(other)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_and_wrong), cmocka_unit_test(test_salt), cmocka_unit_test(test_other_makers),
        cmocka_unit_test(test_strange_hashes),  cmocka_unit_test(test_long), cmocka_unit_test(test_empty),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
