/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/memcached/command.h"

static bool is_text(struct slice s, const char *text) {
    return slice_equal(s, slice_from_string(text));
}

static void decode(const char *line, struct mc_command *ret_command) {
    mc_decode(slice_from_string(line), ret_command);
}

static void reads_each_command(void **state) {
    static const struct {
        const char *line;
        enum command command;
        char verb;
        uint32_t options;
    } cases[] = {
        {"mg k", COMMAND_GET, 'g', REQUEST_MAY_WIN},
        {"mg k v f s c t l h k q Oabc u", COMMAND_GET, 'g', REQUEST_MAY_WIN | REQUEST_NO_BUMP | REQUEST_WANT_TTL},
        {"mg k N10", COMMAND_GET, 'g', REQUEST_MAY_WIN | REQUEST_VIVIFY},
        {"mg k R10", COMMAND_GET, 'g', REQUEST_MAY_WIN | REQUEST_RECACHE},
        {"mg k R10 T5", COMMAND_GAT, 'g', REQUEST_MAY_WIN | REQUEST_RECACHE | REQUEST_TOUCH},
        {"mg k T5 R10", COMMAND_GAT, 'g',
         REQUEST_MAY_WIN | REQUEST_RECACHE | REQUEST_TOUCH | REQUEST_RECACHE_AFTER_TOUCH},
        {"mg aw== b", COMMAND_GET, 'g', REQUEST_MAY_WIN | REQUEST_BINARY_KEY},
        {"ms k 3", COMMAND_SET, 's', REQUEST_EVICT_ON_REFUSAL},
        {"ms k 3 T9 F7 I E5", COMMAND_SET, 's',
         REQUEST_EVICT_ON_REFUSAL | REQUEST_TOUCH | REQUEST_INVALIDATE | REQUEST_SET_CAS},
        {"ms k 3 C5", COMMAND_CAS, 's', REQUEST_EVICT_ON_REFUSAL | REQUEST_COMPARE},
        {"ms k 3 ME", COMMAND_ADD, 's', REQUEST_EVICT_ON_REFUSAL},
        {"ms k 3 MA", COMMAND_APPEND, 's', REQUEST_EVICT_ON_REFUSAL},
        {"ms k 3 MP N5", COMMAND_PREPEND, 's', REQUEST_EVICT_ON_REFUSAL | REQUEST_VIVIFY},
        {"ms k 3 MR", COMMAND_REPLACE, 's', REQUEST_EVICT_ON_REFUSAL},
        {"ms k 3 MS", COMMAND_SET, 's', REQUEST_EVICT_ON_REFUSAL},
        {"md k", COMMAND_DELETE, 'd', 0},
        {"md k C1 x", COMMAND_DELETE, 'd', REQUEST_COMPARE | REQUEST_DROP_VALUE},
        {"md k I T30", COMMAND_INVALIDATE, 'd', REQUEST_INVALIDATE | REQUEST_TOUCH},
        {"ma k", COMMAND_INCR, 'a', 0},
        {"ma k MI", COMMAND_INCR, 'a', 0},
        {"ma k M+", COMMAND_INCR, 'a', 0},
        {"ma k MD N0 J13 D2", COMMAND_DECR, 'a', REQUEST_VIVIFY},
        {"ma k M-", COMMAND_DECR, 'a', 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mc_command c;

        decode(cases[i].line, &c);
        if (c.form != MC_FORM_META || c.request.command != cases[i].command || c.verb != cases[i].verb ||
            c.request.options != cases[i].options || !is_text(c.request.key, "k") ||
            c.has_body != (cases[i].verb == 's')) {
            fail_msg("'%s': form %d, command %d, verb %c, options 0x%x, '%.*s'", cases[i].line, c.form,
                     c.request.command, c.verb, c.request.options, (int)c.error.size, c.error.data);
        }
    }
}

static void reads_the_arguments(void **state) {
    struct mc_command c;

    (void)state;
    decode("mg k N11 R12 T13 q v C14", &c);
    assert_int_equal(c.request.vivify_ttl, 11);
    assert_int_equal(c.request.recache_ttl, 12);
    assert_int_equal(c.request.ttl, 13);
    assert_int_equal(c.request.compare, 14);
    assert_true(c.quiet);
    assert_true(c.show_value);
    decode("ms k 77 F8 E9 T-1", &c);
    assert_int_equal(c.request.body_size, 77);
    assert_int_equal(c.request.client_flags, 8);
    assert_int_equal(c.request.cas, 9);
    assert_true(c.request.ttl < 0);
    assert_false(c.quiet);
    decode("ma k J18446744073709551615 D3", &c);
    assert_true(c.request.initial == UINT64_MAX);
    assert_int_equal(c.request.delta, 3);
    decode("ma k", &c);
    assert_int_equal(c.request.delta, 1);
    decode("me aw== b", &c);
    assert_true(is_text(c.request.key, "k"));
    decode("me aw==", &c);
    assert_true(is_text(c.request.key, "aw=="));
}

#define O_31 "O123456789012345678901234567890" /* with its letter 31 bytes */
#define FLAGS_20 " b N1 T1 R1 l O1 P L k s t h f v c u q F1 C1 E1"

static void what_is_wrong_becomes_its_line(void **state) {
    static const struct {
        const char *line;
        const char *error;
        bool swallows;
    } cases[] = {
        {"mg k v v", "CLIENT_ERROR duplicate flag\r\n", false},
        {"ms k 1 T1 T2", "CLIENT_ERROR duplicate flag\r\n", true},
        {"md k q q", "CLIENT_ERROR invalid or duplicate flag\r\n", false},
        {"ma k q q", "CLIENT_ERROR invalid or duplicate flag\r\n", false},
        {"mg k !", "CLIENT_ERROR invalid flag\r\n", false},
        {"mg k \xc3", "CLIENT_ERROR invalid flag\r\n", false},
        {"ms k 1 S5", "CLIENT_ERROR invalid flag\r\n", true},
        {"mg k Tx", "CLIENT_ERROR bad token in command line format\r\n", false},
        {"mg k N", "CLIENT_ERROR bad token in command line format\r\n", false},
        {"mg k Rx", "CLIENT_ERROR bad token in command line format\r\n", false},
        {"ms k 1 Cx", "CLIENT_ERROR bad token in command line format\r\n", true},
        {"ms k 1 Ex", "CLIENT_ERROR bad token in command line format\r\n", true},
        {"ms k 1 F-1", "CLIENT_ERROR bad command line format\r\n", true},
        {"ms k 1 MX", "CLIENT_ERROR invalid mode for ms M token\r\n", true},
        {"ms k 1 M", "CLIENT_ERROR incorrect length for M token\r\n", true},
        {"ms k 1 MSS", "CLIENT_ERROR incorrect length for M token\r\n", true},
        {"ma k MX", "CLIENT_ERROR invalid mode for ma M token\r\n", false},
        {"ma k Jx", "CLIENT_ERROR invalid or duplicate flag\r\n", false},
        {"ma k Dx", "CLIENT_ERROR invalid or duplicate flag\r\n", false},
        {"mg k " O_31 "xx", "CLIENT_ERROR opaque token too long\r\n", false},
        {"md k " O_31 "xx", "CLIENT_ERROR opaque token too long\r\n", false},
        {"mg !!!! b", "CLIENT_ERROR error decoding key\r\n", false},
        {"ms aw= 1 b", "CLIENT_ERROR error decoding key\r\n", true},
        {"mg k" FLAGS_20 " M", "CLIENT_ERROR options flags are too long\r\n", false},
        {"ms k 1" FLAGS_20 " M", "CLIENT_ERROR options flags too long\r\n", true},
        {"ms k", "CLIENT_ERROR bad command line format\r\n", false},
        {"ms k x", "CLIENT_ERROR bad command line format\r\n", false},
        {"ms k -1", "CLIENT_ERROR bad command line format\r\n", false},
        {"ms k 4294967290", "CLIENT_ERROR bad command line format\r\n", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mc_command c;

        decode(cases[i].line, &c);
        if (c.form != MC_FORM_ERROR || !is_text(c.error, cases[i].error) || c.bad_body != cases[i].swallows) {
            fail_msg("'%s': form %d, bad body %d, '%.*s'", cases[i].line, c.form, c.bad_body, (int)c.error.size,
                     c.error.data);
        }
    }
}

static void twenty_flags_and_a_long_opaque_are_fine(void **state) {
    struct mc_command c;

    (void)state;
    decode("mg aw==" FLAGS_20, &c);
    assert_int_equal(c.form, MC_FORM_META);
    decode("mg k " O_31 "x", &c);
    assert_int_equal(c.form, MC_FORM_META);
}

static void a_key_has_250_bytes_at_most(void **state) {
    struct mc_command c;
    char line[400];

    (void)state;
    memset(line, 'k', sizeof(line));
    memcpy(line, "mg ", 3);
    mc_decode(slice_make(line, 3 + REQUEST_KEY_MAX), &c);
    assert_int_equal(c.form, MC_FORM_META);
    assert_int_equal(c.request.key.size, REQUEST_KEY_MAX);
    mc_decode(slice_make(line, 3 + REQUEST_KEY_MAX + 1), &c);
    assert_true(is_text(c.error, "CLIENT_ERROR bad command line format\r\n"));
    memcpy(line, "md ", 3);
    mc_decode(slice_make(line, 3 + REQUEST_KEY_MAX + 1), &c);
    assert_true(is_text(c.error, "CLIENT_ERROR bad command line format\r\n"));
    /* The limit is on what was sent, base64 or not. */
    memcpy(line, "mg ", 3);
    memset(line + 3, 'A', 248);
    memcpy(line + 251, " b", 2);
    mc_decode(slice_make(line, 253), &c);
    assert_int_equal(c.form, MC_FORM_META);
    assert_int_equal(c.request.key.size, 186);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_command),
        cmocka_unit_test(reads_the_arguments),
        cmocka_unit_test(what_is_wrong_becomes_its_line),
        cmocka_unit_test(twenty_flags_and_a_long_opaque_are_fine),
        cmocka_unit_test(a_key_has_250_bytes_at_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
