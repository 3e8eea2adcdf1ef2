/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked, byte by byte, and answers as they should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fetch_fixture.h"

static void assert_bytes(struct slice got, const char *expected) {
    if (!slice_equal(got, slice_from_string(expected))) {
        print_message("expected:\n%s\ngot:\n%.*s\n", expected, (int)got.size, got.data);
    }
    assert_true(slice_equal(got, slice_from_string(expected)));
}

/* What the origin says to every request; the tests set it. */
static const char *script;

static void say_script(struct toy_peer *peer, struct slice request) {
    (void)request;
    toy_say(peer, slice_from_string(script));
}

static void say_and_hang_up(struct toy_peer *peer, struct slice request) {
    say_script(peer, request);
    toy_hang_up(peer);
}

static void say_hello(struct toy_peer *peer, struct slice request) {
    (void)request;
    toy_answer_with(peer, SLICE("hello"));
}

/* --- what is asked --- */

static void the_target_goes_out_as_it_is(void **state) {
    static const char *const targets[][2] = {
        {"/v2/image/png/003?w=850&h=200&type=.webp", NULL},
        {"/a/../b/./c/..", NULL},
        {"//double//slashes///", NULL},
        {"/%2e%2E/%2f%00%ff%zz%", NULL},
        {"/..%2f..", NULL},
        {"/?", NULL},
        {"/a?b?c#d?e", NULL},
        {"/#", NULL},
        {"/[x]{y}|\\^`\"<>'", NULL},
        {"/a:b@c;d,e=f+g!h*i(j)$k&l~m_n-o.p", NULL},
        {"/\x80\xff\xc3\xa4", NULL},
        {"/http://other.example/x", NULL},
        {"", "/"},
        {"?q=/../", "/?q=/../"},
        {"#f", "/#f"},
    };
    struct fixture *f = fixture_new(say_hello);

    (void)state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        const char *sent = targets[i][1] == NULL ? targets[i][0] : targets[i][1];
        struct got got = {0};
        char expected[512];

        get(f, &got, targets[i][0]);
        assert_int_equal(got.error, LARDER_OK);
        snprintf(expected, sizeof(expected),
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: larder/" LARDER_VERSION "\r\n\r\n", sent,
                 (unsigned)toy_origin_port(f->origin));
        assert_bytes(buf_slice(&f->origin->last), expected);
        got_fini(&got);
    }
    fixture_free(f);
}

static void every_byte_of_a_target_is_sent_or_refused(void **state) {
    struct fixture *f = fixture_new(say_hello);

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        bool fits = byte > ' ' && byte != 0x7f;
        struct got got = {.fixture = f};
        char url[64];
        struct slice whole = url_of(f->origin, "/a?b", url, sizeof(url));
        struct fetch_request request = {.url = whole, .deadline_ns = in_a_minute(), .body_max = 100};

        url[whole.size - 1] = (char)byte;
        if (fits) {
            char expected[32];

            begin_request(f, &got, &request);
            await(f, 1);
            assert_int_equal(got.error, LARDER_OK);
            snprintf(expected, sizeof(expected), "GET /a?%c HTTP/1.1\r\n", byte);
            assert_memory_equal(f->origin->last.data, expected, strlen(expected));
            got_fini(&got);
        } else {
            static const struct fetch_ops none;

            assert_int_equal(fetch_start(f->fetcher, &request, &none, NULL, &got.fetch), LARDER_ERROR_INVALID);
        }
    }
    assert_int_equal(fetcher_figures(f->fetcher)->fetches, 0);
    fixture_free(f);
}

static void a_long_target_is_sent_whole(void **state) {
    struct fixture *f = fixture_new(say_hello);
    size_t size = FETCH_URL_MAX;
    char *url = malloc(size + 1);
    struct fetch_request request = {.deadline_ns = in_a_minute(), .body_max = 100};
    static const struct fetch_ops none;
    struct got got = {0};
    struct fetch *fetch;
    size_t begun;

    (void)state;
    begun = url_of(f->origin, "/", url, size).size;
    memset(url + begun, 'x', size + 1 - begun);
    request.url = slice_make(url, size + 1);
    assert_int_equal(fetch_start(f->fetcher, &request, &none, NULL, &fetch), LARDER_ERROR_LIMIT);
    request.url = slice_make(url, size);
    begin_request(f, &got, &request);
    await(f, 1);
    assert_int_equal(got.error, LARDER_OK);
    assert_memory_equal(f->origin->last.data, "GET /xxx", 8);
    assert_memory_equal(f->origin->last.data + 4 + 1 + (size - begun), " HTTP/1.1\r\n", 11);
    got_fini(&got);
    free(url);
    fixture_free(f);
}

static void fields_go_out_in_order_and_as_they_are(void **state) {
    static const struct fetch_field fields[] = {
        {SLICE("If-None-Match"), SLICE("\"a\", W/\"b\"")},
        {SLICE("X-Empty"), SLICE("")},
        {SLICE("X-Blank"), SLICE(" \t ")},
        {SLICE("x-Case"), SLICE("a;b:c,  d\xff")},
        {SLICE("Accept-Encoding"), SLICE("br")},
        {SLICE("Authorization"), SLICE("Bearer x")},
        {SLICE("Cookie"), SLICE("a=b")},
        {SLICE("accept"), SLICE("image/*")},
        {SLICE("user-agent"), SLICE("me")},
        {SLICE("X-Twice"), SLICE("1")},
        {SLICE("X-Twice"), SLICE("2")},
    };
    struct fixture *f = fixture_new(say_hello);
    char url[64], expected[512];
    struct fetch_request request = {
        .url = url_of(f->origin, "/k", url, sizeof(url)),
        .fields = fields,
        .field_count = sizeof(fields) / sizeof(fields[0]),
        .deadline_ns = INT64_MAX,
        .body_max = 5,
    };
    struct got got = {0};

    (void)state;
    begin_request(f, &got, &request);
    await(f, 1);
    assert_int_equal(got.error, LARDER_OK);
    snprintf(expected, sizeof(expected),
             "GET /k HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nIf-None-Match: \"a\", W/\"b\"\r\nX-Empty:\r\nX-Blank:\r\n"
             "x-Case: a;b:c,  d\xff\r\nAccept-Encoding: br\r\nAuthorization: Bearer x\r\nCookie: a=b\r\n"
             "accept: image/*\r\nuser-agent: me\r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\n",
             (unsigned)toy_origin_port(f->origin));
    assert_bytes(buf_slice(&f->origin->last), expected);
    got_fini(&got);
    fixture_free(f);
}

static enum larder_error try_field(struct fixture *f, struct slice name, struct slice value) {
    static const struct fetch_ops none;
    struct fetch_field field = {name, value};
    struct fetch_request request = {
        .url = SLICE("http://127.0.0.1:1/"), .fields = &field, .field_count = 1, .deadline_ns = INT64_MAX};
    struct fetch *fetch;
    enum larder_error error = fetch_start(f->fetcher, &request, &none, NULL, &fetch);

    if (error == LARDER_OK) {
        fetch_cancel(fetch);
    }
    return error;
}

static void fields_that_are_not_the_callers_are_refused(void **state) {
    struct fixture *f = fixture_new(say_hello);
    char large[FETCH_REQUEST_HEAD_MAX];

    (void)state;
    assert_int_equal(try_field(f, SLICE("X"), SLICE("y")), LARDER_OK);
    assert_int_equal(try_field(f, SLICE("Hosts"), SLICE("y")), LARDER_OK);
    assert_int_equal(try_field(f, SLICE("host"), SLICE("y")), LARDER_ERROR_INVALID);
    assert_int_equal(try_field(f, SLICE("Connection"), SLICE("close")), LARDER_ERROR_INVALID);
    assert_int_equal(try_field(f, SLICE("CONTENT-LENGTH"), SLICE("0")), LARDER_ERROR_INVALID);
    assert_int_equal(try_field(f, SLICE("Transfer-Encoding"), SLICE("chunked")), LARDER_ERROR_INVALID);
    assert_int_equal(try_field(f, SLICE("te"), SLICE("trailers")), LARDER_ERROR_INVALID);
    assert_int_equal(try_field(f, SLICE("Upgrade"), SLICE("h2c")), LARDER_ERROR_INVALID);
    assert_int_equal(try_field(f, SLICE("Expect"), SLICE("100-continue")), LARDER_ERROR_INVALID);
    assert_int_equal(try_field(f, SLICE(""), SLICE("y")), LARDER_ERROR_INVALID);
    assert_int_equal(try_field(f, SLICE("a b"), SLICE("y")), LARDER_ERROR_INVALID);
    assert_int_equal(try_field(f, SLICE("a:"), SLICE("y")), LARDER_ERROR_INVALID);
    assert_int_equal(try_field(f, SLICE("X"), SLICE("a\r\nHost: b")), LARDER_ERROR_INVALID);
    assert_int_equal(try_field(f, SLICE("X"), SLICE("a\0b")), LARDER_ERROR_INVALID);
    memset(large, 'l', sizeof(large));
    assert_int_equal(try_field(f, SLICE("X"), slice_make(large, sizeof(large) - 5)), LARDER_OK);
    assert_int_equal(try_field(f, SLICE("X"), slice_make(large, sizeof(large) - 4)), LARDER_ERROR_LIMIT);
    fixture_free(f);
}

static enum larder_error try_url(struct fixture *f, const char *url) {
    static const struct fetch_ops none;
    struct fetch_request request = {.url = slice_from_string(url), .deadline_ns = INT64_MAX};
    struct fetch *fetch;
    enum larder_error error = fetch_start(f->fetcher, &request, &none, NULL, &fetch);

    if (error == LARDER_OK) {
        fetch_cancel(fetch);
    }
    return error;
}

static void urls_that_lead_elsewhere_are_refused(void **state) {
    static const char *const bad[] = {
        "",           "127.0.0.1/",        "/path",       "ftp://h/",     "file:///etc/passwd",
        "http:/h/",   "http://",           "http:///x",   "http://?x",    "http://me:secret@h/",
        "http://@/",  "http://h:99999/",   "http://h:x/", "http://[::1/", "http://a b/",
        "http://h h", "http://h/\r\nX: y", "https:// /",  "gopher://h/",  "http://h:1:2/",
    };
    struct fixture *f = fixture_new(say_hello);

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (try_url(f, bad[i]) != LARDER_ERROR_INVALID) {
            fail_msg("%s was not refused", bad[i]);
        }
    }
    assert_int_equal(try_url(f, "HTTP://h/"), LARDER_OK);
    assert_int_equal(try_url(f, "https://[::1]:1/@"), LARDER_OK);
    fixture_free(f);
}

static void there_is_a_ceiling_for_fetches(void **state) {
    struct fetcher_config config = generous;
    struct fixture *f;
    struct got first = {0}, second = {0}, third = {0};
    static const struct fetch_ops none;
    struct fetch_request request = {.url = SLICE("http://127.0.0.1:1/"), .deadline_ns = INT64_MAX};
    struct fetch *fetch;

    (void)state;
    config.fetches = 2;
    f = fixture_new_with(say_hello, &config);
    begin(f, &first, "/1");
    begin(f, &second, "/2");
    assert_int_equal(fetch_start(f->fetcher, &request, &none, NULL, &fetch), LARDER_ERROR_LIMIT);
    await(f, 2);
    begin(f, &third, "/3");
    await(f, 1);
    assert_int_equal(third.error, LARDER_OK);
    got_fini(&first);
    got_fini(&second);
    got_fini(&third);
    fixture_free(f);
}

/* --- answers --- */

static void assert_answer(const struct got *got, unsigned status, const char *fields, const char *body) {
    assert_int_equal(got->error, LARDER_OK);
    assert_int_equal(got->heads, 1);
    assert_int_equal(got->status, status);
    assert_bytes(buf_slice(&got->fields), fields);
    assert_bytes(buf_slice(&got->body), body);
}

struct sample {
    const char *text;
    unsigned status;
    const char *fields;
    const char *body;
    bool ends; /* the origin hangs up behind it */
};

static const struct sample samples[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"x\"\r\n\r\nhello", 200, "Content-Length: 5\nETag: \"x\"\n",
     "hello", false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "Content-Length: 0\n", "", false},
    {"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", 200, "Content-Length: 1\n", "x", false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-Trailer: y\r\n\r\n",
     200, "Transfer-Encoding: chunked\n", "hello world", false},
    {"HTTP/1.0 200 OK\r\nX: y\r\n\r\nup to the end", 200, "X: y\n", "up to the end", true},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nup to the end", 200, "Connection: close\n", "up to the end", true},
    {"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n", 404, "Content-Length: 3\n", "no\n", false},
    {"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\nRetry-After: 1\r\n\r\noh", 500, "Content-Length: 2\nRetry-After: 1\n",
     "oh", false},
    {"HTTP/1.1 401 Who\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", 401,
     "WWW-Authenticate: Basic\nContent-Length: 0\n", "", false},
    {"HTTP/1.1 301 There\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 5\r\n\r\nthere", 301,
     "Location: http://127.0.0.1:1/\nContent-Length: 5\n", "there", false},
    {"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 500\r\n\r\n", 304,
     "ETag: \"x\"\nContent-Length: 500\n", "", false},
    {"HTTP/1.1 204 No Content\r\n\r\n", 204, "", "", false},
    {"HTTP/1.1 100 Continue\r\nX: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
     200, "Content-Length: 2\n", "ok", false},
    {"HTTP/1.1 200 OK\nContent-Length: 2\nX:y\n\nok", 200, "Content-Length: 2\nX: y\n", "ok", false},
    {"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nX: \t v w \t\r\nContent-Encoding: gzip\r\n"
     "Content-Length: 4\r\nEmpty:\r\n\r\n\x1f\x8b\x08\x04",
     200, "Set-Cookie: a=b\nSet-Cookie: c=d\nX: v w\nContent-Encoding: gzip\nContent-Length: 4\nEmpty: \n",
     "\x1f\x8b\x08\x04", false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", 200,
     "Content-Length: 2\nContent-Length: 2\n", "ok", false},
    {"HTTP/1.1 599 Odd\r\nContent-Length: 1\r\n\r\n!", 599, "Content-Length: 1\n", "!", false},
};

enum { SAMPLES = sizeof(samples) / sizeof(samples[0]) };

static void say_sample(struct toy_peer *peer, struct slice request) {
    const struct sample *sample = &samples[strtoul(request.data + strlen("GET /"), NULL, 10)];

    toy_say(peer, slice_from_string(sample->text));
    if (sample->ends) {
        toy_hang_up(peer);
    }
}

static void get_samples(struct fixture *f) {
    for (size_t i = 0; i < SAMPLES; i++) {
        struct got got = {0};
        char target[16];

        snprintf(target, sizeof(target), "/%zu", i);
        get(f, &got, target);
        assert_answer(&got, samples[i].status, samples[i].fields, samples[i].body);
        assert_int_equal(got.until_end, samples[i].ends);
        got_fini(&got);
    }
}

static void answers_come_through(void **state) {
    struct fixture *f = fixture_new(say_sample);

    (void)state;
    get_samples(f);
    fixture_free(f);
}

/* However the kernel cuts it. */
static void answers_come_through_in_pieces_of_any_size(void **state) {
    struct fixture *f = fixture_new(say_sample);

    (void)state;
    for (f->origin->piece = 1; f->origin->piece < 8; f->origin->piece++) {
        get_samples(f);
    }
    fixture_free(f);
}

static size_t split_at;

static void say_second_half(struct toy_peer *peer) {
    peer->more = NULL;
    toy_say(peer, slice_skip(slice_from_string(script), split_at));
}

static void say_first_half(struct toy_peer *peer, struct slice request) {
    (void)request;
    toy_say(peer, slice_make(script, split_at));
    peer->more = say_second_half;
}

static void an_answer_comes_through_cut_at_every_byte(void **state) {
    struct fixture *f = fixture_new(say_first_half);

    (void)state;
    script = samples[3].text;
    for (split_at = 1; split_at < strlen(script); split_at++) {
        struct got got = {0};

        get(f, &got, "/");
        assert_answer(&got, samples[3].status, samples[3].fields, samples[3].body);
        got_fini(&got);
    }
    fixture_free(f);
}

static void a_head_has_no_body(void **state) {
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n",
    };
    struct fixture *f = fixture_new(say_script);

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct got got = {0};
        char url[64];
        struct fetch_request request = {.method = FETCH_HEAD,
                                        .url = url_of(f->origin, "/h", url, sizeof(url)),
                                        .deadline_ns = in_a_minute(),
                                        .body_max = 10};

        script = heads[i];
        begin_request(f, &got, &request);
        await(f, 1);
        assert_int_equal(got.error, LARDER_OK);
        assert_int_equal(got.heads, 1);
        assert_int_equal(got.body_size, 0);
        assert_false(got.until_end);
        assert_int_equal(got.has_length, i != 1);
        assert_int_equal(got.length, i == 0 ? 5000 : (i == 1 ? 0 : 9));
        assert_memory_equal(f->origin->last.data, "HEAD /h HTTP/1.1\r\n", 18);
        got_fini(&got);
    }
    assert_int_equal(f->origin->connections, 1);
    fixture_free(f);
}

/* --- connections --- */

static void connections_are_kept(void **state) {
    struct fixture *f = fixture_new(say_hello);
    const struct fetcher_figures *figures = fetcher_figures(f->fetcher);

    (void)state;
    for (unsigned i = 1; i <= 20; i++) {
        struct got got = {0};

        get(f, &got, "/");
        assert_answer(&got, 200, "Content-Length: 5\n", "hello");
        assert_int_equal(figures->connections_made, 1);
        assert_int_equal(figures->connections_reused, i - 1);
        assert_int_equal(figures->connections_open, 1);
        assert_int_equal(figures->fetches, 0);
        assert_int_equal(figures->ended[LARDER_OK], i);
        got_fini(&got);
    }
    assert_int_equal(f->origin->connections, 1);
    fixture_free(f);
}

static void an_answer_up_to_the_end_uses_a_connection_up(void **state) {
    struct fixture *f = fixture_new(say_and_hang_up);

    (void)state;
    script = "HTTP/1.1 200 OK\r\n\r\nall";
    for (unsigned i = 1; i <= 3; i++) {
        struct got got = {0};

        get(f, &got, "/");
        assert_answer(&got, 200, "", "all");
        assert_int_equal(f->origin->connections, i);
        assert_int_equal(fetcher_figures(f->fetcher)->connections_open, 0);
        got_fini(&got);
    }
    fixture_free(f);
}

enum { MANY = 200, FEW = 4 };

static void many_fetches_share_few_connections(void **state) {
    struct fetcher_config config = generous;
    static struct got got[MANY];
    struct fixture *f;

    (void)state;
    config.connections_per_host = FEW;
    f = fixture_new_with(say_hello, &config);
    memset(got, 0, sizeof(got));
    for (int i = 0; i < MANY; i++) {
        begin(f, &got[i], "/");
    }
    assert_int_equal(fetcher_figures(f->fetcher)->fetches, MANY);
    assert_int_equal(fetcher_figures(f->fetcher)->waiting, MANY);
    await(f, MANY);
    for (int i = 0; i < MANY; i++) {
        assert_answer(&got[i], 200, "Content-Length: 5\n", "hello");
        got_fini(&got[i]);
    }
    assert_int_equal(f->origin->connections, FEW);
    assert_int_equal(f->origin->open_max, FEW);
    assert_int_equal(fetcher_figures(f->fetcher)->connections_made, FEW);
    assert_int_equal(fetcher_figures(f->fetcher)->connections_reused, MANY - FEW);
    fixture_free(f);
}

/* Kept connections to one host make room for those to another. */
static void hosts_share_the_connections_there_are(void **state) {
    struct fetcher_config config = generous;
    struct toy_origin *others[3];
    static struct got got[40];
    struct fixture *f;

    (void)state;
    config.connections = 2;
    f = fixture_new_with(say_hello, &config);
    for (int i = 0; i < 3; i++) {
        others[i] = toy_origin_new(f->loop, "127.0.0.1", 0, say_hello, NULL);
    }
    memset(got, 0, sizeof(got));
    for (int i = 0; i < 40; i++) {
        char url[64];
        struct fetch_request request = {.url = url_of(i % 4 == 3 ? f->origin : others[i % 4], "/", url, sizeof(url)),
                                        .deadline_ns = in_a_minute(),
                                        .body_max = 10};

        begin_request(f, &got[i], &request);
    }
    await(f, 40);
    for (int i = 0; i < 40; i++) {
        assert_answer(&got[i], 200, "Content-Length: 5\n", "hello");
        got_fini(&got[i]);
    }
    assert_in_range(fetcher_figures(f->fetcher)->connections_open, 1, 2);
    for (int i = 0; i < 3; i++) {
        toy_origin_free(others[i]);
    }
    fixture_free(f);
}

static unsigned ends;

static void note_place(struct got *got) {
    *(unsigned *)got->ctx = ++ends;
}

/* However long the line of another host is. */
static void a_host_has_its_turn(void **state) {
    struct fetcher_config config = generous;
    static struct got got[31];
    unsigned places[31];
    struct toy_origin *busy;
    struct fixture *f;

    (void)state;
    config.connections = 1;
    f = fixture_new_with(say_hello, &config);
    busy = toy_origin_new(f->loop, "127.0.0.1", 0, say_hello, NULL);
    memset(got, 0, sizeof(got));
    ends = 0;
    for (int i = 0; i < 31; i++) {
        char url[64];
        struct fetch_request request = {.url = url_of(i < 30 ? busy : f->origin, "/", url, sizeof(url)),
                                        .deadline_ns = in_a_minute(),
                                        .body_max = 10};

        got[i].on_done = note_place;
        got[i].ctx = &places[i];
        begin_request(f, &got[i], &request);
    }
    await(f, 31);
    assert_in_range(places[30], 1, 2);
    for (int i = 0; i < 31; i++) {
        assert_int_equal(got[i].error, LARDER_OK);
        assert_true(i == 0 || i == 30 || places[i] > places[i - 1]);
        got_fini(&got[i]);
    }
    toy_origin_free(busy);
    fixture_free(f);
}

static bool none_is_open(void *ctx) {
    const struct fixture *f = ctx;

    return f->origin->open == 0;
}

static void idle_connections_are_closed(void **state) {
    struct fetcher_config config = generous;
    struct got got = {0}, again = {0};
    struct fixture *f;

    (void)state;
    config.idle_ns = CLOCK_NS_PER_MS;
    f = fixture_new_with(say_hello, &config);
    get(f, &got, "/");
    await_that(f, none_is_open, f);
    assert_int_equal(fetcher_figures(f->fetcher)->connections_open, 0);
    get(f, &again, "/");
    assert_answer(&again, 200, "Content-Length: 5\n", "hello");
    assert_int_equal(f->origin->connections, 2);
    got_fini(&got);
    got_fini(&again);
    fixture_free(f);
}

static void what_the_environment_says_is_ignored(void **state) {
    struct got got = {0};
    struct fixture *f;

    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1/", 1);
    setenv("all_proxy", "http://127.0.0.1:1/", 1);
    f = fixture_new(say_hello);
    get(f, &got, "/");
    assert_answer(&got, 200, "Content-Length: 5\n", "hello");
    got_fini(&got);
    fixture_free(f);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_target_goes_out_as_it_is),
        cmocka_unit_test(every_byte_of_a_target_is_sent_or_refused),
        cmocka_unit_test(a_long_target_is_sent_whole),
        cmocka_unit_test(fields_go_out_in_order_and_as_they_are),
        cmocka_unit_test(fields_that_are_not_the_callers_are_refused),
        cmocka_unit_test(urls_that_lead_elsewhere_are_refused),
        cmocka_unit_test(there_is_a_ceiling_for_fetches),
        cmocka_unit_test(answers_come_through),
        cmocka_unit_test(answers_come_through_in_pieces_of_any_size),
        cmocka_unit_test(an_answer_comes_through_cut_at_every_byte),
        cmocka_unit_test(a_head_has_no_body),
        cmocka_unit_test(connections_are_kept),
        cmocka_unit_test(an_answer_up_to_the_end_uses_a_connection_up),
        cmocka_unit_test(many_fetches_share_few_connections),
        cmocka_unit_test(hosts_share_the_connections_there_are),
        cmocka_unit_test(a_host_has_its_turn),
        cmocka_unit_test(idle_connections_are_closed),
        cmocka_unit_test(what_the_environment_says_is_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
