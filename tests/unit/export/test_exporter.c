/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../net/toy_collector.h"
#include "base/clock.h"
#include "export/exporter.h"
#include "proto/etcd/message.h"
#include "proto/otlp/otlp.pb-c.h"

enum { PATIENCE_S = 60, VARIABLES_MAX = 8, TEXT_MAX = 128, LINES_MAX = 16, READ_MAX = 1 << 20 };

#define NEVER "3600000" /* milliseconds: a test that waits for it hangs */
#define TAKEN "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static const struct toy_answer takes_all[] = {TOY_ANSWER(TAKEN, TOY_LISTENS)};

/* An exporter, its tracer and its collector; what it logs. */
struct fixture {
    struct toy_collector *collector;
    char variables[VARIABLES_MAX][TEXT_MAX];
    struct otel_settings settings;
    struct tracer tracer;
    struct calls *calls;
    struct exporter *exporter;
    pthread_mutex_t lock; /* guards the rest */
    size_t line_count;
    char lines[LINES_MAX][TEXT_MAX * 4];
};

static const char *look_up(void *ctx, const char *name) {
    const struct fixture *f = ctx;
    size_t size = strlen(name);

    for (size_t i = 0; i < VARIABLES_MAX; i++) {
        if (strncmp(f->variables[i], name, size) == 0 && f->variables[i][size] == '=') {
            return f->variables[i] + size + 1;
        }
    }
    return NULL;
}

static void on_log(void *ctx, enum exporter_log_level level, const char *message) {
    struct fixture *f = ctx;

    pthread_mutex_lock(&f->lock);
    if (f->line_count < LINES_MAX) {
        snprintf(f->lines[f->line_count++], sizeof(f->lines[0]), "%c %s", level == EXPORTER_WARNING ? 'W' : 'I',
                 message);
    }
    pthread_mutex_unlock(&f->lock);
}

static const char *const method = "get";
static const struct calls_outcome outcome = {"hit", ""};
static const struct calls_names names = {&method, 1, &outcome, 1};

/* Variables beside the collector's: "NAME=value"; a NULL ends them. `delay`: the exporter's. */
static struct fixture *fixture_delaying(const struct toy_answer *answers, size_t count, const char *const *variables,
                                        retry_delay_fn *delay) {
    struct fixture *f = calloc(1, sizeof(*f));
    struct exporter_config config;

    assert_non_null(f);
    f->collector = toy_collector_new(answers, count);
    snprintf(f->variables[0], TEXT_MAX, "OTEL_EXPORTER_OTLP_ENDPOINT=%s", toy_collector_url(f->collector));
    for (size_t i = 0; variables[i] != NULL; i++) {
        assert_true(i + 1 < VARIABLES_MAX);
        snprintf(f->variables[i + 1], TEXT_MAX, "%s", variables[i]);
    }
    assert_int_equal(otel_settings_init(&f->settings, look_up, f, "test", NULL, NULL), LARDER_OK);
    tracer_init(&f->tracer, &f->settings.sampler, false, 1, f->settings.queue_max, f->settings.batch_max,
                otlp_write_span);
    f->calls = calls_new(&names, clock_wall_ns());
    assert_non_null(f->calls);
    pthread_mutex_init(&f->lock, NULL);
    config = (struct exporter_config){.settings = &f->settings,
                                      .tracer = &f->tracer,
                                      .calls = f->calls,
                                      .seed = 1,
                                      .delay = delay,
                                      .log = on_log,
                                      .log_ctx = f};
    assert_int_equal(exporter_start(&config, &f->exporter), LARDER_OK);
    return f;
}

static struct fixture *fixture_new(const struct toy_answer *answers, size_t count, const char *const *variables) {
    return fixture_delaying(answers, count, variables, NULL);
}

static void stop(struct fixture *f, int64_t timeout_ns) {
    exporter_stop(f->exporter, timeout_ns);
    f->exporter = NULL;
}

static void fixture_free(struct fixture *f) {
    stop(f, 0); /* NULL is allowed */
    tracer_fini(&f->tracer);
    calls_free(f->calls);
    otel_settings_fini(&f->settings);
    toy_collector_free(f->collector);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static void put_spans(struct fixture *f, size_t count) {
    while (count-- > 0) {
        tracer_end(tracer_begin(&f->tracer, SLICE("work"), SPAN_INTERNAL, NULL), clock_monotonic_ns());
    }
}

static bool flush(struct fixture *f) {
    return exporter_flush(f->exporter, PATIENCE_S * CLOCK_NS_PER_S);
}

/* Waits until so many spans are sent and dropped, and says if they are others. */
static void await_figures(struct fixture *f, uint64_t sent, uint64_t dropped) {
    int64_t until_ns = clock_monotonic_ns() + PATIENCE_S * CLOCK_NS_PER_S;
    struct exporter_figures now = exporter_figures(f->exporter);

    while (now.spans_sent + now.spans_dropped < sent + dropped && clock_monotonic_ns() < until_ns) {
        (void)poll(NULL, 0, 1);
        now = exporter_figures(f->exporter);
    }
    assert_int_equal(now.spans_sent, sent);
    assert_int_equal(now.spans_dropped, dropped);
}

static void await_attempts(struct fixture *f, uint64_t count) {
    int64_t until_ns = clock_monotonic_ns() + PATIENCE_S * CLOCK_NS_PER_S;

    while (exporter_figures(f->exporter).posts < count && clock_monotonic_ns() < until_ns) {
        (void)poll(NULL, 0, 1);
    }
    assert_true(exporter_figures(f->exporter).posts >= count);
}

/* Until the exporter has said so many lines. */
static void await_lines(struct fixture *f, size_t count) {
    int64_t until_ns = clock_monotonic_ns() + PATIENCE_S * CLOCK_NS_PER_S;
    size_t now;

    do {
        (void)poll(NULL, 0, 1);
        pthread_mutex_lock(&f->lock);
        now = f->line_count;
        pthread_mutex_unlock(&f->lock);
    } while (now < count && clock_monotonic_ns() < until_ns);
    assert_true(now >= count);
}

/* How many spans a post has. */
static size_t spans_in(struct fixture *f, size_t at) {
    const struct toy_post *post = toy_collector_post(f->collector, at);
    const Otlp__Traces *traces;
    struct arena arena;
    size_t count;

    assert_true(slice_has_prefix(buf_slice(&post->head), SLICE("POST /v1/traces HTTP/1.1\r\n")));
    arena_init(&arena, READ_MAX);
    traces = (const Otlp__Traces *)etcd_message_unpack(&otlp__traces__descriptor, buf_slice(&post->body), &arena);
    assert_non_null(traces);
    count = traces->resource_spans[0]->scope_spans[0]->n_spans;
    arena_fini(&arena);
    return count;
}

/* That the exporter has said this, line by line: the first letter of the level, and a part of the message. */
static void assert_said(struct fixture *f, const char *const *lines, size_t count) {
    pthread_mutex_lock(&f->lock);
    assert_int_equal(f->line_count, count);
    for (size_t i = 0; i < count; i++) {
        if (f->lines[i][0] != lines[i][0] || strstr(f->lines[i], lines[i] + 2) == NULL) {
            fail_msg("\"%s\" instead of \"%s\"", f->lines[i], lines[i]);
        }
    }
    pthread_mutex_unlock(&f->lock);
}

/* --- batches --- */

static const char *const by_count[] = {"OTEL_METRICS_EXPORTER=none", "OTEL_BSP_SCHEDULE_DELAY=" NEVER,
                                       "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=4", "OTEL_BSP_MAX_QUEUE_SIZE=8", NULL};

static void test_whole_batches(void **state) {
    struct fixture *f = fixture_new(takes_all, 1, by_count);

    (void)state;
    put_spans(f, 3);
    put_spans(f, 1);
    toy_collector_await(f->collector, 1);
    await_figures(f, 4, 0);
    put_spans(f, 6); /* and two are left */
    toy_collector_await(f->collector, 2);
    await_figures(f, 8, 0);
    assert_true(flush(f));
    await_figures(f, 10, 0);
    assert_int_equal(toy_collector_count(f->collector), 3);
    assert_int_equal(spans_in(f, 0), 4);
    assert_int_equal(spans_in(f, 1), 4);
    assert_int_equal(spans_in(f, 2), 2);
    assert_int_equal(exporter_figures(f->exporter).posts, 3);
    assert_int_equal(toy_collector_connections(f->collector), 1);
    assert_said(f, NULL, 0);
    fixture_free(f);
}

static void test_in_time(void **state) {
    static const char *const variables[] = {"OTEL_METRICS_EXPORTER=none", "OTEL_BSP_SCHEDULE_DELAY=1", NULL};
    struct fixture *f = fixture_new(takes_all, 1, variables);

    (void)state;
    put_spans(f, 1); /* one of 512 */
    await_figures(f, 1, 0);
    put_spans(f, 1);
    await_figures(f, 2, 0);
    assert_int_equal(spans_in(f, 0), 1);
    assert_int_equal(spans_in(f, 1), 1);
    fixture_free(f);
}

static void test_metrics(void **state) {
    static const char *const variables[] = {"OTEL_BSP_SCHEDULE_DELAY=" NEVER, "OTEL_METRIC_EXPORT_INTERVAL=1", NULL};
    struct fixture *f = fixture_new(takes_all, 1, variables);

    (void)state;
    calls_count(f->calls, 0, 0, 1000);
    toy_collector_await(f->collector, 3);
    assert_true(slice_has_prefix(buf_slice(&toy_collector_post(f->collector, 2)->head), SLICE("POST /v1/metrics ")));
    assert_true(exporter_figures(f->exporter).metrics_sent >= 2);
    assert_int_equal(exporter_figures(f->exporter).metrics_dropped, 0);
    fixture_free(f);
}

/* While the collector says nothing, the queue takes 8 more; who puts does not wait. */
static void test_a_full_queue(void **state) {
    struct fixture *f = fixture_new(takes_all, 1, by_count);

    (void)state;
    toy_collector_hold(f->collector);
    put_spans(f, 4);
    toy_collector_await(f->collector, 1);
    put_spans(f, 11);
    assert_int_equal(exporter_figures(f->exporter).spans_dropped, 3);
    toy_collector_release(f->collector);
    assert_true(flush(f));
    await_figures(f, 12, 3);
    fixture_free(f);
}

/* --- collectors in trouble --- */

static void test_gone_and_back(void **state) {
    static const char *const said[] = {"W /v1/traces takes no spans: ", "I /v1/traces takes spans again; 0 spans"};
    struct fixture *f = fixture_new(takes_all, 1, by_count);

    (void)state;
    put_spans(f, 4);
    await_figures(f, 4, 0);
    toy_collector_shut(f->collector);
    put_spans(f, 4);
    await_attempts(f, 3); /* two of them in vain */
    toy_collector_open(f->collector);
    await_figures(f, 8, 0);
    assert_int_equal(spans_in(f, 1), 4);
    assert_said(f, said, 2);
    fixture_free(f);
}

static void test_tried_again(void **state) {
    static const struct toy_answer answers[] = {
        TOY_ANSWER("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", TOY_LISTENS),
        TOY_ANSWER("HTTP/1.1 429 Slow\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", TOY_CLOSES),
        TOY_ANSWER("", TOY_CLOSES),
        TOY_ANSWER(TAKEN, TOY_LISTENS),
        TOY_ANSWER("HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n", TOY_LISTENS),
    };
    static const char *const said[] = {"W takes no spans: status 503", "I takes spans again", "W status 400"};
    struct fixture *f = fixture_new(answers, 5, by_count);

    (void)state;
    put_spans(f, 4);
    await_figures(f, 4, 0);
    assert_int_equal(exporter_figures(f->exporter).posts, 4);
    assert_int_equal(spans_in(f, 3), 4);
    put_spans(f, 4); /* what is refused is not */
    await_figures(f, 4, 4);
    assert_int_equal(exporter_figures(f->exporter).posts, 5);
    assert_said(f, said, 3);
    fixture_free(f);
}

/* It says so once, and gives up when the next attempt would come too late. */
static void test_given_up(void **state) {
    static const struct toy_answer answers[] = {
        TOY_ANSWER("HTTP/1.1 503 Busy\r\nRetry-After: 250\r\nContent-Length: 0\r\n\r\n", TOY_LISTENS)};
    static const char *const variables[] = {"OTEL_METRICS_EXPORTER=none",       "OTEL_BSP_SCHEDULE_DELAY=" NEVER,
                                            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=4", "OTEL_BSP_MAX_QUEUE_SIZE=8",
                                            "OTEL_BSP_EXPORT_TIMEOUT=240000",   NULL};
    static const char *const said[] = {"W takes no spans: status 503"};
    struct fixture *f = fixture_new(answers, 1, variables);

    (void)state;
    put_spans(f, 4);
    await_figures(f, 0, 4);
    put_spans(f, 4);
    await_figures(f, 0, 8);
    assert_int_equal(exporter_figures(f->exporter).posts, 2);
    assert_said(f, said, 1);
    fixture_free(f);
}

/* The time of all attempts is also that of an attempt that hangs. */
static void test_hanging(void **state) {
    static const struct toy_answer answers[] = {TOY_ANSWER("", TOY_HANGS)};
    static const char *const variables[] = {"OTEL_METRICS_EXPORTER=none",
                                            "OTEL_BSP_SCHEDULE_DELAY=" NEVER,
                                            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=4",
                                            "OTEL_BSP_MAX_QUEUE_SIZE=8",
                                            "OTEL_BSP_EXPORT_TIMEOUT=100",
                                            "OTEL_EXPORTER_OTLP_TIMEOUT=" NEVER,
                                            NULL};
    struct fixture *f = fixture_new(answers, 1, variables);

    (void)state;
    put_spans(f, 4);
    await_figures(f, 0, 4);
    fixture_free(f);
}

/* --- partial success --- */

static void test_partial_success(void **state) {
    static const struct toy_answer answers[] = {
        TOY_ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n\x0a\x09\x08\x03\x12\x05stale", TOY_LISTENS),
        TOY_ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n\x0a\x09\x08\x02\x12\x05stale", TOY_LISTENS),
        TOY_ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n\x0a\x06\x12\x04mind", TOY_LISTENS),
        TOY_ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n\x0a\x06\x12\x04mind", TOY_LISTENS),
        TOY_ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\x0a\x63\x08\x01\x01", TOY_LISTENS), /* garbage */
        TOY_ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\x0a\x02\x08\x09", TOY_LISTENS),     /* 9 of 4 */
        TOY_ANSWER(TAKEN, TOY_LISTENS),
    };
    static const char *const said[] = {
        "W /v1/traces rejects some spans: 3 of a batch, stale",
        "I takes spans again; 5 spans were dropped so far",
        "W /v1/traces warns of spans: mind",
        "W /v1/traces rejects some spans: 9 of a batch, without a reason",
        "I takes spans again; 9 spans were dropped so far",
    };
    static const uint64_t dropped[] = {3, 5, 5, 5, 5, 9, 9};
    struct fixture *f = fixture_new(answers, 7, by_count);

    (void)state;
    for (size_t i = 0; i < 7; i++) {
        put_spans(f, 4);
        await_figures(f, 4 * (i + 1) - dropped[i], dropped[i]);
    }
    assert_int_equal(exporter_figures(f->exporter).posts, 7); /* nothing is sent twice */
    assert_said(f, said, 5);
    fixture_free(f);
}

static void test_rejected_points(void **state) {
    static const struct toy_answer answers[] = {
        TOY_ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\x0a\x02\x08\x01", TOY_LISTENS),
        TOY_ANSWER(TAKEN, TOY_LISTENS),
    };
    static const char *const variables[] = {"OTEL_BSP_SCHEDULE_DELAY=" NEVER, "OTEL_METRIC_EXPORT_INTERVAL=" NEVER,
                                            NULL};
    static const char *const said[] = {"W /v1/metrics rejects some metrics: 1 of"};
    struct fixture *f = fixture_new(answers, 2, variables);

    (void)state;
    assert_true(flush(f));
    assert_int_equal(exporter_figures(f->exporter).metrics_sent, 0);
    assert_int_equal(exporter_figures(f->exporter).metrics_dropped, 1);
    assert_said(f, said, 1);
    assert_true(flush(f));
    assert_int_equal(exporter_figures(f->exporter).metrics_sent, 1);
    fixture_free(f);
}

/* --- flush and stop --- */

static void test_flush(void **state) {
    struct fixture *f = fixture_new(takes_all, 1, by_count);

    (void)state;
    assert_true(flush(f)); /* of nothing */
    assert_int_equal(toy_collector_count(f->collector), 0);
    toy_collector_hold(f->collector);
    put_spans(f, 1);
    assert_false(exporter_flush(f->exporter, CLOCK_NS_PER_MS));
    toy_collector_await(f->collector, 1); /* it goes on */
    assert_int_equal(exporter_figures(f->exporter).spans_sent, 0);
    toy_collector_release(f->collector);
    assert_true(flush(f));
    await_figures(f, 1, 0);
    fixture_free(f);
}

static void test_stop_sends(void **state) {
    struct fixture *f = fixture_new(takes_all, 1, by_count);

    (void)state;
    put_spans(f, 3);
    stop(f, PATIENCE_S * CLOCK_NS_PER_S);
    assert_int_equal(toy_collector_count(f->collector), 1);
    assert_int_equal(spans_in(f, 0), 3);
    put_spans(f, 1);
    assert_int_equal(span_queue_figures(&f->tracer.queue).dropped, 1);
    fixture_free(f);
}

static void *stop_at_leisure(void *ctx) {
    stop(ctx, 3600 * CLOCK_NS_PER_S);
    return NULL;
}

/* Nobody listens when the program ends: it is over then, and does not wait for somebody to come. A batch that is tried again
 * finds the collector that comes meanwhile. */
static void test_stop_with_nobody_there(void **state) {
    static const char *const said[] = {"W /v1/traces takes no spans: "};
    struct fixture *f = fixture_new(takes_all, 1, by_count);
    pthread_t thread;

    (void)state;
    toy_collector_shut(f->collector);
    put_spans(f, 3);
    assert_int_equal(pthread_create(&thread, NULL, stop_at_leisure, f), 0);
    await_lines(f, 1); /* the first attempt has failed */
    toy_collector_open(f->collector);
    pthread_join(thread, NULL);
    assert_int_equal(toy_collector_count(f->collector), 0);
    assert_said(f, said, 1);
    fixture_free(f);
}

static int64_t most_of_an_hour(unsigned attempts, int64_t retry_after_s, struct random *random) {
    (void)attempts;
    (void)retry_after_s;
    (void)random;
    return 3000 * CLOCK_NS_PER_S;
}

/* It had been going to try again, much later: a test that waits for that hangs. */
static void test_stop_while_nobody_is_waited_for(void **state) {
    static const char *const variables[] = {"OTEL_METRICS_EXPORTER=none", "OTEL_BSP_SCHEDULE_DELAY=1",
                                            "OTEL_BSP_EXPORT_TIMEOUT=" NEVER, NULL};
    static const char *const said[] = {"W /v1/traces takes no spans: "};
    struct fixture *f = fixture_delaying(takes_all, 1, variables, most_of_an_hour);

    (void)state;
    toy_collector_shut(f->collector);
    put_spans(f, 1);
    await_lines(f, 1);
    stop(f, 3500 * CLOCK_NS_PER_S);
    assert_int_equal(toy_collector_count(f->collector), 0);
    assert_said(f, said, 1);
    fixture_free(f);
}

/* Nobody answers, or the collector wants to be asked much later: none of it is waited for. A test that does so hangs. */
static void test_stop_in_trouble(void **state) {
    static const struct toy_answer hangs[] = {TOY_ANSWER("", TOY_HANGS)};
    static const struct toy_answer is_busy[] = {
        TOY_ANSWER("HTTP/1.1 503 Busy\r\nRetry-After: 300\r\nContent-Length: 0\r\n\r\n", TOY_LISTENS)};
    static const char *const variables[] = {"OTEL_METRICS_EXPORTER=none",        "OTEL_BSP_SCHEDULE_DELAY=" NEVER,
                                            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=1",  "OTEL_BSP_EXPORT_TIMEOUT=" NEVER,
                                            "OTEL_EXPORTER_OTLP_TIMEOUT=" NEVER, NULL};
    static const char *const said[] = {"W takes no spans: "};
    struct fixture *f = fixture_new(hangs, 1, variables);

    (void)state;
    put_spans(f, 2);
    toy_collector_await(f->collector, 1);
    stop(f, CLOCK_NS_PER_MS);
    assert_said(f, said, 1);
    fixture_free(f);

    f = fixture_new(is_busy, 1, variables);
    put_spans(f, 2);
    await_attempts(f, 1);
    stop(f, CLOCK_NS_PER_MS);
    assert_said(f, said, 1);
    assert_int_equal(toy_collector_count(f->collector), 1);
    fixture_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_batches),
        cmocka_unit_test(test_in_time),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_a_full_queue),
        cmocka_unit_test(test_gone_and_back),
        cmocka_unit_test(test_tried_again),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_hanging),
        cmocka_unit_test(test_partial_success),
        cmocka_unit_test(test_rejected_points),
        cmocka_unit_test(test_flush),
        cmocka_unit_test(test_stop_sends),
        cmocka_unit_test(test_stop_with_nobody_there),
        cmocka_unit_test(test_stop_while_nobody_is_waited_for),
        cmocka_unit_test(test_stop_in_trouble),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
