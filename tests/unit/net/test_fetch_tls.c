/* SPDX-License-Identifier: Apache-2.0 */
/* The same by https: who is believed, and that nobody else is. */
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
#include "net/loop.h"
#include "toy_tls.h"

enum { DAY = 86400 };

static char directory[TOY_PATH_MAX];
static char ca[TOY_PATH_MAX];
static char other_ca[TOY_PATH_MAX];

static int set_up_files(void **state) {
    struct toy_identity authority;
    struct toy_identity other;

    (void)state;
    toy_directory_make(directory);
    toy_authority(directory, "ca", &authority);
    toy_authority(directory, "other", &other);
    toy_certificate(directory, "server", &authority, "DNS:localhost,IP:127.0.0.1", -DAY, DAY);
    toy_certificate(directory, "foreign", &authority, "DNS:foreign.example", -DAY, DAY);
    toy_certificate(directory, "expired", &authority, "IP:127.0.0.1", -2 * DAY, -DAY);
    toy_identity_free(&authority);
    toy_identity_free(&other);
    toy_path(directory, "ca.pem", ca);
    toy_path(directory, "other.pem", other_ca);
    return 0;
}

static int tear_down_files(void **state) {
    (void)state;
    toy_directory_remove(directory);
    return 0;
}

static void say_hello(struct toy_peer *peer, struct slice request) {
    (void)request;
    toy_answer_with(peer, SLICE("hello"));
}

static struct fixture *secure_fixture(const char *certificate, const char *ca_file, toy_answer_fn *answer) {
    struct fetcher_config config = generous;
    struct fixture *f;

    config.ca_file = ca_file;
    f = fixture_new_with(answer, &config);
    f->origin->tls = toy_server_context(directory, certificate, NULL);
    SSL_CTX_set_alpn_select_cb(f->origin->tls, NULL, NULL);
    return f;
}

static void secure_fixture_free(struct fixture *f) {
    SSL_CTX *tls = f->origin->tls;

    fixture_free(f);
    SSL_CTX_free(tls);
}

static void begin_secure(struct fixture *f, struct got *got) {
    char url[64];
    int size = snprintf(url, sizeof(url), "https://127.0.0.1:%u/a/../b", (unsigned)toy_origin_port(f->origin));
    struct fetch_request request = {
        .url = slice_make(url, (size_t)size), .deadline_ns = in_a_minute(), .body_max = 1000};

    begin_request(f, got, &request);
}

static void a_server_that_is_known_is_believed(void **state) {
    (void)state;
    for (size_t piece = 0; piece < 2; piece++) {
        struct fixture *f = secure_fixture("server", ca, say_hello);

        f->origin->piece = piece * 7;
        for (unsigned i = 0; i < 5; i++) {
            struct got got = {0};

            begin_secure(f, &got);
            await(f, 1);
            assert_int_equal(got.error, LARDER_OK);
            assert_true(slice_equal(buf_slice(&got.body), SLICE("hello")));
            assert_memory_equal(f->origin->last.data, "GET /a/../b HTTP/1.1\r\n", 22);
            assert_int_equal(fetcher_figures(f->fetcher)->connections_reused, i);
            got_fini(&got);
        }
        assert_int_equal(f->origin->connections, 1);
        assert_int_equal(fetcher_figures(f->fetcher)->connections_open, 1);
        secure_fixture_free(f);
    }
}

/* Saying goodbye to somebody who has gone must not end the process. */
static void a_kept_connection_that_was_reset_is_replaced(void **state) {
    struct fixture *f = secure_fixture("server", ca, say_hello);

    (void)state;
    for (unsigned i = 1; i <= 3; i++) {
        struct got got = {0};

        begin_secure(f, &got);
        await(f, 1);
        assert_int_equal(got.error, LARDER_OK);
        assert_int_equal(f->origin->connections, i);
        got_fini(&got);
        toy_reset(f->origin->peers);
        run_turns(f, 3);
    }
    secure_fixture_free(f);
}

static void refuse(const char *certificate, const char *ca_file, enum larder_error error) {
    struct fixture *f = secure_fixture(certificate, ca_file, say_hello);
    struct got got = {0};

    begin_secure(f, &got);
    await(f, 1);
    assert_int_equal(got.error, error);
    assert_int_equal(got.heads, 0);
    assert_true(strlen(got.why) > 0);
    assert_int_equal(f->origin->requests, 0);
    assert_int_equal(fetcher_figures(f->fetcher)->connections_open, 0);
    got_fini(&got);
    secure_fixture_free(f);
}

static void nobody_else_is(void **state) {
    (void)state;
    refuse("server", other_ca, LARDER_ERROR_PROTOCOL);
    refuse("server", NULL, LARDER_ERROR_PROTOCOL); /* the system does not know it */
    refuse("foreign", ca, LARDER_ERROR_PROTOCOL);
    refuse("expired", ca, LARDER_ERROR_PROTOCOL);
    refuse("server", "/nonexistent/ca.pem", LARDER_ERROR_INVALID);
}

static void one_that_speaks_no_tls_is_refused(void **state) {
    struct fetcher_config config = generous;
    struct got got = {0};
    struct fixture *f;

    (void)state;
    config.ca_file = ca;
    f = fixture_new_with(say_hello, &config);
    begin_secure(f, &got);
    f->origin->greeting = SLICE("HTTP/1.1 400 Bad Request\r\n\r\n");
    await(f, 1);
    assert_int_equal(got.error, LARDER_ERROR_PROTOCOL);
    got_fini(&got);
    fixture_free(f);
}

/* Without TLS's goodbye nobody knows whether that was all: the head says so. */
static void say_without_length_and_vanish(struct toy_peer *peer, struct slice request) {
    (void)request;
    toy_say(peer, SLICE("HTTP/1.1 200 OK\r\n\r\nhello"));
    toy_hang_up(peer);
}

static void an_end_without_goodbye_is_said_before(void **state) {
    struct fixture *f = secure_fixture("server", ca, say_without_length_and_vanish);
    struct got got = {0};

    (void)state;
    begin_secure(f, &got);
    await(f, 1);
    assert_int_equal(got.error, LARDER_OK);
    assert_true(got.until_end);
    got_fini(&got);
    secure_fixture_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_is_known_is_believed),
        cmocka_unit_test(a_kept_connection_that_was_reset_is_replaced),
        cmocka_unit_test(nobody_else_is),
        cmocka_unit_test(one_that_speaks_no_tls_is_refused),
        cmocka_unit_test(an_end_without_goodbye_is_said_before),
    };

    return cmocka_run_group_tests(tests, set_up_files, tear_down_files);
}
