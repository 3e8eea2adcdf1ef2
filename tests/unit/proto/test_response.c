/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/memcached/response.h"

enum { MAX_VALUE = 1000 };

static void is_slice(struct slice s, const char *expected) {
    assert_int_equal(s.size, strlen(expected));
    assert_memory_equal(s.data, expected, s.size);
}

/* Decodes `text`, followed by other bytes, and also each beginning of it: all those must ask for more, never for more
 * than there is. The input is copied to its exact size, so that a sanitizer sees a byte read too far. */
static struct mc_response decode(const char *text) {
    static char kept[512];
    size_t size = strlen(text);
    struct mc_response response;
    size_t used = 0;

    for (size_t part = 0; part < size; part++) {
        char *exact = malloc(part + 1);

        memcpy(exact + 1, text, part);
        assert_int_equal(mc_response_decode(slice_make(exact + 1, part), MAX_VALUE, &response, &used), LARDER_OK);
        assert_in_range(used, part + 1, size);
        free(exact);
    }
    memcpy(kept, text, size);
    memcpy(kept + size, "END\r\n", 5);
    assert_int_equal(mc_response_decode(slice_make(kept, size + 5), MAX_VALUE, &response, &used), LARDER_OK);
    assert_int_equal(used, size);
    return response;
}

static void reads_values(void **state) {
    struct mc_response r = decode("VALUE key 42 5\r\nhello\r\n");

    (void)state;
    assert_int_equal(r.kind, MC_RESPONSE_VALUE);
    is_slice(r.key, "key");
    is_slice(r.value, "hello");
    assert_int_equal(r.client_flags, 42);
    assert_false(r.has_cas);
    r = decode("VALUE k 4294967295 2 18446744073709551615\r\n\r\n\r\n");
    is_slice(r.value, "\r\n");
    assert_true(r.has_cas);
    assert_true(r.cas == UINT64_MAX);
    assert_true(r.client_flags == UINT32_MAX);
    r = decode("VALUE k 0 0\r\n\r\n");
    assert_int_equal(r.value.size, 0);
}

static void reads_meta(void **state) {
    struct mc_response r = decode("VA 3 f7 t-1 c12 kkey\r\nabc\r\n");
    struct slice token;

    (void)state;
    assert_int_equal(r.kind, MC_RESPONSE_VA);
    is_slice(r.value, "abc");
    is_slice(r.flags, "f7 t-1 c12 kkey");
    assert_true(mc_response_flag(&r, 't', &token));
    is_slice(token, "-1");
    assert_true(mc_response_flag(&r, 'k', &token));
    is_slice(token, "key");
    assert_false(mc_response_flag(&r, 'W', &token));
    r = decode("VA 0\r\n\r\n");
    assert_int_equal(r.flags.size, 0);
    r = decode("HD W\r\n");
    assert_int_equal(r.kind, MC_RESPONSE_HD);
    assert_true(mc_response_flag(&r, 'W', &token));
    assert_int_equal(token.size, 0);
    assert_int_equal(decode("EN\r\n").kind, MC_RESPONSE_EN);
    assert_int_equal(decode("NF\r\n").kind, MC_RESPONSE_NF);
    assert_int_equal(decode("NS Oabc\r\n").kind, MC_RESPONSE_NS);
    assert_int_equal(decode("EX\r\n").kind, MC_RESPONSE_EX);
    assert_int_equal(decode("MN\r\n").kind, MC_RESPONSE_MN);
    r = decode("ME key exp=-1 la=3\r\n");
    is_slice(r.key, "key");
    is_slice(r.text, "exp=-1 la=3");
}

static void reads_bare_words(void **state) {
    static const struct {
        const char *text;
        enum mc_response_kind kind;
    } cases[] = {
        {"END\r\n", MC_RESPONSE_END},         {"STORED\r\n", MC_RESPONSE_STORED},
        {"EXISTS\r\n", MC_RESPONSE_EXISTS},   {"NOT_STORED\r\n", MC_RESPONSE_NOT_STORED},
        {"DELETED\r\n", MC_RESPONSE_DELETED}, {"NOT_FOUND\r\n", MC_RESPONSE_NOT_FOUND},
        {"TOUCHED\r\n", MC_RESPONSE_TOUCHED}, {"OK\r\n", MC_RESPONSE_OK},
        {"RESET\r\n", MC_RESPONSE_RESET},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(decode(cases[i].text).kind, cases[i].kind);
    }
}

static void reads_numbers_errors_and_statistics(void **state) {
    struct mc_response r = decode("18446744073709551615\r\n");

    (void)state;
    assert_int_equal(r.kind, MC_RESPONSE_NUMBER);
    assert_true(r.number == UINT64_MAX);
    assert_false(mc_response_is_error(&r));
    r = decode("ERROR\r\n");
    assert_true(mc_response_is_error(&r));
    r = decode("CLIENT_ERROR bad data chunk\r\n");
    assert_int_equal(r.kind, MC_RESPONSE_CLIENT_ERROR);
    is_slice(r.text, "bad data chunk");
    assert_true(mc_response_is_error(&r));
    r = decode("SERVER_ERROR out of memory storing object\r\n");
    is_slice(r.text, "out of memory storing object");
    r = decode("STAT pid 12 34\r\n");
    is_slice(r.key, "pid");
    is_slice(r.text, "12 34");
    r = decode("VERSION 1.6.18\r\n");
    is_slice(r.text, "1.6.18");
}

static void refuses_what_is_no_answer(void **state) {
    static const char *const texts[] = {
        "\r\n",
        "\n",
        "END\n",
        "END x\r\n",
        "end\r\n",
        "VALUE\r\n",
        "VALUE k 0\r\n",
        "VALUE k 0 x\r\nx\r\n",
        "VALUE k 4294967296 1\r\nx\r\n",
        "VALUE k 0 1 2 3\r\nx\r\n",
        "VALUE k 0 1\r\nxy\r\n",
        "VALUE k 0 18446744073709551615\r\nx\r\n",
        "VA\r\n",
        "VA -1\r\n",
        "VA 1\r\nx\n\r",
        "18446744073709551616\r\n",
        "1 2\r\n",
        "STAT\r\n",
        "HTTP/1.1 400 Bad Request\r\n",
    };
    struct mc_response response;
    size_t used;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (mc_response_decode(slice_from_string(texts[i]), MAX_VALUE, &response, &used) != LARDER_ERROR_PROTOCOL) {
            fail_msg("'%s' was not refused", texts[i]);
        }
    }
}

static void a_line_has_an_end(void **state) {
    static char line[MC_RESPONSE_LINE_MAX];
    struct mc_response response;
    size_t used;

    (void)state;
    memset(line, 'x', sizeof(line));
    assert_int_equal(mc_response_decode(slice_make(line, sizeof(line) - 1), MAX_VALUE, &response, &used), LARDER_OK);
    assert_int_equal(used, sizeof(line));
    assert_int_equal(mc_response_decode(slice_make(line, sizeof(line)), MAX_VALUE, &response, &used),
                     LARDER_ERROR_PROTOCOL);
}

static void a_value_over_the_limit_keeps_the_framing(void **state) {
    struct mc_response response;
    size_t used;

    (void)state;
    assert_int_equal(mc_response_decode(SLICE("VALUE k 0 1001\r\nabc"), MAX_VALUE, &response, &used),
                     LARDER_ERROR_LIMIT);
    assert_int_equal(used, sizeof("VALUE k 0 1001\r\n") - 1 + 1001 + 2);
    assert_int_equal(response.value_size, 1001);
    is_slice(response.key, "k");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_values),
        cmocka_unit_test(reads_meta),
        cmocka_unit_test(reads_bare_words),
        cmocka_unit_test(reads_numbers_errors_and_statistics),
        cmocka_unit_test(refuses_what_is_no_answer),
        cmocka_unit_test(a_line_has_an_end),
        cmocka_unit_test(a_value_over_the_limit_keeps_the_framing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
