/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/stat.h>

#include "harness.h"

/* What lay on the disk at some moment, as a crash would have left it. */
struct copy {
    struct place place;
    size_t journal_size;
};

static void path_of(const struct place *p, const char *name, char path[128]) {
    snprintf(path, 128, "%s/%s", p->directory, name);
}

static size_t copy_file(const struct place *from, const struct place *to, const char *name, size_t most) {
    char path[128];
    char *bytes = malloc(64 << 20);
    ssize_t size;
    int fd;

    assert_non_null(bytes);
    path_of(from, name, path);
    fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    size = read(fd, bytes, 64 << 20);
    assert_true(size >= 0);
    close(fd);
    path_of(to, name, path);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    size = (size_t)size < most ? size : (ssize_t)most;
    assert_int_equal(write(fd, bytes, (size_t)size), size);
    close(fd);
    free(bytes);
    return (size_t)size;
}

/* What the journal has stays there until the store is closed, however long the test takes. */
static void place_init_restless(struct place *p) {
    place_init(p);
    p->config.checkpoint_idle_ns = 3600 * CLOCK_NS_PER_S;
}

static void place_start_restless(struct place *p) {
    place_init_restless(p);
    place_open(p);
}

static void take_copy(const struct place *p, struct copy *c) {
    place_init_restless(&c->place);
    copy_file(p, &c->place, "data.mdb", SIZE_MAX);
    c->journal_size = copy_file(p, &c->place, "journal", SIZE_MAX);
}

/* Cuts the journal off, as if what is behind had never been written; the file itself is long enough. */
static void tear(const struct place *from, const struct copy *c, size_t size) {
    char path[128];

    copy_file(from, &c->place, "data.mdb", SIZE_MAX);
    copy_file(from, &c->place, "journal", size);
    path_of(&c->place, "journal", path);
    assert_int_equal(truncate(path, (off_t)c->journal_size), 0);
}

static void flip(const struct place *p, const char *name, off_t at) {
    char path[128];
    char byte;
    int fd;

    path_of(p, name, path);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void expect_refused(struct place *p, const char *text) {
    struct buf why;

    buf_init(&why, 4096);
    p->store = local_open(&p->config, &why);
    assert_null(p->store);
    assert_non_null(memmem(why.data, why.size, text, strlen(text)));
    buf_fini(&why);
}

/* Where the entries of the journal end: their heads begin with the same bytes. */
static size_t find_entries(const struct place *p, size_t ends[16]) {
    static char bytes[1 << 20];
    size_t count = 0;
    char path[128];
    int fd;

    path_of(p, "journal", path);
    fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
    close(fd);
    for (size_t at = 0; memcmp(bytes + at, bytes, 8) == 0 && bytes[at] != 0; count++) {
        uint64_t size;

        memcpy(&size, bytes + at + 16, sizeof(size));
        at += 40 + size;
        ends[count] = at;
    }
    return count;
}

static void put_leased(struct place *p, const char *key, int64_t lease) {
    struct store_op op = op_put(key, "leased");
    struct awaited a;

    op.put.lease = lease;
    assert_int_equal(run(p, &a, op), STORE_OK);
    awaited_end(&a);
}

static void lease_call(struct place *p, enum store_op_kind kind, int64_t id) {
    struct awaited a;

    assert_int_equal(run(p, &a, (struct store_op){.kind = kind, .lease = {.id = id, .ttl = 100}}), STORE_OK);
    awaited_end(&a);
}

static void a_crash_loses_nothing_that_was_acknowledged(void **state) {
    struct store_op old = op_get("a");
    struct awaited a;
    struct place p;
    struct copy c;

    (void)state;
    place_start_restless(&p);
    put(&p, "a", "1");
    put(&p, "a", "2");
    lease_call(&p, STORE_OP_LEASE_GRANT, 7);
    lease_call(&p, STORE_OP_LEASE_GRANT, 8);
    put_leased(&p, "b", 7);
    put_leased(&p, "c", 8);
    lease_call(&p, STORE_OP_LEASE_REVOKE, 8);
    put(&p, "d", "x");
    del(&p, "d");
    compact(&p, 3);
    take_copy(&p, &c);
    place_open(&c.place);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_revision(c.place.store), store_revision(p.store));
        expect(&c.place, "a", 0, "2");
        expect(&c.place, "b", 0, "leased");
        expect(&c.place, "c", 0, NULL);
        expect(&c.place, "d", 7, "x");
        expect(&c.place, "d", 0, NULL);
        old.range.revision = 2;
        assert_int_equal(run(&c.place, &a, old), STORE_COMPACTED);
        awaited_end(&a);
        place_reopen(&c.place);
    }
    assert_int_equal(run(&c.place, &a, (struct store_op){.kind = STORE_OP_LEASE_LIST}), STORE_OK);
    assert_int_equal(a.call.result.count, 1);
    awaited_end(&a);
    lease_call(&c.place, STORE_OP_LEASE_REVOKE, 7);
    expect(&c.place, "b", 0, NULL);
    place_end(&c.place);
    place_end(&p);
}

/* Whatever part of the last entry came to the disk: it is there whole or not at all, and what was before it is. */
static void an_entry_that_is_not_whole_has_never_been(void **state) {
    size_t ends[16];
    struct place p;
    struct copy original;
    struct copy c;

    (void)state;
    place_start_restless(&p);
    put(&p, "a", "1");
    put(&p, "b", "2");
    put(&p, "c", "3");
    take_copy(&p, &original);
    place_end(&p);
    take_copy(&original.place, &c);
    assert_int_equal(find_entries(&original.place, ends), 3);
    /* What fills it up to a multiple of 8 may be missing: it is zeros. */
    for (size_t size = ends[1]; size < ends[2] - 8; size += 5) {
        tear(&original.place, &c, size);
        place_open(&c.place);
        expect(&c.place, "b", 0, "2");
        expect(&c.place, "c", 0, NULL);
        assert_int_equal(put(&c.place, "d", "4"), 4);
        place_reopen(&c.place);
        expect(&c.place, "d", 0, "4");
        store_close(c.place.store);
    }
    place_remove(&c.place);
    place_remove(&original.place);
}

static void a_damaged_entry_with_a_successor_is_refused(void **state) {
    size_t ends[16];
    struct place p;
    struct copy original;
    struct copy c;

    (void)state;
    place_start_restless(&p);
    put(&p, "a", "1");
    put(&p, "b", "2");
    put(&p, "c", "3");
    take_copy(&p, &original);
    place_end(&p);
    take_copy(&original.place, &c);
    assert_int_equal(find_entries(&original.place, ends), 3);
    for (off_t at = 0; at < (off_t)ends[1]; at += 7) {
        tear(&original.place, &c, ends[2]);
        flip(&c.place, "journal", at);
        expect_refused(&c.place, "damaged");
    }
    place_remove(&c.place);
    place_remove(&original.place);
}

/* Without waiting for the disk entries are lost in any order; then all from the first lost one on are, now and later. */
static void a_lost_entry_that_was_not_waited_for_ends_the_journal(void **state) {
    size_t ends[16];
    struct copy original;
    struct place p;
    struct copy c;

    (void)state;
    place_init_restless(&p);
    p.config.no_sync = true;
    place_open(&p);
    put(&p, "a", "1");
    put(&p, "b", "2");
    put(&p, "c", "3");
    put(&p, "d", "4");
    take_copy(&p, &original);
    place_end(&p);
    take_copy(&original.place, &c);
    assert_int_equal(find_entries(&original.place, ends), 4);
    flip(&c.place, "journal", (off_t)ends[0] + 45);
    place_open(&c.place);
    expect(&c.place, "a", 0, "1");
    expect(&c.place, "b", 0, NULL);
    expect(&c.place, "c", 0, NULL);
    /* As long as the first one, so that what was behind it is behind this one. */
    assert_int_equal(put(&c.place, "x", "2"), 3);
    place_remove(&original.place);
    take_copy(&c.place, &original);
    place_end(&c.place);
    place_open(&original.place);
    expect(&original.place, "x", 0, "2");
    expect(&original.place, "b", 0, NULL);
    expect(&original.place, "c", 0, NULL);
    assert_int_equal(store_revision(original.place.store), 3);
    place_end(&original.place);
}

static void a_missing_journal_is_refused(void **state) {
    char path[128];
    struct place p;

    (void)state;
    place_start(&p);
    put(&p, "a", "1");
    store_close(p.store);
    path_of(&p, "journal", path);
    assert_int_equal(unlink(path), 0);
    expect_refused(&p, "the journal is missing");
    place_remove(&p);
}

/* So that no value can be made to look like an entry: one must know the salt of the store. */
static void entries_of_another_store_are_none(void **state) {
    struct place p;
    struct place other;

    (void)state;
    place_start(&p);
    put(&p, "a", "1");
    place_start(&other);
    store_close(other.store);
    copy_file(&p, &other, "journal", SIZE_MAX);
    place_open(&other);
    assert_int_equal(store_revision(other.store), 1);
    place_end(&other);
    place_end(&p);
}

/* The journal begins anew after each checkpoint; what is behind its end is then older and must not be taken for more. */
static void older_entries_are_not_taken_over_again(void **state) {
    struct place p;
    struct copy c;
    char key[16];

    (void)state;
    place_init_restless(&p);
    p.config.checkpoint = 400;
    place_open(&p);
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof(key), "k%d", i % 10);
        put(&p, key, "v");
        take_copy(&p, &c);
        place_open(&c.place);
        assert_int_equal(store_revision(c.place.store), i + 2);
        expect(&c.place, key, 0, "v");
        place_end(&c.place);
    }
    place_end(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_loses_nothing_that_was_acknowledged),
        cmocka_unit_test(an_entry_that_is_not_whole_has_never_been),
        cmocka_unit_test(a_damaged_entry_with_a_successor_is_refused),
        cmocka_unit_test(a_lost_entry_that_was_not_waited_for_ends_the_journal),
        cmocka_unit_test(a_missing_journal_is_refused),
        cmocka_unit_test(entries_of_another_store_are_none),
        cmocka_unit_test(older_entries_are_not_taken_over_again),
    };

    return cmocka_run_group_tests_name("store-journal", tests, NULL, NULL);
}
