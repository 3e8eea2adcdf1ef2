/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/memcached/command.h"

enum { LIMIT = 64 << 10, REFERENCE_FROM = 100 };

static void encode(const char *line, const struct reply *reply, const char *expected) {
    struct mc_command c;
    struct outbox out;

    outbox_init(&out, LIMIT);
    mc_decode(slice_from_string(line), &c);
    assert_int_equal(mc_encode(&out, &c, reply, REFERENCE_FROM), LARDER_OK);
    if (!slice_equal(buf_slice(&out.bytes), slice_from_string(expected))) {
        fail_msg("'%s' was answered \"%.*s\", not \"%s\"", line, (int)out.bytes.size, out.bytes.data, expected);
    }
    outbox_fini(&out);
}

static void encode_result(const char *line, enum result result, const char *expected) {
    const struct reply reply = {.result = result};

    encode(line, &reply, expected);
}

static const struct reply hit = {
    .result = RESULT_HIT,
    .item = {.value = SLICE("abc"),
             .client_flags = 7,
             .cas = UINT64_MAX,
             .ttl = 30,
             .ttl_before = 10,
             .last_access = 4,
             .footprint = 80,
             .queue = 1,
             .fetched = true},
};

static void text_answers(void **state) {
    struct reply number = {.result = RESULT_DONE, .number = UINT64_MAX};

    (void)state;
    encode("get k", &hit, "VALUE k 7 3\r\nabc\r\n");
    encode("gets k", &hit, "VALUE k 7 3 18446744073709551615\r\nabc\r\n");
    encode("gat 9 k", &hit, "VALUE k 7 3\r\nabc\r\n");
    encode_result("get k", RESULT_MISS, "");
    encode_result("set k 0 0 1", RESULT_STORED, "STORED\r\n");
    encode_result("set k 0 0 1 noreply", RESULT_STORED, "");
    encode_result("set k 0 0 1", RESULT_TOO_LARGE, "SERVER_ERROR object too large for cache\r\n");
    encode_result("set k 0 0 1", RESULT_NO_MEMORY, "SERVER_ERROR out of memory storing object\r\n");
    encode_result("add k 0 0 1", RESULT_NOT_STORED, "NOT_STORED\r\n");
    encode_result("cas k 0 0 1 1", RESULT_EXISTS, "EXISTS\r\n");
    encode_result("cas k 0 0 1 1", RESULT_NOT_FOUND, "NOT_FOUND\r\n");
    encode_result("delete k", RESULT_DELETED, "DELETED\r\n");
    encode_result("touch k 1", RESULT_TOUCHED, "TOUCHED\r\n");
    encode_result("flush_all", RESULT_DONE, "OK\r\n");
    encode_result("incr k 1", RESULT_NOT_A_NUMBER, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    encode("incr k 1", &number, "18446744073709551615\r\n");
    encode("decr k 1 noreply", &number, "");
    encode_result("mn", RESULT_DONE, "MN\r\n");
    encode_result("bogus", RESULT_INVALID, "ERROR\r\n");
}

static void meta_get_answers(void **state) {
    struct reply r = hit;

    (void)state;
    encode("mg k", &hit, "HD\r\n");
    encode("mg k v", &hit, "VA 3\r\nabc\r\n");
    encode("mg k s v f c l h k Oxy q", &hit, "VA 3 s3 f7 c18446744073709551615 l4 h1 kk Oxy\r\nabc\r\n");
    /* The life before the touch, or after it: as the flags stand. */
    encode("mg k t T30", &hit, "HD t10\r\n");
    encode("mg k T30 t", &hit, "HD t30\r\n");
    r.item.ttl_before = ITEM_TTL_FOREVER;
    encode("mg k t", &r, "HD t-1\r\n");
    r.item.won = true;
    encode("mg k", &r, "HD W\r\n");
    r.item.stale = true;
    encode("mg k k", &r, "HD kk X W\r\n");
    r.item.won = false;
    r.item.win_sent = true;
    encode("mg k", &r, "HD Z X\r\n");
    r = hit;
    r.item.binary_key = true;
    encode("mg k k v", &r, "VA 3 kaw== b\r\nabc\r\n");
    encode_result("mg k v", RESULT_MISS, "EN\r\n");
    encode_result("mg k v q k O1", RESULT_MISS, "");
}

static void other_meta_answers(void **state) {
    struct reply number = {.result = RESULT_DONE, .number = 42, .item = {.cas = 5, .ttl = 9, .ttl_before = 9}};
    struct reply stored = {.result = RESULT_STORED, .item = {.cas = 6, .value = {NULL, 12}}};

    (void)state;
    encode("ms k 1 c s k O7", &stored, "HD c6 s12 kk O7\r\n");
    encode("ms k 1 q c", &stored, "");
    encode_result("ms k 1 q k", RESULT_NOT_STORED, "NS kk\r\n");
    encode_result("ms k 1", RESULT_EXISTS, "EX\r\n");
    encode_result("ms k 1", RESULT_NOT_FOUND, "NF\r\n");
    encode_result("ms k 1 q", RESULT_TOO_LARGE, "SERVER_ERROR object too large for cache\r\n");
    encode_result("ms k 1", RESULT_NO_MEMORY, "SERVER_ERROR out of memory storing object\r\n");
    encode_result("md k", RESULT_DELETED, "HD\r\n");
    encode_result("md k q", RESULT_DELETED, "");
    encode_result("md k k O3", RESULT_EXISTS, "EX kk O3\r\n");
    encode_result("md aw== b k", RESULT_DELETED, "HD kaw== b\r\n");
    encode("ma k", &number, "HD\r\n");
    encode("ma k v t c", &number, "VA 2 t9 c5\r\n42\r\n");
    encode("ma k v q", &number, "");
    encode_result("ma k q", RESULT_NOT_A_NUMBER, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    encode("me k", &hit, "ME k exp=30 la=4 cas=18446744073709551615 fetch=yes cls=1 size=80\r\n");
    encode_result("me k", RESULT_MISS, "EN\r\n");
}

static void the_longest_answer_fits(void **state) {
    char line[600] = "mg ";
    struct mc_command c;
    struct outbox out;
    struct reply r = hit;

    (void)state;
    memset(line + 3, 'k', 250);
    strcat(line, " s v f c l h k t b");
    memset(line + 3, 'A', 248);
    line[251] = line[252] = ' ';
    r.item.binary_key = r.item.won = r.item.stale = r.item.win_sent = true;
    r.item.ttl = r.item.ttl_before = INT64_MAX;
    r.item.last_access = r.item.client_flags = UINT32_MAX;
    mc_decode(slice_from_string(line), &c);
    assert_int_equal(c.form, MC_FORM_META);
    outbox_init(&out, LIMIT);
    assert_int_equal(mc_encode(&out, &c, &r, REFERENCE_FROM), LARDER_OK);
    assert_true(out.bytes.size > 248 + 60);
    outbox_fini(&out);
}

static void stays(struct blob *blob) {
    (void)blob;
    fail_msg("the blob's owner still holds it");
}

static void large_values_are_referenced(void **state) {
    static const char *const lines[] = {"get k", "mg k v"};
    char value[REFERENCE_FROM];
    struct blob blob;

    (void)state;
    memset(value, 'v', sizeof(value));
    blob_init(&blob, stays);
    for (size_t i = 0; i < 2; i++) {
        struct reply r = {.result = RESULT_HIT, .item = {.value = {value, sizeof(value)}, .blob = &blob}};
        struct mc_command c;
        struct outbox out;

        outbox_init(&out, LIMIT);
        mc_decode(slice_from_string(lines[i]), &c);
        assert_int_equal(mc_encode(&out, &c, &r, REFERENCE_FROM), LARDER_OK);
        assert_int_equal(out.ref_count, 1);
        assert_int_equal(out.ref_bytes, sizeof(value));
        assert_int_equal(atomic_load(&blob.references), 2);
        /* A byte less is copied. */
        r.item.value.size--;
        assert_int_equal(mc_encode(&out, &c, &r, REFERENCE_FROM), LARDER_OK);
        assert_int_equal(out.ref_count, 1);
        /* So is what lies in no blob. */
        r.item.value.size++;
        r.item.blob = NULL;
        assert_int_equal(mc_encode(&out, &c, &r, REFERENCE_FROM), LARDER_OK);
        assert_int_equal(out.ref_count, 1);
        outbox_fini(&out);
        assert_int_equal(atomic_load(&blob.references), 1);
    }
}

static void no_room_is_an_error(void **state) {
    static const char *const lines[] = {"get k", "mg k v", "ma k v", "incr k 1", "me k", "set k 0 0 1", "mn", "bogus"};
    struct mc_command c;
    struct outbox out;

    (void)state;
    outbox_init(&out, 1);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct reply r = hit;

        if (i == 2 || i == 3 || i >= 5) {
            r.result = RESULT_DONE;
        }
        mc_decode(slice_from_string(lines[i]), &c);
        assert_int_equal(mc_encode(&out, &c, &r, REFERENCE_FROM), LARDER_ERROR_LIMIT);
    }
    assert_int_equal(mc_encode_end(&out), LARDER_ERROR_LIMIT);
    assert_int_equal(mc_encode_stat(&out, "a", "b"), LARDER_ERROR_LIMIT);
    outbox_fini(&out);
}

static void what_noreply_hides(void **state) {
    struct reply refused = {.result = RESULT_TOO_LARGE};
    struct reply fine = {.result = RESULT_STORED};
    struct reply conflict = {.result = RESULT_NOT_STORED};
    struct mc_command c;

    (void)state;
    mc_decode(SLICE("set k 0 0 1 noreply"), &c);
    assert_true(mc_hides(&c, &refused));
    assert_false(mc_hides(&c, &fine));
    assert_false(mc_hides(&c, &conflict));
    mc_decode(SLICE("set k 0 0 1"), &c);
    assert_false(mc_hides(&c, &refused));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_answers),
        cmocka_unit_test(meta_get_answers),
        cmocka_unit_test(other_meta_answers),
        cmocka_unit_test(the_longest_answer_fits),
        cmocka_unit_test(large_values_are_referenced),
        cmocka_unit_test(no_room_is_an_error),
        cmocka_unit_test(what_noreply_hides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
