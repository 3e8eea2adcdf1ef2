/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

enum { LIMIT = 1 << 20 };

/* Fills it, so that ASan sees where it ends. */
static char *take(struct arena *a, size_t size, bool alone) {
    char *memory = alone ? arena_alloc_alone(a, size) : arena_alloc(a, size);

    assert_non_null(memory);
    assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
    memset(memory, 'x', size);
    return memory;
}

static void allocations_stand_beside_each_other(void **state) {
    static const size_t sizes[] = {100, 0, 5000, 7, 4000, 1};
    struct arena a;

    (void)state;
    for (size_t alone = 0; alone < 1U << (sizeof(sizes) / sizeof(sizes[0])); alone++) {
        char *memory[sizeof(sizes) / sizeof(sizes[0])];

        arena_init(&a, LIMIT);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            memory[i] = take(&a, sizes[i], (alone >> i & 1) != 0);
            memset(memory[i], (int)('a' + i), sizes[i]);
        }
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            for (size_t at = 0; at < sizes[i]; at++) {
                assert_int_equal(memory[i][at], 'a' + i);
            }
        }
        arena_reset(&a);
        take(&a, 10, true);
        arena_fini(&a);
    }
}

static void the_limit_holds(void **state) {
    struct arena a;

    (void)state;
    arena_init(&a, 100);
    take(&a, 60, true);
    assert_null(arena_alloc_alone(&a, 41));
    assert_null(arena_alloc(&a, 41));
    take(&a, 40, false);
    arena_fini(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_stand_beside_each_other),
        cmocka_unit_test(the_limit_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
