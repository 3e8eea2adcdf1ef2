/* SPDX-License-Identifier: Apache-2.0 */
/* Who follows an election without waiting for the cluster. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>

#include "unit/library/counting.h"
#include "unit/library/observed.h"
#include "unit/library/stub_store.h"

enum { MANY = 500 };

static struct larder_tracer tracer;
static struct stub_store store;
static struct larder_etcd client;
static struct larder_etcd_result result;

static int set_up(void **state) {
    (void)state;
    observed_init(&tracer);
    stub_init(&store);
    stub_client_init(&client, &store, &counting, &tracer);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    larder_etcd_result_free(&result);
    assert_int_equal(atomic_load(&standing), 0);
    stub_client_fini(&client);
    stub_fini(&store);
    observed_fini(&tracer);
    return 0;
}

static struct larder_etcd_observer *open_observer(void) {
    struct larder_etcd_observer *observer;

    assert_int_equal(larder_etcd_observe(&client, "e", 1, &observer, NULL), LARDER_DONE);
    return observer;
}

static bool is_readable(const struct larder_etcd_observer *observer) {
    struct pollfd fd = {.fd = larder_etcd_observe_fd(observer), .events = POLLIN};

    return poll(&fd, 1, 0) == 1;
}

/* As a loop does: it can be read, there is this one thing, and then nothing. */
static void assert_news(struct larder_etcd_observer *observer, enum larder_status status, const char *value) {
    assert_true(is_readable(observer));
    assert_int_equal(larder_etcd_observe_next(observer, 0, &result), status);
    if (value != NULL) {
        assert_string_equal(result.answer.kvs[0].value, value);
    }
    assert_int_equal(larder_etcd_observe_next(observer, 0, &result), LARDER_NOTHING);
    assert_false(is_readable(observer));
}

/* It can be read because there is something to be asked. */
static void assert_asks(struct larder_etcd_observer *observer) {
    assert_true(is_readable(observer));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(larder_etcd_observe_next(observer, 0, &result), LARDER_NOTHING);
        assert_false(is_readable(observer));
    }
}

static struct kv kv_of(const char *key, const char *value, int64_t revision) {
    return (struct kv){.key = slice_from_string(key), .value = slice_from_string(value), .mod_revision = revision};
}

static void news_come_by_the_descriptor(void **state) {
    struct kv first = kv_of("e/1", "one", 2), second = kv_of("e/2", "two", 3);
    struct kv_event put = {.kind = KV_EVENT_PUT, .kv = first},
                    another = {.kind = KV_EVENT_PUT, .kv = kv_of("e/1", "uno", 4)},
                    gone = {.kind = KV_EVENT_DELETE, .kv = kv_of("e/1", "", 5)};
    struct larder_etcd_observer *observer = open_observer();

    (void)state;
    assert_asks(observer);
    stub_find(&store, NULL);
    assert_news(observer, LARDER_MISS, NULL);
    stub_tell(&store, &put);
    assert_asks(observer);
    stub_find(&store, &first);
    assert_news(observer, LARDER_HIT, "one");
    stub_tell(&store, &another);
    assert_news(observer, LARDER_HIT, "uno");
    stub_tell(&store, &gone);
    assert_asks(observer);
    stub_find(&store, &second);
    assert_news(observer, LARDER_HIT, "two");
    larder_etcd_observe_free(observer);
}

static void after_an_error_it_is_asked_again_when_it_is_called(void **state) {
    struct larder_etcd_observer *observer = open_observer();

    (void)state;
    assert_asks(observer);
    stub_answer(&store, STORE_DENIED, 0);
    assert_true(is_readable(observer));
    assert_int_equal(larder_etcd_observe_next(observer, 0, &result), LARDER_ERR_DENIED);
    assert_false(is_readable(observer));
    assert_int_equal(larder_etcd_observe_next(observer, 0, &result), LARDER_NOTHING);
    stub_find(&store, NULL);
    assert_news(observer, LARDER_MISS, NULL);
    larder_etcd_observe_free(observer);
}

static void *find_nobody(void *ctx) {
    (void)ctx;
    stub_find(&store, NULL);
    return NULL;
}

/* However short that is: what is asked of the cluster has its own time. */
static void who_waits_hears_the_answer(void **state) {
    struct larder_etcd_observer *observer = open_observer();
    pthread_t thread;

    (void)state;
    assert_asks(observer);
    assert_int_equal(pthread_create(&thread, NULL, find_nobody, NULL), 0);
    assert_int_equal(larder_etcd_observe_next(observer, 1, &result), LARDER_MISS);
    pthread_join(thread, NULL);
    assert_int_equal(larder_etcd_observe_next(observer, 1, &result), LARDER_NOTHING);
    larder_etcd_observe_free(observer);
}

static void the_tracer_is_told_when_the_answer_comes(void **state) {
    struct larder_etcd_observer *observer = open_observer();

    (void)state;
    assert_asks(observer);
    assert_spans(&tracer, "");
    stub_find(&store, NULL);
    assert_calls(&tracer, "Range done  1\n");
    assert_news(observer, LARDER_MISS, NULL);
    larder_etcd_observe_free(observer);
}

/* --- leaving --- */

static void who_leaves_does_not_wait(void **state) {
    struct larder_etcd_observer *observer = open_observer();

    (void)state;
    larder_etcd_observe_free(observer); /* before it is asked */
    observer = open_observer();
    assert_asks(observer);
    larder_etcd_observe_free(observer); /* while it is */
    assert_int_equal(atomic_load(&standing), 1);
    stub_find(&store, NULL);
    assert_int_equal(atomic_load(&standing), 0);
    observer = open_observer();
    assert_asks(observer);
    stub_find(&store, NULL);
    larder_etcd_observe_free(observer); /* when it is answered */
    larder_etcd_observe_free(NULL);
}

static void *find_many(void *ctx) {
    (void)ctx;
    for (int i = 0; i < MANY; i++) {
        stub_find(&store, NULL);
    }
    return NULL;
}

static void who_leaves_may_meet_the_answer(void **state) {
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, find_many, NULL), 0);
    for (int i = 0; i < MANY; i++) {
        struct larder_etcd_observer *observer = open_observer();
        enum larder_status status = larder_etcd_observe_next(observer, 0, &result);

        assert_true(status == LARDER_NOTHING || status == LARDER_MISS);
        larder_etcd_observe_free(observer);
    }
    pthread_join(thread, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(news_come_by_the_descriptor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(after_an_error_it_is_asked_again_when_it_is_called, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_waits_hears_the_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_tracer_is_told_when_the_answer_comes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_leaves_does_not_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_leaves_may_meet_the_answer, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
