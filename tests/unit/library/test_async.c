/* SPDX-License-Identifier: Apache-2.0 */
/* The cache client in somebody else's loop, against servers that answer badly, or not at all, and without memory. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <larder/async.h>

#include "unit/library/fake.h"

enum { HANG_MS = 50, PATIENCE_MS = 20000, TOLD_MAX = 64 };

/* What a test was told, in its order. */
struct told {
    size_t count;
    struct {
        size_t index;
        enum larder_status status;
        char value[16];
        char message[LARDER_MESSAGE_MAX];
        char server[32];
    } items[TOLD_MAX];
};

static void note(void *ctx, size_t index, const struct larder_answer *answer) {
    struct told *told = ctx;

    assert_true(told->count < TOLD_MAX);
    told->items[told->count].index = index;
    told->items[told->count].status = answer->status;
    snprintf(told->items[told->count].value, sizeof(told->items[0].value), "%.*s", (int)answer->value_size,
             answer->value_size > 0 ? answer->value : "");
    snprintf(told->items[told->count].message, sizeof(told->items[0].message), "%s", answer->message);
    snprintf(told->items[told->count].server, sizeof(told->items[0].server), "%s", answer->server);
    told->count++;
}

static struct larder_cache *cache_of(const char *servers, struct larder_cache_options options) {
    struct larder_cache *cache;

    options.size = sizeof(options);
    assert_int_equal(larder_cache_new(servers, &options, &cache, NULL), LARDER_DONE);
    return cache;
}

static struct larder_async *async_of(struct larder_cache *cache) {
    struct larder_async *async;

    assert_int_equal(larder_async_new(cache, &async), LARDER_DONE);
    return async;
}

/* By nothing but the descriptor. */
static void run(struct larder_async *async) {
    struct pollfd one = {.fd = larder_async_fd(async), .events = POLLIN};

    while (larder_async_pending(async) > 0) {
        assert_int_equal(poll(&one, 1, PATIENCE_MS), 1);
        larder_async_process(async);
    }
}

static void test_odd_answers(void **state) {
    static const struct {
        const char *say;
        enum larder_status status;
        int connections;
    } cases[] = {
        {"END\r\n", LARDER_MISS, 1},
        {"VALUE k 0 1\r\nx\r\nEND\r\n", LARDER_HIT, 1},
        {"SERVER_ERROR busy\r\n", LARDER_ERR_SERVER, 1},
        {"VALUE other 0 1\r\nx\r\nEND\r\n", LARDER_ERR_PROTOCOL, 3},
        {NULL, LARDER_ERR_CLOSED, 3},
        {"", LARDER_ERR_TIMEOUT, 1},
        {"VALUE k 0 9\r\nhalf", LARDER_ERR_TIMEOUT, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool hangs = cases[i].status == LARDER_ERR_TIMEOUT;
        struct larder_cache_options options = {.receive_timeout_ms = hangs ? HANG_MS : PATIENCE_MS, .failures_max = 10};
        struct told told = {.count = 0};
        struct larder_async *async;
        struct larder_cache *cache;
        struct fake fake;

        fake_start(&fake, &cases[i].say, 1);
        cache = cache_of(fake.name, options);
        async = async_of(cache);
        assert_int_equal(larder_async_get(async, "k", 1, note, &told), LARDER_DONE);
        assert_int_equal(told.count, 0);
        run(async);
        assert_int_equal(told.count, 1);
        assert_int_equal(told.items[0].status, cases[i].status);
        assert_true((cases[i].status < 0) == (told.items[0].message[0] != '\0'));
        assert_string_equal(told.items[0].server, fake.name);
        larder_async_free(async);
        larder_cache_free(cache);
        fake_await(&fake, cases[i].connections);
        fake_stop(&fake);
        assert_int_equal(atomic_load(&fake.connections), cases[i].connections);
    }
}

static void test_many_in_their_order(void **state) {
    static const char *const script[] = {"STORED\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n", "NOT_FOUND\r\n",
                                         "VALUE b 0 1\r\n2\r\nVALUE c 0 1\r\n3\r\nEND\r\n"};
    static const struct larder_key keys[] = {{"b", 1}, {"bad key", 7}, {"c", 1}};
    struct told told = {.count = 0}, many = {.count = 0};
    struct larder_async *async;
    struct larder_cache *cache;
    struct fake fake;

    (void)state;
    fake_start(&fake, script, 4);
    cache = cache_of(fake.name, (struct larder_cache_options){.size = 0});
    async = async_of(cache);
    assert_int_equal(larder_async_set(async, "a", 1, "1", 1, 0, 0, note, &told), LARDER_DONE);
    assert_int_equal(larder_async_get(async, "a", 1, note, &told), LARDER_DONE);
    assert_int_equal(larder_async_delete(async, "d", 1, note, &told), LARDER_DONE);
    assert_int_equal(larder_async_get_many(async, keys, 3, note, &many), LARDER_DONE);
    assert_int_equal(larder_async_get_many(async, keys, 0, note, &many), LARDER_DONE);
    assert_int_equal(larder_async_get_many(async, keys, LARDER_KEYS_MAX + 1, note, &many), LARDER_ERR_TOO_LARGE);
    assert_int_equal(larder_async_pending(async), 6);
    assert_int_equal(told.count + many.count, 0); /* not even of the bad key */
    run(async);
    assert_int_equal(told.count, 3);
    assert_int_equal(told.items[0].status, LARDER_STORED);
    assert_string_equal(told.items[1].value, "1");
    assert_int_equal(told.items[2].status, LARDER_NOT_FOUND);
    assert_int_equal(many.count, 3);
    for (size_t i = 0; i < 3; i++) {
        static const char *const values[] = {"2", "", "3"};

        assert_string_equal(many.items[i].value, values[many.items[i].index]);
        assert_true((many.items[i].status == LARDER_ERR_KEY) == (many.items[i].index == 1));
    }
    larder_async_free(async);
    larder_cache_free(cache);
    fake_stop(&fake);
    assert_int_equal(atomic_load(&fake.connections), 1);
}

/* Each answer asks for more, until there were so many. */
struct chain {
    struct larder_async *async;
    size_t left;
    enum larder_status status;
};

static void ask_again(void *ctx, size_t index, const struct larder_answer *answer) {
    struct chain *chain = ctx;

    (void)index;
    chain->status = answer->status;
    if (chain->left > 0) {
        chain->left--;
        assert_int_equal(larder_async_get(chain->async, "k", 1, ask_again, chain), LARDER_DONE);
    }
}

static void test_answers_may_ask_for_more(void **state) {
    static const char *const script[] = {"END\r\n"};
    struct larder_cache *cache;
    struct chain chain;
    struct fake fake;

    (void)state;
    fake_start(&fake, script, 1);
    cache = cache_of(fake.name, (struct larder_cache_options){.size = 0});
    chain = (struct chain){.async = async_of(cache), .left = 100};
    ask_again(&chain, 0, &(struct larder_answer){.status = LARDER_DONE});
    run(chain.async);
    assert_int_equal(chain.left, 0);
    assert_int_equal(chain.status, LARDER_MISS);
    larder_async_free(chain.async);
    larder_cache_free(cache);
    fake_stop(&fake);
    assert_int_equal(atomic_load(&fake.connections), 1);
}

/* Who asks again whenever he is told that all are dead gets his turn, and so does his loop. */
static void test_dead_servers_do_not_go_round(void **state) {
    struct larder_cache *cache = cache_of("127.0.0.1:1", (struct larder_cache_options){.failures_max = 1});
    struct chain chain = {.async = async_of(cache), .left = 1000};
    struct pollfd one = {.fd = larder_async_fd(chain.async), .events = POLLIN};
    size_t turns = 0;

    (void)state;
    ask_again(&chain, 0, &(struct larder_answer){.status = LARDER_DONE});
    for (; larder_async_pending(chain.async) > 0; turns++) {
        size_t left = chain.left;

        assert_int_equal(poll(&one, 1, PATIENCE_MS), 1);
        larder_async_process(chain.async);
        assert_true(chain.left + 2 >= left);
    }
    assert_true(turns >= 500);
    assert_int_equal(chain.status, LARDER_ERR_ALL_DEAD);
    larder_async_free(chain.async);
    larder_cache_free(cache);
}

static void test_keys_of_a_dead_server_go_to_the_others(void **state) {
    static const char *const script[] = {"END\r\n"};
    struct told told = {.count = 0};
    struct larder_async *async;
    struct larder_cache *cache;
    struct fake fake;
    char servers[64];

    (void)state;
    fake_start(&fake, script, 1);
    snprintf(servers, sizeof(servers), "127.0.0.1:1,%s", fake.name);
    cache = cache_of(servers, (struct larder_cache_options){.failures_max = 1});
    async = async_of(cache);
    for (unsigned i = 0; i < 32; i++) {
        char key[8];

        snprintf(key, sizeof(key), "k%u", i);
        assert_int_equal(larder_async_get(async, key, strlen(key), note, &told), LARDER_DONE);
    }
    run(async);
    assert_int_equal(told.count, 32);
    for (size_t i = 0; i < told.count; i++) {
        assert_int_equal(told.items[i].status, LARDER_MISS);
    }
    larder_async_free(async);
    larder_cache_free(cache);
    fake_stop(&fake);
}

/* What is under way is told when it is freed, and who asks then is told that it comes to nothing. */
static void ask_at_the_end(void *ctx, size_t index, const struct larder_answer *answer) {
    struct chain *chain = ctx;

    (void)index;
    chain->status = answer->status;
    chain->left--;
    assert_int_equal(larder_async_get(chain->async, "k", 1, ask_at_the_end, chain), LARDER_ERR_CLOSED);
}

static void test_freed_while_it_asks(void **state) {
    static const char *const script[] = {""};
    struct chain chain = {.left = 3};
    struct larder_cache *cache;
    struct fake fake;

    (void)state;
    fake_start(&fake, script, 1);
    cache = cache_of(fake.name, (struct larder_cache_options){.size = 0});
    chain.async = async_of(cache);
    assert_int_equal(larder_async_get(chain.async, "a", 1, ask_at_the_end, &chain), LARDER_DONE);
    assert_int_equal(larder_async_set(chain.async, "a", 1, "v", 1, 0, 0, ask_at_the_end, &chain), LARDER_DONE);
    assert_int_equal(larder_async_get(chain.async, "bad key", 7, ask_at_the_end, &chain), LARDER_DONE);
    larder_async_free(chain.async);
    assert_int_equal(chain.left, 0);
    larder_cache_free(cache);
    fake_stop(&fake);
}

/* A connection that the server closes while nobody asks is no fault of his. */
static void test_an_idle_connection_may_be_closed(void **state) {
    static const char *const script[] = {"END\r\n"};
    struct told told = {.count = 0};
    struct larder_async *async;
    struct larder_cache *cache;
    struct pollfd one;
    struct fake fake;

    (void)state;
    fake_start(&fake, script, 1);
    cache = cache_of(fake.name, (struct larder_cache_options){.failures_max = 1});
    async = async_of(cache);
    assert_int_equal(larder_async_get(async, "k", 1, note, &told), LARDER_DONE);
    run(async);
    one = (struct pollfd){.fd = larder_async_fd(async), .events = POLLIN};
    fake_hang_up(&fake);
    assert_int_equal(poll(&one, 1, PATIENCE_MS), 1);
    larder_async_process(async);
    assert_int_equal(larder_async_get(async, "k", 1, note, &told), LARDER_DONE);
    run(async);
    assert_int_equal(told.items[1].status, LARDER_MISS);
    larder_async_free(async);
    larder_cache_free(cache);
    fake_stop(&fake);
    assert_int_equal(atomic_load(&fake.connections), 2);
}

static void test_after_a_fork(void **state) {
    static const char *const script[] = {"END\r\n"};
    struct told told = {.count = 0};
    struct larder_async *async;
    struct larder_cache *cache;
    struct fake fake;
    int status;
    pid_t child;

    (void)state;
    fake_start(&fake, script, 1);
    cache = cache_of(fake.name, (struct larder_cache_options){.size = 0});
    async = async_of(cache);
    assert_int_equal(larder_async_get(async, "k", 1, note, &told), LARDER_DONE);
    child = fork();
    if (child == 0) {
        struct larder_async *other;
        bool good = larder_async_get(async, "k", 1, note, &told) == LARDER_ERR_FORKED &&
                    larder_async_new(cache, &other) == LARDER_ERR_FORKED;

        larder_async_process(async);
        larder_async_free(async);
        larder_cache_free(cache);
        _exit(good && told.count == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    run(async);
    assert_int_equal(told.count, 1);
    larder_async_free(async);
    larder_cache_free(cache);
    fake_stop(&fake);
}

/* --- without memory --- */

struct scarce {
    size_t left; /* allocations until one fails */
    size_t used; /* that are not freed */
};

static void *scarce_reallocate(void *ctx, void *memory, size_t size) {
    struct scarce *scarce = ctx;

    if (scarce->left == 0) {
        return NULL;
    }
    scarce->left--;
    scarce->used += memory == NULL;
    return realloc(memory, size);
}

static void *scarce_allocate(void *ctx, size_t size) {
    return scarce_reallocate(ctx, NULL, size);
}

static void scarce_release(void *ctx, void *memory) {
    ((struct scarce *)ctx)->used--;
    free(memory);
}

/* One question with so many allocations. True: nothing was missing. */
static bool ask_with(size_t allocations, const char *server) {
    struct scarce scarce = {.left = allocations};
    struct larder_cache_options options = {
        .size = sizeof(options),
        .allocator = {scarce_allocate, scarce_reallocate, scarce_release, &scarce},
    };
    static const struct larder_key keys[] = {{"a", 1}, {"b", 1}, {"c", 1}};
    struct told told = {.count = 0};
    struct larder_async *async = NULL;
    struct larder_cache *cache = NULL;
    enum larder_status status = larder_cache_new(server, &options, &cache, NULL);
    bool whole = false;

    if (status == LARDER_DONE) {
        status = larder_async_new(cache, &async);
    }
    if (status == LARDER_DONE) {
        status = larder_async_get_many(async, keys, 3, note, &told);
    }
    if (status == LARDER_DONE) {
        run(async);
        assert_int_equal(told.count, 3);
        whole = true;
        for (size_t i = 0; i < 3; i++) {
            assert_true(told.items[i].status == LARDER_MISS || told.items[i].status == LARDER_ERR_NO_MEMORY);
            whole = whole && told.items[i].status == LARDER_MISS;
        }
    } else {
        assert_int_equal(status, LARDER_ERR_NO_MEMORY);
    }
    larder_async_free(async);
    larder_cache_free(cache);
    assert_int_equal(scarce.used, 0);
    return whole;
}

static void test_each_allocation_fails_in_turn(void **state) {
    static const char *const script[] = {"END\r\n"};
    struct fake fake;
    size_t allocations = 0;

    (void)state;
    fake_start(&fake, script, 1);
    while (!ask_with(allocations, fake.name)) {
        allocations++;
        assert_true(allocations < 100);
    }
    assert_true(allocations > 5);
    fake_stop(&fake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_odd_answers),
        cmocka_unit_test(test_many_in_their_order),
        cmocka_unit_test(test_answers_may_ask_for_more),
        cmocka_unit_test(test_dead_servers_do_not_go_round),
        cmocka_unit_test(test_keys_of_a_dead_server_go_to_the_others),
        cmocka_unit_test(test_freed_while_it_asks),
        cmocka_unit_test(test_an_idle_connection_may_be_closed),
        cmocka_unit_test(test_after_a_fork),
        cmocka_unit_test(test_each_allocation_fails_in_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
