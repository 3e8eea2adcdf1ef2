/* SPDX-License-Identifier: Apache-2.0 */
/* What spans and metrics say of calls of the cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "library/observe.h"
#include "unit/library/observed.h"

static struct larder_tracer tracer;
static struct pool pool;
static struct larder_cache cache = {.pool = &pool};

static int set_up(void **state) {
    (void)state;
    observed_init(&tracer);
    pool.setup.tracer = &tracer;
    cache.parent = NULL;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    observed_fini(&tracer);
    return 0;
}

/* A call that asks one server; "": nobody. */
static void call(size_t method, const char *server, enum larder_status status) {
    const struct larder_answer answer = {.status = status, .server = server, .message = ""};
    struct observed o;

    observe_begin(&o, &cache, method, 0);
    observe_answer(&o, &answer);
    assert_int_equal(observe_end(&o, status), status);
}

static void test_hits_and_misses(void **state) {
    (void)state;
    call(MC_TEXT_GET, "127.0.0.1:11211", LARDER_HIT);
    call(MC_TEXT_GET, "[::1]:11212", LARDER_MISS);
    call(MC_TEXT_GETS, "unix:/run/cache", LARDER_HIT);
    call(MC_TEXT_GET, "127.0.0.1:11211", LARDER_HIT);
    call(MC_TEXT_SET, "cache.example:1", LARDER_STORED);
    assert_spans(&tracer,
                 "- get db.system.name=memcached db.operation.name=get server.address=127.0.0.1 server.port=11211 "
                 "cache.hit=true [Cache hit]\n"
                 "- get db.system.name=memcached db.operation.name=get server.address=::1 server.port=11212 "
                 "cache.hit=false [Cache miss]\n"
                 "- gets db.system.name=memcached db.operation.name=gets server.address=/run/cache "
                 "network.transport=unix cache.hit=true [Cache hit]\n"
                 "- get db.system.name=memcached db.operation.name=get server.address=127.0.0.1 server.port=11211 "
                 "cache.hit=true [Cache hit]\n"
                 "- set db.system.name=memcached db.operation.name=set server.address=cache.example server.port=1\n");
    assert_calls(&tracer, "get hit  2\nget miss  1\ngets hit  1\nset stored  1\n");
}

static void test_errors(void **state) {
    char expected[512];

    (void)state;
    call(MC_TEXT_DELETE, "", LARDER_ERR_KEY);
    call(MC_TEXT_DELETE, "127.0.0.1:1", LARDER_ERR_TIMEOUT);
    snprintf(expected, sizeof(expected),
             "- delete db.system.name=memcached db.operation.name=delete error.type=key !%s\n"
             "- delete db.system.name=memcached db.operation.name=delete server.address=127.0.0.1 server.port=1 "
             "error.type=timeout !%s\n",
             larder_strerror(LARDER_ERR_KEY), larder_strerror(LARDER_ERR_TIMEOUT));
    assert_spans(&tracer, expected);
    assert_calls(&tracer, "delete error key 1\ndelete error timeout 1\n");
}

/* When the first server fails and another one is asked, the span has the last. */
static void test_another_server(void **state) {
    static const char *const servers[] = {"127.0.0.1:1", "127.0.0.1:2"};
    struct observed o;

    (void)state;
    observe_begin(&o, &cache, MC_TEXT_GET, 0);
    for (size_t i = 0; i < 2; i++) {
        observe_answer(
            &o, &(struct larder_answer){.status = i == 0 ? LARDER_ERR_CLOSED : LARDER_MISS, .server = servers[i]});
    }
    (void)observe_end(&o, LARDER_MISS);
    assert_spans(&tracer, "- get db.system.name=memcached db.operation.name=get server.address=127.0.0.1 server.port=2 "
                          "cache.hit=false [Cache miss]\n");
}

static void test_several_servers(void **state) {
    static const char *const servers[] = {"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"};
    struct observed o;
    char expected[1024];

    (void)state;
    observe_begin(&o, &cache, OBSERVE_GET_MANY, 7);
    for (size_t i = 0; i < 6; i++) {
        observe_answer(
            &o, &(struct larder_answer){.status = i == 4 ? LARDER_ERR_CLOSED : LARDER_MISS, .server = servers[i % 2]});
    }
    observe_answer(&o, &(struct larder_answer){.status = LARDER_ERR_TIMEOUT, .server = servers[2]});
    observe_answer(&o, &(struct larder_answer){.status = LARDER_ERR_KEY, .server = ""});
    (void)observe_end(&o, LARDER_ERR_TIMEOUT);
    snprintf(expected, sizeof(expected),
             "+ get db.system.name=memcached db.operation.name=get server.address=127.0.0.1 server.port=1 "
             "db.operation.batch.size=3 error.type=closed !%s\n"
             "+ get db.system.name=memcached db.operation.name=get server.address=127.0.0.1 server.port=2 "
             "db.operation.batch.size=3\n"
             "+ get db.system.name=memcached db.operation.name=get server.address=127.0.0.1 server.port=3 "
             "db.operation.batch.size=1 error.type=timeout !%s\n"
             "- get_many db.system.name=memcached db.operation.name=get db.operation.batch.size=7 error.type=timeout "
             "!%s\n",
             larder_strerror(LARDER_ERR_CLOSED), larder_strerror(LARDER_ERR_TIMEOUT),
             larder_strerror(LARDER_ERR_TIMEOUT));
    assert_spans(&tracer, expected);
    assert_calls(&tracer, "get_many error timeout 1\n"); /* its parts are no calls */
}

/* What goes to all servers has a span for each, without a size. */
static void test_all_servers(void **state) {
    static const char *const servers[] = {"127.0.0.1:1", "127.0.0.1:2"};
    struct observed o;

    (void)state;
    observe_begin(&o, &cache, MC_TEXT_FLUSH, 0);
    for (size_t i = 0; i < 2; i++) {
        observe_answer(&o, &(struct larder_answer){.status = LARDER_DONE, .server = servers[i]});
    }
    (void)observe_end(&o, LARDER_DONE);
    assert_spans(&tracer, "+ flush_all db.system.name=memcached db.operation.name=flush_all server.address=127.0.0.1 "
                          "server.port=1\n"
                          "+ flush_all db.system.name=memcached db.operation.name=flush_all server.address=127.0.0.1 "
                          "server.port=2\n"
                          "- flush_all db.system.name=memcached db.operation.name=flush_all\n");
}

static void test_more_servers_than_are_told_of(void **state) {
    static char servers[OBSERVE_SERVERS_MAX + 2][24];
    struct observed o;

    (void)state;
    observe_begin(&o, &cache, OBSERVE_BATCH, OBSERVE_SERVERS_MAX + 2);
    for (size_t i = 0; i < OBSERVE_SERVERS_MAX + 2; i++) {
        snprintf(servers[i], sizeof(servers[i]), "127.0.0.1:%zu", i + 1);
        observe_answer(&o, &(struct larder_answer){.status = LARDER_DELETED, .server = servers[i]});
    }
    (void)observe_end(&o, LARDER_DONE);
    assert_int_equal(span_queue_figures(&tracer.tracer.queue).count, OBSERVE_SERVERS_MAX + 1);
}

/* Below a span of the program; what is not sampled is counted all the same, and without a tracer nothing happens. */
static void test_views_and_silence(void **state) {
    struct span *parent = tracer_begin(&tracer.tracer, SLICE("parent"), SPAN_CLIENT, NULL);

    (void)state;
    cache.parent = parent;
    call(MC_TEXT_TOUCH, "", LARDER_TOUCHED);
    assert_spans(&tracer, "+ touch db.system.name=memcached db.operation.name=touch\n");
    parent->context.flags = 0;
    call(MC_TEXT_TOUCH, "127.0.0.1:1", LARDER_TOUCHED);
    call(OBSERVE_NEAR_GET, "", LARDER_NOT_FOUND);
    tracer_end(parent, clock_monotonic_ns());
    pool.setup.tracer = NULL;
    call(MC_TEXT_TOUCH, "127.0.0.1:1", LARDER_TOUCHED);
    assert_spans(&tracer, "");
    assert_calls(&tracer, "touch touched  2\nnear_get not_found  1\n");
}

/* Each status comes to an outcome of its own, and what is none of them to "other". */
static void test_outcomes(void **state) {
    static const char expected[] =
        "get done  1\nget hit  1\nget miss  1\nget stored  1\nget not_stored  1\nget exists  1\nget not_found  1\n"
        "get deleted  1\nget touched  1\nget counted  1\nget nothing  1\nget taken  1\n"
        "get error no_memory 1\nget error invalid 1\nget error key 1\nget error too_large 1\nget error too_small 1\n"
        "get error unresolved 1\nget error unreachable 1\nget error closed 1\nget error timeout 1\n"
        "get error protocol 1\nget error server 1\nget error dead 1\nget error all_dead 1\nget error busy 1\n"
        "get error forked 1\nget error other 1\nget error system 1\nget error unavailable 1\nget error unknown 1\n"
        "get error denied 1\nget error compacted 1\nget error future_revision 1\nget error no_lease 1\n"
        "get error lease_exists 1\nget error no_space 1\nget error lost 1\nget error ended 1\nget error other 2\n";

    (void)state;
    for (int status = LARDER_ERR_ENDED - 1; status <= LARDER_TAKEN + 1; status++) {
        observe_count(&tracer, MC_TEXT_GET, (enum larder_status)status, 1);
    }
    assert_calls(&tracer, expected);
}

static void test_methods(void **state) {
    static const char *const names[] = {
        "get",
        "gets",
        "gat",
        "set",
        "add",
        "replace",
        "append",
        "prepend",
        "cas",
        "delete",
        "incr",
        "decr",
        "touch",
        "flush_all",
        "stats",
        "version",
        "get_many",
        "batch",
        "Range",
        "Put",
        "DeleteRange",
        "Txn",
        "Compact",
        "LeaseGrant",
        "LeaseRevoke",
        "LeaseKeepAlive",
        "LeaseTimeToLive",
        "LeaseLeases",
        "near_get",
    };

    (void)state;
    assert_int_equal(observe_names.method_count, sizeof(names) / sizeof(names[0]));
    for (size_t i = 0; i < observe_names.method_count; i++) {
        assert_string_equal(observe_names.methods[i], names[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hits_and_misses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_server, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_several_servers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_servers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_more_servers_than_are_told_of, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_views_and_silence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_outcomes, set_up, tear_down),
        cmocka_unit_test(test_methods),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
