/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "store/local/key_entry.h"

enum { KEYS = 5000, STEPS = 60000 };

/* The tree beside a table of what should be in it. */
struct model {
    struct key_tree tree;
    struct key_entry *there[KEYS];
    size_t count;
};

static struct slice numbered(char text[16], size_t number) {
    return slice_make(text, (size_t)snprintf(text, 16, "k%05zu", number));
}

static void free_entry(struct tree_key *key) {
    key_entry_free(key_entry_of(key));
}

static void add(struct model *m, size_t number) {
    char text[16];

    assert_true(key_tree_reserve(&m->tree));
    m->there[number] = key_entry_new(numbered(text, number));
    assert_non_null(m->there[number]);
    key_tree_insert(&m->tree, &m->there[number]->key);
    m->count++;
}

static void take(struct model *m, size_t number) {
    key_tree_remove(&m->tree, &m->there[number]->key);
    key_entry_free(m->there[number]);
    m->there[number] = NULL;
    m->count--;
}

/* Goes through the tree from a key on, and through the model beside it. */
static void check_from(const struct model *m, size_t number) {
    char text[16];
    struct key_place place = key_tree_seek(&m->tree, numbered(text, number));

    for (; number < KEYS; number++) {
        if (m->there[number] != NULL) {
            assert_ptr_equal(key_entry_of(key_tree_next(&place)), m->there[number]);
        }
    }
    assert_null(key_tree_next(&place));
}

static void check_find(const struct model *m, size_t number) {
    char text[16];

    assert_ptr_equal(key_entry_of(key_tree_find(&m->tree, numbered(text, number))), m->there[number]);
}

static void random_changes(struct model *m, struct random *random, unsigned share) {
    for (int i = 0; i < STEPS; i++) {
        size_t number = (size_t)random_below(random, KEYS);

        if (m->there[number] == NULL && random_below(random, 100) < share) {
            add(m, number);
        } else if (m->there[number] != NULL && random_below(random, 100) >= share) {
            take(m, number);
        }
        check_find(m, (size_t)random_below(random, KEYS));
        if (i % 1000 == 0) {
            check_from(m, (size_t)random_below(random, KEYS));
        }
    }
    check_from(m, 0);
    assert_int_equal(m->tree.count, m->count);
}

static void it_holds_what_was_put_in_whatever_the_order(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct model *m = calloc(1, sizeof(*m));
        struct random random;

        assert_non_null(m);
        random_init(&random, seed);
        key_tree_init(&m->tree);
        check_find(m, 0);
        check_from(m, 0);
        random_changes(m, &random, 80);
        random_changes(m, &random, 10);
        random_changes(m, &random, 60);
        for (size_t i = 0; i < KEYS; i++) {
            if (m->there[i] != NULL) {
                take(m, i);
            }
        }
        assert_null(m->tree.root);
        add(m, 7);
        check_from(m, 0);
        key_tree_fini(&m->tree, free_entry);
        free(m);
    }
}

static void another_copy_takes_the_place_of_a_key(void **state) {
    struct model *m = calloc(1, sizeof(*m));

    (void)state;
    assert_non_null(m);
    key_tree_init(&m->tree);
    for (size_t i = 0; i < KEYS; i++) {
        add(m, i * 7919 % KEYS);
    }
    for (size_t i = 0; i < KEYS; i++) {
        char text[16];
        struct key_entry *old = m->there[i];

        m->there[i] = key_entry_new(numbered(text, i));
        assert_non_null(m->there[i]);
        key_tree_replace(&m->tree, &old->key, &m->there[i]->key);
        key_entry_free(old);
    }
    check_from(m, 0);
    /* No node remembers what was replaced. */
    for (size_t i = 0; i < KEYS; i++) {
        check_find(m, i);
        if (i % 3 != 0) {
            take(m, i);
        }
    }
    check_from(m, 0);
    key_tree_fini(&m->tree, free_entry);
    free(m);
}

/* How many leaves there are. */
static size_t count_leaves(const struct key_tree *x) {
    struct key_place place = key_tree_seek(x, SLICE(""));
    const struct key_node *leaf = NULL;
    size_t count = 0;

    while (key_tree_next(&place) != NULL) {
        count += place.leaf != leaf;
        leaf = place.leaf;
    }
    return count;
}

static void sparse_nodes_become_one(void **state) {
    struct model *m = calloc(1, sizeof(*m));

    (void)state;
    assert_non_null(m);
    key_tree_init(&m->tree);
    for (size_t i = 0; i < KEYS; i++) {
        add(m, i);
    }
    for (size_t i = 0; i < KEYS; i++) {
        if (i % 50 != 0) {
            take(m, i);
        }
    }
    assert_int_equal(m->count, KEYS / 50);
    assert_true(count_leaves(&m->tree) <= 2 * m->count / (KEY_TREE_FANOUT / 4));
    check_from(m, 0);
    key_tree_fini(&m->tree, free_entry);
    free(m);
}

static void keys_in_order_go_in_and_out(void **state) {
    struct model *m = calloc(1, sizeof(*m));

    (void)state;
    assert_non_null(m);
    key_tree_init(&m->tree);
    for (size_t i = 0; i < KEYS; i++) {
        add(m, i);
    }
    check_from(m, 0);
    for (size_t i = 0; i < KEYS - 3; i++) {
        take(m, i);
    }
    check_from(m, 0);
    for (size_t i = KEYS - 3; i-- > 0;) {
        add(m, i);
    }
    check_from(m, 0);
    key_tree_fini(&m->tree, free_entry);
    free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_what_was_put_in_whatever_the_order),
        cmocka_unit_test(keys_in_order_go_in_and_out),
        cmocka_unit_test(another_copy_takes_the_place_of_a_key),
        cmocka_unit_test(sparse_nodes_become_one),
    };

    return cmocka_run_group_tests_name("store-key-tree", tests, NULL, NULL);
}
