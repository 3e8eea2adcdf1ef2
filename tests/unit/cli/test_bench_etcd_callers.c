/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/bench/etcd/callers.h"
#include "cli/bench/etcd/operation.h"
#include "cli/bench/etcd/watchers.h"

enum { WORKERS = 3, LINKS = 8, KEYS = 50 };

static struct etcd_config config;
static struct etcd_load load;
static struct etcd_worker workers[WORKERS];
static struct link links[WORKERS][LINKS];

/* Workers that have not been started, with as many links as they would have. */
static void make_workers(uint64_t conns, uint64_t clients, uint64_t keys_of_a_request) {
    memset(workers, 0, sizeof(workers));
    config.threads = WORKERS;
    config.conns = conns;
    config.clients = clients;
    load.config = &config;
    load.callers_on = WORKERS;
    load.request.keys = keys_of_a_request;
    for (uint64_t i = 0; i < WORKERS; i++) {
        workers[i].load = &load;
        workers[i].index = i;
        workers[i].links = links[i];
        workers[i].link_count = conns / WORKERS + (i < conns % WORKERS);
        assert_true(callers_make(&workers[i]) && watchers_make(&workers[i]));
    }
}

static void free_workers(void) {
    for (int i = 0; i < WORKERS; i++) {
        callers_free(&workers[i]);
        watchers_free(&workers[i]);
    }
}

static int reset(void **state) {
    (void)state;
    config = (struct etcd_config){.kind = ETCD_PUT, .key_space = KEYS, .seed = 1};
    memset(&load, 0, sizeof(load));
    return 0;
}

static void workers_share_the_keys_one_after_the_other(void **state) {
    unsigned seen[KEYS] = {0};

    (void)state;
    config.sequential = true;
    make_workers(3, 3, 1);
    for (int turn = 0; turn < 2 * KEYS / WORKERS + 2; turn++) {
        for (int i = 0; i < WORKERS; i++) {
            uint64_t key = callers_draw_key(&workers[i]);

            assert_int_equal(key, (uint64_t)(turn * WORKERS + i) % KEYS);
            seen[key]++;
        }
    }
    for (int i = 0; i < KEYS; i++) {
        assert_in_range(seen[i], 2, 3);
    }
    free_workers();
}

static void a_request_of_several_keys_leaves_none_out(void **state) {
    (void)state;
    config.sequential = true;
    make_workers(3, 3, 4);
    assert_int_equal(callers_draw_key(&workers[0]), 0);
    assert_int_equal(callers_draw_key(&workers[1]), 4);
    assert_int_equal(callers_draw_key(&workers[2]), 8);
    assert_int_equal(callers_draw_key(&workers[0]), 12);
    free_workers();
}

static void drawn_keys_lie_in_their_space_and_repeat_with_the_seed(void **state) {
    uint64_t first[100];

    (void)state;
    make_workers(3, 3, 1);
    for (int i = 0; i < 100; i++) {
        first[i] = callers_draw_key(&workers[1]);
        assert_true(first[i] < KEYS);
    }
    free_workers();
    make_workers(3, 3, 1);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(callers_draw_key(&workers[1]), first[i]);
    }
    free_workers();
}

/* Client i is on connection i modulo conns, whoever serves that. */
static void clients_are_spread_evenly_over_the_connections(void **state) {
    unsigned on_link[WORKERS][LINKS] = {{0}};
    uint64_t clients = 0;

    (void)state;
    make_workers(7, 24, 1);
    for (int i = 0; i < WORKERS; i++) {
        clients += workers[i].caller_count;
        for (uint64_t c = 0; c < workers[i].caller_count; c++) {
            on_link[i][workers[i].callers[c].link - links[i]]++;
        }
    }
    assert_int_equal(clients, 24);
    for (int connection = 0; connection < 7; connection++) {
        assert_int_equal(on_link[connection % WORKERS][connection / WORKERS], connection < 3 ? 4 : 3);
    }
    free_workers();
}

static void more_connections_than_clients_leaves_some_idle(void **state) {
    (void)state;
    make_workers(6, 2, 1);
    assert_int_equal(workers[0].caller_count, 1);
    assert_int_equal(workers[1].caller_count, 1);
    assert_int_equal(workers[2].caller_count, 0);
    free_workers();
}

/* The puts go over a connection of their own, the last of the first worker. */
static void watching_spreads_the_streams_and_puts_apart(void **state) {
    uint64_t streams = 0;

    (void)state;
    config.kind = ETCD_WATCH;
    config.streams = 10;
    config.watch_per_stream = 1;
    config.put_total = 1;
    make_workers(4, 5, 1);
    for (int i = 0; i < WORKERS; i++) {
        streams += workers[i].watch_count;
    }
    assert_int_equal(streams, 10);
    assert_int_equal(workers[0].watch_count, 5); /* connections 0 and 3 */
    assert_int_equal(workers[0].caller_count, 5);
    assert_int_equal(workers[1].caller_count + workers[2].caller_count, 0);
    assert_ptr_equal(workers[0].callers[0].link, &links[0][workers[0].link_count - 1]);
    free_workers();
}

/* A range of one key, and its end, each in a phase of its own. */
static void answer(struct worker_caller *c, enum etcd_phase message, enum etcd_phase end) {
    static const char range[] = "\x0a\x00\x12\x06\x0a\x01k\x2a\x01v\x20\x01"; /* header, kvs, count */
    const struct grpc_end ok = {.status = GRPC_OK};

    c->answered = false;
    c->worker->active++;
    c->worker->phase = message;
    c->base.ops->on_message(&c->base, slice_make(range, sizeof(range) - 1));
    c->worker->phase = end;
    c->base.ops->on_end(&c->base, &ok);
}

static void an_answer_is_counted_whole_or_not_at_all(void **state) {
    struct etcd_worker *w = &workers[0];

    (void)state;
    config.kind = ETCD_RANGE;
    make_workers(3, 3, 1);
    load.operation = operation_of(ETCD_RANGE);
    load.compared = true; /* with nothing: this one is wrong */
    w->exhausted = true;
    answer(&w->callers[0], PHASE_MEASURING, PHASE_ENDED);
    answer(&w->callers[0], PHASE_ENDED, PHASE_ENDED);
    assert_int_equal(w->tally.stats.requests + w->tally.keys + w->tally.wrong, 0);
    load.quota = 1; /* all of which were taken: no other one is asked for */
    w->callers[0].counted = true;
    answer(&w->callers[0], PHASE_WARMING_UP, PHASE_MEASURING);
    assert_int_equal(w->tally.stats.requests, 1);
    assert_int_equal(w->tally.keys, 1);
    assert_int_equal(w->tally.wrong, 1);
    free_workers();
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(workers_share_the_keys_one_after_the_other, reset),
        cmocka_unit_test_setup(a_request_of_several_keys_leaves_none_out, reset),
        cmocka_unit_test_setup(drawn_keys_lie_in_their_space_and_repeat_with_the_seed, reset),
        cmocka_unit_test_setup(clients_are_spread_evenly_over_the_connections, reset),
        cmocka_unit_test_setup(more_connections_than_clients_leaves_some_idle, reset),
        cmocka_unit_test_setup(watching_spreads_the_streams_and_puts_apart, reset),
        cmocka_unit_test_setup(an_answer_is_counted_whole_or_not_at_all, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
