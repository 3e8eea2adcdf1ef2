/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crc32c.h"

/* RFC 3720, B.4; and the check value that all catalogues of checksums have. */
static void known_values_come_out(void **state) {
    char bytes[32];

    (void)state;
    assert_int_equal(crc32c(0, SLICE("")), 0);
    assert_int_equal(crc32c(0, SLICE("123456789")), 0xe3069283);
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(crc32c(0, slice_make(bytes, sizeof(bytes))), 0x8a9136aa);
    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(crc32c(0, slice_make(bytes, sizeof(bytes))), 0x62a8ab43);
    for (int i = 0; i < 32; i++) {
        bytes[i] = (char)i;
    }
    assert_int_equal(crc32c(0, slice_make(bytes, sizeof(bytes))), 0x46dd794e);
}

static void pieces_give_the_same(void **state) {
    static const char text[] = "how a text is cut into pieces must not matter to its checksum";
    struct slice whole = slice_from_string(text);

    (void)state;
    for (size_t first = 0; first <= whole.size; first++) {
        uint32_t crc = crc32c(0, slice_make(text, first));

        assert_int_equal(crc32c(crc, slice_skip(whole, first)), crc32c(0, whole));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values_come_out),
        cmocka_unit_test(pieces_give_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
