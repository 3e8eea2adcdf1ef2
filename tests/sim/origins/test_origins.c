/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* Nobody is answered with what is over, whatever the weather; every request ends; and in good weather the origin is asked
 * once for what it lets be kept. */

#define RUN_NS (5 * SIM_S)

/* Nothing but reads, an origin that answers, and links that hold. */
static void test_calm(void **state) {
    (void)state;
    FOR_SEEDS(seed, 20) {
        struct world w;

        world_init(&w, seed, 1 + seed % NODES);
        w.is_calm = true;
        w.has_private = seed % 2 == 0;
        w.has_copies = seed % 4 > 1;
        world_start();
        world_run(RUN_NS);
        world_fini();
        ENSURE(w.failed == 0, "%" PRIu64 " of %" PRIu64 " failed", w.failed, w.begun);
        ENSURE(w.load_count * 8 < w.hits || w.has_private, "%" PRIu64 " loads for %" PRIu64 " answers", w.load_count,
               w.hits);
        ENSURE(!w.has_copies || w.copies.shelf.served > 0, "nothing was answered with copies");
    }
}

/* A node dies without a word. The others hear of it at different times, and ask for its keys all the while. */
static void test_death(void **state) {
    (void)state;
    FOR_SEEDS(seed, 60) {
        struct world w;

        world_init(&w, seed, NODES);
        w.is_calm = true;
        w.client_pause_ns = SIM_MS;
        world_start();
        world_run(2 * HANDOFF_NS); /* so long nobody may adopt what is kept for a key whose owner was another before */
        node_kill(&w.nodes[seed % NODES]);
        world_run(RUN_NS / 2);
        world_fini();
    }
}

/* One node, whose workers meet at the same keys. */
static void test_alone(void **state) {
    (void)state;
    FOR_SEEDS(seed, 40) {
        struct world w;

        world_init(&w, seed, 1);
        w.client_pause_ns = SIM_MS;
        w.wishes = 20;
        w.changes = 10;
        w.bad_origin = seed % 3 == 0 ? 0 : 15;
        w.is_fickle = seed % 8 == 1;
        if (w.is_fickle) {
            w.bad_origin = 30;
            w.wishes = 60;
            w.changes = 2;
            w.client_pause_ns = SIM_MS / 3;
        }
        world_start();
        world_run(RUN_NS);
        world_fini();
    }
}

/* Reads alone: what is stale is refreshed, whatever became of the last attempt, and whoever comes and goes meanwhile. */
static void test_steady(void **state) {
    (void)state;
    FOR_SEEDS(seed, 40) {
        struct world w;

        world_init(&w, seed, 1 + seed % NODES);
        w.is_steady = true;
        w.has_trouble = seed % 2 == 0;
        w.changes_owners = true;
        w.wishes = 10;
        w.bad_origin = 20;
        world_start();
        world_run(RUN_NS);
        world_fini();
    }
}

static void run(uint64_t seed, unsigned bad_origin, unsigned loss, bool changes_owners) {
    struct world w;

    world_init(&w, seed, 2 + seed % (NODES - 1));
    w.has_trouble = true;
    w.changes_owners = changes_owners;
    w.wishes = 15;
    w.sweeps_late = seed % 4 == 0;
    w.changes = w.sweeps_late ? 25 : 10; /* there are more purges then than prefixes are remembered */
    w.bad_origin = bad_origin;
    w.loss = loss;
    world_start();
    world_run(RUN_NS);
    if (seed % 3 != 0) {
        world_heal();
        world_run(SIM_S);
    }
    world_fini();
}

static void test_bad_origin(void **state) {
    (void)state;
    FOR_SEEDS(seed, 40) {
        run(seed, 40, 1, false);
    }
}

static void test_all_weather(void **state) {
    (void)state;
    FOR_SEEDS(seed, 40) {
        run(seed, 10, 3, true);
    }
}

/* Hot answers on nodes that do not own them: copies are given, read and revoked in any weather. */
static void test_copies(void **state) {
    (void)state;
    FOR_SEEDS(seed, 30) {
        struct world w;

        world_init(&w, seed, 2 + seed % (NODES - 1));
        w.has_copies = true;
        w.client_pause_ns = SIM_MS;
        w.has_trouble = true;
        w.changes_owners = seed % 2 == 0;
        w.wishes = 3;
        w.changes = 6;
        w.bad_origin = seed % 3 == 0 ? 0 : 10;
        w.loss = seed % 5 == 0 ? 0 : 3;
        world_start();
        world_run(RUN_NS);
        world_fini();
        ENSURE(w.copies.shelf.served > 0 && w.copies.ledger.answered > 0,
               "%" PRIu64 " copies were served, %" PRIu64 " taken back, %" PRIu64 " waited out", w.copies.shelf.served,
               w.copies.ledger.answered, w.copies.ledger.expired);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calm),   cmocka_unit_test(test_death),      cmocka_unit_test(test_alone),
        cmocka_unit_test(test_steady), cmocka_unit_test(test_bad_origin), cmocka_unit_test(test_all_weather),
        cmocka_unit_test(test_copies),
    };

    seeds_init(argc, argv);
    return cmocka_run_group_tests_name("sim origins", tests, NULL, NULL);
}
