/* SPDX-License-Identifier: Apache-2.0 */
/* Out of memory ends a fetch and nothing else: each allocation of ours and of libcurl's fails in turn. The origin has a thread
 * of its own, whose allocations do not fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <pthread.h>

#include "base/clock.h"
#include "net/fetch.h"
#include "net/loop.h"
#include "net/timer.h"
#include "toy_origin.h"

enum { FAILURES_MAX = 5000 /* more allocations than a fetch makes */ };

static _Thread_local long until_failure = -1; /* allocations that still succeed; below 0: all */

/* The allocator's three, which the linker puts in front of the C library's for our own objects; libcurl is told to use
 * them. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *data, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *data, size_t size);

/* One fails, those behind it do not. */
static bool fails(void) {
    return until_failure >= 0 && until_failure-- == 0;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *data, size_t size) {
    return fails() ? NULL : __real_realloc(data, size);
}

static char *copy(const char *text) {
    size_t size = strlen(text) + 1;
    char *copied = __wrap_malloc(size);

    return copied == NULL ? NULL : memcpy(copied, text, size);
}

/* --- the origin --- */

static struct loop *origin_loop;
static struct toy_origin *origin;
static char url[64];

static void say_chunks(struct toy_peer *peer, struct slice request) {
    (void)request;
    toy_say(peer, SLICE("HTTP/1.1 200 OK\r\nETag: \"x\"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
}

static void *run_origin(void *loop) {
    loop_run(loop);
    return NULL;
}

/* --- the fetch --- */

struct outcome {
    struct loop *loop;
    struct fetch *fetch;
    unsigned dones;
    enum larder_error error;
    size_t body;
};

static void on_head(void *ctx, const struct fetch_head *head) {
    (void)ctx;
    assert_int_equal(head->status, 200);
    assert_int_equal(head->field_count, 2);
}

static enum fetch_flow on_body(void *ctx, struct slice piece) {
    struct outcome *o = ctx;

    o->body += piece.size;
    fetch_resume(o->fetch);
    return FETCH_PAUSE;
}

static void on_done(void *ctx, enum larder_error error) {
    struct outcome *o = ctx;

    o->dones++;
    o->error = error;
    loop_stop(o->loop);
}

static const struct fetch_ops ops = {.on_head = on_head, .on_body = on_body, .on_done = on_done};

static void fetch_once(struct fetcher *fetcher, struct outcome *o) {
    static const struct fetch_field field = {SLICE("If-None-Match"), SLICE("\"y\"")};
    struct fetch_request request = {.url = slice_from_string(url),
                                    .fields = &field,
                                    .field_count = 1,
                                    .deadline_ns = clock_monotonic_ns() + 60 * CLOCK_NS_PER_S,
                                    .body_max = 100};
    enum larder_error error = fetch_start(fetcher, &request, &ops, o, &o->fetch);

    if (error == LARDER_OK) {
        loop_run(o->loop);
        assert_int_equal(o->dones, 1);
    } else {
        o->error = error;
        assert_int_equal(o->dones, 0);
    }
    assert_int_equal(fetcher_figures(fetcher)->fetches, 0);
    assert_int_equal(fetcher_figures(fetcher)->waiting, 0);
}

static const struct fetcher_config config = {
    .connections = 2,
    .connections_per_host = 2,
    .fetches = 2,
    .connect_timeout_ns = 30 * CLOCK_NS_PER_S,
    .idle_ns = 60 * CLOCK_NS_PER_S,
    .life_ns = 60 * CLOCK_NS_PER_S,
    .name_ns = 60 * CLOCK_NS_PER_S,
};

/* Two fetches, of which the second finds a kept connection; the failure comes in one of them. Whether there was none. */
static bool fetch_with_failure(long failure) {
    struct loop *loop = loop_new();
    struct outcome outcomes[3] = {{.loop = loop}, {.loop = loop}, {.loop = loop}};
    struct fetcher *fetcher;
    bool failed;

    until_failure = failure;
    fetcher = fetcher_new(loop, &config);
    if (fetcher != NULL) {
        fetch_once(fetcher, &outcomes[0]);
        fetch_once(fetcher, &outcomes[1]);
    }
    failed = until_failure < 0;
    until_failure = -1;
    if (fetcher != NULL) {
        fetch_once(fetcher, &outcomes[2]); /* it works again */
        assert_int_equal(outcomes[2].error, LARDER_OK);
        assert_int_equal(outcomes[2].body, 5);
        for (int i = 0; i < 2; i++) {
            if (outcomes[i].error == LARDER_OK) {
                assert_int_equal(outcomes[i].body, 5);
            }
            assert_true(failed || outcomes[i].error == LARDER_OK);
        }
        fetcher_free(fetcher);
    }
    loop_free(loop);
    return !failed;
}

static void each_allocation_may_fail(void **state) {
    long failure = 0;

    (void)state;
    while (!fetch_with_failure(failure)) {
        failure++;
        assert_true(failure < FAILURES_MAX);
    }
    print_message("%ld allocations\n", failure);
    assert_true(failure > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail)};
    pthread_t thread;
    int failed;

    curl_global_init_mem(CURL_GLOBAL_DEFAULT, __wrap_malloc, free, __wrap_realloc, copy, __wrap_calloc);
    origin_loop = loop_new();
    origin = toy_origin_new(origin_loop, "127.0.0.1", 0, say_chunks, NULL);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/path?query", (unsigned)toy_origin_port(origin));
    pthread_create(&thread, NULL, run_origin, origin_loop);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    loop_stop(origin_loop);
    pthread_join(thread, NULL);
    toy_origin_free(origin);
    loop_free(origin_loop);
    curl_global_cleanup();
    return failed;
}
