/* SPDX-License-Identifier: Apache-2.0 */
/* Out of memory is an error and leaves everything as it was: each allocation fails in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "helper.h"
#include "ring/ring.h"

enum { FAILURES_MAX = 1000 /* more allocations than any of it makes */ };

static long until_failure = -1; /* allocations that still succeed; below 0: all */

/* The allocator's three, which the linker puts in front of the C library's for this program alone. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *data, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *data, size_t size);

/* One fails, those behind it do not. */
static bool fails(void) {
    return until_failure >= 0 && until_failure-- == 0;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *data, size_t size) {
    return fails() ? NULL : __real_realloc(data, size);
}

/* Runs it with one failure after the other, until it makes fewer allocations. Each `run` returns whether it succeeded. */
static void fail_each(bool (*run)(void)) {
    long failure = 0;
    bool done = false;

    while (!done) {
        assert_true(failure < FAILURES_MAX);
        until_failure = failure++;
        done = run();
        assert_int_equal(done, until_failure >= 0);
        until_failure = -1;
    }
    assert_true(failure > 1);
}

static bool make_ring(void) {
    static const struct slice names[] = {SLICE("a"), SLICE("b")};
    struct ring *ring = NULL;
    enum larder_error error = ring_new(names, 2, NULL, &ring);

    assert_int_equal(error, ring == NULL ? LARDER_ERROR_NO_MEMORY : LARDER_OK);
    ring_free(ring);
    return error == LARDER_OK;
}

static bool read_two(void) {
    struct told places[2];
    const struct kv kvs[] = {record(&places[0], "a", 1, 1, false), record(&places[1], "b", 2, 2, false)};
    struct membership *m = NULL;
    size_t bad = 7;
    enum larder_error error = membership_read(PREFIX, kvs, 2, 3, &m, &bad);

    assert_int_equal(error, m == NULL ? LARDER_ERROR_NO_MEMORY : LARDER_OK);
    assert_int_equal(bad, m == NULL ? 7 : 0); /* a record is not bad because there was no memory to read it */
    assert_true(m == NULL || m->count == 2);
    membership_unref(m);
    return error == LARDER_OK;
}

static struct membership *before;

static bool follow(void) {
    struct told places[2];
    const struct kv_event events[] = {put(&places[0], "b", 5, 5), gone(&places[1], "a", 6)};
    struct membership *m = NULL;
    size_t bad = 7;
    enum larder_error error = membership_apply(before, PREFIX, events, 2, 6, &m, &bad);

    assert_int_equal(error, m == NULL ? LARDER_ERROR_NO_MEMORY : LARDER_OK);
    assert_string_equal(ids_of(before), "a");
    assert_true(m == NULL || strcmp(ids_of(m), "b") == 0);
    membership_unref(m);
    return error == LARDER_OK;
}

static bool write_record(void) {
    const struct member member = {.id = SLICE("a"), .address = SLICE("h:1"), .algorithm = 1};
    struct buf value;
    enum larder_error error;

    buf_init(&value, MEMBER_RECORD_MAX);
    error = member_record_write(&member, &value);
    assert_int_equal(error, value.size == 0 ? LARDER_ERROR_NO_MEMORY : LARDER_OK);
    buf_fini(&value);
    return error == LARDER_OK;
}

static void a_ring_may_find_no_memory(void **state) {
    (void)state;
    fail_each(make_ring);
}

static void a_list_may_find_no_memory(void **state) {
    (void)state;
    fail_each(read_two);
}

static void events_may_find_no_memory(void **state) {
    struct told place;
    const struct kv kv = record(&place, "a", 1, 1, false);
    size_t bad;

    (void)state;
    assert_int_equal(membership_read(PREFIX, &kv, 1, 3, &before, &bad), LARDER_OK);
    fail_each(follow);
    membership_unref(before);
}

static void a_record_may_find_no_memory(void **state) {
    (void)state;
    fail_each(write_record);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_may_find_no_memory),
        cmocka_unit_test(a_list_may_find_no_memory),
        cmocka_unit_test(events_may_find_no_memory),
        cmocka_unit_test(a_record_may_find_no_memory),
    };

    return cmocka_run_group_tests_name("ring-memory", tests, NULL, NULL);
}
