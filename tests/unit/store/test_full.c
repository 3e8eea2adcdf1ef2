/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/resource.h>

#include "snapshots.h"

enum { VALUE_SIZE = 10000 };

static const char *value_of(char fill) {
    static char value[VALUE_SIZE + 1];

    memset(value, fill, VALUE_SIZE);
    return value;
}

static enum store_status try_put(struct place *p, const char *key, const char *value) {
    struct awaited a;
    enum store_status status = run(p, &a, op_put(key, value));

    awaited_end(&a);
    return status;
}

/* Writes until it is refused. Returns how many were taken. */
static int fill(struct place *p, enum store_status *ret_status) {
    char key[32];
    int taken = 0;

    do {
        snprintf(key, sizeof(key), "fill/%d", taken);
        *ret_status = try_put(p, key, value_of('f'));
        taken++;
    } while (*ret_status == STORE_OK && taken < 100000);
    return taken - 1;
}

static void delete_all(struct place *p) {
    struct store_op op = {
        .kind = STORE_OP_DELETE,
        .delete = {.span = {.key = SLICE("fill/"), .range_end = SLICE("fill0")}},
    };
    struct awaited a;

    assert_int_equal(run(p, &a, op), STORE_OK);
    awaited_end(&a);
}

static bool is_full(struct place *p) {
    struct store_figures figures;

    store_get_figures(p->store, &figures);
    return figures.full;
}

/* Compaction takes place between commits. */
static void wait_for_room(struct place *p) {
    struct store_figures figures;

    do {
        usleep(1000);
        store_get_figures(p->store, &figures);
    } while (figures.bytes > figures.quota / 2);
}

static void a_used_up_quota_refuses_puts_only(void **state) {
    enum store_status status;
    struct place p;
    int taken;

    (void)state;
    place_init(&p);
    p.config.quota = 4 << 20;
    p.config.history = 1000;
    place_open(&p);
    taken = fill(&p, &status);
    assert_int_equal(status, STORE_NO_SPACE);
    assert_true(taken > 200 && taken < 420);
    assert_true(is_full(&p));
    expect(&p, "fill/0", 0, value_of('f'));
    delete_all(&p);
    /* The deleted values are history, which is given up for room. */
    wait_for_room(&p);
    assert_int_equal(try_put(&p, "small", "x"), STORE_OK);
    assert_false(is_full(&p));
    assert_true(fill(&p, &status) > 200);
    place_reopen(&p);
    expect(&p, "small", 0, "x");
    place_end(&p);
}

static void limit_files(rlim_t size) {
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size < limit.rlim_max ? size : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The writer turns to a snapshot, and then to a batch without a call. */
static void disturb(struct place *p) {
    for (int i = 0; i < 2; i++) { /* the second finds that the batch after the first is over */
        store_snapshot_close(snapshot_open(p));
    }
}

/* A commit that the disk does not take has never been: not for readers, nor leases, nor a restart. */
static void a_full_disk_loses_nothing_and_reads_go_on(void **state) {
    struct store_op granted = {.kind = STORE_OP_LEASE_GRANT, .lease = {.id = 7, .ttl = 1000}};
    struct store_op leased = op_put("leased", "v");
    enum store_status status;
    int64_t revision;
    struct awaited a;
    struct place p;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    place_start(&p);
    put(&p, "before", "1");
    assert_int_equal(run(&p, &a, granted), STORE_OK);
    awaited_end(&a);
    leased.put.lease = 7;
    assert_int_equal(run(&p, &a, leased), STORE_OK);
    awaited_end(&a);
    limit_files(1 << 20);
    fill(&p, &status);
    assert_int_equal(status, STORE_NO_SPACE);
    revision = store_revision(p.store);
    assert_int_equal(try_put(&p, "leased", value_of('x')), STORE_NO_SPACE);
    assert_int_equal(try_put(&p, "new", value_of('x')), STORE_NO_SPACE);
    disturb(&p);
    assert_true(is_full(&p));
    expect(&p, "before", 0, "1");
    expect(&p, "leased", 0, "v");
    expect(&p, "new", 0, NULL);
    assert_int_equal(store_revision(p.store), revision);
    limit_files(RLIM_INFINITY);
    assert_int_equal(put(&p, "after", "2"), revision + 1);
    assert_false(is_full(&p));
    assert_int_equal(run(&p, &a, (struct store_op){.kind = STORE_OP_LEASE_REVOKE, .lease = {.id = 7}}), STORE_OK);
    awaited_end(&a);
    for (int i = 0; i < 2; i++) {
        expect(&p, "leased", 0, NULL);
        expect(&p, "before", 0, "1");
        expect(&p, "after", 0, "2");
        expect(&p, "new", 0, NULL);
        assert_int_equal(store_revision(p.store), revision + 2);
        place_reopen(&p);
    }
    place_end(&p);
}

static void what_is_too_large_is_refused(void **state) {
    char *value = malloc(STORE_REQUEST_MAX + 2);
    struct place p;

    (void)state;
    assert_non_null(value);
    memset(value, 'v', STORE_REQUEST_MAX + 1);
    value[STORE_REQUEST_MAX] = '\0';
    place_start(&p);
    assert_int_equal(try_put(&p, "k", value), STORE_TOO_LARGE);
    assert_int_equal(try_put(&p, "k", value + 1), STORE_OK);
    expect(&p, "k", 0, value + 1);
    place_end(&p);
    free(value);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_used_up_quota_refuses_puts_only),
        cmocka_unit_test(a_full_disk_loses_nothing_and_reads_go_on),
        cmocka_unit_test(what_is_too_large_is_refused),
    };

    return cmocka_run_group_tests_name("store-full", tests, NULL, NULL);
}
