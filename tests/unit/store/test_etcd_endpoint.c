/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/etcd/endpoint.h"

enum { MAX = 4 };

/* The list as it was understood, one space between two. */
static void assert_reads(const char *text, const char *expected) {
    struct etcd_endpoint endpoints[MAX];
    char shown[ETCD_ENDPOINT_TEXT_MAX];
    char all[MAX * ETCD_ENDPOINT_TEXT_MAX] = "";
    size_t count = 99;
    struct buf why;

    buf_init(&why, 1000);
    if (!etcd_endpoints_parse(slice_from_string(text), endpoints, MAX, &count, &why)) {
        fail_msg("%s: %.*s", text, (int)why.size, why.data);
    }
    assert_true(count <= MAX);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            strcat(all, " ");
        }
        strcat(all, etcd_endpoint_format(&endpoints[i], shown));
    }
    assert_string_equal(all, expected);
    assert_int_equal(why.size, 0);
}

static void assert_refused(const char *text, const char *reason) {
    struct etcd_endpoint endpoints[MAX];
    size_t count = 99;
    struct buf why;

    buf_init(&why, 1000);
    assert_false(etcd_endpoints_parse(slice_from_string(text), endpoints, MAX, &count, &why));
    assert_int_equal(count, 99);
    assert_int_equal(buf_append(&why, "", 1), LARDER_OK);
    if (strstr(why.data, reason) == NULL) {
        fail_msg("%s: \"%s\" is not in \"%s\"", text, reason, why.data);
    }
    buf_fini(&why);
}

static void one(void **state) {
    (void)state;
    assert_reads("etcd://h1:2380", "http://h1:2380");
    assert_reads("etcds://h1:2380", "https://h1:2380");
    assert_reads("http://10.0.0.1:1", "http://10.0.0.1:1");
    assert_reads("https://10.0.0.1:65535", "https://10.0.0.1:65535");
    assert_reads("HTTPS://h1", "https://h1:2379");
    assert_reads("h1:2380", "http://h1:2380");
    assert_reads("http://h1:2379/", "http://h1:2379");
}

static void the_port_is_etcds(void **state) {
    (void)state;
    assert_reads("h1", "http://h1:2379");
    assert_reads("etcds://10.0.0.1", "https://10.0.0.1:2379");
    assert_reads("[::1]", "http://[::1]:2379");
    assert_reads("etcd://h1/", "http://h1:2379");
}

static void ipv6(void **state) {
    (void)state;
    assert_reads("https://[2001:db8::1]:2380", "https://[2001:db8::1]:2380");
    assert_reads("[2001:DB8:0:0:0:0:0:1]", "http://[2001:db8::1]:2379");
    assert_refused("::1", "brackets: [::1]:2379");
    assert_refused("2001:db8::1:2379", "brackets");
    assert_refused("[::1", "bracket");
    assert_refused("[h1]:2379", "not an IPv6 address");
    assert_refused("[]", "the host is missing");
    assert_refused("[::1]2379", "the port is missing");
    assert_refused("[::1]:", "the port is missing");
}

static void several(void **state) {
    (void)state;
    assert_reads("etcd://h1:1,h2:2,[::1]:3", "http://h1:1 http://h2:2 http://[::1]:3");
    assert_reads("etcds://h1,h2", "https://h1:2379 https://h2:2379");
    assert_reads("h1,h2", "http://h1:2379 http://h2:2379");
}

static void each_with_its_scheme(void **state) {
    (void)state;
    assert_reads("http://h1,https://h2,h3", "http://h1:2379 https://h2:2379 http://h3:2379");
    assert_reads("etcds://h1,http://h2,h3", "https://h1:2379 http://h2:2379 https://h3:2379");
    assert_reads("h1,https://h2,h3", "http://h1:2379 https://h2:2379 http://h3:2379");
}

static void spaces_and_commas(void **state) {
    (void)state;
    assert_reads("  h1 ,\th2 , h3  ", "http://h1:2379 http://h2:2379 http://h3:2379");
    assert_reads("h1,h2,", "http://h1:2379 http://h2:2379");
    assert_reads("h1 , ", "http://h1:2379");
    assert_refused("h1,,h2", "missing before a comma");
    assert_refused(",h1", "missing before a comma");
    assert_refused("h1,,", "missing before a comma");
    assert_refused("h 1", "a host name has");
}

static void none(void **state) {
    (void)state;
    assert_refused("", "there is no endpoint");
    assert_refused("   ", "there is no endpoint");
    assert_refused(",", "missing before a comma");
    assert_refused("etcd://", "the host is missing");
    assert_refused("https://:2379", "the host is missing");
}

static void none_twice(void **state) {
    (void)state;
    assert_reads("h1,h2,h1:2379,H1", "http://h1:2379 http://h2:2379");
    assert_reads("[::1],[0:0::1]:2379", "http://[::1]:2379");
    assert_reads("http://h1,https://h1", "http://h1:2379 https://h1:2379");
    assert_reads("h1,h1,h1,h1,h1,h1,h1,h2", "http://h1:2379 http://h2:2379");
}

static void as_many_as_there_is_room_for(void **state) {
    (void)state;
    assert_reads("h1,h2,h3,h4,h2", "http://h1:2379 http://h2:2379 http://h3:2379 http://h4:2379");
    assert_refused("h1,h2,h3,h4,h5", "more than 4 endpoints");
}

static void what_is_not_etcds(void **state) {
    (void)state;
    assert_refused("unix:/run/etcd", "TCP alone");
    assert_refused("etcd:///run/etcd", "TCP alone");
    assert_refused("/run/etcd", "TCP alone");
    assert_refused("unix:///run/etcd", "scheme");
    assert_refused("ftp://h1", "another scheme");
    assert_refused("://h1", "another scheme");
    assert_refused("etcd://http://h1", "end with the port");
    assert_refused("etcd://h1:2379/prefix", "end with the port");
    assert_refused("http://h1:2379?a=b", "end with the port");
    assert_refused("http://h1:2379#a", "end with the port");
    assert_refused("h1:0", "port 0");
    assert_refused("h1:65536", "not a number from 0 to 65535");
    assert_refused("h1:http", "not a number from 0 to 65535");
    assert_refused("h1:", "the port is missing");
    assert_refused("1.2.3.400", "not an IPv4 address");
    assert_refused("h1\n", "\"h1\\x0a\"");
}

static void users_have_their_option(void **state) {
    (void)state;
    assert_refused("etcd://root:secret@h1:2379", "--store-user (larderd) or --user (larder)");
    assert_refused("root@h1", "--store-user");
}

/* Not even one that a comma cuts in two. */
static void passwords_are_not_shown(void **state) {
    struct etcd_endpoint endpoints[MAX];
    size_t count;
    struct buf why;

    (void)state;
    buf_init(&why, 1000);
    assert_false(etcd_endpoints_parse(SLICE("h1,etcd://root:secret,word@h2:2379"), endpoints, MAX, &count, &why));
    assert_null(memmem(why.data, why.size, "secret", 6));
    buf_fini(&why);
}

static void names_of_any_length(void **state) {
    char text[1000];

    (void)state;
    memset(text, 'a', sizeof(text));
    text[253] = '\0';
    {
        char expected[300];

        snprintf(expected, sizeof(expected), "http://%.253s:2379", text);
        assert_reads(text, expected);
    }
    text[253] = 'a';
    text[254] = '\0';
    assert_refused(text, "the host is too long");
    text[254] = 'a';
    text[999] = '\0';
    assert_refused(text, "it is too long");
}

static void equality(void **state) {
    const struct etcd_endpoint a = {.address = {.kind = ADDRESS_NAME, .port = 2379, .host = "h1"}};
    struct etcd_endpoint b = a;

    (void)state;
    assert_true(etcd_endpoint_equal(&a, &b));
    b.tls = true;
    assert_false(etcd_endpoint_equal(&a, &b));
    b = a;
    b.address.port = 2380;
    assert_false(etcd_endpoint_equal(&a, &b));
    b = a;
    strcpy(b.address.host, "H1");
    assert_true(etcd_endpoint_equal(&a, &b));
    strcpy(b.address.host, "h12");
    assert_false(etcd_endpoint_equal(&a, &b));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one),
        cmocka_unit_test(the_port_is_etcds),
        cmocka_unit_test(ipv6),
        cmocka_unit_test(several),
        cmocka_unit_test(each_with_its_scheme),
        cmocka_unit_test(spaces_and_commas),
        cmocka_unit_test(none),
        cmocka_unit_test(none_twice),
        cmocka_unit_test(as_many_as_there_is_room_for),
        cmocka_unit_test(what_is_not_etcds),
        cmocka_unit_test(users_have_their_option),
        cmocka_unit_test(passwords_are_not_shown),
        cmocka_unit_test(names_of_any_length),
        cmocka_unit_test(equality),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
