/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/siphash.h"

static const struct siphash_key key = {{UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};

/* The example of the paper's appendix A, and others of its authors' vectors: the bytes 0, 1, 2, ... by number. */
static void the_authors_examples(void **state) {
    static const struct {
        size_t size;
        uint64_t hash;
    } examples[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31)},
        {1, UINT64_C(0x74f839c593dc67fd)},
        {15, UINT64_C(0xa129ca6149be45e5)},
    };
    char bytes[16];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)i;
    }
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        assert_true(siphash(&key, slice_make(bytes, examples[i].size)) == examples[i].hash);
    }
}

static void another_key_gives_another_hash(void **state) {
    const struct siphash_key other = {{key.words[0], key.words[1] ^ 1}};

    (void)state;
    assert_true(siphash(&key, SLICE("abcdefgh")) != siphash(&other, SLICE("abcdefgh")));
    assert_true(siphash(&key, SLICE("abcdefgh")) != siphash(&key, SLICE("abcdefg\0")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_authors_examples),
        cmocka_unit_test(another_key_gives_another_hash),
    };

    return cmocka_run_group_tests_name("base-siphash", tests, NULL, NULL);
}
