/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/utf8.h"
#include "export/otlp_answer.h"
#include "export/protobuf.h"

enum { GARBAGE_ROUNDS = 20000, GARBAGE_MAX = 64 };

static bool read_partial(uint64_t rejected, struct slice message, struct otlp_answer *ret) {
    struct buf body;
    struct protobuf p = protobuf_into(&body);
    size_t partial;
    bool well;

    buf_init(&body, 4096);
    partial = protobuf_begin(&p, 1);
    protobuf_varint(&p, 1, rejected);
    protobuf_bytes(&p, 2, message.data, message.size);
    protobuf_fixed32(&p, 9, 1); /* of a later version */
    protobuf_end(&p, partial);
    protobuf_varint(&p, 7, 1);
    assert_int_equal(p.error, LARDER_OK);
    well = otlp_answer_read(buf_slice(&body), ret);
    buf_fini(&body);
    return well;
}

static void test_partial_success(void **state) {
    struct otlp_answer answer;

    (void)state;
    assert_true(otlp_answer_read(SLICE(""), &answer));
    assert_int_equal(answer.rejected, 0);
    assert_string_equal(answer.message, "");
    assert_true(otlp_answer_read(SLICE("\x0a\x00"), &answer));
    assert_int_equal(answer.rejected, 0);
    assert_true(otlp_answer_read(SLICE("\x0a\x09\x08\x96\x01\x12\x04much"), &answer)); /* spelt by hand */
    assert_int_equal(answer.rejected, 150);
    assert_string_equal(answer.message, "much");
    assert_true(read_partial(3, SLICE("too old"), &answer));
    assert_int_equal(answer.rejected, 3);
    assert_string_equal(answer.message, "too old");
    assert_true(read_partial(0, SLICE("deprecated"), &answer));
    assert_int_equal(answer.rejected, 0);
    assert_string_equal(answer.message, "deprecated");
    assert_true(read_partial((uint64_t)-5, SLICE(""), &answer));
    assert_int_equal(answer.rejected, 0);
    assert_true(read_partial(INT64_MAX, SLICE(""), &answer));
    assert_int_equal(answer.rejected, INT64_MAX);
}

static void test_messages(void **state) {
    static char text[2 * OTLP_MESSAGE_MAX];
    struct otlp_answer answer;

    (void)state;
    assert_true(read_partial(1, SLICE("a\nb\x1b[1m\0\x7f\xc3\xa9"), &answer));
    assert_string_equal(answer.message, "a?b?[1m??\xc3\xa9");
    assert_true(read_partial(1, SLICE("\xc3\xa9 \xff"), &answer));
    assert_string_equal(answer.message, "?? ?");
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)(i % 2 == 0 ? 0xc3 : 0xa9);
    }
    assert_true(read_partial(1, slice_make(text, sizeof(text)), &answer));
    assert_int_equal(strlen(answer.message), OTLP_MESSAGE_MAX - 2); /* a character does not fit any more */
    assert_true(utf8_is_valid(slice_from_string(answer.message)));
    assert_string_not_equal(answer.message, "");
    memset(text, 'x', sizeof(text));
    assert_true(read_partial(1, slice_make(text, OTLP_MESSAGE_MAX - 1), &answer));
    assert_int_equal(strlen(answer.message), OTLP_MESSAGE_MAX - 1);
}

static void test_garbage(void **state) {
    static const char *const texts[] = {"{\"partialSuccess\":{}}", "<html>", "OK", "\x0a\x05\x08", "\x0a\x02\x08\x80"};
    struct otlp_answer answer;
    struct random random;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        answer.rejected = 1;
        assert_false(otlp_answer_read(slice_from_string(texts[i]), &answer));
        assert_int_equal(answer.rejected, 0);
        assert_string_equal(answer.message, "");
    }
    random_init(&random, 1);
    for (int i = 0; i < GARBAGE_ROUNDS; i++) {
        size_t size = (size_t)random_below(&random, GARBAGE_MAX);
        char *exact = malloc(size + 1); /* a read behind its end is seen by a sanitizer */

        assert_non_null(exact);
        for (size_t at = 0; at < size; at++) {
            exact[at + 1] = (char)random_below(&random, i % 2 == 0 ? 32 : 256);
        }
        (void)otlp_answer_read(slice_make(exact + 1, size), &answer);
        assert_true(strlen(answer.message) < OTLP_MESSAGE_MAX);
        free(exact);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partial_success),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_garbage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
