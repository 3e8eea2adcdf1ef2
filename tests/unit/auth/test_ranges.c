/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/ranges.h"
#include "base/random.h"
#include "helper.h"

#define ALL BYTES("\0")

static bool may(const struct auth_state *state, bool write, struct slice key, struct slice range_end) {
    const struct auth_user *user = auth_state_user(state, SLICE("ann"));

    return ranges_allow(user->granted, user->granted_count, write, key, range_end);
}

static bool may_read(const struct auth_state *state, const char *key, const char *range_end) {
    return may(state, false, TEXT(key), TEXT(range_end));
}

static struct auth_state *state_with_ann(void) {
    struct auth_state *state = auth_state_new();

    add_user(&state, "ann", "x");
    add_role(&state, "r");
    add_role(&state, "s");
    grant(&state, "ann", "r");
    grant(&state, "ann", "s");
    return state;
}

static void test_key(void **unused) {
    struct auth_state *state = state_with_ann();

    (void)unused;
    assert_false(may_read(state, "b", ""));
    permit(&state, "r", AUTH_READ, SLICE("b"), SLICE(""));
    assert_true(may_read(state, "b", ""));
    assert_false(may_read(state, "a", ""));
    assert_false(may_read(state, "ba", ""));
    assert_false(may(state, false, BYTES("b\0"), SLICE("")));
    assert_false(may(state, true, SLICE("b"), SLICE("")));
    /* From b to the key behind it: that is b alone. */
    assert_true(may(state, false, SLICE("b"), BYTES("b\0")));
    assert_false(may(state, false, SLICE("b"), BYTES("b\0\0")));
    auth_state_unref(state);
}

static void test_range(void **unused) {
    struct auth_state *state = state_with_ann();

    (void)unused;
    permit(&state, "r", AUTH_READWRITE, SLICE("b"), SLICE("d"));
    assert_true(may_read(state, "b", "d"));
    assert_true(may_read(state, "b", ""));
    assert_true(may_read(state, "c", "d"));
    assert_false(may_read(state, "d", ""));
    assert_false(may_read(state, "a", "d"));
    assert_false(may_read(state, "b", "e"));
    assert_false(may(state, false, SLICE("b"), ALL));
    assert_true(may(state, true, SLICE("b"), SLICE("c")));
    auth_state_unref(state);
}

static void test_types(void **unused) {
    struct auth_state *state = state_with_ann();

    (void)unused;
    permit(&state, "r", AUTH_WRITE, SLICE("w"), SLICE(""));
    permit(&state, "r", AUTH_READ, SLICE("r"), SLICE(""));
    assert_false(may(state, false, SLICE("w"), SLICE("")));
    assert_true(may(state, true, SLICE("w"), SLICE("")));
    assert_true(may(state, false, SLICE("r"), SLICE("")));
    assert_false(may(state, true, SLICE("r"), SLICE("")));
    auth_state_unref(state);
}

static void test_open(void **unused) {
    struct auth_state *state = state_with_ann();

    (void)unused;
    permit(&state, "r", AUTH_READ, SLICE("m"), ALL);
    assert_true(may(state, false, SLICE("m"), ALL));
    assert_true(may(state, false, SLICE("z"), ALL));
    assert_true(may_read(state, "\xff\xff", ""));
    assert_false(may(state, false, SLICE("l"), ALL));
    assert_false(may(state, false, ALL, ALL));
    permit(&state, "s", AUTH_READ, ALL, ALL);
    assert_true(may(state, false, ALL, ALL));
    assert_true(may_read(state, "a", ""));
    assert_false(may(state, true, SLICE("a"), SLICE("")));
    auth_state_unref(state);
}

/* Several permissions, also of several roles, that together have it all. */
static void test_together(void **unused) {
    struct auth_state *state = state_with_ann();

    (void)unused;
    permit(&state, "r", AUTH_READ, SLICE("a"), SLICE("c"));
    permit(&state, "s", AUTH_READ, SLICE("c"), SLICE("e"));
    permit(&state, "r", AUTH_READ, SLICE("d"), SLICE("g"));
    permit(&state, "s", AUTH_READ, SLICE("h"), SLICE("i"));
    assert_true(may_read(state, "a", "g"));
    assert_true(may_read(state, "b", "f"));
    assert_false(may_read(state, "a", "h"));
    assert_false(may_read(state, "a", "i"));
    permit(&state, "s", AUTH_READ, SLICE("g"), SLICE(""));
    assert_false(may_read(state, "a", "h"));
    permit(&state, "r", AUTH_READ, SLICE("g"), SLICE("h"));
    assert_true(may_read(state, "a", "i"));
    auth_state_unref(state);
}

static void test_strange(void **unused) {
    struct auth_state *state = state_with_ann();

    (void)unused;
    permit(&state, "r", AUTH_READ, SLICE(""), ALL);
    permit(&state, "r", AUTH_READ, SLICE("f"), SLICE("e"));
    permit(&state, "r", AUTH_READ, SLICE("g"), SLICE("g"));
    assert_false(may_read(state, "a", ""));
    assert_false(may_read(state, "e", ""));
    assert_false(may_read(state, "f", ""));
    assert_false(may_read(state, "g", ""));
    /* A range without keys. */
    permit(&state, "r", AUTH_READ, SLICE("b"), SLICE("d"));
    assert_true(may_read(state, "c", "c"));
    assert_true(may_read(state, "c", "a"));
    assert_true(may_read(state, "b", "b"));
    assert_false(may_read(state, "a", "a"));
    assert_false(may_read(state, "e", "d"));
    auth_state_unref(state);
}

/* --- against one key after the other --- */

enum { DIGITS = 10, ROUNDS = 2000 };

static char digits[DIGITS][2];

/* The keys are single digits; a range is from one to another. */
static bool by_hand(const struct auth_permission *permissions, size_t count, bool write, size_t first, size_t end) {
    for (size_t key = first; key < end; key++) {
        bool allowed = false;

        for (size_t i = 0; i < count; i++) {
            const struct auth_permission *p = &permissions[i];
            size_t from = (size_t)(p->key.data[0] - '0');
            size_t to = p->range_end.size == 0 ? from + 1 : (size_t)(p->range_end.data[0] - '0');

            allowed |= p->type != (write ? AUTH_READ : AUTH_WRITE) && from <= key && key < to;
        }
        if (!allowed) {
            return false;
        }
    }
    return true;
}

static void draw(struct random *r, struct auth_permission *permission) {
    size_t first = random_below(r, DIGITS - 1);
    size_t end = first + 1 + random_below(r, DIGITS - 1 - first);

    *permission =
        (struct auth_permission){(enum auth_permission_type)random_below(r, 3), TEXT(digits[first]), TEXT(digits[end])};
}

static void test_random(void **unused) {
    struct random r;

    (void)unused;
    random_init(&r, 7);
    for (size_t i = 0; i < DIGITS; i++) {
        digits[i][0] = (char)('0' + (char)i);
    }
    for (int round = 0; round < ROUNDS; round++) {
        struct auth_state *state = state_with_ann();
        struct auth_permission permissions[6];
        size_t count = 1 + random_below(&r, 6);
        size_t first = random_below(&r, DIGITS - 1);
        size_t end = first + 1 + random_below(&r, DIGITS - 1 - first);
        bool write = random_below(&r, 2) == 1;
        size_t kept = 0;

        for (size_t i = 0; i < count; i++) {
            bool again = false;

            draw(&r, &permissions[kept]);
            for (size_t j = 0; j < kept; j++) {
                again |= slice_equal(permissions[j].key, permissions[kept].key);
            }
            if (!again) {
                permit(&state, kept % 2 == 0 ? "r" : "s", permissions[kept].type, permissions[kept].key,
                       permissions[kept].range_end);
                kept++;
            }
        }
        assert_int_equal(may(state, write, TEXT(digits[first]), TEXT(digits[end])),
                         by_hand(permissions, kept, write, first, end));
        auth_state_unref(state);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key),    cmocka_unit_test(test_range),    cmocka_unit_test(test_types),
        cmocka_unit_test(test_open),   cmocka_unit_test(test_together), cmocka_unit_test(test_strange),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
