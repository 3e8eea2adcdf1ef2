/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>

#include "auth/internal.h"
#include "auth/token.h"
#include "base/clock.h"
#include "helper.h"

#define TTL_NS (AUTH_TOKEN_TTL_S * CLOCK_NS_PER_S)

static size_t user;

static bool finds(const struct tokens *t, const char *text, int64_t now_ns) {
    return tokens_find(t, TEXT(text), now_ns, &user);
}

static void test_form(void **unused) {
    struct tokens t;
    char first[AUTH_TOKEN_SIZE];
    char second[AUTH_TOKEN_SIZE];

    (void)unused;
    tokens_init(&t);
    assert_false(finds(&t, "a.1", 0));
    assert_true(tokens_add(&t, 7, 0, first));
    assert_true(tokens_add(&t, 8, 0, second));
    for (size_t i = 0; i < 32; i++) {
        assert_true(islower((unsigned char)first[i]));
    }
    assert_string_equal(first + 32, ".1");
    assert_string_equal(second + 32, ".2");
    assert_memory_not_equal(first, second, 32);
    assert_true(finds(&t, first, 0));
    assert_int_equal(user, 7);
    assert_true(finds(&t, second, 0));
    assert_int_equal(user, 8);
    first[0] = first[0] == 'a' ? 'b' : 'a';
    assert_false(finds(&t, first, 0));
    tokens_fini(&t);
}

/* Each use begins the time anew. */
static void test_time(void **unused) {
    struct tokens t;
    char text[AUTH_TOKEN_SIZE];

    (void)unused;
    tokens_init(&t);
    assert_true(tokens_add(&t, 0, 1000, text));
    assert_true(finds(&t, text, 1000 + TTL_NS));
    assert_true(finds(&t, text, 1000 + 2 * TTL_NS));
    assert_false(finds(&t, text, 1001 + 3 * TTL_NS));
    tokens_fini(&t);
}

/* Those past their time give their memory back when others come. */
static void test_sweep(void **unused) {
    struct tokens t;
    char old[AUTH_TOKEN_SIZE];
    char text[AUTH_TOKEN_SIZE];

    (void)unused;
    tokens_init(&t);
    for (int i = 0; i < 10; i++) {
        assert_true(tokens_add(&t, 0, 0, old));
    }
    assert_int_equal(t.count, 10);
    assert_true(tokens_add(&t, 0, TTL_NS + 1, text));
    assert_int_equal(t.count, 1);
    assert_true(finds(&t, text, TTL_NS + 1));
    tokens_fini(&t);
}

static void test_full(void **unused) {
    struct tokens t;
    char first[AUTH_TOKEN_SIZE];
    char second[AUTH_TOKEN_SIZE];
    char text[AUTH_TOKEN_SIZE];

    (void)unused;
    tokens_init(&t);
    assert_true(tokens_add(&t, 1, 1, first));
    assert_true(tokens_add(&t, 2, 2, second));
    for (int i = 2; i < AUTH_TOKENS_MAX; i++) {
        assert_true(tokens_add(&t, 3, i + 1, text));
    }
    assert_true(finds(&t, first, AUTH_TOKENS_MAX + 1));
    assert_true(tokens_add(&t, 4, AUTH_TOKENS_MAX + 2, text));
    assert_int_equal(t.count, AUTH_TOKENS_MAX);
    assert_true(finds(&t, first, AUTH_TOKENS_MAX + 3));
    assert_false(finds(&t, second, AUTH_TOKENS_MAX + 3));
    tokens_fini(&t);
}

/* --- when the state changes --- */

static size_t index_of(const struct auth_state *state, const char *name) {
    return (size_t)(auth_state_user(state, TEXT(name)) - state->users);
}

static void test_carry(void **unused) {
    struct auth_state *from = auth_state_new();
    struct auth_state *to;
    struct tokens t;
    char texts[4][AUTH_TOKEN_SIZE];
    static const char *const names[] = {"deleted", "again", "changed", "same"};

    (void)unused;
    for (size_t i = 0; i < 4; i++) {
        add_user(&from, names[i], "x");
    }
    tokens_init(&t);
    for (size_t i = 0; i < 4; i++) {
        assert_true(tokens_add(&t, index_of(from, names[i]), 0, texts[i]));
    }
    auth_state_ref(from);
    to = from;
    must_change(&to, (struct auth_request){.kind = AUTH_USER_DELETE, .user = SLICE("deleted")});
    must_change(&to, (struct auth_request){.kind = AUTH_USER_DELETE, .user = SLICE("again")});
    add_user(&to, "again", "x");
    add_user(&to, "aaa", "x");
    add_user(&to, "bbb", "x");
    must_change(&to, (struct auth_request){.kind = AUTH_CHANGE_PASSWORD, .user = SLICE("changed"), .hash = SLICE("y")});
    tokens_carry(&t, from, to);
    assert_int_equal(t.count, 1);
    assert_true(finds(&t, texts[3], 0));
    assert_int_equal(user, index_of(to, "same"));
    assert_int_not_equal(user, index_of(from, "same"));
    tokens_clear(&t);
    assert_int_equal(t.count, 0);
    assert_false(finds(&t, texts[3], 0));
    tokens_fini(&t);
    auth_state_unref(from);
    auth_state_unref(to);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form), cmocka_unit_test(test_time),  cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_full), cmocka_unit_test(test_carry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
