/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ring/hot_copies.h"

/* The ledger and the shelf, step by step. Leases are 700 here, so that the owner's are 801. */

enum { LEASE = 700, OWN_LEASE = 801, KEYS_MAX = 4, HOLDERS_MAX = 3, BYTES_MAX = 4096 };

#define KEY SLICE("k")

/* --- allocations that fail --- */

static long until_failure = -1; /* allocations that still succeed; below 0: all */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *data, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *data, size_t size);

static bool fails(void) {
    return until_failure >= 0 && until_failure-- == 0;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *data, size_t size) {
    return fails() ? NULL : __real_realloc(data, size);
}

/* --- the ledger --- */

struct owner {
    struct hot_ledger *ledger;
    struct hot_revocation list[HOT_HOLDERS_MAX];
    size_t count;
};

static void begin(struct owner *o) {
    const struct hot_ledger_config config = {
        .lease_ns = LEASE, .keys_max = KEYS_MAX, .holders_max = HOLDERS_MAX, .revoking_max = 2};

    *o = (struct owner){0};
    assert_int_equal(hot_ledger_new(&config, &o->ledger), LARDER_OK);
}

static struct hot_read read_of(struct slice key, int64_t holder) {
    return (struct hot_read){
        .key = key,
        .hash = (uint64_t)(unsigned char)key.data[0],
        .holder = holder,
        .is_hot = true,
        .expires_ns = INT64_MAX,
        .authority_ns = INT64_MAX,
    };
}

static int64_t grant(struct owner *o, struct slice key, int64_t holder, int64_t now_ns) {
    struct hot_read read = read_of(key, holder);

    return hot_grant(o->ledger, &read, now_ns);
}

static enum hot_write change(struct owner *o, struct hot_writer *w, struct slice key, int64_t now_ns) {
    return hot_write_begin(o->ledger, w, key, (uint64_t)(unsigned char)key.data[0], now_ns, o->list, &o->count);
}

static struct hot_writer *answered(struct owner *o, struct slice key, int64_t holder, uint64_t number, int64_t now_ns) {
    return hot_answered(o->ledger, key, (uint64_t)(unsigned char)key.data[0], holder, number, now_ns);
}

static struct hot_ledger_counts counts_of(const struct owner *o) {
    struct hot_ledger_counts counts;

    hot_ledger_count(o->ledger, &counts);
    return counts;
}

/* Who has no copy out there does not wait. */
static void test_no_copies(void **state) {
    struct hot_writer w = {0};
    struct owner o;

    (void)state;
    begin(&o);
    assert_int_equal(change(&o, &w, KEY, 0), HOT_GO);
    hot_write_end(o.ledger, &w);
    assert_int_equal(grant(&o, KEY, 1, 0), LEASE);
    assert_int_equal(change(&o, &w, SLICE("other"), 1), HOT_GO);
    assert_int_equal(o.count, 0);
    hot_write_end(o.ledger, &w);
    hot_ledger_free(o.ledger);
    hot_ledger_free(NULL);
}

/* All holders answer. */
static void test_answers(void **state) {
    struct hot_writer w = {0};
    struct hot_writer v = {0};
    struct hot_writer *ready;
    struct owner o;
    uint64_t number;

    (void)state;
    begin(&o);
    assert_int_equal(grant(&o, KEY, 1, 0), LEASE);
    assert_int_equal(grant(&o, KEY, 2, 10), LEASE);
    assert_int_equal(grant(&o, KEY, 1, 20), LEASE);
    assert_int_equal(change(&o, &w, KEY, 30), HOT_WAIT);
    assert_int_equal(o.count, 2);
    assert_int_equal(w.until_ns, 20 + OWN_LEASE);
    number = o.list[0].number;
    assert_int_equal(o.list[0].holder + o.list[1].holder, 3);
    assert_int_equal(change(&o, &v, KEY, 40), HOT_WAIT);
    assert_int_equal(o.count, 0);
    assert_int_equal(grant(&o, KEY, 3, 50), 0);
    assert_null(answered(&o, KEY, 1, number, 60));
    assert_null(answered(&o, KEY, 1, number, 60));
    assert_null(answered(&o, KEY, 7, number, 60));
    assert_null(answered(&o, KEY, 2, number + 1, 60));
    assert_null(answered(&o, SLICE("x"), 2, number, 60));
    ready = answered(&o, KEY, 2, number, 60);
    assert_ptr_equal(ready, &v);
    assert_ptr_equal(ready->ready, &w);
    assert_null(ready->ready->ready);
    assert_int_equal(change(&o, &v, KEY, 61), HOT_GO);
    hot_write_end(o.ledger, &v);
    assert_int_equal(grant(&o, KEY, 3, 62), 0); /* the other is still to come */
    assert_int_equal(counts_of(&o).revoking, 1);
    assert_int_equal(change(&o, &w, KEY, 63), HOT_GO);
    hot_write_end(o.ledger, &w);
    hot_write_end(o.ledger, &w);
    assert_int_equal(counts_of(&o).keys, 0);
    assert_int_equal(counts_of(&o).revoking, 0);
    assert_int_equal(counts_of(&o).answered, 2);
    assert_int_equal(grant(&o, KEY, 3, 64), LEASE);
    hot_ledger_free(o.ledger);
}

/* One does not answer: its lease is waited out, with the margin. */
static void test_waited_out(void **state) {
    struct hot_writer w = {0};
    struct owner o;

    (void)state;
    begin(&o);
    assert_int_equal(grant(&o, KEY, 1, 0), LEASE);
    assert_int_equal(grant(&o, KEY, 2, 100), LEASE);
    assert_int_equal(change(&o, &w, KEY, 200), HOT_WAIT);
    assert_null(answered(&o, KEY, 1, o.list[0].number, 300));
    assert_int_equal(change(&o, &w, KEY, 100 + OWN_LEASE - 1), HOT_WAIT);
    assert_int_equal(w.until_ns, 100 + OWN_LEASE);
    assert_int_equal(o.count, 0);
    assert_int_equal(change(&o, &w, KEY, 100 + OWN_LEASE), HOT_GO);
    hot_write_end(o.ledger, &w);
    assert_int_equal(counts_of(&o).expired, 1);
    assert_int_equal(counts_of(&o).keys, 0);
    hot_ledger_free(o.ledger);
}

/* Who gives up leaves the copies as they are; the answer to his revocation does not count for a later grant. */
static void test_given_up(void **state) {
    struct hot_writer w = {0};
    struct owner o;
    uint64_t first;

    (void)state;
    begin(&o);
    assert_int_equal(grant(&o, KEY, 1, 0), LEASE);
    assert_int_equal(grant(&o, KEY, 2, 0), LEASE);
    assert_int_equal(change(&o, &w, KEY, 10), HOT_WAIT);
    first = o.list[0].number;
    hot_write_end(o.ledger, &w);
    assert_int_equal(grant(&o, KEY, 1, 20), LEASE);
    assert_null(answered(&o, KEY, 1, first, 30));
    assert_int_equal(change(&o, &w, KEY, 40), HOT_WAIT);
    assert_int_equal(o.count, 2);
    assert_true(o.list[0].number > first);
    assert_null(answered(&o, KEY, 1, first, 50));
    assert_null(answered(&o, KEY, 2, first, 50)); /* this one has not been granted anything since */
    assert_ptr_equal(answered(&o, KEY, 1, o.list[0].number, 60), &w);
    hot_write_end(o.ledger, &w);
    hot_ledger_free(o.ledger);
}

/* The answer may come when nobody waits any more, or for another who does. */
static void test_answered_after_it_was_given_up(void **state) {
    struct hot_writer w = {0};
    struct owner o;
    uint64_t number;

    (void)state;
    begin(&o);
    assert_int_equal(grant(&o, KEY, 1, 0), LEASE);
    assert_int_equal(change(&o, &w, KEY, 1), HOT_WAIT);
    hot_write_end(o.ledger, &w);
    number = o.list[0].number;
    assert_int_equal(change(&o, &w, KEY, 2), HOT_WAIT);
    assert_ptr_equal(answered(&o, KEY, 1, number, 3), &w);
    hot_write_end(o.ledger, &w);
    assert_int_equal(grant(&o, KEY, 1, 4), LEASE);
    assert_int_equal(change(&o, &w, KEY, 5), HOT_WAIT);
    hot_write_end(o.ledger, &w);
    assert_null(answered(&o, KEY, 1, o.list[0].number, 6));
    assert_int_equal(counts_of(&o).keys, 0);
    hot_ledger_free(o.ledger);
}

/* What is not to be copied, and how long what is. */
static void test_terms(void **state) {
    static char text[HOT_KEY_MAX + 1] = "k";
    struct hot_read read = read_of(KEY, 1);
    struct owner o;

    (void)state;
    begin(&o);
    read.is_hot = false;
    assert_int_equal(hot_grant(o.ledger, &read, 0), 0);
    read.is_hot = true;
    read.asker_purges = 1;
    assert_int_equal(hot_grant(o.ledger, &read, 0), 0);
    read.purges = 1;
    read.authority_ns = INT64_MIN;
    assert_int_equal(hot_grant(o.ledger, &read, 0), 0);
    read.authority_ns = 1000;
    read.expires_ns = 1000;
    assert_int_equal(hot_grant(o.ledger, &read, 1000), 0);
    assert_int_equal(hot_grant(o.ledger, &read, 920), 70);
    read.expires_ns = 960;
    assert_int_equal(hot_grant(o.ledger, &read, 920), 35);
    read = read_of(slice_make(text, sizeof(text)), 1);
    assert_int_equal(hot_grant(o.ledger, &read, 0), 0);
    read.key.size--;
    assert_int_equal(hot_grant(o.ledger, &read, 0), LEASE);
    hot_ledger_free(o.ledger);
}

/* A short lease after a long one does not make that one end sooner. */
static void test_shorter(void **state) {
    struct hot_read read = read_of(KEY, 1);
    struct hot_writer w = {0};
    struct owner o;

    (void)state;
    begin(&o);
    assert_int_equal(grant(&o, KEY, 1, 0), LEASE);
    read.expires_ns = 18;
    assert_int_equal(hot_grant(o.ledger, &read, 10), 7);
    assert_int_equal(change(&o, &w, KEY, 100), HOT_WAIT);
    assert_int_equal(w.until_ns, OWN_LEASE);
    hot_write_end(o.ledger, &w);
    hot_ledger_free(o.ledger);
}

static void test_ledger_ceilings(void **state) {
    struct hot_writer w[3] = {{0}};
    struct owner o;

    (void)state;
    begin(&o);
    for (int64_t holder = 1; holder <= HOLDERS_MAX; holder++) {
        assert_int_equal(grant(&o, SLICE("a"), holder, 0), LEASE);
    }
    assert_int_equal(grant(&o, SLICE("a"), HOLDERS_MAX + 1, 0), 0);
    assert_int_equal(grant(&o, SLICE("b"), 1, 10), LEASE);
    assert_int_equal(grant(&o, SLICE("c"), 1, 10), LEASE);
    assert_int_equal(grant(&o, SLICE("d"), 1, 10), LEASE);
    assert_int_equal(grant(&o, SLICE("e"), 1, 10), 0);
    assert_int_equal(counts_of(&o).limited, 2);
    assert_int_equal(grant(&o, SLICE("e"), 1, OWN_LEASE), LEASE); /* "a" is over */
    assert_int_equal(grant(&o, SLICE("f"), 1, OWN_LEASE), 0);
    assert_int_equal(counts_of(&o).keys, KEYS_MAX);
    assert_int_equal(change(&o, &w[0], SLICE("b"), 20), HOT_WAIT);
    assert_int_equal(grant(&o, SLICE("c"), 2, 20), LEASE);
    assert_int_equal(change(&o, &w[1], SLICE("c"), 20), HOT_WAIT);
    assert_int_equal(grant(&o, SLICE("d"), 2, 20), 0); /* two are revoked already */
    assert_int_equal(change(&o, &w[2], SLICE("d"), 20), HOT_WAIT);
    for (size_t i = 0; i < 3; i++) {
        hot_write_end(o.ledger, &w[i]);
    }
    assert_int_equal(grant(&o, SLICE("d"), 2, 20), LEASE);
    hot_ledger_free(o.ledger);
}

static void test_ledger_memory(void **state) {
    const struct hot_ledger_config config = {
        .lease_ns = LEASE, .keys_max = 1, .holders_max = HOT_HOLDERS_MAX, .revoking_max = 1};
    struct hot_ledger *none = NULL;
    struct hot_writer w = {0};
    struct owner o;

    (void)state;
    until_failure = 0;
    assert_int_equal(hot_ledger_new(&config, &none), LARDER_ERROR_NO_MEMORY);
    assert_null(none);
    begin(&o);
    for (long failure = 0; failure < 2; failure++) {
        until_failure = failure;
        assert_int_equal(grant(&o, KEY, 1, 0), 0);
        assert_int_equal(counts_of(&o).keys, 0);
        until_failure = -1;
    }
    assert_int_equal(grant(&o, KEY, 1, 0), LEASE);
    assert_int_equal(change(&o, &w, KEY, 1), HOT_WAIT);
    assert_int_equal(o.count, 1);
    hot_write_end(o.ledger, &w);
    hot_ledger_free(o.ledger);
}

/* --- the shelf --- */

struct value {
    struct blob blob;
    unsigned *released;
};

static void release(struct blob *blob) {
    struct value *value = (struct value *)blob;

    ++*value->released;
    free(value);
}

struct holder {
    struct hot_shelf *shelf;
    unsigned released;
    uint64_t newest;
};

static void open_shelf(struct holder *h) {
    const struct hot_shelf_config config = {.keys_max = KEYS_MAX, .bytes_max = BYTES_MAX};

    *h = (struct holder){.newest = 5};
    assert_int_equal(hot_shelf_new(&config, &h->shelf), LARDER_OK);
}

static bool put_sized(struct holder *h, struct slice key, size_t bytes, int64_t sent_ns, int64_t now_ns) {
    struct value *value = __real_malloc(sizeof(*value));
    struct hot_copy copy = {
        .key = key,
        .hash = (uint64_t)(unsigned char)key.data[0] * UINT64_C(0x0101010101010101),
        .owner = 9,
        .sent_ns = sent_ns,
        .lease_ns = LEASE,
        .serial = 5,
        .value = &value->blob,
        .bytes = bytes,
    };
    bool done;

    assert_non_null(value);
    value->released = &h->released;
    blob_init(&value->blob, release);
    done = hot_put(h->shelf, &copy, h->newest, now_ns);
    blob_unref(&value->blob);
    return done;
}

static bool put(struct holder *h, struct slice key, int64_t sent_ns, int64_t now_ns) {
    return put_sized(h, key, 100, sent_ns, now_ns);
}

static uint64_t hash_of(struct slice key) {
    return (uint64_t)(unsigned char)key.data[0] * UINT64_C(0x0101010101010101);
}

static bool has(struct holder *h, struct slice key, int64_t now_ns) {
    return hot_find(h->shelf, key, hash_of(key), h->newest, INT64_MAX, now_ns) != NULL;
}

static struct hot_shelf_counts shelf_counts(const struct holder *h) {
    struct hot_shelf_counts counts;

    hot_shelf_count(h->shelf, &counts);
    return counts;
}

/* From when it was sent, not from when it came. */
static void test_lease(void **state) {
    struct holder h;

    (void)state;
    open_shelf(&h);
    assert_false(has(&h, KEY, 0));
    assert_true(put(&h, KEY, 100, 300));
    assert_true(has(&h, KEY, 300));
    assert_true(has(&h, KEY, 100 + LEASE - 1));
    assert_false(has(&h, KEY, 100 + LEASE));
    assert_int_equal(h.released, 1);
    assert_false(put(&h, KEY, 100, 100 + LEASE));
    assert_int_equal(h.released, 2);
    assert_int_equal(shelf_counts(&h).late, 1);
    assert_int_equal(shelf_counts(&h).served, 2);
    assert_true(put(&h, KEY, 1000, 1001));
    assert_true(put(&h, KEY, 1002, 1003));
    assert_int_equal(shelf_counts(&h).keys, 1);
    hot_shelf_free(h.shelf);
    assert_int_equal(h.released, 4);
    hot_shelf_free(NULL);
}

/* A revocation takes the copy, and what was asked for before. */
static void test_revoked(void **state) {
    struct holder h;

    (void)state;
    open_shelf(&h);
    assert_true(put(&h, KEY, 10, 20));
    assert_true(put(&h, SLICE("other"), 10, 20));
    hot_revoke(h.shelf, KEY, hash_of(KEY), 30);
    assert_false(has(&h, KEY, 31));
    assert_true(has(&h, SLICE("other"), 31));
    assert_false(put(&h, KEY, 10, 32));
    assert_false(put(&h, KEY, 30, 33));
    assert_true(put(&h, KEY, 31, 34));
    assert_true(has(&h, KEY, 35));
    assert_int_equal(shelf_counts(&h).revoked, 1);
    hot_revoke(h.shelf, SLICE("never"), hash_of(SLICE("never")), 40);
    assert_false(put(&h, SLICE("never"), 40, 41));
    hot_shelf_free(h.shelf);
}

static void test_dropped(void **state) {
    struct holder h;

    (void)state;
    open_shelf(&h);
    assert_true(put(&h, KEY, 10, 20));
    hot_drop(h.shelf, 8, 30);
    assert_true(has(&h, KEY, 31));
    hot_drop(h.shelf, 9, 40);
    assert_false(has(&h, KEY, 41));
    assert_false(put(&h, SLICE("other"), 40, 42));
    assert_true(put(&h, SLICE("other"), 41, 42));
    hot_shelf_free(h.shelf);
}

static void test_views(void **state) {
    struct holder h;

    (void)state;
    open_shelf(&h);
    assert_true(put(&h, KEY, 10, 20));
    assert_null(hot_find(h.shelf, KEY, hash_of(KEY), 5, 30, 30));
    assert_non_null(hot_find(h.shelf, KEY, hash_of(KEY), 5, 31, 30));
    h.newest = 6;
    assert_false(has(&h, KEY, 30));
    assert_false(put(&h, KEY, 31, 32)); /* asked for by 5 */
    h.newest = 5;
    assert_false(has(&h, KEY, 33));
    hot_shelf_free(h.shelf);
}

static void test_shelf_ceilings(void **state) {
    static char text[HOT_KEY_MAX + 1] = "k";
    static const struct slice keys[] = {SLICE("a"), SLICE("b"), SLICE("c"), SLICE("d"), SLICE("e")};
    struct holder h;

    (void)state;
    open_shelf(&h);
    for (size_t i = 0; i < 5; i++) {
        assert_true(put(&h, keys[i], 10, 20 + (int64_t)i));
    }
    assert_false(has(&h, keys[0], 30));
    assert_true(has(&h, keys[1], 30));
    assert_int_equal(shelf_counts(&h).keys, KEYS_MAX);
    assert_int_equal(shelf_counts(&h).pushed, 1);
    assert_true(put_sized(&h, keys[0], BYTES_MAX / 2, 10, 40));
    assert_true(shelf_counts(&h).bytes <= BYTES_MAX);
    assert_true(put_sized(&h, keys[1], BYTES_MAX / 2, 10, 40));
    assert_true(shelf_counts(&h).bytes <= BYTES_MAX);
    assert_false(has(&h, keys[0], 41));
    assert_true(has(&h, keys[1], 41));
    assert_false(put_sized(&h, keys[1], BYTES_MAX, 10, 40));
    assert_false(put_sized(&h, keys[1], SIZE_MAX, 10, 40));
    assert_false(put(&h, slice_make(text, sizeof(text)), 10, 40));
    hot_shelf_free(h.shelf);
    assert_int_equal(h.released, 10);
}

static void test_shelf_memory(void **state) {
    const struct hot_shelf_config config = {.keys_max = 1, .bytes_max = 1};
    struct hot_shelf *none = NULL;
    struct holder h;

    (void)state;
    until_failure = 0;
    assert_int_equal(hot_shelf_new(&config, &none), LARDER_ERROR_NO_MEMORY);
    assert_null(none);
    open_shelf(&h);
    until_failure = 0;
    assert_false(put(&h, KEY, 10, 20));
    until_failure = -1;
    assert_false(has(&h, KEY, 30));
    assert_int_equal(h.released, 1);
    hot_shelf_free(h.shelf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_copies),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_waited_out),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_answered_after_it_was_given_up),
        cmocka_unit_test(test_terms),
        cmocka_unit_test(test_shorter),
        cmocka_unit_test(test_ledger_ceilings),
        cmocka_unit_test(test_ledger_memory),
        cmocka_unit_test(test_lease),
        cmocka_unit_test(test_revoked),
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_shelf_ceilings),
        cmocka_unit_test(test_shelf_memory),
    };

    return cmocka_run_group_tests_name("ring copies", tests, NULL, NULL);
}
