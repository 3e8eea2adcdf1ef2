/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* Nobody is answered with what is over, whatever the weather; every request ends; and in good weather copies are used. */

enum { RUNS = 5 };

static void run(uint64_t seed, unsigned loss, unsigned twice, unsigned slow, bool trouble) {
    struct world world;

    world_init(&world, seed, 2 + seed % (NODES - 1));
    world.loss = loss;
    world.twice = twice;
    world.slow = slow;
    world.has_trouble = trouble;
    world.purge_percent = 5;
    world_run(&world, 3 * SIM_S);
    if (seed % 3 != 0) {
        world_heal(&world);
    }
    world_fini(&world);
}

static void test_calm(void **state) {
    (void)state;
    FOR_SEEDS(seed, 20) {
        struct world world;

        world_init(&world, seed, 2 + seed % (NODES - 1));
        world.is_calm = true;
        world_run(&world, 3 * SIM_S);
        world_fini(&world);
        ENSURE(world.failed == 0, "%llu of %llu failed", (unsigned long long)world.failed,
               (unsigned long long)world.begun);
        seeds_trace(&world.sim, "%llu of %llu were answered from copies", (unsigned long long)world.served,
                    (unsigned long long)world.begun);
        ENSURE(world.served * 8 > world.begun && world.revoked > 0,
               "%llu of %llu were answered from copies, %llu revoked", (unsigned long long)world.served,
               (unsigned long long)world.begun, (unsigned long long)world.revoked);
    }
}

/* The network alone: what overtakes what. */
static void test_slow(void **state) {
    (void)state;
    FOR_SEEDS(seed, 60) {
        for (uint64_t i = 0; i < RUNS; i++) {
            run(seed * RUNS + i, 2, 10, 25, false);
        }
    }
}

static void test_all_weather(void **state) {
    (void)state;
    FOR_SEEDS(seed, 60) {
        for (uint64_t i = 0; i < RUNS; i++) {
            run(seed * RUNS + i, 3, 5, 8, true);
        }
    }
}

static void test_bad_weather(void **state) {
    (void)state;
    FOR_SEEDS(seed, 40) {
        for (uint64_t i = 0; i < RUNS; i++) {
            run(seed * RUNS + i, 15, 15, 30, true);
        }
    }
}

/* Owners are cut off from the store alone: others take their keys over as soon as their leases are over. */
static void test_cut_off(void **state) {
    (void)state;
    FOR_SEEDS(seed, 40) {
        struct world world;

        world_init(&world, seed, 3 + seed % (NODES - 2));
        world.slow = 15;
        world.client_pause_ns = SIM_MS;
        for (uint64_t i = 0; i < 3 * RUNS; i++) {
            int owner = view_owner(&world.view, i % KEYS);
            size_t node = owner == NOBODY ? 0 : (size_t)owner;

            world.cut[node][STORE] = world.cut[STORE][node] = true;
            world_run(&world, LEASE_NS + 3 * POLL_NS);
            world.cut[node][STORE] = world.cut[STORE][node] = false;
            world_run(&world, 2 * LEASE_NS);
        }
        world_fini(&world);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calm),        cmocka_unit_test(test_slow),    cmocka_unit_test(test_all_weather),
        cmocka_unit_test(test_bad_weather), cmocka_unit_test(test_cut_off),
    };

    seeds_init(argc, argv);
    return cmocka_run_group_tests_name("sim copies", tests, NULL, NULL);
}
