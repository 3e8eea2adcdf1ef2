/* SPDX-License-Identifier: Apache-2.0 */
/* The small parts: tokens and times, base64, the first bytes of a connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/random.h"
#include "proto/memcached/token.h"
#include "proto/preface.h"

static void only_spaces_part_tokens(void **state) {
    struct slice line = SLICE("  a\tb  \x01 c");
    struct slice token;

    (void)state;
    assert_int_equal(token_count(line, 10), 3);
    assert_int_equal(token_count(line, 2), 2);
    assert_true(token_next(&line, &token));
    assert_true(slice_equal(token, SLICE("a\tb")));
    assert_true(token_next(&line, &token));
    assert_true(slice_equal(token, SLICE("\x01")));
    assert_true(token_next(&line, &token));
    assert_true(slice_equal(token, SLICE("c")));
    assert_false(token_next(&line, &token));
    assert_false(token_next(&line, &token));
}

static void times_to_live(void **state) {
    int64_t now = clock_wall_ns() / CLOCK_NS_PER_S;
    char text[32];
    int64_t ttl = 99;

    (void)state;
    assert_true(token_ttl(SLICE("0"), &ttl));
    assert_int_equal(ttl, 0);
    assert_true(token_ttl(SLICE("2592000"), &ttl));
    assert_int_equal(ttl, 2592000);
    assert_true(token_ttl(SLICE("-1"), &ttl));
    assert_true(ttl < 0);
    /* Beyond 30 days it is a time of day: one long ago is over, one to come counts from now. */
    assert_true(token_ttl(SLICE("2592001"), &ttl));
    assert_true(ttl < 0);
    snprintf(text, sizeof(text), "%lld", (long long)now + 1000);
    assert_true(token_ttl(slice_from_string(text), &ttl));
    assert_in_range(ttl, 900, 1000);
    assert_false(token_ttl(SLICE(""), &ttl));
    assert_false(token_ttl(SLICE("x"), &ttl));
    assert_false(token_ttl(SLICE("9223372036854775808"), &ttl));
}

static void base64_has_its_test_vectors(void **state) {
    static const struct {
        struct slice plain;
        struct slice text;
    } vectors[] = {
        /* RFC 4648, section 10 */
        {{"f", 1}, {"Zg==", 4}},
        {{"fo", 2}, {"Zm8=", 4}},
        {{"foo", 3}, {"Zm9v", 4}},
        {{"foob", 4}, {"Zm9vYg==", 8}},
        {{"fooba", 5}, {"Zm9vYmE=", 8}},
        {{"foobar", 6}, {"Zm9vYmFy", 8}},
        {{"\xfb\xff\xbf", 3}, {"+/+/", 4}},
        {{"\0\0\0", 3}, {"AAAA", 4}},
    };
    static const char *const wrong[] = {
        "", "Z", "Zg", "Zg=", "Zg=a", "Z===", "====", "Zg==Zg==", "Zm9v!A==", "Zm-_", "Zm 9"};
    char out[64];
    size_t size = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        assert_int_equal(base64_encoded_size(vectors[i].plain.size), vectors[i].text.size);
        base64_encode(vectors[i].plain, out);
        assert_memory_equal(out, vectors[i].text.data, vectors[i].text.size);
        assert_true(base64_decode(vectors[i].text, out, &size));
        assert_true(slice_equal(slice_make(out, size), vectors[i].plain));
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (base64_decode(slice_from_string(wrong[i]), out, &size)) {
            fail_msg("'%s' was decoded", wrong[i]);
        }
    }
}

static void base64_brings_any_bytes_back(void **state) {
    struct random r;
    char plain[250];
    char text[336];
    char again[336];

    (void)state;
    random_init(&r, 8);
    for (size_t size = 1; size <= sizeof(plain); size++) {
        size_t decoded = 0;

        for (size_t i = 0; i < size; i++) {
            plain[i] = (char)random_next(&r);
        }
        base64_encode(slice_make(plain, size), text);
        assert_true(base64_decode(slice_make(text, base64_encoded_size(size)), again, &decoded));
        assert_int_equal(decoded, size);
        assert_memory_equal(again, plain, size);
    }
}

static void the_first_bytes_tell_the_protocol(void **state) {
    static const struct {
        const char *start;
        size_t undecided; /* so many bytes leave it open */
        enum preface preface;
    } cases[] = {
        {"get k\r\n", 0, PREFACE_MEMCACHED},
        {"\r\n", 0, PREFACE_MEMCACHED},
        {" GET /", 0, PREFACE_MEMCACHED},
        {"GET / HTTP/1.1\r\n", 4, PREFACE_HTTP1},
        {"OPTIONS /x HTTP/1.1\r\n", 8, PREFACE_HTTP1},
        {"PRI * HTTP/2.0\r\n", 4, PREFACE_HTTP2},
        {"PRI / HTTP/2.0\r\n", 4, PREFACE_HTTP1},
        {"GET k\r\n", 4, PREFACE_MEMCACHED},
        {"GETS k\r\n", 5, PREFACE_MEMCACHED},
        {"GET\r\n", 3, PREFACE_MEMCACHED},
        {"GET  /", 4, PREFACE_MEMCACHED},
        {"OPTIONS * HTTP/1.1\r\n", 8, PREFACE_HTTP1},
        {"GET * HTTP/1.1\r\n", 4, PREFACE_MEMCACHED},
        {"GET http://a/ HTTP/1.1\r\n", 10, PREFACE_HTTP1},
        {"GET HTTP://a/ HTTP/1.1\r\n", 10, PREFACE_HTTP1},
        {"GET https://a/ HTTP/1.1\r\n", 8, PREFACE_MEMCACHED},
        {"ABCDEFGHIJKLMNOPQ", 15, PREFACE_MEMCACHED},
    };

    (void)state;
    assert_int_equal(preface_detect(SLICE("")), PREFACE_UNKNOWN);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t size = 1; size <= strlen(cases[i].start); size++) {
            enum preface expected = size <= cases[i].undecided ? PREFACE_UNKNOWN : cases[i].preface;

            if (preface_detect(slice_make(cases[i].start, size)) != expected) {
                fail_msg("%zu bytes of '%s'", size, cases[i].start);
            }
        }
    }
    assert_int_equal(preface_detect(SLICE("\x80\x0b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")),
                     PREFACE_MEMCACHED_BINARY);
    assert_int_equal(preface_detect(SLICE("\x81")), PREFACE_MEMCACHED);
}

static void refusals_are_well_formed(void **state) {
    char bytes[64];
    size_t size = preface_refuse_binary(SLICE("\x80\x0b\0\0\0\0\0\0\0\0\0\0WXYZ\0\0\0\0\0\0\0\0"), bytes);

    (void)state;
    assert_memory_equal(bytes, "\x81\x0b\0\0\0\0\0\x81\0\0\0", 11);
    assert_int_equal(size, 24 + (size_t)bytes[11]);
    assert_memory_equal(bytes + 12, "WXYZ", 4);
    assert_memory_equal(bytes + 24, "Unknown command", 15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_spaces_part_tokens),           cmocka_unit_test(times_to_live),
        cmocka_unit_test(base64_has_its_test_vectors),       cmocka_unit_test(base64_brings_any_bytes_back),
        cmocka_unit_test(the_first_bytes_tell_the_protocol), cmocka_unit_test(refusals_are_well_formed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
