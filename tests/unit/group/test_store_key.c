/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "group/policy.h"

enum { MAX_ITEM = 1000 };

static struct group_policy memory_group(const char *name) {
    return group_policy_make(slice_from_string(name), MAX_ITEM);
}

static struct group_policy store_group(const char *name, struct slice prefix) {
    struct group_policy p = memory_group(name);

    p.backing = GROUP_BACKING_STORE;
    p.prefix_size = (uint16_t)prefix.size;
    memcpy(p.prefix, prefix.data, prefix.size);
    return p;
}

static struct group_set *build(const struct group_policy *policies, size_t count, const struct group_set *previous) {
    struct group_set *set;

    assert_int_equal(group_set_build(policies, count, MAX_ITEM, previous, &set), LARDER_OK);
    return set;
}

static void refuse(const struct group_policy *policies, size_t count, enum larder_error expected) {
    struct group_set *set = NULL;

    assert_int_equal(group_set_build(policies, count, MAX_ITEM, NULL, &set), expected);
    assert_null(set);
}

/* The name of the group that owns the key; "" for none. */
static const char *owner(const struct group_set *set, struct slice store_key) {
    const struct group_policy *p = group_set_find_by_store_key(set, store_key);

    return p == NULL ? "" : p->name;
}

static void a_group_is_memory_unless_it_says_otherwise(void **state) {
    const struct group_policy p = memory_group("users");

    (void)state;
    assert_false(group_policy_is_store(&p));
    assert_int_equal(p.freshness.kind, FRESHNESS_CACHED);
    assert_int_equal(p.stale_limit_ns, 5000000000);
    assert_true(slice_equal(group_policy_prefix(&p), SLICE("users/")));
    assert_true(slice_equal(group_policy_name(&p), SLICE("users")));
}

static void check_keys(const struct group_policy *p, struct slice client_key, struct slice store_key) {
    char to_store[600];
    char to_client[600];
    struct slice stored = group_store_key(p, client_key, to_store);

    assert_true(slice_equal(stored, store_key));
    assert_true(slice_equal(group_client_key(p, stored, to_client), client_key));
}

static void keys_change_their_beginning_and_nothing_else(void **state) {
    const struct group_policy plain = store_group("config", SLICE("config/"));
    const struct group_policy binary = store_group("b", SLICE("\0\xff/"));
    const struct group_policy whole = store_group("all", SLICE(""));

    (void)state;
    check_keys(&plain, SLICE("config/a"), SLICE("config/a"));
    check_keys(&plain, SLICE("config/"), SLICE("config/"));
    check_keys(&binary, SLICE("b/x//..\0y"), SLICE("\0\xff/x//..\0y"));
    check_keys(&binary, SLICE("b//x"), SLICE("\0\xff//x"));
    check_keys(&whole, SLICE("all/registry/pods"), SLICE("registry/pods"));
    check_keys(&whole, SLICE("all/"), SLICE(""));
}

static void the_longest_prefix_owns_a_key(void **state) {
    const struct group_policy policies[] = {
        store_group("pods", SLICE("/registry/pods/")),    memory_group("cache"),
        store_group("registry", SLICE("/registry/")),     store_group("nodes", SLICE("/registry/nodes/")),
        store_group("hot", SLICE("/registry/pods/hot/")), store_group("other", SLICE("\xff")),
    };
    struct group_set *set = build(policies, 6, NULL);

    (void)state;
    assert_string_equal(owner(set, SLICE("/registry/pods/a")), "pods");
    assert_string_equal(owner(set, SLICE("/registry/pods/")), "pods");
    assert_string_equal(owner(set, SLICE("/registry/pods")), "registry");
    assert_string_equal(owner(set, SLICE("/registry/podt")), "registry");
    assert_string_equal(owner(set, SLICE("/registry/nodes/n")), "nodes");
    assert_string_equal(owner(set, SLICE("/registry/odd")), "registry");
    assert_string_equal(owner(set, SLICE("/registry/pods/hot/1")), "hot");
    assert_string_equal(owner(set, SLICE("/registry/pods/hotter")), "pods");
    assert_string_equal(owner(set, SLICE("/registry/zzz")), "registry");
    assert_string_equal(owner(set, SLICE("/registrz")), "");
    assert_string_equal(owner(set, SLICE("/")), "");
    assert_string_equal(owner(set, SLICE("")), "");
    assert_string_equal(owner(set, SLICE("cache/a")), "");
    assert_string_equal(owner(set, SLICE("\xff\xff")), "other");
    assert_true(group_set_find(set, SLICE("registry/"))->overlapped);
    assert_true(group_set_find(set, SLICE("pods/"))->overlapped);
    assert_false(group_set_find(set, SLICE("nodes/"))->overlapped);
    assert_false(group_set_find(set, SLICE("hot/"))->overlapped);
    assert_false(group_set_find(set, SLICE("cache/"))->overlapped);
    group_set_free(set);
}

static void without_store_groups_no_store_key_is_owned(void **state) {
    struct group_set *set = build(NULL, 0, NULL);

    (void)state;
    assert_null(group_set_find_by_store_key(set, SLICE("a/b")));
    assert_null(group_set_find_by_store_key(set, SLICE("")));
    group_set_free(set);
}

static void the_empty_prefix_owns_what_is_left(void **state) {
    const struct group_policy policies[] = {store_group("a", SLICE("a/")), store_group("all", SLICE(""))};
    struct group_set *set = build(policies, 2, NULL);

    (void)state;
    assert_string_equal(owner(set, SLICE("a/1")), "a");
    assert_string_equal(owner(set, SLICE("a")), "all");
    assert_string_equal(owner(set, SLICE("zz")), "all");
    assert_string_equal(owner(set, SLICE("")), "all");
    assert_true(group_set_find(set, SLICE("all/x"))->overlapped);
    group_set_free(set);
}

static struct slice random_key(struct random *r, char *place, size_t size_most) {
    size_t size = random_below(r, size_most + 1);

    for (size_t i = 0; i < size; i++) {
        place[i] = (char)('a' + (char)random_below(r, 2));
    }
    return slice_make(place, size);
}

/* What group_set_find_by_store_key shall find, in the plainest way. */
static const struct group_policy *search(const struct group_set *set, struct slice key) {
    const struct group_policy *best = NULL;

    for (unsigned i = 0; i < set->count; i++) {
        const struct group_policy *p = &set->policies[i];

        if (group_policy_is_store(p) && slice_has_prefix(key, group_policy_prefix(p)) &&
            (best == NULL || p->prefix_size > best->prefix_size)) {
            best = p;
        }
    }
    return best;
}

static bool is_overlapped(const struct group_set *set, const struct group_policy *p) {
    bool overlapped = false;

    for (unsigned i = 0; i < set->count; i++) {
        const struct group_policy *other = &set->policies[i];

        overlapped |= other != p && group_policy_is_store(other) && group_policy_is_store(p) &&
                      slice_has_prefix(group_policy_prefix(other), group_policy_prefix(p));
    }
    return overlapped;
}

static void any_prefixes_are_found_as_by_looking_at_all(void **state) {
    struct random r;
    struct group_policy policies[24];
    char name[16];
    char room[16];

    (void)state;
    random_init(&r, 7);
    for (int round = 0; round < 200; round++) {
        size_t count = 0;
        struct group_set *set;

        while (count < 24) {
            struct slice prefix = random_key(&r, room, 6);
            size_t i = 0;

            while (i < count && !slice_equal(group_policy_prefix(&policies[i]), prefix)) {
                i++;
            }
            if (i == count) {
                snprintf(name, sizeof(name), "g%zu", count);
                policies[count++] = store_group(name, prefix);
            }
        }
        set = build(policies, count, NULL);
        for (int i = 0; i < 200; i++) {
            struct slice key = random_key(&r, room, 8);

            assert_ptr_equal(group_set_find_by_store_key(set, key), search(set, key));
        }
        for (unsigned i = 0; i < set->count; i++) {
            assert_int_equal(set->policies[i].overlapped, is_overlapped(set, &set->policies[i]));
        }
        group_set_free(set);
    }
}

static void what_cannot_be_a_store_group_is_refused(void **state) {
    const struct group_policy twice[] = {store_group("a", SLICE("p/")), store_group("b", SLICE("p/"))};
    const struct group_policy apart[] = {store_group("a", SLICE("p/")), memory_group("p")};
    const struct group_policy ours = store_group("a", SLICE("/larder/x"));
    const struct group_policy fallback = store_group("default", SLICE("d/"));

    (void)state;
    refuse(twice, 2, LARDER_ERROR_EXISTS);
    refuse(&ours, 1, LARDER_ERROR_INVALID);
    refuse(&fallback, 1, LARDER_ERROR_INVALID);
    group_set_free(build(apart, 2, NULL));
}

static void prefixes_have_a_limit_and_keep_out_of_our_own(void **state) {
    char longest[GROUP_PREFIX_MAX + 1];

    (void)state;
    memset(longest, 'p', sizeof(longest));
    assert_non_null(group_prefix_problem(slice_make(longest, GROUP_PREFIX_MAX + 1)));
    assert_null(group_prefix_problem(slice_make(longest, GROUP_PREFIX_MAX)));
    assert_non_null(group_prefix_problem(SLICE("/larder/")));
    assert_non_null(group_prefix_problem(SLICE("/larder/nodes/")));
    assert_null(group_prefix_problem(SLICE("/larder")));
    assert_null(group_prefix_problem(SLICE("/")));
    assert_null(group_prefix_problem(SLICE("")));
    assert_true(group_store_key_is_ours(SLICE("/larder/nodes/1")));
    assert_false(group_store_key_is_ours(SLICE("/larderx")));
}

static void the_longest_prefix_has_room(void **state) {
    char prefix[GROUP_PREFIX_MAX];
    char key[GROUP_PREFIX_MAX + 1];
    char place[GROUP_PREFIX_MAX + 8];
    struct group_policy p;
    struct group_set *set;

    (void)state;
    memset(prefix, '\xff', sizeof(prefix));
    memset(key, '\xff', sizeof(key));
    p = store_group("g", slice_make(prefix, sizeof(prefix)));
    set = build(&p, 1, NULL);
    assert_string_equal(owner(set, slice_make(key, GROUP_PREFIX_MAX + 1)), "g");
    assert_string_equal(owner(set, slice_make(key, GROUP_PREFIX_MAX - 1)), "");
    assert_true(slice_equal(group_store_key(&p, SLICE("g/\xff"), place), slice_make(key, sizeof(key))));
    group_set_free(set);
}

/* What a reload with `after` would change in the store groups. */
static void assert_change(const struct group_set *running, const struct group_policy *after, size_t count,
                          const char *change, const char *name) {
    struct group_set *set = NULL;
    const char *changed;
    const char *text = group_set_store_change(running, after, count, &changed);

    assert_non_null(text);
    assert_string_equal(text, change);
    assert_string_equal(changed, name);
    assert_int_equal(group_set_build(after, count, MAX_ITEM, running, &set), LARDER_ERROR_UNSUPPORTED);
    assert_null(set);
}

static void store_groups_are_for_life(void **state) {
    const struct group_policy before[] = {store_group("a", SLICE("p/")), memory_group("m"), memory_group("n")};
    const struct group_policy new_one[] = {before[0], store_group("z", SLICE("z/"))};
    const struct group_policy turned[] = {before[0], store_group("m", SLICE("m/"))};
    const struct group_policy gone[] = {before[1]};
    const struct group_policy now_memory[] = {memory_group("a")};
    const struct group_policy moved[] = {store_group("a", SLICE("q/")), before[1]};
    struct group_policy kept[] = {before[0]};
    struct group_set *running = build(before, 3, NULL);

    (void)state;
    kept[0].mirror = true;
    assert_change(running, kept, 1, "would be kept in memory in another way", "a");
    kept[0] = before[0];
    kept[0].near = false;
    assert_change(running, kept, 1, "would be kept in memory in another way", "a");
    assert_change(running, new_one, 2, "would become a store group", "z");
    assert_change(running, turned, 2, "would become a store group", "m");
    assert_change(running, gone, 1, "would no longer be a store group", "a");
    assert_change(running, now_memory, 1, "would no longer be a store group", "a");
    assert_change(running, NULL, 0, "would no longer be a store group", "a");
    assert_change(running, moved, 2, "would have another prefix", "a");
    group_set_free(running);
}

/* Memory groups come and go, and a store group's limits and freshness may change. */
static void the_rest_of_a_store_group_may_change(void **state) {
    const struct group_policy before[] = {store_group("a", SLICE("p/")), memory_group("m")};
    struct group_policy after[] = {memory_group("n"), store_group("a", SLICE("p/"))};
    struct group_set *first = build(before, 2, NULL);
    struct group_set *second;
    struct group_set *third;

    (void)state;
    after[1].ttl = 9;
    after[1].freshness = (struct freshness){.kind = FRESHNESS_LINEARIZABLE};
    second = build(after, 2, first);
    assert_int_equal(group_set_find_by_store_key(second, SLICE("p/x"))->ttl, 9);
    assert_int_equal(group_set_find_by_store_key(second, SLICE("p/x"))->index, 1);
    third = build(before, 2, second);
    assert_string_equal(owner(third, SLICE("p/x")), "a");
    group_set_free(first);
    group_set_free(second);
    group_set_free(third);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_is_memory_unless_it_says_otherwise),
        cmocka_unit_test(keys_change_their_beginning_and_nothing_else),
        cmocka_unit_test(the_longest_prefix_owns_a_key),
        cmocka_unit_test(without_store_groups_no_store_key_is_owned),
        cmocka_unit_test(the_empty_prefix_owns_what_is_left),
        cmocka_unit_test(any_prefixes_are_found_as_by_looking_at_all),
        cmocka_unit_test(what_cannot_be_a_store_group_is_refused),
        cmocka_unit_test(prefixes_have_a_limit_and_keep_out_of_our_own),
        cmocka_unit_test(the_longest_prefix_has_room),
        cmocka_unit_test(store_groups_are_for_life),
        cmocka_unit_test(the_rest_of_a_store_group_may_change),
    };

    return cmocka_run_group_tests_name("group-store-key", tests, NULL, NULL);
}
