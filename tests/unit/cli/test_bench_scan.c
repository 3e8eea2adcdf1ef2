/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/bench/scan.h"

/* What was seen, as text: a letter for the kind and the value's size. */
struct seen {
    char text[512];
    enum larder_error answer;
};

static enum larder_error note(void *ctx, const struct mc_response *answer) {
    struct seen *seen = ctx;
    size_t size = strlen(seen->text);

    switch (answer->kind) {
    case MC_RESPONSE_VALUE:
    case MC_RESPONSE_VA:
        snprintf(seen->text + size, sizeof(seen->text) - size, "v%zu ", answer->value_size);
        break;
    case MC_RESPONSE_SERVER_ERROR:
        snprintf(seen->text + size, sizeof(seen->text) - size, "!%.*s ", (int)answer->text.size, answer->text.data);
        break;
    default:
        snprintf(seen->text + size, sizeof(seen->text) - size, "%d ", (int)answer->kind);
        break;
    }
    return seen->answer;
}

static const char stream[] = "VALUE a 0 3\r\nabc\r\nEND\r\n"
                             "VALUE b 0 3\r\nEND\r\nEND\r\n"
                             "END\r\n"
                             "VALUE cc 0 3\r\n\r\n\r\r\nVALUE d 1 0\r\n\r\nEND\r\n"
                             "STORED\r\nSTORED\r\n"
                             "SERVER_ERROR one\r\nSERVER_ERROR two\r\n"
                             "VA 2\r\nxy\r\nVA 2\r\nzz\r\nEN\r\nHD\r\n";

static void expect(char *ret_text, size_t size) {
    snprintf(ret_text, size, "v3 %1$d v3 %1$d %1$d v3 v0 %1$d %2$d %2$d !one !two v2 v2 %3$d %4$d ", MC_RESPONSE_END,
             MC_RESPONSE_STORED, MC_RESPONSE_EN, MC_RESPONSE_HD);
}

static void reads_a_stream_cut_anywhere(void **state) {
    static struct scan_memory memory;
    char expected[256];
    size_t size = sizeof(stream) - 1;

    (void)state;
    expect(expected, sizeof(expected));
    for (size_t first = 0; first <= size; first++) {
        for (size_t second = first; second <= size; second++) {
            struct seen seen = {.text = ""};
            struct scanner scanner;

            scan_init(&scanner, &memory);
            assert_int_equal(scan_feed(&scanner, stream, first, note, &seen), LARDER_OK);
            assert_int_equal(scan_feed(&scanner, stream + first, second - first, note, &seen), LARDER_OK);
            assert_int_equal(scan_feed(&scanner, stream + second, size - second, note, &seen), LARDER_OK);
            assert_string_equal(seen.text, expected);
        }
    }
}

static void reads_a_stream_byte_by_byte(void **state) {
    static struct scan_memory memory;
    struct seen seen = {.text = ""};
    struct scanner scanner;
    char expected[256];

    (void)state;
    expect(expected, sizeof(expected));
    scan_init(&scanner, &memory);
    for (size_t i = 0; i < sizeof(stream) - 1; i++) {
        assert_int_equal(scan_feed(&scanner, stream + i, 1, note, &seen), LARDER_OK);
    }
    assert_string_equal(seen.text, expected);
}

static enum larder_error feed(const char *text, struct seen *seen) {
    struct scan_memory memory;
    struct scanner scanner;

    memset(&memory, 0, sizeof(memory));
    scan_init(&scanner, &memory);
    return scan_feed(&scanner, text, strlen(text), note, seen);
}

static void stops_where_the_framing_is_lost(void **state) {
    static const char *const texts[] = {
        "VALUE a 0 3\r\nabcd\r\nEND\r\n",
        "VALUE a 0 3\r\nab\r\nEND\r\n",
        "VALUE a 0 3\r\nabc\r\nVALUE b 0 3\r\nabc\rXEND\r\n",
        "END\n",
        "nonsense\r\n",
        "END\r\nENDE\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct seen seen = {.text = ""};

        if (feed(texts[i], &seen) != LARDER_ERROR_PROTOCOL) {
            fail_msg("'%s' was taken as '%s'", texts[i], seen.text);
        }
    }
}

static void the_words_of_an_error_are_read_anew(void **state) {
    static struct scan_memory memory;
    struct seen seen = {.text = ""};
    struct scanner scanner;
    char text[] = "SERVER_ERROR one\r\n";
    char overwritten[sizeof(text)];

    (void)state;
    scan_init(&scanner, &memory);
    memcpy(overwritten, text, sizeof(text));
    assert_int_equal(scan_feed(&scanner, overwritten, sizeof(text) - 1, note, &seen), LARDER_OK);
    memset(overwritten, 'x', sizeof(overwritten));
    assert_int_equal(scan_feed(&scanner, text, sizeof(text) - 1, note, &seen), LARDER_OK);
    assert_string_equal(seen.text, "!one !one ");
}

static void refuses_a_line_without_end(void **state) {
    static char text[2 * SCAN_LINE_MAX];
    struct seen seen = {.text = ""};

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    assert_int_equal(feed(text, &seen), LARDER_ERROR_PROTOCOL);
}

static void hands_the_callbacks_error_on(void **state) {
    struct seen seen = {.text = "", .answer = LARDER_ERROR_LIMIT};

    (void)state;
    assert_int_equal(feed("END\r\nEND\r\n", &seen), LARDER_ERROR_LIMIT);
    assert_int_equal(strlen(seen.text), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_stream_cut_anywhere),     cmocka_unit_test(reads_a_stream_byte_by_byte),
        cmocka_unit_test(stops_where_the_framing_is_lost), cmocka_unit_test(the_words_of_an_error_are_read_anew),
        cmocka_unit_test(refuses_a_line_without_end),      cmocka_unit_test(hands_the_callbacks_error_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
