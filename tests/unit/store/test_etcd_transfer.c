/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/etcd/rpc.pb-c.h"
#include "store/etcd/flow.h"
#include "store/etcd/internal.h"
#include "store/etcd/transfer.h"

/* A request with many answers, from one thread to another. The engine and the flow under it are the test's own, so that
 * errands run when the test says. */

enum { PIECE = ETCD_TRANSFER_LOW, ERRANDS_MAX = 16 };

static struct {
    struct etcd_errand *errands[ERRANDS_MAX];
    size_t errand_count;
    const struct etcd_flow_events *events;
    void *ctx;
    unsigned holds;
    unsigned goes;
    unsigned closes;
} engine;

static char bytes[PIECE];
static char flow;

/* A second time before it has run would tie the engine's list into a ring. */
void etcd_store_post(struct store *s, struct etcd_errand *errand) {
    (void)s;
    for (size_t i = 0; i < engine.errand_count; i++) {
        assert_ptr_not_equal(engine.errands[i], errand);
    }
    assert_true(engine.errand_count < ERRANDS_MAX);
    engine.errands[engine.errand_count++] = errand;
}

struct etcd_client *etcd_store_client(struct store *s) {
    (void)s;
    return (struct etcd_client *)(void *)&flow; /* only whether there is one matters */
}

struct etcd_flow *etcd_flow_open(struct etcd_client *client, const struct etcd_method *method,
                                 const ProtobufCMessage *request, struct slice token, int64_t timeout_ns,
                                 const struct etcd_flow_events *events, void *ctx, enum store_status *ret_status) {
    (void)client;
    (void)method;
    (void)request;
    (void)token;
    (void)timeout_ns;
    engine.events = events;
    engine.ctx = ctx;
    *ret_status = STORE_OK;
    return (struct etcd_flow *)(void *)&flow;
}

void etcd_flow_hold(struct etcd_flow *it, bool hold) {
    (void)it;
    engine.holds += hold;
    engine.goes += !hold;
}

void etcd_flow_close(struct etcd_flow *it) {
    (void)it;
    engine.closes++;
}

static void run_errands(void) {
    size_t count = engine.errand_count;

    engine.errand_count = 0;
    for (size_t i = 0; i < count; i++) {
        engine.errands[i]->run(NULL, engine.errands[i]);
    }
}

static void on_wake(void *ctx) {
    (void)ctx;
}

static struct etcd_transfer *begin(void) {
    Etcdserverpb__SnapshotRequest request = ETCDSERVERPB__SNAPSHOT_REQUEST__INIT;
    struct etcd_transfer *t;

    memset(&engine, 0, sizeof(engine));
    t = etcd_transfer_open(NULL, etcd_method_get(ETCD_METHOD_SNAPSHOT), &request.base, SLICE("token"), 0, on_wake,
                           NULL);
    assert_non_null(t);
    run_errands();
    assert_non_null(engine.events);
    return t;
}

static void end(struct etcd_transfer *t) {
    etcd_transfer_close(t);
    run_errands();
    assert_int_equal(engine.closes, 1);
}

static void come(unsigned pieces) {
    for (unsigned i = 0; i < pieces; i++) {
        engine.events->on_message(engine.ctx, slice_make(bytes, PIECE));
    }
}

static void take_all(struct etcd_transfer *t, unsigned pieces) {
    struct slice message;

    for (unsigned i = 0; i < pieces; i++) {
        assert_true(etcd_transfer_next(t, &message));
        assert_int_equal(message.size, PIECE);
    }
    assert_false(etcd_transfer_next(t, &message));
}

static void a_member_waits_and_goes_on(void **state) {
    struct etcd_transfer *t = begin();

    (void)state;
    come(5);
    assert_int_equal(engine.holds, 1);
    take_all(t, 5);
    assert_int_equal(engine.errand_count, 1);
    run_errands();
    assert_int_equal(engine.goes, 1);
    come(5);
    assert_int_equal(engine.holds, 2);
    take_all(t, 5);
    run_errands();
    assert_int_equal(engine.goes, 2);
    end(t);
}

/* The member still sends what it has leave for, while it is about to be told to go on. */
static void it_is_told_once_to_go_on(void **state) {
    struct etcd_transfer *t = begin();

    (void)state;
    come(5);
    take_all(t, 5);
    come(2);
    take_all(t, 2);
    assert_int_equal(engine.errand_count, 1);
    run_errands();
    assert_int_equal(engine.goes, 1);
    end(t);
}

static void what_is_left_is_freed(void **state) {
    struct etcd_transfer *t = begin();
    struct slice message;

    (void)state;
    come(5);
    assert_true(etcd_transfer_next(t, &message));
    end(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_waits_and_goes_on),
        cmocka_unit_test(it_is_told_once_to_go_on),
        cmocka_unit_test(what_is_left_is_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
