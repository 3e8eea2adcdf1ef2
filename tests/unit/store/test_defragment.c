/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/stat.h>

#include "harness.h"

enum { KEYS = 2000, VALUE = 3000 };

static enum store_status defragment(struct place *p) {
    struct awaited a;
    enum store_status status = run(p, &a, (struct store_op){.kind = STORE_OP_DEFRAGMENT});

    awaited_end(&a);
    return status;
}

static enum store_status compact_physically(struct place *p, int64_t revision) {
    struct awaited a;
    enum store_status status =
        run(p, &a, (struct store_op){.kind = STORE_OP_COMPACT, .compact_revision = revision, .compact_physical = true});

    awaited_end(&a);
    return status;
}

static struct store_figures figures(struct place *p) {
    struct store_figures f;

    store_get_figures(p->store, &f);
    return f;
}

/* Much, of which nothing is left but one key. */
static int64_t fill_and_delete(struct place *p) {
    char *value = malloc(VALUE + 1);
    int64_t revision;

    assert_non_null(value);
    memset(value, 'v', VALUE);
    value[VALUE] = '\0';
    place_init(p);
    p->config.no_sync = true;
    place_open(p);
    for (int i = 0; i < KEYS; i++) {
        char key[32];

        snprintf(key, sizeof(key), "key/%d", i);
        put(p, key, value);
    }
    put(p, "kept", "1");
    for (int i = 0; i < KEYS; i++) {
        char key[32];

        snprintf(key, sizeof(key), "key/%d", i);
        del(p, key);
    }
    revision = put(p, "kept", "2");
    free(value);
    return revision;
}

static void the_file_becomes_smaller(void **state) {
    struct store_figures before;
    struct store_figures after;
    struct stat stat_of;
    struct place p;
    int64_t revision;
    char path[128];

    (void)state;
    revision = fill_and_delete(&p);
    assert_int_equal(compact_physically(&p, revision), STORE_OK);
    before = figures(&p);
    assert_true(before.file_bytes > KEYS * VALUE);
    assert_true(before.file_bytes_used < 200 << 10);
    note(&p, "identity", SLICE("me"));
    assert_int_equal(defragment(&p), STORE_OK);
    after = figures(&p);
    assert_true(after.file_bytes < 200 << 10);
    assert_true(after.file_bytes_used <= after.file_bytes);
    snprintf(path, sizeof(path), "%s/data.mdb", p.directory);
    assert_int_equal(stat(path, &stat_of), 0);
    assert_true((uint64_t)stat_of.st_size < 200 << 10);
    expect(&p, "kept", 0, "2");
    assert_int_equal(put(&p, "kept", "3"), revision + 1);
    expect(&p, "kept", revision, "2");
    place_reopen(&p);
    expect(&p, "kept", 0, "3");
    expect(&p, "kept", revision, "2");
    place_end(&p);
}

/* In order with the writes around it, and again and again. */
static void writes_go_on_around_it(void **state) {
    enum { ROUNDS = 20, CALLS = 3 * ROUNDS };
    struct awaited *calls = calloc(CALLS, sizeof(*calls));
    struct place p;

    (void)state;
    assert_non_null(calls);
    place_start(&p);
    for (size_t i = 0; i < CALLS; i += 3) {
        hand_in(&p, &calls[i], op_put("a", i % 2 == 0 ? "even" : "odd"));
        hand_in(&p, &calls[i + 1], (struct store_op){.kind = STORE_OP_DEFRAGMENT});
        hand_in(&p, &calls[i + 2], op_put("b", "x"));
    }
    for (size_t i = 0; i < CALLS; i++) {
        assert_int_equal(await(&calls[i]), STORE_OK);
        assert_int_equal(calls[i].call.revision, 2 + i / 3 * 2 + (i % 3 == 2));
        awaited_end(&calls[i]);
    }
    expect(&p, "a", 0, "odd");
    place_reopen(&p);
    expect(&p, "a", 0, "odd");
    assert_int_equal(figures(&p).revision, 1 + 2 * ROUNDS);
    place_end(&p);
    free(calls);
}

static void write_file(const struct place *p, const char *name) {
    char path[128];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", p->directory, name);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "half", 4), 4);
    close(fd);
}

static void what_is_half_done_is_removed_at_a_start(void **state) {
    struct place p;
    char path[128];

    (void)state;
    place_start(&p);
    put(&p, "a", "1");
    store_close(p.store);
    write_file(&p, "data.mdb.new");
    write_file(&p, "data.mdb.new-lock");
    place_open(&p);
    expect(&p, "a", 0, "1");
    snprintf(path, sizeof(path), "%s/data.mdb.new", p.directory);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(defragment(&p), STORE_OK);
    place_end(&p);
}

/* Where no second file can be made, the first one stays in use. */
static void a_failure_leaves_all_as_it_was(void **state) {
    struct place p;
    char path[128];

    (void)state;
    place_start(&p);
    put(&p, "a", "1");
    snprintf(path, sizeof(path), "%s/data.mdb.new", p.directory);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_not_equal(defragment(&p), STORE_OK);
    expect(&p, "a", 0, "1");
    put(&p, "a", "2");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(defragment(&p), STORE_OK);
    place_reopen(&p);
    expect(&p, "a", 0, "2");
    place_end(&p);
}

/* --- a compaction that is waited for --- */

static void a_physical_compaction_is_answered_when_old_versions_are_gone(void **state) {
    uint64_t full;
    struct place p;
    int64_t revision;

    (void)state;
    revision = fill_and_delete(&p);
    full = figures(&p).bytes;
    assert_true(full > KEYS * VALUE);
    assert_int_equal(compact_physically(&p, revision), STORE_OK);
    assert_true(figures(&p).bytes < full / 100);
    assert_int_equal(compact_physically(&p, revision), STORE_COMPACTED);
    assert_int_equal(compact_physically(&p, revision + 1), STORE_FUTURE_REVISION);
    place_end(&p);
}

static void on_wake(void *ctx) {
    (void)ctx;
}

/* It waits for a watcher that has not read yet, but not for ever. */
static void a_watcher_that_sleeps_does_not_stop_it(void **state) {
    struct store_watch watch = {.span = span_all(), .start_revision = 2};
    struct store_watcher *w;
    enum store_status status;
    struct place p;
    int64_t revision;

    (void)state;
    place_start(&p);
    w = store_watch_open(p.store, &watch, on_wake, NULL, &status, NULL);
    assert_non_null(w);
    for (int i = 0; i < 10; i++) {
        revision = put(&p, "a", "1");
    }
    assert_int_equal(compact_physically(&p, revision), STORE_OK);
    assert_int_equal(figures(&p).compact_revision, revision);
    store_watcher_close(w);
    place_end(&p);
}

static void closing_answers_it(void **state) {
    struct store_watch watch = {.span = span_all(), .start_revision = 2};
    struct store_watcher *w;
    enum store_status status;
    struct awaited a;
    struct place p;
    int64_t revision;

    (void)state;
    place_start(&p);
    w = store_watch_open(p.store, &watch, on_wake, NULL, &status, NULL);
    assert_non_null(w);
    revision = put(&p, "a", "1");
    hand_in(&p, &a,
            (struct store_op){.kind = STORE_OP_COMPACT, .compact_revision = revision, .compact_physical = true});
    store_watcher_close(w);
    store_close(p.store);
    status = await(&a);
    assert_true(status == STORE_OK || status == STORE_CLOSED);
    awaited_end(&a);
    place_open(&p);
    assert_int_equal(figures(&p).compact_revision, revision);
    place_end(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_becomes_smaller),
        cmocka_unit_test(writes_go_on_around_it),
        cmocka_unit_test(what_is_half_done_is_removed_at_a_start),
        cmocka_unit_test(a_failure_leaves_all_as_it_was),
        cmocka_unit_test(a_physical_compaction_is_answered_when_old_versions_are_gone),
        cmocka_unit_test(a_watcher_that_sleeps_does_not_stop_it),
        cmocka_unit_test(closing_answers_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
