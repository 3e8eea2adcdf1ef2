/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "store/etcd/due.h"

enum { THINGS = 300, STEPS = 20000 };

static int64_t earliest(const struct etcd_due *things) {
    int64_t at_ns = INT64_MAX;

    for (size_t i = 0; i < THINGS; i++) {
        if (things[i].place != ETCD_DUE_NOWHERE && things[i].at_ns < at_ns) {
            at_ns = things[i].at_ns;
        }
    }
    return at_ns;
}

static void the_earliest_is_at_hand(void **state) {
    struct etcd_due_heap heap = {0};
    struct etcd_due things[THINGS];
    struct random random;

    (void)state;
    random_init(&random, 5);
    for (size_t i = 0; i < THINGS; i++) {
        things[i].place = ETCD_DUE_NOWHERE;
    }
    for (unsigned step = 0; step < STEPS; step++) {
        struct etcd_due *thing = &things[random_below(&random, THINGS)];
        int64_t at_ns = (int64_t)random_below(&random, 1000);

        if (thing->place == ETCD_DUE_NOWHERE) {
            thing->at_ns = at_ns;
            assert_true(etcd_due_add(&heap, thing));
        } else if (at_ns % 2 == 0) {
            etcd_due_move(&heap, thing, at_ns);
        } else {
            etcd_due_remove(&heap, thing);
            etcd_due_remove(&heap, thing);
        }
        assert_true(heap.count == 0 || etcd_due_first(&heap)->at_ns == earliest(things));
        assert_true(heap.count > 0 || etcd_due_first(&heap) == NULL);
    }
    etcd_due_fini(&heap);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_earliest_is_at_hand)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
