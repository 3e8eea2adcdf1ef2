/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "group/policy.h"

enum { MAX_ITEM = 1000 };

static struct group_policy policy(const char *name) {
    return group_policy_make(slice_from_string(name), MAX_ITEM);
}

static struct group_set *build(const struct group_policy *policies, size_t count, const struct group_set *previous) {
    struct group_set *set;

    assert_int_equal(group_set_build(policies, count, MAX_ITEM, previous, &set), LARDER_OK);
    return set;
}

static unsigned index_for(const struct group_set *set, const char *key) {
    return group_set_find(set, slice_from_string(key))->index;
}

static void default_alone_owns_everything(void **state) {
    struct group_set *set = build(NULL, 0, NULL);

    (void)state;
    assert_int_equal(set->count, 1);
    assert_int_equal(index_for(set, "a/b"), GROUP_DEFAULT);
    assert_int_equal(index_for(set, ""), GROUP_DEFAULT);
    assert_int_equal(group_set_find(set, SLICE("a"))->max_item, MAX_ITEM);
    assert_string_equal(set->policies[0].name, "default");
    group_set_free(set);
}

static void a_key_belongs_to_the_text_before_its_first_slash(void **state) {
    const struct group_policy policies[] = {policy("a"), policy("users")};
    struct group_set *set = build(policies, 2, NULL);

    (void)state;
    assert_int_equal(index_for(set, "a/x"), 1);
    assert_int_equal(index_for(set, "users/"), 2);
    assert_int_equal(index_for(set, "users/a/b"), 2);
    assert_int_equal(index_for(set, "users"), GROUP_DEFAULT);
    assert_int_equal(index_for(set, "/users/x"), GROUP_DEFAULT);
    assert_int_equal(index_for(set, "user/x"), GROUP_DEFAULT);
    assert_int_equal(index_for(set, "userss/x"), GROUP_DEFAULT);
    assert_int_equal(index_for(set, "Users/x"), GROUP_DEFAULT);
    assert_int_equal(index_for(set, "default/x"), GROUP_DEFAULT);
    assert_int_equal(index_for(set, ""), GROUP_DEFAULT);
    assert_int_equal(index_for(set, "/"), GROUP_DEFAULT);
    assert_int_equal(group_set_find(set, (struct slice){NULL, 0})->index, GROUP_DEFAULT);
    group_set_free(set);
}

static void the_longest_name_is_found(void **state) {
    char name[GROUP_NAME_MAX + 1];
    char key[GROUP_NAME_MAX + 3];
    struct group_policy longest;
    struct group_set *set;

    (void)state;
    memset(name, 'n', GROUP_NAME_MAX);
    name[GROUP_NAME_MAX] = '\0';
    longest = policy(name);
    set = build(&longest, 1, NULL);
    snprintf(key, sizeof(key), "%s/k", name);
    assert_int_equal(index_for(set, key), 1);
    snprintf(key, sizeof(key), "%sn/", name);
    assert_int_equal(index_for(set, key), GROUP_DEFAULT);
    group_set_free(set);
}

static void default_may_have_a_policy_of_its_own(void **state) {
    struct group_policy policies[] = {policy("a"), policy("default")};
    struct group_set *set;

    (void)state;
    policies[1].ttl = 7;
    set = build(policies, 2, NULL);
    assert_int_equal(group_set_find(set, SLICE("zzz"))->ttl, 7);
    assert_int_equal(index_for(set, "zzz"), GROUP_DEFAULT);
    assert_int_equal(index_for(set, "a/1"), 1);
    group_set_free(set);
}

static void bad_names_are_refused_with_a_reason(void **state) {
    static const struct slice bad[] = {
        SLICE(""),
        SLICE("a/b"),
        SLICE("a b"),
        SLICE("a\nb"),
        SLICE("\xc3\xa4"),
        SLICE("a\0b"),
        SLICE("metrics"),
        SLICE("healthz"),
        SLICE("ui"),
        SLICE("v3alpha"),
        SLICE("larder"),
        SLICE("*"),
        SLICE("_groupcache"),
        SLICE("0123456789012345678901234567890123456789012345678901234567890123x"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_non_null(group_name_problem(bad[i]));
    }
    assert_null(group_name_problem(SLICE("users")));
    assert_null(group_name_problem(SLICE("default")));
    assert_null(group_name_problem(SLICE("metrics2")));
}

static void a_name_twice_is_refused(void **state) {
    const struct group_policy policies[] = {policy("a"), policy("b"), policy("a")};
    struct group_set *set = NULL;

    (void)state;
    assert_int_equal(group_set_build(policies, 3, MAX_ITEM, NULL, &set), LARDER_ERROR_EXISTS);
    assert_null(set);
}

static void indexes_survive_a_reload(void **state) {
    const struct group_policy before[] = {policy("a"), policy("b")};
    const struct group_policy between[] = {policy("c"), policy("b")};
    const struct group_policy after[] = {policy("d"), policy("c"), policy("a")};
    struct slice names[GROUP_MAX];
    struct group_set *first = build(before, 2, NULL);
    struct group_set *second = build(between, 2, first);
    struct group_set *third = build(after, 3, second);

    (void)state;
    assert_int_equal(index_for(second, "b/"), 2);
    assert_int_equal(index_for(second, "c/"), 3);
    assert_int_equal(index_for(second, "a/"), GROUP_DEFAULT); /* no longer declared ... */
    assert_false(second->policies[1].declared);
    assert_int_equal(group_set_names(second, names), 4);
    assert_true(slice_equal(names[1], SLICE("a"))); /* ... but metrics still know its name */
    assert_int_equal(index_for(third, "a/"), 1);
    assert_int_equal(index_for(third, "b/"), GROUP_DEFAULT);
    assert_int_equal(index_for(third, "c/"), 3);
    assert_int_equal(index_for(third, "d/"), 4);
    group_set_free(first);
    group_set_free(second);
    group_set_free(third);
}

static void the_node_can_have_had_so_many_groups_and_no_more(void **state) {
    struct group_policy policies[GROUP_MAX];
    const struct group_policy one_more = policy("one-more");
    struct group_set *set;
    struct group_set *next = NULL;
    char text[16];

    (void)state;
    for (unsigned i = 0; i < GROUP_MAX; i++) {
        snprintf(text, sizeof(text), "g%u", i);
        policies[i] = policy(text);
    }
    assert_int_equal(group_set_build(policies, GROUP_MAX, MAX_ITEM, NULL, &next), LARDER_ERROR_LIMIT);
    set = build(policies, GROUP_MAX - 1, NULL);
    for (unsigned i = 0; i < GROUP_MAX - 1; i++) {
        snprintf(text, sizeof(text), "g%u/k", i);
        assert_int_equal(index_for(set, text), i + 1);
    }
    assert_int_equal(group_set_build(&one_more, 1, MAX_ITEM, set, &next), LARDER_ERROR_LIMIT);
    assert_null(next);
    group_set_free(set);
}

static void check_ttl(int64_t ttl, int64_t max_ttl, int64_t asked, int64_t expected, bool expected_cut) {
    struct group_policy p = policy("a");
    bool cut;

    p.ttl = ttl;
    p.max_ttl = max_ttl;
    assert_int_equal(group_policy_ttl(&p, asked, &cut), expected);
    assert_int_equal(cut, expected_cut);
}

static void a_group_gives_and_limits_lives(void **state) {
    (void)state;
    check_ttl(0, 0, REQUEST_TTL_FOREVER, REQUEST_TTL_FOREVER, false);
    check_ttl(0, 0, 99, 99, false);
    check_ttl(10, 0, REQUEST_TTL_FOREVER, 10, false);
    check_ttl(10, 0, 99, 99, false);
    check_ttl(10, 20, 99, 20, true);
    check_ttl(10, 20, 20, 20, false);
    check_ttl(0, 20, REQUEST_TTL_FOREVER, 20, false);
    check_ttl(10, 20, -1, -1, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_alone_owns_everything),
        cmocka_unit_test(a_key_belongs_to_the_text_before_its_first_slash),
        cmocka_unit_test(the_longest_name_is_found),
        cmocka_unit_test(default_may_have_a_policy_of_its_own),
        cmocka_unit_test(bad_names_are_refused_with_a_reason),
        cmocka_unit_test(a_name_twice_is_refused),
        cmocka_unit_test(indexes_survive_a_reload),
        cmocka_unit_test(the_node_can_have_had_so_many_groups_and_no_more),
        cmocka_unit_test(a_group_gives_and_limits_lives),
    };

    return cmocka_run_group_tests_name("group-policy", tests, NULL, NULL);
}
