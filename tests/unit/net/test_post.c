/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/post.h"
#include "toy_collector.h"

enum { SHORT_MS = 50, LONG_S = 600 /* a test that waits for it hangs */ };

static const _Atomic int64_t no_end = INT64_MAX;

static int64_t in_ms(int64_t ms) {
    return clock_monotonic_ns() + ms * CLOCK_NS_PER_MS;
}

static enum larder_error send_to(struct post *post, const char *url, int64_t deadline_ns, struct post_answer *ret) {
    static const char *const fields[] = {"api-key: secret", "tenant: a b"};
    const struct post_request request = {
        .url = url,
        .fields = fields,
        .field_count = sizeof(fields) / sizeof(fields[0]),
        .content_type = "Content-Type: application/x-protobuf",
        .body = SLICE("one\0two"),
        .deadline_ns = deadline_ns,
        .end_ns = &no_end,
    };

    return post_send(post, &request, ret);
}

/* What one post comes to when this is said to it. */
struct outcome {
    enum larder_error error;
    unsigned status;
    int64_t retry_after_s;
    size_t body_size;
    char why[POST_WHY_MAX];
};

static struct outcome told(struct slice bytes, enum toy_then then, int64_t patience_ms) {
    const struct toy_answer answer = {bytes, then};
    struct toy_collector *collector = toy_collector_new(&answer, 1);
    struct post *post = post_new(NULL);
    struct post_answer got;
    struct outcome outcome;

    assert_non_null(post);
    outcome.error = send_to(post, toy_collector_url(collector), in_ms(patience_ms), &got);
    outcome.status = got.status;
    outcome.retry_after_s = got.retry_after_s;
    outcome.body_size = got.body.size;
    strcpy(outcome.why, got.why);
    post_free(post);
    toy_collector_free(collector);
    return outcome;
}

static struct outcome told_whole(struct slice bytes) {
    return told(bytes, TOY_LISTENS, LONG_S * 1000);
}

/* --- answers --- */

static void assert_line(const struct buf *head, const char *line) {
    if (memmem(head->data, head->size, line, strlen(line)) == NULL) {
        fail_msg("no \"%s\" in\n%.*s", line, (int)head->size, head->data);
    }
}

static void test_what_is_sent(void **state) {
    static const struct toy_answer answers[] = {
        TOY_ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst", TOY_LISTENS),
        TOY_ANSWER("HTTP/1.1 202 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nsec\r\n3\r\nond\r\n0\r\n\r\n",
                   TOY_LISTENS),
        TOY_ANSWER("HTTP/1.1 204 OK\r\n\r\n", TOY_LISTENS),
    };
    struct toy_collector *collector = toy_collector_new(answers, 3);
    struct post *post = post_new(NULL);
    const struct toy_post *came;
    struct post_answer got;
    char url[64];

    (void)state;
    snprintf(url, sizeof(url), "%s/v1/traces?x=1", toy_collector_url(collector));
    assert_int_equal(send_to(post, url, in_ms(LONG_S * 1000), &got), LARDER_OK);
    assert_int_equal(got.status, 200);
    assert_true(slice_equal(got.body, SLICE("first")));
    assert_string_equal(got.why, "status 200");
    assert_int_equal(send_to(post, url, in_ms(LONG_S * 1000), &got), LARDER_OK);
    assert_int_equal(got.status, 202);
    assert_true(slice_equal(got.body, SLICE("second")));
    assert_int_equal(send_to(post, url, in_ms(LONG_S * 1000), &got), LARDER_OK);
    assert_int_equal(got.status, 204);
    assert_int_equal(got.body.size, 0);
    assert_int_equal(toy_collector_count(collector), 3);
    assert_int_equal(toy_collector_connections(collector), 1);
    for (size_t i = 0; i < 3; i++) {
        came = toy_collector_post(collector, i);
        assert_line(&came->head, "POST /v1/traces?x=1 HTTP/1.1\r\n");
        assert_line(&came->head, "\r\nContent-Type: application/x-protobuf\r\n");
        assert_line(&came->head, "\r\napi-key: secret\r\n");
        assert_line(&came->head, "\r\ntenant: a b\r\n");
        assert_null(memmem(came->head.data, came->head.size, "Expect", 6));
        assert_true(slice_equal(buf_slice(&came->body), SLICE("one\0two")));
    }
    post_free(post);
    toy_collector_free(collector);
}

static void test_statuses(void **state) {
    struct outcome o;

    (void)state;
    o = told_whole(SLICE("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno"));
    assert_int_equal(o.error, LARDER_OK);
    assert_int_equal(o.status, 503);
    assert_int_equal(o.retry_after_s, 7);
    assert_int_equal(o.body_size, 2);
    assert_string_equal(o.why, "status 503");
    o = told_whole(
        SLICE("HTTP/1.1 429 Slow\r\nRetry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n"));
    assert_int_equal(o.status, 429);
    assert_true(o.retry_after_s > 0);
    o = told_whole(
        SLICE("HTTP/1.1 429 Slow\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n"));
    assert_int_equal(o.status, 429);
    assert_int_equal(o.retry_after_s, 0);
    o = told_whole(SLICE("HTTP/1.1 503 Busy\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n"));
    assert_int_equal(o.retry_after_s, 0);
    o = told_whole(SLICE("HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"));
    assert_int_equal(o.error, LARDER_OK);
    assert_int_equal(o.status, 400);
    assert_int_equal(o.retry_after_s, 0);
    o = told_whole(SLICE("HTTP/1.1 307 There\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"));
    assert_int_equal(o.error, LARDER_OK);
    assert_int_equal(o.status, 307); /* and it is not gone there */
}

/* One of the largest body that is kept, and one of a byte more; then the next post is as any other. */
static void test_large_bodies(void **state) {
    struct buf whole[2];
    struct toy_answer answers[3] = {{{NULL, 0}, TOY_LISTENS},
                                    {{NULL, 0}, TOY_LISTENS},
                                    TOY_ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", TOY_LISTENS)};
    static const char bytes[POST_BODY_MAX + 1];
    struct toy_collector *collector;
    struct post *post = post_new(NULL);
    struct post_answer got;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        buf_init(&whole[i], 2 * POST_BODY_MAX);
        assert_int_equal(buf_printf(&whole[i], "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", POST_BODY_MAX + i), 0);
        assert_int_equal(buf_append(&whole[i], bytes, POST_BODY_MAX + i), LARDER_OK);
        answers[i].bytes = buf_slice(&whole[i]);
    }
    collector = toy_collector_new(answers, 3);
    assert_int_equal(send_to(post, toy_collector_url(collector), in_ms(LONG_S * 1000), &got), LARDER_OK);
    assert_int_equal(got.body.size, POST_BODY_MAX);
    assert_int_equal(send_to(post, toy_collector_url(collector), in_ms(LONG_S * 1000), &got), LARDER_OK);
    assert_int_equal(got.status, 200);
    assert_int_equal(got.body.size, 0);
    assert_int_equal(send_to(post, toy_collector_url(collector), in_ms(LONG_S * 1000), &got), LARDER_OK);
    assert_true(slice_equal(got.body, SLICE("ok")));
    post_free(post);
    toy_collector_free(collector);
    buf_fini(&whole[0]);
    buf_fini(&whole[1]);
}

static void test_endless_answers(void **state) {
    struct outcome o;

    (void)state;
    o = told(SLICE("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"), TOY_REPEATS, LONG_S * 1000);
    assert_int_equal(o.error, LARDER_OK);
    assert_int_equal(o.status, 200);
    assert_int_equal(o.body_size, 0);
    o = told(SLICE("HTTP/1.1 503 No\r\nRetry-After: 9\r\nTransfer-Encoding: chunked\r\n\r\n30\r\n"), TOY_REPEATS,
             LONG_S * 1000);
    assert_true(o.error != LARDER_OK || o.status == 503); /* these are no chunks for long */
    o = told(SLICE("HTTP/1.1 100 Continue\r\n\r\n"), TOY_REPEATS, SHORT_MS);
    assert_int_not_equal(o.error, LARDER_OK);
    assert_int_equal(o.status, 0);
}

/* --- no answer --- */

static void test_closed(void **state) {
    static const char *const said[] = {
        "",
        "HTTP/1.1 2",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        struct outcome o = told(slice_from_string(said[i]), TOY_CLOSES, LONG_S * 1000);

        if (o.error != LARDER_ERROR_CLOSED || o.status != 0 || o.why[0] == '\0') {
            fail_msg("\"%s\": error %d, status %u, \"%s\"", said[i], (int)o.error, o.status, o.why);
        }
    }
}

static void test_refused(void **state) {
    static const struct toy_answer answer = TOY_ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", TOY_LISTENS);
    struct toy_collector *collector = toy_collector_new(&answer, 1);
    struct post *post = post_new(NULL);
    struct post_answer got;

    (void)state;
    toy_collector_shut(collector);
    assert_int_equal(send_to(post, toy_collector_url(collector), in_ms(LONG_S * 1000), &got), LARDER_ERROR_REFUSED);
    assert_int_equal(got.status, 0);
    assert_true(got.why[0] != '\0');
    toy_collector_open(collector);
    assert_int_equal(send_to(post, toy_collector_url(collector), in_ms(LONG_S * 1000), &got), LARDER_OK);
    assert_int_equal(got.status, 200);
    toy_collector_shut(collector); /* the connection that was kept is gone */
    assert_int_equal(send_to(post, toy_collector_url(collector), in_ms(LONG_S * 1000), &got), LARDER_ERROR_REFUSED);
    post_free(post);
    toy_collector_free(collector);
}

static void test_no_http(void **state) {
    struct outcome o;
    struct post *post = post_new(NULL);
    struct post_answer got;

    (void)state;
    o = told_whole(SLICE("SSH-2.0-OpenSSH_9.2\r\n"));
    assert_int_equal(o.error, LARDER_ERROR_INVALID);
    assert_int_equal(o.status, 0);
    assert_int_equal(send_to(post, "ftp://127.0.0.1/", in_ms(LONG_S * 1000), &got), LARDER_ERROR_INVALID);
    assert_int_equal(send_to(post, "http://[", in_ms(LONG_S * 1000), &got), LARDER_ERROR_INVALID);
    post_free(post);
}

static void test_deadline(void **state) {
    static const char *const said[] = {"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct outcome o = told(slice_from_string(said[i]), TOY_HANGS, SHORT_MS);

        assert_int_equal(o.error, LARDER_ERROR_TIMEOUT);
        assert_int_equal(o.status, 0);
        assert_true(o.why[0] != '\0');
    }
}

/* --- woken --- */

struct sender {
    struct post *post;
    const char *url;
    _Atomic int64_t end_ns;
    enum larder_error error;
};

static void *send_long(void *arg) {
    struct sender *s = arg;
    const struct post_request request = {
        .url = s->url,
        .content_type = "Content-Type: text/plain",
        .body = SLICE("x"),
        .deadline_ns = in_ms(LONG_S * 1000),
        .end_ns = &s->end_ns,
    };
    struct post_answer got;

    s->error = post_send(s->post, &request, &got);
    return NULL;
}

static void test_the_end_comes(void **state) {
    static const struct toy_answer answer = TOY_ANSWER("", TOY_HANGS);
    struct toy_collector *collector = toy_collector_new(&answer, 1);
    struct sender s = {.post = post_new(NULL), .url = toy_collector_url(collector), .end_ns = INT64_MAX};
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, send_long, &s), 0);
    toy_collector_await(collector, 1);
    atomic_store(&s.end_ns, clock_monotonic_ns());
    post_wake(s.post);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(s.error, LARDER_ERROR_TIMEOUT);
    post_free(s.post);
    toy_collector_free(collector);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_sent),    cmocka_unit_test(test_statuses), cmocka_unit_test(test_large_bodies),
        cmocka_unit_test(test_endless_answers), cmocka_unit_test(test_closed),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_http),         cmocka_unit_test(test_deadline), cmocka_unit_test(test_the_end_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
