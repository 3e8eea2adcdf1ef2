/* SPDX-License-Identifier: Apache-2.0 */
/* Out of memory refuses a change, never more: each allocation fails in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keyspace_model.h"

enum { KEYS = 600 /* so that the index splits and the tree grows */, ARENA_MAX = 1 << 20 };

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

static struct slice numbered(char place[16], size_t number) {
    return slice_make(place, (size_t)snprintf(place, 16, "k/%05zu", number));
}

/* A change that may fail: it takes place, or nothing old is known of the key. */
static void change(struct keyspace *ks, size_t number, int64_t revision, bool present, enum keyspace_make make) {
    char place[16];
    struct slice key = numbered(place, number);
    struct model_state state = {.revision = revision, .present = present};
    struct kv kv = {0};

    if (!model_apply(ks, key, revision, present, make)) {
        state.revision = 0;
    }
    assert_true(model_matches(keyspace_find(ks, key, &kv), &kv, key, &state));
}

static size_t count_present(struct keyspace *ks) {
    char place[16];
    size_t count = 0;

    for (size_t i = 0; i < KEYS; i++) {
        count += keyspace_find(ks, numbered(place, i), NULL) == KEYSPACE_PRESENT;
    }
    return count;
}

static void ask(struct keyspace *ks) {
    const struct store_range range = {.span = {.key = SLICE("k/"), .range_end = SLICE("k0")}};
    struct store_result result;
    struct arena arena;
    int64_t newest;

    arena_init(&arena, ARENA_MAX);
    if (keyspace_range(ks, &range, &arena, &result, &newest) == STORE_OK) {
        assert_int_equal(result.kv_count, count_present(ks));
    }
    arena_fini(&arena);
}

/* Whether the allocation of this number was asked for. */
static bool run(long failure) {
    const struct keyspace_config config = {.memory = 100000, .mirror_memory = 1 << 20, .seed = 3};
    struct keyspace_figures figures;
    struct keyspace *ks;
    bool failed;

    until_failure = failure;
    ks = keyspace_new(&config);
    if (ks == NULL) {
        until_failure = -1;
        return true;
    }
    for (size_t i = 0; i < KEYS; i++) {
        change(ks, i, (int64_t)i + 1, true, i % 2 == 0 ? KEYSPACE_MIRROR : KEYSPACE_KEEP);
    }
    for (size_t i = 0; i < KEYS; i += 5) {
        change(ks, i, (int64_t)i + KEYS, i % 3 == 0, KEYSPACE_MIRROR);
    }
    keyspace_get_figures(ks, &figures);
    assert_true(figures.refusals <= 1);
    keyspace_drop_span(ks, &(struct store_span){.key = SLICE("k/00010"), .range_end = SLICE("k0")});
    ask(ks);
    failed = until_failure < 0;
    until_failure = -1;
    keyspace_free(ks);
    return failed;
}

static void each_allocation_fails_in_turn(void **state) {
    long i = 0;

    (void)state;
    while (run(i)) {
        i++;
    }
    assert_true(i > KEYS / 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_fails_in_turn),
    };

    return cmocka_run_group_tests_name("cohere-keyspace-memory", tests, NULL, NULL);
}
