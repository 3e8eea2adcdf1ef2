/* SPDX-License-Identifier: Apache-2.0 */
/* Who stands in a line without waiting: what he asks, and what he is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>

#include "library/etcd/line.h"
#include "unit/library/counting.h"
#include "unit/library/observed.h"
#include "unit/library/stub_store.h"

enum { LEASE = 0x1f, MANY = 500 };

static struct stub_store store;
static struct larder_etcd client;
static struct larder_etcd_lease lease;

static int set_up(void **state) {
    (void)state;
    stub_init(&store);
    stub_client_init(&client, &store, &counting, NULL);
    lease = (struct larder_etcd_lease){.client = &client, .id = LEASE, .fd = -1, .end_ns = INT64_MAX};
    pthread_mutex_init(&lease.lock, NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    assert_null(lease.places);
    assert_int_equal(atomic_load(&standing), 0);
    pthread_mutex_destroy(&lease.lock);
    stub_client_fini(&client);
    stub_fini(&store);
    return 0;
}

/* --- what the store says --- */

static void *keep(struct store_call *call, const void *what, size_t size) {
    void *kept = arena_alloc(&call->arena, size > 0 ? size : 1);

    assert_non_null(kept);
    if (size > 0) {
        memcpy(kept, what, size);
    }
    return kept;
}

/* The answer is the call's own, but for keys and values. */
static void answer_txn(struct store_call *call, bool succeeded, int64_t revision, const struct store_result *results,
                       size_t count) {
    call->status = STORE_OK;
    call->revision = revision;
    call->result = (struct store_result){.kind = STORE_OP_TXN, .succeeded = succeeded, .result_count = count};
    call->result.results = keep(call, results, count * sizeof(*results));
    for (size_t i = 0; i < count; i++) {
        struct store_result *r = &call->result.results[i];

        r->kvs = keep(call, r->kvs, r->kv_count * sizeof(*r->kvs));
    }
    call->done(call);
}

static struct store_call *take(enum store_op_kind first) {
    struct store_call *call = stub_take(&store);

    assert_int_equal(call->op.kind, STORE_OP_TXN);
    assert_int_equal(call->op.txn.success[0].kind, first);
    return call;
}

/* The key was put at `revision`; that of who is the first, at `first`. */
static void answer_join(int64_t revision, int64_t first) {
    struct kv kv = {.key = SLICE("l/1"), .create_revision = first};
    struct store_result results[2] = {{.kind = STORE_OP_PUT},
                                      {.kind = STORE_OP_RANGE, .kvs = &kv, .kv_count = 1, .count = 1}};

    answer_txn(take(STORE_OP_PUT), true, revision, results, 2);
}

/* `before`: NULL: nobody is. */
static void answer_look(bool is_there, const char *before) {
    struct kv kv = {.key = slice_from_string(before != NULL ? before : "")};
    struct store_result result = {
        .kind = STORE_OP_RANGE, .kvs = &kv, .kv_count = before != NULL, .count = before != NULL};

    answer_txn(take(STORE_OP_RANGE), is_there, 100, &result, is_there);
}

static void answer_leave(enum store_compare_target target, int64_t number) {
    struct store_call *call = take(STORE_OP_DELETE);
    struct store_result result = {.kind = STORE_OP_DELETE, .count = 1};

    assert_true(slice_equal(call->op.txn.success[0].delete.span.key, SLICE("l/1f")));
    assert_int_equal(call->op.txn.compares[0].target, target);
    assert_int_equal(call->op.txn.compares[0].number, number);
    answer_txn(call, true, 100, &result, 1);
}

/* --- who stands there --- */

static struct larder_etcd_locking *begin(void) {
    struct larder_etcd_locking *locking;

    assert_int_equal(larder_etcd_lock_begin(&lease, "l", 1, &locking, NULL), LARDER_DONE);
    return locking;
}

static bool is_readable(const struct larder_etcd_locking *locking) {
    struct pollfd fd = {.fd = larder_etcd_locking_fd(locking), .events = POLLIN};

    return poll(&fd, 1, 0) == 1;
}

static void assert_waits(struct larder_etcd_locking *locking) {
    struct larder_etcd_lock *lock = NULL;

    assert_int_equal(larder_etcd_locking_next(locking, &lock, NULL), LARDER_NOTHING);
    assert_false(is_readable(locking));
    assert_null(lock);
}

/* Something has come, after which there is still nothing for the caller. */
static void assert_goes_on(struct larder_etcd_locking *locking) {
    assert_true(is_readable(locking));
    assert_waits(locking);
}

static void assert_ends(struct larder_etcd_locking *locking, enum larder_status status) {
    struct larder_etcd_lock *lock = NULL;

    assert_true(is_readable(locking));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(larder_etcd_locking_next(locking, &lock, NULL), status);
        assert_null(lock);
    }
    larder_etcd_locking_free(locking);
}

static void *answer_release(void *ctx) {
    answer_leave(STORE_COMPARE_CREATE, *(int64_t *)ctx);
    return NULL;
}

static void assert_holds(struct larder_etcd_locking *locking, int64_t revision) {
    struct larder_etcd_lock *lock = NULL;
    pthread_t thread;

    assert_true(is_readable(locking));
    assert_int_equal(larder_etcd_locking_next(locking, &lock, NULL), LARDER_DONE);
    assert_int_equal(larder_etcd_locking_next(locking, &lock, NULL), LARDER_ERR_ENDED);
    larder_etcd_locking_free(locking);
    assert_int_equal(larder_etcd_lock_revision(lock), revision);
    assert_string_equal(larder_etcd_lock_key(lock, NULL), "l/1f");
    assert_int_equal(pthread_create(&thread, NULL, answer_release, &revision), 0);
    assert_int_equal(larder_etcd_lock_release(lock, NULL), LARDER_DONE);
    pthread_join(thread, NULL);
}

static void who_comes_first_has_it(void **state) {
    struct larder_etcd_locking *locking = begin();

    (void)state;
    assert_waits(locking);
    answer_join(7, 7);
    assert_holds(locking, 7);
}

static void who_comes_later_watches_the_one_before(void **state) {
    struct kv_event gone = {.kind = KV_EVENT_DELETE, .kv = {.key = SLICE("l/1"), .mod_revision = 101}};
    struct larder_etcd_locking *locking = begin();

    (void)state;
    answer_join(7, 3);
    assert_goes_on(locking);
    answer_look(true, "l/1");
    assert_goes_on(locking);
    assert_true(store.watcher.is_open);
    stub_tell(&store, &gone);
    assert_goes_on(locking);
    assert_false(store.watcher.is_open);
    answer_look(true, NULL);
    assert_holds(locking, 7);
}

static void a_candidate_says_who_he_is(void **state) {
    struct kv own = {.key = SLICE("l/1f"), .value = SLICE("former"), .create_revision = 5};
    struct store_result found[2] = {{.kind = STORE_OP_RANGE, .kvs = &own, .kv_count = 1},
                                    {.kind = STORE_OP_RANGE, .kvs = &own, .kv_count = 1}};
    struct store_result written = {.kind = STORE_OP_PUT};
    struct larder_etcd_leadership *leadership;
    struct larder_etcd_candidacy *candidacy;
    struct store_call *call;
    char value[] = "me";

    (void)state;
    assert_int_equal(larder_etcd_campaign_begin(&lease, "l", 1, value, 2, &candidacy, NULL), LARDER_DONE);
    value[0] = '?'; /* it was copied */
    call = take(STORE_OP_PUT);
    assert_true(slice_equal(call->op.txn.success[0].put.value, SLICE("me")));
    answer_txn(call, false, 9, found, 2); /* he was there before, with another value */
    assert_int_equal(larder_etcd_candidacy_next(candidacy, &leadership, NULL), LARDER_NOTHING);
    call = take(STORE_OP_PUT);
    assert_true(slice_equal(call->op.txn.success[0].put.value, SLICE("me")));
    answer_txn(call, true, 10, &written, 1);
    assert_int_equal(larder_etcd_candidacy_next(candidacy, &leadership, NULL), LARDER_NOTHING);
    answer_look(true, NULL);
    assert_int_equal(larder_etcd_candidacy_next(candidacy, &leadership, NULL), LARDER_DONE);
    larder_etcd_candidacy_free(candidacy);
    assert_int_equal(larder_etcd_leadership_revision(leadership), 5);
    place_free((struct place *)(void *)leadership);
}

/* --- what goes wrong --- */

static void what_passes_is_asked_again(void **state) {
    struct larder_etcd_locking *locking = begin();

    (void)state;
    stub_answer(&store, STORE_UNAVAILABLE, 0);
    assert_goes_on(locking);
    answer_join(7, 3);
    assert_goes_on(locking);
    stub_answer(&store, STORE_TIMEOUT, 0);
    assert_goes_on(locking);
    answer_look(true, NULL);
    assert_holds(locking, 7);
}

static void an_error_ends_it(void **state) {
    struct larder_etcd_locking *locking = begin();

    (void)state;
    stub_answer(&store, STORE_DENIED, 0);
    assert_ends(locking, LARDER_ERR_DENIED); /* nothing was put, so there is nothing to be taken away */
    locking = begin();
    stub_answer(&store, STORE_LEASE_NOT_FOUND, 0);
    assert_ends(locking, LARDER_ERR_LOST);
    locking = begin();
    answer_join(7, 3);
    assert_goes_on(locking);
    stub_answer(&store, STORE_DENIED, 0);
    assert_ends(locking, LARDER_ERR_DENIED);
    answer_leave(STORE_COMPARE_CREATE, 7);
    locking = begin();
    answer_join(7, 3);
    assert_goes_on(locking);
    answer_look(false, NULL); /* somebody has deleted the key */
    assert_ends(locking, LARDER_ERR_LOST);
    answer_leave(STORE_COMPARE_CREATE, 7);
}

/* With the lease all goes, so nothing is asked any more. */
static void who_waits_hears_that_the_lease_is_lost(void **state) {
    struct larder_etcd_locking *locking = begin();

    (void)state;
    answer_join(7, 3);
    assert_goes_on(locking);
    answer_look(true, "l/1");
    assert_goes_on(locking);
    atomic_store(&lease.lost, true);
    place_raise_flags(&lease);
    assert_ends(locking, LARDER_ERR_LOST);
}

static void a_loss_is_heard_behind_an_answer_too(void **state) {
    struct larder_etcd_locking *locking = begin();

    (void)state;
    answer_join(7, 3);
    assert_goes_on(locking);
    atomic_store(&lease.lost, true);
    place_raise_flags(&lease);
    assert_goes_on(locking);
    answer_look(true, "l/1");
    assert_ends(locking, LARDER_ERR_LOST);
}

/* --- leaving --- */

static void a_lease_stands_once_in_a_line(void **state) {
    struct larder_etcd_locking *locking = begin(), *second;

    (void)state;
    assert_int_equal(larder_etcd_lock_begin(&lease, "l", 1, &second, NULL), LARDER_ERR_BUSY);
    assert_int_equal(larder_etcd_lock_begin(&lease, "", 0, &second, NULL), LARDER_ERR_KEY);
    answer_join(7, 7);
    assert_holds(locking, 7);
}

static void who_leaves_does_not_wait(void **state) {
    struct larder_etcd_locking *locking = begin();

    (void)state;
    larder_etcd_locking_free(locking); /* before it is known whether the key was put */
    locking = begin();                 /* behind that */
    answer_join(7, 7);
    assert_true(atomic_load(&standing) > 0);
    answer_leave(STORE_COMPARE_LEASE, LEASE);
    answer_join(8, 3);
    assert_goes_on(locking);
    answer_look(true, "l/1");
    assert_goes_on(locking);
    larder_etcd_locking_free(locking); /* while he waits */
    assert_false(store.watcher.is_open);
    answer_leave(STORE_COMPARE_CREATE, 8);
    locking = begin();
    answer_join(9, 9);
    larder_etcd_locking_free(locking); /* when it is his, which he has not heard */
    answer_leave(STORE_COMPARE_LEASE, LEASE);
    larder_etcd_locking_free(NULL);
    larder_etcd_candidacy_free(NULL);
}

static void *answer_many(void *ctx) {
    (void)ctx;
    for (int i = 0; i < MANY; i++) {
        answer_join(i + 1, 1);
        stub_answer(&store, STORE_OK, 0);
    }
    return NULL;
}

static void who_leaves_may_meet_the_answer(void **state) {
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, answer_many, NULL), 0);
    for (int i = 0; i < MANY; i++) {
        larder_etcd_locking_free(begin());
    }
    pthread_join(thread, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_comes_first_has_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_comes_later_watches_the_one_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_candidate_says_who_he_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_passes_is_asked_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_error_ends_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_waits_hears_that_the_lease_is_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_loss_is_heard_behind_an_answer_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lease_stands_once_in_a_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_leaves_does_not_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_leaves_may_meet_the_answer, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
