/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "proto/groupcache/groupcache.pb-c.h"
#include "proto/groupcache/path.h"
#include "proto/groupcache/response.h"

enum { PATH_MAX_SIZE = 400 };

#define BYTES(literal)                                                                                                 \
    { "" literal, sizeof(literal) - 1 }

static void reads_what_a_go_peer_asks(void **state) {
    static const struct row {
        const char *path;
        struct slice group;
        struct slice key;
    } rows[] = {
        {"/_groupcache/g/k", BYTES("g"), BYTES("k")},
        {"/_groupcache/images/v2%2Fimage%2Fpng%2F003%3Fw%3D850", BYTES("images"), BYTES("v2/image/png/003?w=850")},
        {"/_groupcache/g/a+b", BYTES("g"), BYTES("a b")},
        {"/_groupcache/g/a%20b", BYTES("g"), BYTES("a b")},
        {"/_groupcache/g/a%2Bb%2bc", BYTES("g"), BYTES("a+b+c")},
        {"/_groupcache/g/100%25", BYTES("g"), BYTES("100%")},
        {"/_groupcache/g/%252F", BYTES("g"), BYTES("%2F")},
        {"/_groupcache/g/", BYTES("g"), BYTES("")},
        {"/_groupcache/g//a", BYTES("g"), BYTES("/a")},
        {"/_groupcache/g/a//b/", BYTES("g"), BYTES("a//b/")},
        {"/_groupcache/g/..", BYTES("g"), BYTES("..")},
        {"/_groupcache/g/.%2F..%2Fa", BYTES("g"), BYTES("./../a")},
        {"/_groupcache/g/%00%FF%80\xff", BYTES("g"), BYTES("\0\xff\x80\xff")},
        {"/_groupcache/x%2Fy/a%2Fb", BYTES("x/y"), BYTES("a/b")},
        {"/_groupcache/a+b/k", BYTES("a b"), BYTES("k")},
        {"/_groupcache//k", BYTES(""), BYTES("k")},
        {"/_groupcache//", BYTES(""), BYTES("")},
    };
    char place[PATH_MAX_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice group, key;

        assert_true(groupcache_path_read(slice_from_string(rows[i].path), place, &group, &key));
        if (!slice_equal(group, rows[i].group) || !slice_equal(key, rows[i].key)) {
            fail_msg("'%s' is read as '%.*s' and '%.*s'", rows[i].path, (int)group.size, group.data, (int)key.size,
                     key.data);
        }
    }
}

static void refuses_what_no_peer_asks(void **state) {
    static const char *const bad[] = {
        "",
        "/",
        "/_groupcache",
        "/_groupcache/",
        "/_groupcache/g",
        "/_groupcache/g%2Fk",
        "/_Groupcache/g/k",
        "_groupcache/g/k",
        "//_groupcache/g/k",
        "/_groupcache/g/%",
        "/_groupcache/g/%2",
        "/_groupcache/g/%2g",
        "/_groupcache/g%/k",
        "/_groupcache/g%2/k",
    };
    char place[PATH_MAX_SIZE];
    struct slice group = SLICE("untouched"), key = SLICE("too");

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (groupcache_path_read(slice_from_string(bad[i]), place, &group, &key)) {
            fail_msg("'%s' was taken", bad[i]);
        }
    }
    assert_false(groupcache_path_read(slice_make(NULL, 0), place, &group, &key));
    assert_true(slice_equal(group, SLICE("untouched")) && slice_equal(key, SLICE("too")));
}

static void asks_such_that_go_and_we_read_it(void **state) {
    static const struct row {
        struct slice key;
        const char *path;
    } rows[] = {
        {BYTES("k"), "/_groupcache/g/k"},
        {BYTES(""), "/_groupcache/g/"},
        {BYTES("a b"), "/_groupcache/g/a%20b"},
        {BYTES("a+b"), "/_groupcache/g/a%2Bb"},
        {BYTES("/a//b/"), "/_groupcache/g/%2Fa%2F%2Fb%2F"},
        {BYTES("100%25"), "/_groupcache/g/100%2525"},
        {BYTES("../."), "/_groupcache/g/..%2F."},
        {BYTES("\0\r\n\x7f\x80\xff"), "/_groupcache/g/%00%0D%0A%7F%80%FF"},
        {BYTES("?#&=;:@!$'()*,"), "/_groupcache/g/%3F%23%26%3D%3B%3A%40%21%24%27%28%29%2A%2C"},
        {BYTES("AZaz09-_.~"), "/_groupcache/g/AZaz09-_.~"},
    };
    struct buf out;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buf_init(&out, PATH_MAX_SIZE);
        assert_int_equal(groupcache_path_write(SLICE("g"), rows[i].key, &out), LARDER_OK);
        if (!slice_equal(buf_slice(&out), slice_from_string(rows[i].path))) {
            fail_msg("not '%s' but '%.*s'", rows[i].path, (int)out.size, out.data);
        }
        buf_fini(&out);
    }
}

/* Every pair of bytes, as group and as key, but for '/' in a group. */
static void reads_what_it_has_written(void **state) {
    char place[PATH_MAX_SIZE];
    struct buf out;

    (void)state;
    buf_init(&out, PATH_MAX_SIZE);
    for (unsigned pair = 0; pair <= UINT16_MAX; pair++) {
        const char bytes[] = {(char)(pair >> 8), (char)pair};
        struct slice text = slice_make(bytes, sizeof(bytes)), group, key;
        bool has_slash = memchr(bytes, '/', sizeof(bytes)) != NULL;

        out.size = 0;
        assert_int_equal(groupcache_path_write(has_slash ? SLICE("g") : text, text, &out), LARDER_OK);
        assert_true(groupcache_path_read(buf_slice(&out), place, &group, &key));
        assert_true(slice_equal(group, has_slash ? SLICE("g") : text) && slice_equal(key, text));
    }
    buf_fini(&out);
}

static void does_not_ask_where_no_group_can_be(void **state) {
    struct buf out;

    (void)state;
    buf_init(&out, 20);
    assert_int_equal(groupcache_path_write(SLICE(""), SLICE("k"), &out), LARDER_ERROR_INVALID);
    assert_int_equal(groupcache_path_write(SLICE("a/b"), SLICE("k"), &out), LARDER_ERROR_INVALID);
    assert_int_equal(groupcache_path_write(SLICE("g"), SLICE("1234567"), &out), LARDER_ERROR_LIMIT);
    assert_int_equal(groupcache_path_write(SLICE("g"), SLICE("12/4"), &out), LARDER_ERROR_LIMIT);
    assert_int_equal(out.size, 0);
    assert_int_equal(groupcache_path_write(SLICE("g"), SLICE("12345"), &out), LARDER_OK);
    assert_int_equal(out.size, 20);
    buf_fini(&out);
}

/* The sizes around each length of a varint that can be tried. */
static void a_response_is_what_protobuf_makes(void **state) {
    static const size_t sizes[] = {0, 1, 127, 128, 16383, 16384, 2097151, 2097152};
    char head[GROUPCACHE_RESPONSE_HEAD_MAX];
    uint8_t *value = calloc(1, 2097152);

    (void)state;
    assert_non_null(value);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        Groupcachepb__GetResponse message = GROUPCACHEPB__GET_RESPONSE__INIT;
        size_t size = groupcache_response_head(sizes[i], head);
        struct groupcache_response response;
        uint8_t *packed;

        message.has_value = true;
        message.value = (ProtobufCBinaryData){.len = sizes[i], .data = value};
        packed = malloc(groupcachepb__get_response__get_packed_size(&message));
        assert_non_null(packed);
        assert_int_equal(groupcachepb__get_response__pack(&message, packed), size + sizes[i]);
        assert_memory_equal(packed, head, size);
        assert_true(groupcache_response_read(slice_make((const char *)packed, size + sizes[i]), &response));
        assert_ptr_equal(response.value.data, packed + size);
        assert_int_equal(response.value.size, sizes[i]);
        free(packed);
    }
    free(value);
    assert_int_equal(groupcache_response_head(SIZE_MAX, head), GROUPCACHE_RESPONSE_HEAD_MAX);
}

static void reads_responses(void **state) {
    static const struct row {
        struct slice body;
        struct slice value;
        double minute_qps;
    } rows[] = {
        {BYTES(""), BYTES(""), 0},
        {BYTES("\x0a\x00"), BYTES(""), 0},
        {BYTES("\x0a\x02hi"), BYTES("hi"), 0},
        {BYTES("\x11\0\0\0\0\0\0\xf8\x3f\x0a\x02hi"), BYTES("hi"), 1.5},
        /* the last value counts */
        {BYTES("\x0a\x02hi\x0a\x03you"), BYTES("you"), 0},
        {BYTES("\x0a\x02hi\x0a\x00"), BYTES(""), 0},
        /* unknown: a varint, eight bytes, some bytes, four bytes; field 16 */
        {BYTES("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x0a\x02hi"), BYTES("hi"), 0},
        {BYTES("\x0a\x02hi\x19"
               "12345678"),
         BYTES("hi"), 0},
        {BYTES("\x1a\x03xyz\x0a\x02hi"), BYTES("hi"), 0},
        {BYTES("\x1d"
               "1234\x0a\x02hi"),
         BYTES("hi"), 0},
        {BYTES("\x82\x01\x00\x0a\x02hi"), BYTES("hi"), 0},
        /* a size in more bytes than it needs */
        {BYTES("\x0a\x82\x80\x00hi"), BYTES("hi"), 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct groupcache_response response;

        if (!groupcache_response_read(rows[i].body, &response) || !slice_equal(response.value, rows[i].value) ||
            memcmp(&response.minute_qps, &rows[i].minute_qps, sizeof(double)) != 0) {
            fail_msg("row %zu", i);
        }
    }
}

static void refuses_what_is_no_response(void **state) {
    static const struct slice bad[] = {
        BYTES("\x0a"),                                             /* no size */
        BYTES("\x0a\x03hi"),                                       /* cut off */
        BYTES("\x0a\x80"),                                         /* a size that does not end */
        BYTES("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),     /* a size of 2^64 - 1 */
        BYTES("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* a number of eleven bytes */
        BYTES("\x11"
              "1234567"),                  /* a short double */
        BYTES("\x08\x01"),                 /* a value that is a number */
        BYTES("\x12\x01x"),                /* a double that is bytes */
        BYTES("\x1d\x01"),                 /* a short number */
        BYTES("\x02\x00"),                 /* field 0 */
        BYTES("\x1b\x1c"),                 /* a group */
        BYTES("\x1e\x00"),                 /* no type */
        BYTES("\x82\x80\x80\x80\x10\x00"), /* a field above 2^29 */
        BYTES("<html>"),
    };
    struct groupcache_response response = {.value = SLICE("untouched")};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (groupcache_response_read(bad[i], &response)) {
            fail_msg("row %zu was taken", i);
        }
    }
    assert_true(slice_equal(response.value, SLICE("untouched")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_a_go_peer_asks),
        cmocka_unit_test(refuses_what_no_peer_asks),
        cmocka_unit_test(asks_such_that_go_and_we_read_it),
        cmocka_unit_test(reads_what_it_has_written),
        cmocka_unit_test(does_not_ask_where_no_group_can_be),
        cmocka_unit_test(a_response_is_what_protobuf_makes),
        cmocka_unit_test(reads_responses),
        cmocka_unit_test(refuses_what_is_no_response),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
