/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <unistd.h>

#include "net/tls.h"
#include "toy_tls.h"

enum { MIB = 1 << 20, DAY = 86400, PLAIN_MAX = 4 * MIB, WIRE_MAX = 8 * MIB };

/* Certificates are made once for all tests. */
struct files {
    char directory[TOY_PATH_MAX];
    char ca[TOY_PATH_MAX];
    char other_ca[TOY_PATH_MAX];
    char certificate[TOY_PATH_MAX];
    char key[TOY_PATH_MAX];
    char foreign_certificate[TOY_PATH_MAX];
    char foreign_key[TOY_PATH_MAX];
};

static struct files files;

/* A client and a server in one memory, with the bytes between them cut into pieces of `piece`. */
struct pair {
    struct tls_context *context;
    struct tls_session *client;
    SSL_CTX *server_context;
    SSL *server;
    struct outbox wire;
    struct buf plain; /* the client's */
    char *heard;      /* the server's, of PLAIN_MAX bytes */
    size_t heard_size;
    int server_error; /* the first failure, as of SSL_get_error */
    size_t piece;
    enum larder_error error; /* the first of the client's */
};

static int set_up_files(void **state) {
    struct toy_identity authority;
    struct toy_identity other;

    (void)state;
    toy_directory_make(files.directory);
    toy_authority(files.directory, "ca", &authority);
    toy_authority(files.directory, "other", &other);
    toy_certificate(files.directory, "server", &authority, "DNS:localhost,DNS:*.example.org,IP:127.0.0.1,IP:::1", -DAY,
                    DAY);
    toy_certificate(files.directory, "expired", &authority, "DNS:localhost", -2 * DAY, -DAY);
    toy_certificate(files.directory, "client", &authority, "DNS:client", -DAY, DAY);
    toy_certificate(files.directory, "foreign", &other, "DNS:foreign", -DAY, DAY);
    toy_identity_free(&authority);
    toy_identity_free(&other);
    toy_path(files.directory, "ca.pem", files.ca);
    toy_path(files.directory, "other.pem", files.other_ca);
    toy_path(files.directory, "client.pem", files.certificate);
    toy_path(files.directory, "client.key", files.key);
    toy_path(files.directory, "foreign.pem", files.foreign_certificate);
    toy_path(files.directory, "foreign.key", files.foreign_key);
    return 0;
}

static int tear_down_files(void **state) {
    (void)state;
    toy_directory_remove(files.directory);
    return 0;
}

static int set_up(void **state) {
    struct pair *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    p->heard = malloc(PLAIN_MAX);
    assert_non_null(p->heard);
    outbox_init(&p->wire, WIRE_MAX);
    buf_init(&p->plain, PLAIN_MAX);
    p->piece = SIZE_MAX;
    toy_alpn("h2");
    *state = p;
    return 0;
}

static int tear_down(void **state) {
    struct pair *p = *state;

    tls_session_free(p->client);
    tls_context_free(p->context);
    SSL_free(p->server);
    SSL_CTX_free(p->server_context);
    outbox_fini(&p->wire);
    buf_fini(&p->plain);
    free(p->heard);
    free(p);
    ERR_clear_error();
    return 0;
}

static void connect_as(struct pair *p, const struct tls_files *client, const char *host) {
    struct buf why;

    buf_init(&why, 1000);
    p->context = tls_context_new(client, "h2", &why);
    assert_int_equal(why.size, 0);
    assert_non_null(p->context);
    p->client = tls_session_new(p->context, host);
    assert_non_null(p->client);
}

static void serve_as(struct pair *p, const char *name, const char *clients) {
    p->server_context = toy_server_context(files.directory, name, clients);
    p->server = toy_server(p->server_context);
}

/* The usual pair. */
static void make(struct pair *p, const char *host) {
    connect_as(p, &(struct tls_files){.ca = files.ca}, host);
    serve_as(p, "server", NULL);
}

static void note(struct pair *p, enum larder_error error) {
    if (p->error == LARDER_OK) {
        p->error = error;
    }
}

/* What the client says goes to the server. */
static bool bring_to_server(struct pair *p) {
    struct iovec pieces[4];
    bool any = false;

    while (outbox_pending(&p->wire) > 0) {
        size_t size;

        assert_true(outbox_pieces(&p->wire, pieces, 4) > 0);
        size = pieces[0].iov_len < p->piece ? pieces[0].iov_len : p->piece;
        assert_int_equal(BIO_write(SSL_get_rbio(p->server), pieces[0].iov_base, (int)size), (int)size);
        outbox_sent(&p->wire, size);
        any = true;
    }
    return any;
}

static void run_server(struct pair *p) {
    int result;

    ERR_clear_error();
    do {
        assert_true(p->heard_size < PLAIN_MAX);
        result = SSL_read(p->server, p->heard + p->heard_size, (int)(PLAIN_MAX - p->heard_size));
        p->heard_size += result > 0 ? (size_t)result : 0;
    } while (result > 0);
    if (p->server_error == 0 && SSL_get_error(p->server, result) != SSL_ERROR_WANT_READ) {
        p->server_error = SSL_get_error(p->server, result);
    }
}

static bool bring_to_client(struct pair *p) {
    char bytes[8192];
    bool any = false;
    int got;

    do {
        got = BIO_read(SSL_get_wbio(p->server), bytes, (int)(p->piece < sizeof(bytes) ? p->piece : sizeof(bytes)));
        if (got > 0) {
            note(p, tls_feed(p->client, slice_make(bytes, (size_t)got), &p->plain, &p->wire));
            any = true;
        }
    } while (got > 0);
    return any;
}

/* Until neither side has anything to say. */
static void talk(struct pair *p) {
    bool more = true;

    while (more) {
        more = bring_to_server(p);
        run_server(p);
        more = bring_to_client(p) || more;
    }
}

static void begin(struct pair *p) {
    assert_false(tls_is_open(p->client));
    note(p, tls_begin(p->client, &p->wire));
    talk(p);
}

static void assert_trouble(const struct pair *p, const char *part) {
    if (strstr(tls_trouble(p->client), part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, tls_trouble(p->client));
    }
}

static void assert_opens(struct pair *p) {
    begin(p);
    assert_string_equal(tls_trouble(p->client), "");
    assert_int_equal(p->error, LARDER_OK);
    assert_true(tls_is_open(p->client));
    assert_int_equal(p->server_error, 0);
}

static void assert_fails(struct pair *p, const char *part) {
    begin(p);
    assert_int_equal(p->error, LARDER_ERROR_PROTOCOL);
    assert_trouble(p, part);
    assert_false(tls_is_open(p->client));
    /* And it stays so. */
    assert_int_equal(tls_feed(p->client, SLICE("more"), &p->plain, &p->wire), LARDER_ERROR_PROTOCOL);
}

/* --- shaking hands --- */

static void a_name_is_shown_and_said(void **state) {
    struct pair *p = *state;

    make(p, "localhost");
    assert_opens(p);
    assert_string_equal(SSL_get_servername(p->server, TLSEXT_NAMETYPE_host_name), "localhost");
    assert_string_equal(SSL_get_version(p->server), "TLSv1.3");
}

static void an_address_is_shown_and_not_said(void **state) {
    struct pair *p = *state;

    make(p, "127.0.0.1");
    assert_opens(p);
    assert_null(SSL_get_servername(p->server, TLSEXT_NAMETYPE_host_name));
}

static void an_address_of_ipv6(void **state) {
    make(*state, "::1");
    assert_opens(*state);
}

static void a_name_with_a_dot_at_its_end(void **state) {
    struct pair *p = *state;

    make(p, "one.example.org.");
    assert_opens(p);
    assert_string_equal(SSL_get_servername(p->server, TLSEXT_NAMETYPE_host_name), "one.example.org");
}

static void the_name_may_be_said_by_the_operator(void **state) {
    struct pair *p = *state;

    connect_as(p, &(struct tls_files){.ca = files.ca, .server_name = "localhost"}, "192.0.2.1");
    serve_as(p, "server", NULL);
    assert_opens(p);
    assert_string_equal(SSL_get_servername(p->server, TLSEXT_NAMETYPE_host_name), "localhost");
}

static void byte_by_byte(void **state) {
    struct pair *p = *state;

    p->piece = 1;
    make(p, "localhost");
    assert_opens(p);
}

static void tls_1_2_is_spoken(void **state) {
    struct pair *p = *state;

    make(p, "localhost");
    SSL_set_max_proto_version(p->server, TLS1_2_VERSION);
    assert_opens(p);
    assert_string_equal(SSL_get_version(p->server), "TLSv1.2");
}

static void tls_1_1_is_not(void **state) {
    struct pair *p = *state;

    make(p, "localhost");
    SSL_set_security_level(p->server, 0);
    SSL_set_min_proto_version(p->server, TLS1_1_VERSION);
    SSL_set_max_proto_version(p->server, TLS1_1_VERSION);
    assert_fails(p, "version");
}

static void another_name_is_refused(void **state) {
    make(*state, "elsewhere.example.net");
    assert_fails(*state, "the server's certificate is not for elsewhere.example.net");
}

static void another_address_is_refused(void **state) {
    make(*state, "127.0.0.2");
    assert_fails(*state, "the server's certificate is not for 127.0.0.2");
}

static void another_authority_is_refused(void **state) {
    struct pair *p = *state;

    connect_as(p, &(struct tls_files){.ca = files.other_ca}, "localhost");
    serve_as(p, "server", NULL);
    assert_fails(p, "the server's certificate is not trusted: unable to get local issuer certificate");
    assert_int_equal(p->server_error, SSL_ERROR_SSL); /* it was told */
}

static void the_systems_authorities_do_not_know_ours(void **state) {
    struct pair *p = *state;

    connect_as(p, &(struct tls_files){.ca = NULL}, "localhost");
    serve_as(p, "server", NULL);
    assert_fails(p, "not trusted");
}

static void an_expired_certificate_is_refused(void **state) {
    struct pair *p = *state;

    connect_as(p, &(struct tls_files){.ca = files.ca}, "localhost");
    serve_as(p, "expired", NULL);
    assert_fails(p, "expired");
}

static void insecure_believes_everybody(void **state) {
    struct pair *p = *state;

    connect_as(p, &(struct tls_files){.ca = files.other_ca, .insecure = true}, "elsewhere.example.net");
    serve_as(p, "expired", NULL);
    assert_opens(p);
}

static void insecure_believes_every_address(void **state) {
    struct pair *p = *state;

    connect_as(p, &(struct tls_files){.insecure = true}, "192.0.2.1");
    serve_as(p, "server", NULL);
    assert_opens(p);
}

static void a_server_without_our_protocol(void **state) {
    struct pair *p = *state;

    toy_alpn(NULL);
    make(p, "localhost");
    assert_fails(p, "\"h2\" (ALPN)");
}

/* --- our own certificate --- */

static void a_certificate_is_shown(void **state) {
    struct pair *p = *state;
    X509 *shown;

    connect_as(p, &(struct tls_files){.ca = files.ca, .certificate = files.certificate, .key = files.key}, "localhost");
    serve_as(p, "server", "ca.pem");
    assert_opens(p);
    shown = SSL_get1_peer_certificate(p->server);
    assert_non_null(shown);
    X509_free(shown);
}

static void assert_server_breaks_off(struct pair *p, const char *part) {
    begin(p);
    assert_int_equal(p->error, LARDER_ERROR_PROTOCOL);
    assert_trouble(p, "the server breaks off: ");
    assert_trouble(p, part);
    assert_false(tls_is_open(p->client));
    assert_int_equal(tls_write(p->client, SLICE("hello"), &p->wire), LARDER_ERROR_PROTOCOL);
}

static void a_missing_certificate_is_told(void **state) {
    struct pair *p = *state;

    connect_as(p, &(struct tls_files){.ca = files.ca}, "localhost");
    serve_as(p, "server", "ca.pem");
    assert_server_breaks_off(p, "certificate required");
}

static void a_foreign_certificate_is_told(void **state) {
    struct pair *p = *state;

    connect_as(p,
               &(struct tls_files){.ca = files.ca, .certificate = files.foreign_certificate, .key = files.foreign_key},
               "localhost");
    serve_as(p, "server", "ca.pem");
    assert_server_breaks_off(p, "unknown ca");
}

/* --- data --- */

static void fill(char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)(i * 31 + i / 251);
    }
}

static void to_the_server(struct pair *p, size_t size) {
    char *bytes = malloc(size);

    fill(bytes, size);
    p->heard_size = 0;
    assert_int_equal(tls_write(p->client, slice_make(bytes, size), &p->wire), LARDER_OK);
    talk(p);
    assert_int_equal(p->heard_size, size);
    assert_memory_equal(p->heard, bytes, size);
    free(bytes);
}

static void to_the_client(struct pair *p, size_t size) {
    char *bytes = malloc(size);

    fill(bytes, size);
    p->plain.size = 0;
    assert_int_equal(SSL_write(p->server, bytes, (int)size), (int)size);
    talk(p);
    assert_int_equal(p->error, LARDER_OK);
    assert_int_equal(p->plain.size, size);
    assert_memory_equal(p->plain.data, bytes, size);
    free(bytes);
}

static void data_goes_both_ways(struct pair *p) {
    static const size_t sizes[] = {1, 9, 16383, 16384, 16385, 100000};

    assert_opens(p);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        to_the_server(p, sizes[i]);
        to_the_client(p, sizes[i]);
    }
}

static void data_in_odd_pieces(void **state) {
    struct pair *p = *state;

    p->piece = 7;
    make(p, "localhost");
    data_goes_both_ways(p);
}

static void data_by_tls_1_2(void **state) {
    struct pair *p = *state;

    p->piece = 1021;
    make(p, "localhost");
    SSL_set_max_proto_version(p->server, TLS1_2_VERSION);
    data_goes_both_ways(p);
}

static void a_mebibyte(void **state) {
    struct pair *p = *state;

    make(p, "localhost");
    assert_opens(p);
    to_the_server(p, MIB);
    to_the_client(p, MIB);
    assert_int_equal(tls_write(p->client, SLICE(""), &p->wire), LARDER_OK);
    assert_int_equal(outbox_pending(&p->wire), 0);
}

/* A server that changes its keys in between wants ours changed, too. */
static void keys_are_changed(void **state) {
    struct pair *p = *state;

    make(p, "localhost");
    assert_opens(p);
    assert_int_equal(SSL_key_update(p->server, SSL_KEY_UPDATE_REQUESTED), 1);
    to_the_client(p, 1000);
    to_the_server(p, 1000);
}

static void renegotiation_is_refused(void **state) {
    struct pair *p = *state;

    make(p, "localhost");
    SSL_set_max_proto_version(p->server, TLS1_2_VERSION);
    assert_opens(p);
    assert_int_equal(SSL_renegotiate(p->server), 1);
    SSL_do_handshake(p->server);
    talk(p);
    assert_int_equal(p->server_error, SSL_ERROR_SSL); /* "no renegotiation" */
}

/* --- ceilings --- */

static void a_full_buffer_is_told(void **state) {
    struct pair *p = *state;
    char bytes[4000] = {0};

    make(p, "localhost");
    assert_opens(p);
    buf_fini(&p->plain);
    buf_init(&p->plain, 3000);
    assert_int_equal(SSL_write(p->server, bytes, sizeof(bytes)), sizeof(bytes));
    talk(p);
    assert_int_equal(p->error, LARDER_ERROR_LIMIT);
    assert_int_equal(p->plain.size, 3000);
}

static void a_full_outbox_is_told(void **state) {
    struct pair *p = *state;
    struct outbox small;
    char bytes[4000] = {0};

    make(p, "localhost");
    assert_opens(p);
    outbox_init(&small, 3000);
    assert_int_equal(tls_write(p->client, slice_make(bytes, sizeof(bytes)), &small), LARDER_ERROR_LIMIT);
    assert_int_equal(tls_write(p->client, SLICE("x"), &p->wire), LARDER_ERROR_PROTOCOL); /* a hole would follow */
    outbox_fini(&small);
}

/* --- what goes wrong --- */

static void garbage_is_refused(void **state) {
    struct pair *p = *state;

    make(p, "localhost");
    assert_int_equal(tls_begin(p->client, &p->wire), LARDER_OK);
    assert_int_equal(tls_feed(p->client, SLICE("HTTP/1.1 400 Bad Request\r\n\r\n"), &p->plain, &p->wire),
                     LARDER_ERROR_PROTOCOL);
    assert_trouble(p, "TLS: ");
    assert_int_equal(p->plain.size, 0);
}

static void a_changed_byte_is_noticed(void **state) {
    struct pair *p = *state;
    char bytes[200];
    int got;

    make(p, "localhost");
    assert_opens(p);
    assert_int_equal(SSL_write(p->server, "hello", 5), 5);
    got = BIO_read(SSL_get_wbio(p->server), bytes, sizeof(bytes));
    assert_true(got > 10);
    bytes[got - 1] ^= 1;
    assert_int_equal(tls_feed(p->client, slice_make(bytes, (size_t)got), &p->plain, &p->wire), LARDER_ERROR_PROTOCOL);
    assert_int_equal(p->plain.size, 0);
    assert_true(outbox_pending(&p->wire) > 0); /* the alert */
}

static void half_a_record_is_waited_for(void **state) {
    struct pair *p = *state;
    char bytes[200];
    int got;

    make(p, "localhost");
    assert_opens(p);
    assert_int_equal(SSL_write(p->server, "hello", 5), 5);
    got = BIO_read(SSL_get_wbio(p->server), bytes, sizeof(bytes));
    assert_int_equal(tls_feed(p->client, slice_make(bytes, (size_t)got - 1), &p->plain, &p->wire), LARDER_OK);
    assert_int_equal(p->plain.size, 0);
    assert_int_equal(tls_feed(p->client, slice_make(bytes + got - 1, 1), &p->plain, &p->wire), LARDER_OK);
    assert_int_equal(p->plain.size, 5);
}

static void goodbye_is_heard_after_the_last_words(void **state) {
    struct pair *p = *state;

    make(p, "localhost");
    assert_opens(p);
    assert_int_equal(SSL_write(p->server, "hello", 5), 5);
    SSL_shutdown(p->server);
    talk(p);
    assert_int_equal(p->error, LARDER_ERROR_CLOSED);
    assert_int_equal(p->plain.size, 5);
    assert_string_equal(tls_trouble(p->client), "");
    assert_int_equal(tls_feed(p->client, SLICE("x"), &p->plain, &p->wire), LARDER_ERROR_CLOSED);
}

static void goodbye_is_said(void **state) {
    struct pair *p = *state;

    make(p, "localhost");
    assert_opens(p);
    tls_end(p->client, &p->wire);
    talk(p);
    assert_int_equal(p->server_error, SSL_ERROR_ZERO_RETURN);
}

/* --- files --- */

static void assert_no_context(const struct tls_files *wrong, const char *part) {
    struct buf why;

    buf_init(&why, 1000);
    assert_null(tls_context_new(wrong, "h2", &why));
    assert_int_equal(buf_append(&why, "", 1), LARDER_OK);
    if (strstr(why.data, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, why.data);
    }
    buf_fini(&why);
}

static void files_that_do_not_do(void **state) {
    (void)state;
    assert_no_context(&(struct tls_files){.ca = "/nowhere/ca.pem"},
                      "the file of authorities cannot be read: /nowhere/ca.pem: No such file or directory");
    assert_no_context(&(struct tls_files){.ca = "/tmp"}, "the file of authorities cannot be read: /tmp");
    assert_no_context(&(struct tls_files){.ca = files.key}, "the file of authorities cannot be used");
    assert_no_context(&(struct tls_files){.certificate = files.certificate}, "a certificate needs its key");
    assert_no_context(&(struct tls_files){.key = files.key}, "a key needs its certificate");
    assert_no_context(&(struct tls_files){.certificate = files.certificate, .key = "/nowhere/key"},
                      "the key cannot be read: /nowhere/key");
    assert_no_context(&(struct tls_files){.certificate = files.key, .key = files.key},
                      "the certificate cannot be used");
    assert_no_context(&(struct tls_files){.certificate = files.certificate, .key = files.foreign_key},
                      "the key cannot be used");
}

static void names_that_are_none(void **state) {
    struct pair *p = *state;
    char name[400];

    make(p, "localhost");
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_null(tls_session_new(p->context, name));
    assert_null(tls_session_new(p->context, ""));
}

#define PAIR_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        PAIR_TEST(a_name_is_shown_and_said),
        PAIR_TEST(an_address_is_shown_and_not_said),
        PAIR_TEST(an_address_of_ipv6),
        PAIR_TEST(a_name_with_a_dot_at_its_end),
        PAIR_TEST(the_name_may_be_said_by_the_operator),
        PAIR_TEST(byte_by_byte),
        PAIR_TEST(tls_1_2_is_spoken),
        PAIR_TEST(tls_1_1_is_not),
        PAIR_TEST(another_name_is_refused),
        PAIR_TEST(another_address_is_refused),
        PAIR_TEST(another_authority_is_refused),
        PAIR_TEST(the_systems_authorities_do_not_know_ours),
        PAIR_TEST(an_expired_certificate_is_refused),
        PAIR_TEST(insecure_believes_everybody),
        PAIR_TEST(insecure_believes_every_address),
        PAIR_TEST(a_server_without_our_protocol),
        PAIR_TEST(a_certificate_is_shown),
        PAIR_TEST(a_missing_certificate_is_told),
        PAIR_TEST(a_foreign_certificate_is_told),
        PAIR_TEST(data_in_odd_pieces),
        PAIR_TEST(data_by_tls_1_2),
        PAIR_TEST(a_mebibyte),
        PAIR_TEST(keys_are_changed),
        PAIR_TEST(renegotiation_is_refused),
        PAIR_TEST(a_full_buffer_is_told),
        PAIR_TEST(a_full_outbox_is_told),
        PAIR_TEST(garbage_is_refused),
        PAIR_TEST(a_changed_byte_is_noticed),
        PAIR_TEST(half_a_record_is_waited_for),
        PAIR_TEST(goodbye_is_heard_after_the_last_words),
        PAIR_TEST(goodbye_is_said),
        PAIR_TEST(files_that_do_not_do),
        PAIR_TEST(names_that_are_none),
    };

    return cmocka_run_group_tests(tests, set_up_files, tear_down_files);
}
