/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/random.h"
#include "cache/index.h"

enum { PAGE = 4096, PAGES_MAX = 4096, BUCKETS_PER_PAGE = PAGE / sizeof(struct index_bucket), SEED = 11 };

/* Deals out pages up to a limit, and entries of its own that the index can point to. */
struct bank {
    void *pages[PAGES_MAX];
    size_t dealt;
    size_t limit;
    struct index index;
};

static void *deal(void *owner) {
    struct bank *b = owner;

    if (b->dealt == b->limit) {
        return NULL;
    }
    b->pages[b->dealt] = aligned_alloc(64, PAGE);
    memset(b->pages[b->dealt], 0, PAGE);
    return b->pages[b->dealt++];
}

static void open_bank(struct bank *b, size_t limit) {
    const struct index_pages pages = {.alloc = deal, .owner = b, .page_size = PAGE, .most = 4096};

    memset(b, 0, sizeof(*b));
    b->limit = limit;
    assert_int_equal(index_init(&b->index, &pages, SEED), LARDER_OK);
}

static void close_bank(struct bank *b) {
    index_fini(&b->index);
    for (size_t i = 0; i < b->dealt; i++) {
        free(b->pages[i]);
    }
}

static struct entry *entry_make(uint64_t number) {
    struct entry *e = calloc(1, ENTRY_HEADER_SIZE + 32);

    e->key_size = (uint8_t)snprintf(e->data, 32, "key%llu", (unsigned long long)number);
    return e;
}

static uint64_t hash_of(const struct entry *e) {
    return hash_key(entry_key(e), SEED);
}

static size_t overflow_links(const struct index *x) {
    size_t links = 0;

    for (size_t i = 0; i < x->buckets; i++) {
        const struct index_bucket *b = &x->directory[i >> x->page_shift][i & (BUCKETS_PER_PAGE - 1)];

        while ((b = b->overflow) != NULL) {
            links++;
        }
    }
    return links;
}

static size_t spare_links(const struct index *x) {
    size_t links = x->fresh_count;

    for (const struct index_bucket *b = x->spare; b != NULL; b = b->overflow) {
        links++;
    }
    return links;
}

/* Growth is spread over the insertions: each splits one bucket at most, takes two pages at most, and everything stays
 * findable on the way. */
static void grows_a_bucket_at_a_time(void **state) {
    enum { ITEMS = 20000 };
    struct entry **entries = calloc(ITEMS, sizeof(struct entry *));
    struct bank b;
    (void)state;

    open_bank(&b, PAGES_MAX);
    for (size_t i = 0; i < ITEMS; i++) {
        size_t buckets = b.index.buckets;
        size_t pages = b.dealt;

        entries[i] = entry_make(i);
        assert_null(index_find(&b.index, hash_of(entries[i]), entry_key(entries[i])));
        assert_int_equal(index_prepare(&b.index), LARDER_OK);
        index_insert(&b.index, hash_of(entries[i]), entries[i]);
        assert_in_range(b.index.buckets - buckets, 0, 1);
        assert_in_range(b.dealt - pages, 0, 2);
        assert_ptr_equal(index_find(&b.index, hash_of(entries[i]), entry_key(entries[i])), entries[i]);
        if (i % 997 == 0) {
            for (size_t j = 0; j <= i; j++) {
                assert_ptr_equal(index_find(&b.index, hash_of(entries[j]), entry_key(entries[j])), entries[j]);
            }
        }
    }
    assert_int_equal(b.index.items, ITEMS);
    assert_true(b.index.buckets >= ITEMS / 6);
    /* Chains stay short: hardly one bucket in five overflows. */
    assert_true(overflow_links(&b.index) < b.index.buckets / 4);
    for (size_t i = 0; i < ITEMS; i++) {
        index_remove(&b.index, hash_of(entries[i]), entries[i]);
        assert_null(index_find(&b.index, hash_of(entries[i]), entry_key(entries[i])));
        free(entries[i]);
    }
    assert_int_equal(b.index.items, 0);
    free(entries);
    close_bank(&b);
}

/* With two pages only the chains grow, and nothing is lost; what is out of them comes back as spares. */
static void without_pages_chains_grow(void **state) {
    enum { ITEMS = 1200 };
    struct entry *entries[ITEMS];
    struct bank b;
    struct random r;
    size_t stored = 0;
    size_t links;
    (void)state;

    random_init(&r, 5);
    open_bank(&b, 3);
    while (stored < ITEMS) {
        struct entry *e;

        if (index_prepare(&b.index) != LARDER_OK) {
            break;
        }
        e = entry_make(stored);
        index_insert(&b.index, hash_of(e), e);
        entries[stored++] = e;
    }
    links = overflow_links(&b.index);
    assert_true(stored > 3 * BUCKETS_PER_PAGE * 4);
    assert_true(links > BUCKETS_PER_PAGE / 2);
    assert_int_equal(index_prepare(&b.index), LARDER_ERROR_NO_MEMORY);
    assert_true(index_wants_page(&b.index));
    for (size_t i = 0; i < stored; i++) {
        assert_ptr_equal(index_find(&b.index, hash_of(entries[i]), entry_key(entries[i])), entries[i]);
    }
    while (stored > 0) {
        size_t at = random_below(&r, stored);
        struct entry *e = entries[at];

        index_remove(&b.index, hash_of(e), e);
        entries[at] = entries[--stored];
        free(e);
        assert_int_equal(b.index.items, stored);
        if (stored % 50 == 0) {
            for (size_t i = 0; i < stored; i++) {
                assert_ptr_equal(index_find(&b.index, hash_of(entries[i]), entry_key(entries[i])), entries[i]);
            }
            assert_int_equal(overflow_links(&b.index) + spare_links(&b.index), links + 0);
        }
    }
    assert_int_equal(index_prepare(&b.index), LARDER_OK);
    close_bank(&b);
}

static void replaces_in_place(void **state) {
    struct entry *first = entry_make(1);
    struct entry *second = entry_make(1);
    struct bank b;
    (void)state;

    open_bank(&b, 2);
    assert_int_equal(index_prepare(&b.index), LARDER_OK);
    index_insert(&b.index, hash_of(first), first);
    index_replace(&b.index, hash_of(first), first, second);
    assert_ptr_equal(index_find(&b.index, hash_of(first), entry_key(first)), second);
    assert_int_equal(b.index.items, 1);
    free(first);
    free(second);
    close_bank(&b);
}

static void clearing_forgets_all_and_keeps_the_room(void **state) {
    enum { ITEMS = 3000 };
    struct entry *entries[ITEMS];
    struct bank b;
    size_t dealt = 0;
    (void)state;

    open_bank(&b, PAGES_MAX);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ITEMS; i++) {
            entries[i] = entry_make(i);
            assert_int_equal(index_prepare(&b.index), LARDER_OK);
            index_insert(&b.index, hash_of(entries[i]), entries[i]);
        }
        assert_true(round == 0 || b.dealt <= dealt + 1);
        dealt = b.dealt;
        index_clear(&b.index);
        assert_int_equal(b.index.items, 0);
        assert_int_equal(overflow_links(&b.index), 0);
        for (size_t i = 0; i < ITEMS; i++) {
            assert_null(index_find(&b.index, hash_of(entries[i]), entry_key(entries[i])));
            free(entries[i]);
        }
    }
    close_bank(&b);
}

static void no_page_no_index(void **state) {
    struct bank b = {0};
    const struct index_pages pages = {.alloc = deal, .owner = &b, .page_size = PAGE, .most = 4096};
    (void)state;

    assert_int_equal(index_init(&b.index, &pages, SEED), LARDER_ERROR_NO_MEMORY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_a_bucket_at_a_time), cmocka_unit_test(without_pages_chains_grow),
        cmocka_unit_test(replaces_in_place),        cmocka_unit_test(clearing_forgets_all_and_keeps_the_room),
        cmocka_unit_test(no_page_no_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
