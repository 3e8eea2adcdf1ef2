/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "library/etcd/block.h"
#include "library/etcd/status.h"

/* Gives exactly what is asked for, so that a sanitizer sees each byte too many. */
static void *grow(void *ctx, void *memory, size_t size) {
    return *(bool *)ctx ? realloc(memory, size) : NULL;
}

static void release(void *ctx, void *memory) {
    (void)ctx;
    free(memory);
}

static void an_answer_is_one_piece_of_memory(void **state) {
    bool gives = true;
    struct larder_allocator allocator = {.reallocate = grow, .release = release, .ctx = &gives};
    struct kv kvs[2] = {{.key = SLICE("a"), .value = SLICE("1"), .mod_revision = 7, .lease = 3},
                        {.key = SLICE("bb"), .value = {NULL, 0}, .version = 2}};
    struct slice keys[1] = {SLICE("on the lease")};
    int64_t ids[3] = {5, 6, 7};
    struct store_result parts[3] = {
        {.kind = STORE_OP_RANGE, .kvs = kvs, .kv_count = 2, .count = 9, .more = true},
        {.kind = STORE_OP_LEASE_TTL, .keys = keys, .count = 1, .ttl = 4},
        {.kind = STORE_OP_LEASE_LIST, .ids = ids, .count = 3},
    };
    struct store_result whole = {.kind = STORE_OP_TXN, .results = parts, .result_count = 3, .succeeded = true};
    struct larder_etcd_answer answer;
    struct block_size size = {.structs = 0};
    struct block block;
    void *memory = NULL;
    size_t capacity = 0;

    (void)state;
    block_count_result(&size, &whole);
    gives = false;
    assert_false(block_begin(&block, &allocator, &size, &memory, &capacity));
    assert_null(memory);
    gives = true;
    assert_true(block_begin(&block, &allocator, &size, &memory, &capacity));
    block_fill_result(&block, &whole, &answer);
    assert_ptr_equal(block.structs, (char *)memory + size.structs);
    assert_ptr_equal(block.texts, (char *)memory + capacity);

    assert_true(answer.kind == LARDER_ETCD_TXN && answer.succeeded && answer.answer_count == 3);
    assert_true(answer.answers[0].more && answer.answers[0].count == 9 && answer.answers[0].kv_count == 2);
    assert_string_equal(answer.answers[0].kvs[0].key, "a");
    assert_string_equal(answer.answers[0].kvs[0].value, "1");
    assert_int_equal(answer.answers[0].kvs[0].mod_revision, 7);
    assert_int_equal(answer.answers[0].kvs[0].lease, 3);
    assert_string_equal(answer.answers[0].kvs[1].value, "");
    assert_int_equal(answer.answers[0].kvs[1].value_size, 0);
    assert_int_equal(answer.answers[1].key_count, 1);
    assert_string_equal(answer.answers[1].keys[0].data, "on the lease");
    assert_true(answer.answers[2].lease_count == 3 && answer.answers[2].leases[2] == 7);
    free(memory);
}

static void every_status_has_a_name(void **state) {
    (void)state;
    assert_int_equal(status_of(STORE_OK), LARDER_DONE);
    for (int i = 1; i < STORE_STATUS_COUNT; i++) {
        enum larder_status status = status_of((enum store_status)i);

        assert_true(status != LARDER_DONE);
        assert_string_not_equal(larder_strerror(status), "unknown");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_one_piece_of_memory),
        cmocka_unit_test(every_status_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
