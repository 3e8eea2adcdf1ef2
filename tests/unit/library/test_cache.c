/* SPDX-License-Identifier: Apache-2.0 */
/* The cache client against servers that answer badly, or not at all, and without memory. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <larder/larder.h>

#include "base/hash.h"
#include "ring/slots.h"
#include "unit/library/fake.h"

enum { HANG_MS = 50, PATIENCE_MS = 20000, FAILURES_MAX = 200 };

static struct larder_cache *cache_of(const char *servers, struct larder_cache_options options) {
    struct larder_cache *cache;

    options.size = sizeof(options);
    assert_int_equal(larder_cache_new(servers, &options, &cache, NULL), LARDER_DONE);
    return cache;
}

/* What one get of "k" comes to when the server says this, again and again; `hangs`: it is to be waited for, but not for long. */
static enum larder_status get_told(const char *say, bool hangs, int connections) {
    const char *const script[] = {say};
    struct larder_result result = LARDER_RESULT_INIT;
    struct larder_cache *cache;
    struct fake fake;
    enum larder_status status;

    fake_start(&fake, script, 1);
    cache = cache_of(fake.name, (struct larder_cache_options){.receive_timeout_ms = hangs ? HANG_MS : PATIENCE_MS,
                                                              .failures_max = 10});
    status = larder_cache_get(cache, "k", 1, &result);
    assert_int_equal(result.status, status);
    assert_true((status < 0) == (result.message[0] != '\0'));
    larder_result_free(&result);
    larder_cache_free(cache);
    fake_await(&fake, connections);
    fake_stop(&fake);
    assert_int_equal(atomic_load(&fake.connections), connections);
    return status;
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
        {"VALUE other 0 1\r\nx\r\nEND\r\n", LARDER_ERR_PROTOCOL, 3}, /* asked three times, each on a new connection */
        {"VALUE k 0 1 7\r\nx\r\nEND\r\n", LARDER_ERR_PROTOCOL, 3},
        {"STORED\r\n", LARDER_ERR_PROTOCOL, 3},
        {"HTTP/1.1 400 Bad Request\r\n", LARDER_ERR_PROTOCOL, 3},
        {NULL, LARDER_ERR_CLOSED, 3},
        {"", LARDER_ERR_TIMEOUT, 1},
        {"VALUE k 0 9\r\nhalf", LARDER_ERR_TIMEOUT, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool hangs = cases[i].status == LARDER_ERR_TIMEOUT;

        assert_int_equal(get_told(cases[i].say, hangs, cases[i].connections), cases[i].status);
    }
}

/* What came too late, or too much, must not be the answer to the next question. */
static void test_never_out_of_step(void **state) {
    static const char *const script[] = {"END\r\nVALUE k 0 5\r\nwrong\r\nEND\r\n", "VALUE k 0 5\r\nright\r\nEND\r\n"};
    struct larder_result result = LARDER_RESULT_INIT;
    struct larder_cache *cache;
    struct fake fake;

    (void)state;
    fake_start(&fake, script, 2);
    cache = cache_of(fake.name, (struct larder_cache_options){.failures_max = 10});
    assert_int_equal(larder_cache_get(cache, "k", 1, &result), LARDER_MISS);
    assert_int_equal(larder_cache_get(cache, "k", 1, &result), LARDER_HIT);
    assert_string_equal(result.value, "right");
    larder_result_free(&result);
    larder_cache_free(cache);
    fake_stop(&fake);
}

static void test_writes_are_not_repeated(void **state) {
    static const char *const script[] = {NULL};
    struct larder_result result = LARDER_RESULT_INIT;
    struct larder_cache *cache;
    struct fake fake;

    (void)state;
    fake_start(&fake, script, 1);
    cache = cache_of(fake.name, (struct larder_cache_options){.failures_max = 10});
    assert_int_equal(larder_cache_delete(cache, "k", 1, &result), LARDER_ERR_CLOSED);
    larder_cache_free(cache);
    fake_stop(&fake);
    assert_int_equal(atomic_load(&fake.connections), 1);
    assert_non_null(strstr(result.message, fake.name));
}

static void test_bad_keys_and_servers(void **state) {
    static const char *const servers[] = {"", "nowhere", "127.0.0.1:1,127.0.0.1:1", "127.0.0.1:99999"};
    struct larder_result result = LARDER_RESULT_INIT;
    char message[LARDER_MESSAGE_MAX], key[LARDER_KEY_MAX + 1];
    struct larder_cache *cache;

    (void)state;
    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
        message[0] = '\0';
        assert_int_equal(larder_cache_new(servers[i], NULL, &cache, message), LARDER_ERR_INVALID);
        assert_true(message[0] != '\0');
    }
    memset(key, 'k', sizeof(key));
    cache = cache_of("127.0.0.1:1", (struct larder_cache_options){.size = 0});
    assert_int_equal(larder_cache_get(cache, "", 0, &result), LARDER_ERR_KEY);
    assert_int_equal(larder_cache_get(cache, "a b", 3, &result), LARDER_ERR_KEY);
    assert_int_equal(larder_cache_get(cache, key, sizeof(key), &result), LARDER_ERR_KEY);
    assert_int_equal(larder_cache_set(cache, "a\r\n", 3, "v", 1, 0, 0, NULL), LARDER_ERR_KEY);
    assert_int_equal(larder_cache_server_of(cache, "a b", 3), -1);
    larder_cache_free(cache);
}

/* A closed port refuses; then the keys are the other's, and with none left the answer is that. */
static void test_dead_servers(void **state) {
    static const char *const script[] = {"END\r\n"};
    struct larder_result result = LARDER_RESULT_INIT;
    struct larder_cache *cache;
    struct fake fake;
    char servers[64];

    (void)state;
    fake_start(&fake, script, 1);
    snprintf(servers, sizeof(servers), "%s 127.0.0.1:1", fake.name);
    cache = cache_of(servers, (struct larder_cache_options){.cooldown_ms = 60000});
    for (int i = 0; i < 64; i++) {
        char key[8];

        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(larder_cache_get(cache, key, strlen(key), &result), LARDER_MISS);
    }
    larder_cache_free(cache);
    cache = cache_of("127.0.0.1:1", (struct larder_cache_options){.cooldown_ms = 60000});
    assert_int_equal(larder_cache_get(cache, "k", 1, &result), LARDER_ERR_ALL_DEAD);
    assert_int_equal(larder_cache_set(cache, "k", 1, "v", 1, 0, 0, &result), LARDER_ERR_ALL_DEAD);
    larder_cache_free(cache);
    cache = cache_of("127.0.0.1:1", (struct larder_cache_options){.cooldown_ms = 60000, .dead = LARDER_DEAD_FAIL});
    assert_int_equal(larder_cache_get(cache, "k", 1, &result), LARDER_ERR_DEAD);
    larder_cache_free(cache);
    fake_stop(&fake);
}

struct heard {
    unsigned left_out;
    unsigned back;
};

static void hear(void *ctx, enum larder_log_level level, const char *message) {
    struct heard *heard = ctx;

    heard->left_out += level == LARDER_LOG_WARNING && strstr(message, "is left out") != NULL;
    heard->back += level == LARDER_LOG_INFO && strstr(message, "is back") != NULL;
}

/* It is left alone for a while, then one call tries it. */
static void test_a_server_comes_back(void **state) {
    static const char *const script[] = {NULL, "END\r\n"};
    struct heard heard = {.left_out = 0};
    struct larder_result result = LARDER_RESULT_INIT;
    struct larder_cache *cache;
    struct fake fake;
    unsigned refused = 0;

    (void)state;
    fake_start(&fake, script, 2);
    cache = cache_of(fake.name, (struct larder_cache_options){
                                    .failures_max = 1, .cooldown_ms = HANG_MS, .log = hear, .log_ctx = &heard});
    while (larder_cache_get(cache, "k", 1, &result) != LARDER_MISS) {
        assert_int_equal(result.status, LARDER_ERR_ALL_DEAD);
        refused++;
        (void)poll(NULL, 0, 1);
    }
    assert_true(refused >= 2);
    assert_int_equal(heard.left_out, 1);
    assert_int_equal(heard.back, 1);
    larder_cache_free(cache);
    fake_stop(&fake);
    assert_int_equal(atomic_load(&fake.connections), 2);
}

static void *ask_once(void *arg) {
    struct larder_result result = LARDER_RESULT_INIT;

    return larder_cache_get(arg, "k", 1, &result) == LARDER_MISS ? arg : NULL;
}

/* While another thread has the only connections there may be. */
static void test_busy(void **state) {
    static const char *const script[] = {"", "END\r\n"};
    struct larder_result result = LARDER_RESULT_INIT;
    struct larder_cache *cache;
    struct fake fake;
    pthread_t other;
    void *well;

    (void)state;
    fake_start(&fake, script, 2);
    cache =
        cache_of(fake.name,
                 (struct larder_cache_options){.pool_max = 1, .wait_timeout_ms = HANG_MS, .receive_timeout_ms = 60000});
    assert_int_equal(pthread_create(&other, NULL, ask_once, cache), 0);
    while (atomic_load(&fake.connections) == 0) {
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(larder_cache_get(cache, "k", 1, &result), LARDER_ERR_BUSY);
    fake_hang_up(&fake); /* he asks again, on another connection, and is answered */
    assert_int_equal(pthread_join(other, &well), 0);
    assert_non_null(well);
    assert_int_equal(larder_cache_get(cache, "k", 1, &result), LARDER_MISS);
    larder_cache_free(cache);
    fake_stop(&fake);
}

/* The owner is the ring's: the highest score of the key's slot, with few servers and with a table of many. */
static void test_ring(void **state) {
    char servers[1024] = "", name[40][24];

    (void)state;
    for (size_t count = 1; count <= 40; count++) {
        struct larder_cache *cache;

        snprintf(name[count - 1], sizeof(name[0]), "10.0.0.%zu:11211", (count * 7) % 41);
        snprintf(servers + strlen(servers), sizeof(servers) - strlen(servers), "%s,", name[count - 1]);
        if (count % 13 != 0 && count != 3) {
            continue;
        }
        cache = cache_of(servers, (struct larder_cache_options){.size = 0});
        for (int i = 0; i < 100; i++) {
            char key[16];
            uint64_t best = 0;
            size_t owner = 0;

            snprintf(key, sizeof(key), "key-%d", i);
            for (size_t n = 0; n < count; n++) {
                uint64_t score =
                    slots_score(XXH3_64bits(name[n], strlen(name[n])), ring_slot(slice_make(key, strlen(key))));

                owner = score > best ? n : owner;
                best = score > best ? score : best;
            }
            assert_int_equal(larder_cache_server_of(cache, key, strlen(key)), (int)owner);
        }
        larder_cache_free(cache);
    }
}

static void test_fork(void **state) {
    struct larder_cache *cache = cache_of("127.0.0.1:1", (struct larder_cache_options){.size = 0});
    struct larder_result result = LARDER_RESULT_INIT;
    int ended;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        bool refused = larder_cache_get(cache, "k", 1, &result) == LARDER_ERR_FORKED;

        larder_cache_free(cache);
        _exit(refused ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_int_equal(ended, 0);
    larder_cache_free(cache);
}

static long until_failure;
static long live;

static void *failing_reallocate(void *ctx, void *memory, size_t size) {
    void *grown;

    (void)ctx;
    if (until_failure-- == 0) {
        return NULL;
    }
    grown = realloc(memory, size);
    live += memory == NULL && grown != NULL;
    return grown;
}

static void *failing_allocate(void *ctx, size_t size) {
    return failing_reallocate(ctx, NULL, size);
}

static void failing_release(void *ctx, void *memory) {
    (void)ctx;
    live--;
    free(memory);
}

/* True if no allocation failed. */
static bool run_all(const char *name) {
    struct larder_cache_options options = {
        .size = sizeof(options),
        .failures_max = 1000,
        .allocator = {.allocate = failing_allocate, .reallocate = failing_reallocate, .release = failing_release}};
    const struct larder_key keys[] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"k", 1}};
    struct larder_result results[5] = {LARDER_RESULT_INIT};
    struct larder_cache *cache;
    struct larder_batch *batch;
    bool well = larder_cache_new(name, &options, &cache, NULL) == LARDER_DONE;

    if (!well) {
        return false;
    }
    well = larder_cache_get(cache, "k", 1, &results[0]) == LARDER_HIT && well;
    well = larder_cache_get_many(cache, keys, 5, results) == LARDER_DONE && well;
    if (larder_batch_new(cache, &batch) == LARDER_DONE) {
        well = larder_batch_delete(batch, "k", 1) == LARDER_DONE && well;
        /* The server's answer is not one to a delete. */
        larder_batch_run(batch, NULL, NULL);
        larder_batch_free(batch);
    } else {
        well = false;
    }
    for (size_t i = 0; i < 5; i++) {
        larder_result_free(&results[i]);
    }
    larder_cache_free(cache);
    return well && until_failure >= 0;
}

static void test_no_memory(void **state) {
    static const char *const script[] = {"VALUE k 0 1\r\nx\r\nEND\r\n"};
    struct fake fake;
    long failure = 0;
    bool done = false;

    (void)state;
    fake_start(&fake, script, 1);
    for (; !done; failure++) {
        assert_true(failure < FAILURES_MAX);
        until_failure = failure;
        done = run_all(fake.name);
        assert_int_equal(live, 0);
    }
    assert_true(failure > 8);
    fake_stop(&fake);
}

enum { THREADS = 32, ROUNDS = 50 };

static void *ask_often(void *arg) {
    struct larder_result result = LARDER_RESULT_INIT;
    bool well = true;

    for (int i = 0; i < ROUNDS; i++) {
        well = larder_cache_get(arg, "k", 1, &result) == LARDER_HIT && well;
    }
    larder_result_free(&result);
    return well ? arg : NULL;
}

/* The fake serves one connection, so there is one for all. */
static void test_threads(void **state) {
    static const char *const script[] = {"VALUE k 0 1\r\nx\r\nEND\r\n"};
    pthread_t threads[THREADS];
    struct larder_cache *cache;
    struct fake fake;

    (void)state;
    fake_start(&fake, script, 1);
    cache = cache_of(
        fake.name, (struct larder_cache_options){.pool_max = 1, .wait_timeout_ms = 60000, .receive_timeout_ms = 60000});
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, cache), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *well;

        pthread_join(threads[i], &well);
        assert_non_null(well);
    }
    larder_cache_free(cache);
    fake_stop(&fake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_odd_answers),
        cmocka_unit_test(test_never_out_of_step),
        cmocka_unit_test(test_writes_are_not_repeated),
        cmocka_unit_test(test_bad_keys_and_servers),
        cmocka_unit_test(test_dead_servers),
        cmocka_unit_test(test_a_server_comes_back),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
