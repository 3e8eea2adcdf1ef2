/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/etcd/internal.h"

/* The engine over a cluster that is not there. */

enum { WHY_BYTES = 1024 };

static struct store *open_engine(void) {
    struct etcd_store_config config = {.max_pending = 100, .max_watchers = 100};
    struct etcd_endpoint endpoint;
    struct store *store;
    struct buf why;
    size_t count;

    buf_init(&why, WHY_BYTES);
    assert_true(etcd_endpoints_parse(SLICE("127.0.0.1:1"), &endpoint, 1, &count, &why));
    etcd_client_config_init(&config.client);
    config.client.endpoints = &endpoint;
    config.client.endpoint_count = count;
    store = etcd_store_open(&config, &why);
    assert_non_null(store);
    buf_fini(&why);
    return store;
}

/* --- closing --- */

struct closing {
    struct store_call call; /* first */
    struct store *store;
    struct etcd_errand first;
    struct etcd_errand second;
    unsigned answers;
    unsigned runs;
};

static void run_second(struct store *s, struct etcd_errand *errand) {
    struct closing *c = (struct closing *)(void *)((char *)errand - offsetof(struct closing, second));

    (void)s;
    c->runs++;
}

static void run_first(struct store *s, struct etcd_errand *errand) {
    struct closing *c = (struct closing *)(void *)((char *)errand - offsetof(struct closing, first));

    c->runs++;
    c->second.run = run_second;
    etcd_store_post(s, &c->second);
}

static void on_answer(struct store_call *call) {
    struct closing *c = (struct closing *)(void *)call;

    c->answers++;
    assert_int_equal(call->status, STORE_CLOSED);
    c->first.run = run_first;
    etcd_store_post(c->store, &c->first);
}

/* What is handed in while the engine ends, from inside its last answers and errands, is run once. */
static void what_comes_while_it_is_closed_ends(void **state) {
    struct closing c = {0};

    (void)state;
    c.store = open_engine();
    store_call_init(&c.call, on_answer);
    c.call.op = (struct store_op){.kind = STORE_OP_RANGE, .range.span.key = SLICE("k")};
    store_submit(c.store, &c.call);
    store_close(c.store);
    assert_int_equal(c.answers, 1);
    assert_int_equal(c.runs, 2);
    store_call_fini(&c.call);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_while_it_is_closed_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
