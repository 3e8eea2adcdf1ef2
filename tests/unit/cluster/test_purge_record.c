/* SPDX-License-Identifier: Apache-2.0 */
/* What a purge's record says, of this version, of the one before, and of one that is still to come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/purge_record.h"

static void assert_read(const char *value, struct slice prefix) {
    char place[PURGE_PREFIX_ROOM];
    struct slice found = purge_record_read(slice_from_string(value), place);

    assert_int_equal(found.size, prefix.size);
    assert_memory_equal(found.data, prefix.data, prefix.size);
}

static void assert_again(struct slice prefix) {
    char place[PURGE_PREFIX_ROOM];
    struct slice found;
    struct buf out;

    buf_init(&out, 1024);
    assert_int_equal(purge_record_write(SLICE("10.0.0.1:11211"), prefix, &out), LARDER_OK);
    found = purge_record_read(buf_slice(&out), place);
    assert_int_equal(found.size, prefix.size);
    assert_memory_equal(found.data, prefix.data, prefix.size);
    buf_fini(&out);
}

static void read_again(void **state) {
    char bytes[REQUEST_KEY_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(i + 5);
    }
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        assert_again(slice_make(bytes, size));
    }
}

static void texts(void **state) {
    (void)state;
    assert_read("n0", SLICE(""));
    assert_read("", SLICE(""));
    assert_read("n0 2 djIv", SLICE("v2/"));
    /* Rather too much. */
    assert_read("n0 3 djIv", SLICE(""));
    assert_read("n0 2", SLICE(""));
    assert_read("n0 2 ", SLICE(""));
    assert_read("n0 2 djI", SLICE(""));
    assert_read("n0 2 djIv ", SLICE(""));
    assert_read("n0  djIv", SLICE(""));
}

static void too_long(void **state) {
    char value[1024] = "n0 2 ";

    (void)state;
    memset(value + 5, 'A', PURGE_PREFIX_ROOM);
    value[5 + PURGE_PREFIX_ROOM] = '\0';
    assert_read(value, SLICE(""));
    memset(value + 5, 'A', PURGE_PREFIX_ROOM + 4);
    assert_read(value, SLICE(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_again),
        cmocka_unit_test(texts),
        cmocka_unit_test(too_long),
    };

    return cmocka_run_group_tests_name("purge record", tests, NULL, NULL);
}
