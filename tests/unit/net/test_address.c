/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/address.h"

static void reads_back(const char *text, enum address_kind kind, const char *host, unsigned port,
                       const char *formatted) {
    struct address address;
    const char *reason = NULL;
    char back[ADDRESS_TEXT_MAX];

    if (!address_parse(slice_from_string(text), &address, &reason)) {
        fail_msg("%s: %s", text, reason);
    }
    assert_int_equal(address.kind, kind);
    assert_string_equal(address.host, host);
    assert_int_equal(address.port, port);
    assert_string_equal(address_format(&address, back), formatted);
}

static void parses_every_form(void **state) {
    (void)state;
    reads_back("127.0.0.1:11211", ADDRESS_IPV4, "127.0.0.1", 11211, "127.0.0.1:11211");
    reads_back("0.0.0.0:0", ADDRESS_IPV4, "0.0.0.0", 0, "0.0.0.0:0");
    reads_back("[::1]:65535", ADDRESS_IPV6, "::1", 65535, "[::1]:65535");
    reads_back("[::]:1", ADDRESS_IPV6, "::", 1, "[::]:1");
    reads_back("localhost:80", ADDRESS_NAME, "localhost", 80, "localhost:80");
    reads_back("cache-1.example.com:80", ADDRESS_NAME, "cache-1.example.com", 80, "cache-1.example.com:80");
    reads_back("unix:run/a.sock", ADDRESS_UNIX, "run/a.sock", 0, "unix:run/a.sock");
    reads_back("/run/a:1.sock", ADDRESS_UNIX, "/run/a:1.sock", 0, "unix:/run/a:1.sock");
}

static void refuses(const char *text, const char *part) {
    struct address address = {.port = 4711};
    const char *reason = NULL;

    if (address_parse(slice_from_string(text), &address, &reason)) {
        fail_msg("'%s' was accepted", text);
    }
    if (strstr(reason, part) == NULL) {
        fail_msg("'%s': '%s' does not say '%s'", text, reason, part);
    }
    assert_int_equal(address.port, 4711);
}

static void explains_mistakes(void **state) {
    char long_path[130];

    (void)state;
    refuses("", "empty");
    refuses("127.0.0.1", "port is missing");
    refuses("127.0.0.1:", "port is missing");
    refuses("127.0.0.1:65536", "port");
    refuses("127.0.0.1:-1", "port");
    refuses("127.0.0.1:80 ", "port");
    refuses(":80", "host is missing");
    refuses("1.2.3.400:80", "IPv4");
    refuses("::1:80", "brackets");
    refuses("[::1]", "port is missing");
    refuses("[::1]80", "port is missing");
    refuses("[::1", "bracket");
    refuses("[1.2.3.4]:80", "IPv6");
    refuses("a b:80", "host name");
    refuses("unix:", "path");
    memset(long_path, 'a', sizeof(long_path));
    long_path[0] = '/';
    long_path[108] = '\0';
    refuses(long_path, "107");
}

static void goes_to_the_kernel_and_back(void **state) {
    static const char *const texts[] = {"127.0.0.1:80", "[fe80::1]:81", "unix:/run/x.sock"};
    struct address address, back;
    struct endpoint endpoint;
    const char *reason;
    char text[ADDRESS_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_true(address_parse(slice_from_string(texts[i]), &address, &reason));
        assert_int_equal(endpoint_local(&address, &endpoint), LARDER_OK);
        endpoint_address(&endpoint, &back);
        assert_string_equal(address_format(&back, text), texts[i]);
    }
    assert_true(address_parse(SLICE("localhost:7"), &address, &reason));
    assert_int_equal(endpoint_local(&address, &endpoint), LARDER_OK);
    endpoint_address(&endpoint, &back);
    assert_string_equal(address_format(&back, text), "127.0.0.1:7");
    assert_true(address_parse(SLICE("example.com:7"), &address, &reason));
    assert_int_equal(endpoint_local(&address, &endpoint), LARDER_ERROR_UNSUPPORTED);
}

static void resolves_names(void **state) {
    struct endpoint endpoints[4];
    struct address address;
    const char *reason;
    size_t count = 0;

    (void)state;
    assert_true(address_parse(SLICE("localhost:7"), &address, &reason));
    assert_int_equal(endpoint_resolve(&address, endpoints, 4, &count), LARDER_OK);
    assert_in_range(count, 1, 4);
    endpoint_address(&endpoints[0], &address);
    assert_int_equal(address.port, 7);
    assert_true(address_parse(SLICE("127.0.0.1:8"), &address, &reason));
    assert_int_equal(endpoint_resolve(&address, endpoints, 4, &count), LARDER_OK);
    assert_int_equal(count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_every_form),
        cmocka_unit_test(explains_mistakes),
        cmocka_unit_test(goes_to_the_kernel_and_back),
        cmocka_unit_test(resolves_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
