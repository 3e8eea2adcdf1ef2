/* SPDX-License-Identifier: Apache-2.0 */
/* What is a node's record and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "helper.h"

/* The membership of one key, "/larder/c/nodes/<id>" with this value; whether it was a record. */
static bool read(const char *id, struct slice value, struct membership **ret_membership) {
    struct told place;
    struct kv kv = record(&place, id, 3, 4, false);
    size_t bad = 9;

    kv.value = value;
    assert_int_equal(membership_read(PREFIX, &kv, 1, 7, ret_membership, &bad), LARDER_OK);
    assert_int_equal((*ret_membership)->count + bad, 1);
    return bad == 0;
}

static void assert_text(struct slice found, const char *text) {
    assert_int_equal(found.size, strlen(text));
    assert_memory_equal(found.data, text, found.size);
}

static void what_is_written_is_read(void **state) {
    static const struct member members[] = {
        {.id = SLICE("a"), .address = SLICE("127.0.0.1:11211"), .algorithm = 1},
        {.id = SLICE("cache-7.example"), .address = SLICE("[::1]:65535"), .algorithm = UINT32_MAX, .leaving = true},
        {.id = SLICE("quote\"back\\slash"), .address = SLICE("h\"\\:1"), .algorithm = 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        struct membership *m;
        struct buf value;
        char id[64];

        buf_init(&value, MEMBER_RECORD_MAX);
        assert_int_equal(member_record_write(&members[i], &value), LARDER_OK);
        snprintf(id, sizeof(id), "%.*s", (int)members[i].id.size, members[i].id.data);
        assert_true(read(id, buf_slice(&value), &m));
        assert_text(m->members[0].id, id);
        assert_true(slice_equal(m->members[0].address, members[i].address));
        assert_int_equal(m->members[0].algorithm, members[i].algorithm);
        assert_int_equal(m->members[0].leaving, members[i].leaving);
        assert_int_equal(m->members[0].incarnation, 3);
        membership_unref(m);
        buf_fini(&value);
    }
}

static void the_longest_fits(void **state) {
    char text[MEMBER_ADDRESS_MAX];
    struct member member = {.algorithm = UINT32_MAX, .leaving = true};
    struct buf value;

    (void)state;
    /* What JSON has to escape takes most room. */
    memset(text, '"', sizeof(text));
    memcpy(text + sizeof(text) - 3, ":80", 3);
    member.address = slice_make(text, sizeof(text));
    member.id = slice_make(text, MEMBER_ID_MAX);
    buf_init(&value, MEMBER_RECORD_MAX);
    assert_int_equal(member_record_write(&member, &value), LARDER_OK);
    buf_fini(&value);
}

static void a_full_buffer_is_as_it_was(void **state) {
    const struct member member = {.id = SLICE("a"), .address = SLICE("h:1"), .algorithm = 1};
    struct buf value;

    (void)state;
    buf_init(&value, 20);
    assert_int_equal(buf_append_slice(&value, SLICE("before")), LARDER_OK);
    assert_int_equal(member_record_write(&member, &value), LARDER_ERROR_LIMIT);
    assert_text(buf_slice(&value), "before");
    buf_fini(&value);
}

static void fields_that_nobody_knows_mean_nothing(void **state) {
    struct membership *m;

    (void)state;
    assert_true(read("a",
                     SLICE("{\"new\":[{\"x\":null}],\"state\":\"leaving\",\"id\":\"\\u0061\",\"ring\":7,"
                           "\"version\":3,\"address\":\"h\\u002dost:80\"}\n"),
                     &m));
    assert_text(m->members[0].address, "h-ost:80");
    assert_int_equal(m->members[0].algorithm, 7);
    assert_true(m->members[0].leaving);
    membership_unref(m);
}

#define GOOD_REST "\"ring\":1,\"state\":\"serving\"}"
#define WITH_ADDRESS(address) SLICE("{\"id\":\"a\",\"address\":\"" address "\"," GOOD_REST)
#define WITH_RING(ring) SLICE("{\"id\":\"a\",\"address\":\"h:1\",\"state\":\"serving\"," ring "}")

static void anything_else_is_none(void **state) {
    static const struct slice values[] = {
        SLICE(""),
        SLICE("{"),
        SLICE("[]"),
        SLICE("null"),
        SLICE("{}"),
        SLICE("{\"id\":\"b\",\"address\":\"h:1\"," GOOD_REST),
        SLICE("{\"id\":1,\"address\":\"h:1\"," GOOD_REST),
        SLICE("{\"id\":\"a\",\"id\":\"a\",\"address\":\"h:1\"," GOOD_REST),
        SLICE("{\"id\":\"a\",\"address\":\"h:1\"," GOOD_REST "x"),
        SLICE("{\"id\":\"a\",\"address\":\"h:1\"," GOOD_REST "\0"),
        SLICE("{\"id\":\"a\",\"address\":17," GOOD_REST),
        SLICE("{\"id\":\"a\"," GOOD_REST),
        WITH_ADDRESS(""),
        WITH_ADDRESS("h"),
        WITH_ADDRESS(":1"),
        WITH_ADDRESS("h:"),
        WITH_ADDRESS("h:0"),
        WITH_ADDRESS("h:65536"),
        WITH_ADDRESS("h:1x"),
        WITH_ADDRESS("h h:1"),
        WITH_ADDRESS("h\\n:1"),
        WITH_ADDRESS("h\\u0000:1"),
        WITH_ADDRESS("h\xff:1"),
        WITH_ADDRESS("\\u00e4:1"),
        WITH_RING("\"ring\":0"),
        WITH_RING("\"ring\":-1"),
        WITH_RING("\"ring\":4294967296"),
        WITH_RING("\"ring\":99999999999999999999"),
        WITH_RING("\"ring\":1.0"),
        WITH_RING("\"ring\":\"1\""),
        WITH_RING("\"rings\":1"),
        SLICE("{\"id\":\"a\",\"address\":\"h:1\",\"ring\":1}"),
        SLICE("{\"id\":\"a\",\"address\":\"h:1\",\"ring\":1,\"state\":\"Serving\"}"),
        SLICE("{\"id\":\"a\",\"address\":\"h:1\",\"ring\":1,\"state\":\"serving\\u0000\"}"),
        SLICE("{\"id\":\"a\",\"address\":\"h:1\",\"ring\":1,\"state\":true}"),
    };
    struct membership *m;

    (void)state;
    assert_true(read("a", WITH_ADDRESS("h:1"), &m)); /* what the others differ from */
    membership_unref(m);
    assert_true(read("a", WITH_RING("\"ring\":1"), &m));
    membership_unref(m);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        assert_false(read("a", values[i], &m));
        membership_unref(m);
    }
}

/* A record with blanks at its end, `size` bytes. */
static bool read_padded(size_t size) {
    static const struct slice good = WITH_ADDRESS("h:1");
    char *value = malloc(size);
    struct membership *m;
    bool is_good;

    assert_non_null(value);
    memset(value, ' ', size);
    memcpy(value, good.data, good.size);
    is_good = read("a", slice_make(value, size), &m);
    membership_unref(m);
    free(value);
    return is_good;
}

static void records_have_a_limit(void **state) {
    (void)state;
    assert_true(read_padded(MEMBER_RECORD_MAX));
    assert_false(read_padded(MEMBER_RECORD_MAX + 1));
}

static void names_are_judged(void **state) {
    static const struct slice bad[] = {SLICE(""),      SLICE("a b"),      SLICE("a\n"), SLICE("a/b"),
                                       SLICE("a\x7f"), SLICE("\xc3\xa4"), SLICE("a\0"), SLICE("\t")};
    char text[MEMBER_ID_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_non_null(member_id_problem(bad[i]));
        assert_non_null(cluster_name_problem(bad[i]));
    }
    memset(text, '~', sizeof(text));
    assert_null(member_id_problem(slice_make(text, MEMBER_ID_MAX)));
    assert_non_null(member_id_problem(slice_make(text, MEMBER_ID_MAX + 1)));
    assert_null(cluster_name_problem(slice_make(text, CLUSTER_NAME_MAX)));
    assert_non_null(cluster_name_problem(slice_make(text, CLUSTER_NAME_MAX + 1)));
    assert_non_null(member_id_problem(SLICE("a,b")));
    assert_null(cluster_name_problem(SLICE("a,b")));
    assert_null(member_id_problem(SLICE("10.0.0.1:11211")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),    cmocka_unit_test(the_longest_fits),
        cmocka_unit_test(a_full_buffer_is_as_it_was), cmocka_unit_test(fields_that_nobody_knows_mean_nothing),
        cmocka_unit_test(anything_else_is_none),      cmocka_unit_test(records_have_a_limit),
        cmocka_unit_test(names_are_judged),
    };

    return cmocka_run_group_tests_name("ring-record", tests, NULL, NULL);
}
